//! What lagdoctor makes of an incident window. Pure data: the promised JSON has types of its own in the report.

use serde::{Deserialize, Serialize};

use crate::{Class, Confidence, Gap, Millis, NodeId, SignalName, Symptom, Timestamp, Window};

/// The outcome in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// There is an incident, and the first cause is likely enough to act on.
    Cause,
    /// Nothing hurts.
    NoIncident,
    /// Something hurts, and what is known does not single out a cause.
    InsufficientEvidence,
}

/// What the confidence of a cause rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The cause's own signals show it, and everything between it and the symptom fits.
    Direct,
    /// The cause's own signals show it, but part of the way to the symptom could not be seen.
    PartlySeen,
    /// Concluded from its effects; its own signals are missing.
    Inferred,
}

/// One thing that was seen, with what it takes to look for oneself.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// On which node.
    pub node: NodeId,
    /// Which signal.
    pub signal: SignalName,
    /// One sentence with numbers.
    pub statement: String,
    /// The value seen.
    pub observed: Option<f64>,
    /// The value that its past makes likely.
    pub expected: Option<f64>,
    /// Unit of both.
    pub unit: String,
    /// When it began.
    pub onset: Option<Timestamp>,
    /// How old the last reading is.
    pub age: Option<Millis>,
    /// The query that shows it.
    pub query: Option<String>,
}

/// Something to do about a cause. Commands only read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What to do.
    pub say: String,
    /// An exact command, where there is one.
    pub command: Option<String>,
}

impl Action {
    /// How the action that points at a runbook begins.
    pub const RUNBOOK: &'static str = "Follow the runbook";

    /// Whether it only points at what others wrote down for such a night.
    pub fn is_runbook(&self) -> bool {
        self.say.starts_with(Self::RUNBOOK)
    }
}

/// A cause, ready to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// Where.
    pub node: NodeId,
    /// What; `None` when only the place is known.
    pub class: Option<Class>,
    /// The class in words for people, such as "the replica is behind its primary".
    pub words: String,
    /// How sure.
    pub confidence: Confidence,
    /// What that rests on.
    pub basis: Basis,
    /// Who owns the node, where the topology says so.
    pub owner: Option<String>,
    /// From the symptom's node to this one, both included.
    pub path: Vec<NodeId>,
    /// What speaks for it, the weightiest first.
    pub evidence: Vec<Evidence>,
    /// Why it ranks where it does.
    pub because: String,
    /// What to do.
    pub actions: Vec<Action>,
}

/// Something that was considered and set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuledOut {
    /// Where.
    pub node: NodeId,
    /// What.
    pub class: Option<Class>,
    /// Why, with numbers.
    pub because: String,
}

/// Something unusual of which nobody knows whether the symptom depends on it: no edge leads to it from any group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconnected {
    /// Where.
    pub node: NodeId,
    /// What; `None` when only the place is known.
    pub class: Option<Class>,
    /// What was seen, with numbers.
    pub statement: String,
    /// When it began.
    pub onset: Option<Timestamp>,
}

/// Data that would settle the question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// About which node.
    pub node: NodeId,
    /// Which signals.
    pub signals: Vec<SignalName>,
    /// Which question they would settle, and how to get them.
    pub statement: String,
}

/// How much it hurts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impact {
    /// Records behind, all partitions.
    pub backlog: Option<u64>,
    /// Age of the oldest record not committed.
    pub time_lag: Option<Millis>,
    /// Change of the backlog in records per second; positive when it grows.
    pub growth_per_s: Option<f64>,
    /// Partitions that lag, of how many.
    pub partitions: Option<(usize, usize)>,
}

/// Where the backlog goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    /// It clears at the time given.
    Clears,
    /// It reaches the limit at the time given.
    Breaches,
    /// It grows, but reaches no limit within the horizon.
    Grows,
    /// Neither.
    Steady,
}

/// What a forecaster says of the symptom.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// The plugin that says it.
    pub by: String,
    /// Where it goes.
    pub outlook: Outlook,
    /// When, for `Clears` and `Breaches`.
    pub at: Option<Timestamp>,
    /// One sentence for people.
    pub statement: String,
}

/// What lagdoctor makes of one incident window.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The window it was made from; `now` is when it was made.
    pub window: Window,
    /// The outcome in one word.
    pub verdict: Verdict,
    /// The outcome in one sentence.
    pub headline: String,
    /// What hurts; `None` only with [`Verdict::NoIncident`].
    pub symptom: Option<Symptom>,
    /// How much.
    pub impact: Impact,
    /// Until records are deleted that were never processed: committed offset against log start and retention.
    pub time_to_data_loss: Option<Millis>,
    /// Best first. With [`Verdict::InsufficientEvidence`] these are candidates, not answers.
    pub causes: Vec<Cause>,
    /// What is unusual and neither on the symptom's way nor ruled out, since the way is not known; the strongest first.
    pub unconnected: Vec<Unconnected>,
    /// What was set aside.
    pub ruled_out: Vec<RuledOut>,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// What would settle it.
    pub needs: Vec<Need>,
    /// Where it goes.
    pub forecast: Option<Forecast>,
}
