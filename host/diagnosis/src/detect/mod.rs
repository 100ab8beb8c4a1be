//! Which group hurts, since when, and how much? Each group is measured against its own past and against what it can do: a
//! backlog of a million records is a minute's work for one group and a lost night for another. Nothing hurts that is
//! small, that this time of day always brings, or that was announced and is being worked off. Start at [`detect`].

mod expected;
mod group;
mod lookout;
mod loss;
mod service;
#[cfg(test)]
mod tests;
mod track;

use lagdoctor_model::{Gap, GapCause, Impact, Millis, NodeId, Signals, Symptom, Timestamp};

use crate::seen::Seen;

pub use lookout::Lookout;

/// Of how many groups that could not be judged the names are told.
const MOST_NAMED: usize = 5;

/// How a group is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// It falls behind, or is far behind and does not catch up.
    Hurting,
    /// It was hurting and is catching up; what is left takes more than a moment.
    Draining,
    /// It has been far behind for the whole window without getting worse. Some groups are meant to be.
    Steady,
    /// It has neither members nor commits in the whole window: paused, abandoned, or of another time.
    Idle,
    /// More than usual, but this time of day brings it, or it was announced; and the group works as fast as ever.
    Expected,
    /// More than usual, but little enough to be made up for in a moment.
    Raised,
    /// It was far behind within the window, and has caught up.
    Recovered,
    /// Too little is known to tell.
    Unknown,
    /// It keeps up.
    Healthy,
}

/// One group at the moment of the diagnosis.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupHealth {
    /// Its node.
    pub group: NodeId,
    /// How it is.
    pub health: Health,
    /// How far it is behind what is normal for it: in time, or in time that it needs to catch up, whichever is more.
    pub behind: Option<Millis>,
    /// Since when, where there is something.
    pub onset: Option<Timestamp>,
    /// How much.
    pub impact: Impact,
    /// When it was last read.
    pub as_of: Option<Timestamp>,
    /// One sentence for people.
    pub statement: String,
    /// As a symptom, where there is something to explain.
    symptom: Option<Symptom>,
}

/// What was asked.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    /// How this very group is.
    AboutIt,
    /// What hurts.
    AboutAll,
}

impl GroupHealth {
    /// Whether it is to be explained.
    fn is_symptom(&self, asked: Asked) -> bool {
        let hurts = match self.health {
            Health::Hurting | Health::Draining => true,
            Health::Steady | Health::Idle => asked == Asked::AboutIt,
            Health::Expected | Health::Raised | Health::Recovered | Health::Unknown | Health::Healthy => false,
        };
        hurts && self.symptom.is_some()
    }
}

/// One service at the moment of the diagnosis, where no group is known.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceHealth {
    /// Its node.
    pub service: NodeId,
    /// How far what its callers feel is from its calm, in deviations.
    pub size: f64,
    /// As a symptom, where it hurts.
    symptom: Option<Symptom>,
}

/// What hurts.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// What is to be explained; `None` when nothing hurts.
    pub symptom: Option<Symptom>,
    /// How much it hurts; of the group that was asked about when nothing hurts.
    pub impact: Impact,
    /// Until records of the symptom's group are deleted that were never processed.
    pub time_to_data_loss: Option<Millis>,
    /// Every group, the worst first.
    pub groups: Vec<GroupHealth>,
    /// The services that could be judged, where no group is known: those of a recording from elsewhere.
    pub services: Vec<ServiceHealth>,
    /// What could not be judged, and why.
    pub gaps: Vec<Gap>,
}

impl Detection {
    /// Whether nothing was seen that could be judged: no group, or none whose lag is known well enough, and no service.
    pub fn is_blind(&self) -> bool {
        self.services.is_empty() && self.groups.iter().all(|known| known.health == Health::Unknown)
    }
}

/// Judges every group, and takes the worst that hurts as the symptom. With `group` only that group (by its name) is asked
/// about, and then it is also a symptom that it is idle or has been behind for long.
pub fn detect(signals: &Signals, group: Option<&str>) -> Detection {
    let seen = Seen::new(signals);
    let mut groups: Vec<GroupHealth> = signals
        .topology
        .nodes()
        .filter(|node| node.id.kind() == "group" && group.is_none_or(|name| node.id.name() == name))
        .map(|node| group::judge(signals, &seen, node))
        .collect();
    let backlog = |health: &GroupHealth| health.impact.backlog.unwrap_or(0);
    groups.sort_by(|a, b| {
        let by_health = a.health.cmp(&b.health);
        by_health.then(b.behind.cmp(&a.behind)).then(backlog(b).cmp(&backlog(a))).then(a.group.cmp(&b.group))
    });
    // Where groups are known they decide, and what is asked about a group is answered about a group.
    let by_service = group.is_none() && !signals.topology.nodes().any(|node| node.id.kind() == "group");
    let services = if by_service { service::judge(signals, &seen) } else { vec![] };
    let gaps = gaps(signals, group, &groups, !services.is_empty());
    let asked = if group.is_some() { Asked::AboutIt } else { Asked::AboutAll };
    let worst = groups.iter().find(|known| known.is_symptom(asked));
    let symptom = worst
        .and_then(|known| known.symptom.clone())
        .or_else(|| if by_service { service::symptom(signals, &seen, &services) } else { None });
    let shown = worst.or_else(|| groups.first().filter(|_| group.is_some()));
    Detection {
        impact: shown.map(|known| known.impact.clone()).unwrap_or_default(),
        time_to_data_loss: symptom.as_ref().and_then(|symptom| loss::time_to_data_loss(signals, &seen, &symptom.node)),
        symptom,
        groups,
        services,
        gaps,
    }
}

fn gaps(signals: &Signals, asked: Option<&str>, groups: &[GroupHealth], has_services: bool) -> Vec<Gap> {
    let gap = |node: Option<NodeId>, statement: String| Gap {
        source: "consumer groups".into(),
        cause: GapCause::NotConfigured,
        node,
        statement,
    };
    if groups.is_empty() {
        let known: Vec<&str> = signals
            .topology
            .nodes()
            .filter(|node| node.id.kind() == "group")
            .map(|node| node.id.name())
            .take(8)
            .collect();
        let statement = match (asked, known.is_empty()) {
            (Some(name), false) => {
                format!("nothing is known of a group `{name}`; groups that are known: {}", known.join(", "))
            }
            (Some(name), true) => {
                format!(
                    "nothing is known of a group `{name}`, nor of any other; what knows it must be named and answer: a Kafka cluster, or a Prometheus that scrapes its lag"
                )
            }
            (None, _) if has_services => "no consumer group is known, so that services were judged by what their callers feel: latency, errors and availability; how many records wait, and for whom, is not known".into(),
            (None, _) => "no consumer group is known; what knows them must be named and answer: a Kafka cluster, or a Prometheus that scrapes their lag".into(),
        };
        return vec![gap(None, statement)];
    }
    let unknown: Vec<&GroupHealth> = groups.iter().filter(|known| known.health == Health::Unknown).collect();
    let named = unknown.iter().take(MOST_NAMED);
    let mut gaps: Vec<Gap> = named.map(|known| gap(Some(known.group.clone()), known.statement.clone())).collect();
    if unknown.len() > MOST_NAMED {
        let statement =
            format!("the lag of {} more groups was read too seldom to judge them", unknown.len() - MOST_NAMED);
        gaps.push(gap(None, statement));
    }
    gaps
}
