//! What scorers and rankers say, after the host has checked it.

use serde::Serialize;

use crate::{Class, NodeId, SeriesKey, SignalName, Timestamp};

/// A number that a plugin may not give.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum InvalidFinding {
    /// A score or confidence that is no number.
    #[error("a score or confidence is NaN or infinite")]
    NotANumber,
    /// A magnitude without end.
    #[error("a magnitude is NaN or infinite")]
    Magnitude,
}

/// How unusual: from 0 (as always) to 1 (never seen).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Score(f64);

/// How sure: from 0 to 1.
pub type Confidence = Score;

impl Score {
    /// Clamps into 0..=1.
    ///
    /// # Errors
    /// When it is no finite number.
    pub fn new(value: f64) -> Result<Self, InvalidFinding> {
        if value.is_finite() { Ok(Self(value.clamp(0.0, 1.0))) } else { Err(InvalidFinding::NotANumber) }
    }

    /// The number, from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// What a scorer says about one signal of one node. A score near 0 says "looked, and it is normal".
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The plugin that says it.
    pub by: String,
    /// About whom.
    pub node: NodeId,
    /// The signal it rests on; `log` or `event` when it rests on one of those.
    pub signal: SignalName,
    /// How unusual.
    pub score: Score,
    /// Signed size in robust standard deviations of the node's own past; finite.
    pub magnitude: f64,
    /// When it began, if that can be told.
    pub onset: Option<Timestamp>,
    /// The class that it speaks for (against, when the score is near 0).
    pub class: Option<Class>,
    /// The value seen, in the unit of the signal.
    pub observed: Option<f64>,
    /// The value that its past makes likely.
    pub expected: Option<f64>,
    /// The series it rests on.
    pub series: Option<SeriesKey>,
    /// The log line it rests on, by its place in [`crate::Signals::logs`].
    pub log_line: Option<usize>,
    /// One sentence for people, without the node's name.
    pub statement: String,
}

/// What hurts: usually the backlog of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Symptom {
    /// The node that hurts.
    pub node: NodeId,
    /// The signal that shows it.
    pub signal: SignalName,
    /// When it began.
    pub onset: Timestamp,
    /// How bad it is now, in the unit of the signal.
    pub observed: f64,
    /// What is normal.
    pub expected: f64,
    /// One sentence for people: "backlog of `orders` grows by 1,040 records/s since 12:04:15".
    pub statement: String,
}

/// A possible cause, as a ranker sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedCause {
    /// Where.
    pub node: NodeId,
    /// What; `None` when only the place is known.
    pub class: Option<Class>,
    /// How sure.
    pub confidence: Confidence,
    /// From the symptom's node to this one, both included.
    pub path: Vec<NodeId>,
    /// Findings that speak for it, the weightiest first, by their place in the list that was ranked.
    pub findings: Vec<usize>,
    /// Why it ranks here.
    pub because: String,
}

/// Something that was considered and set aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Dismissal {
    /// Where.
    pub node: NodeId,
    /// What; `None` for the node as a whole.
    pub class: Option<Class>,
    /// Findings that speak against it, by their place in the list that was ranked.
    pub findings: Vec<usize>,
    /// Why.
    pub because: String,
}

/// What a ranker answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Best first.
    pub causes: Vec<RankedCause>,
    /// What was set aside.
    pub dismissed: Vec<Dismissal>,
}
