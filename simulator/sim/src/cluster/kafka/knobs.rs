//! The causes that faults may act on in Kafka itself and on the network.

use super::link::{LinkKnobs, Place, Way};

/// All of them, by the index of what they belong to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct KafkaKnobs {
    pub(crate) brokers: Vec<BrokerKnobs>,
    /// By group: bytes per second that all its members together may fetch from one broker; infinite without a quota.
    pub(crate) quotas: Vec<f64>,
    /// By topic.
    pub(crate) topics: Vec<TopicKnobs>,
    /// Ways between nodes on which something is wrong; empty when nothing is.
    pub(crate) links: Vec<LinkKnobs>,
    /// Whether so many controllers cannot be reached that the others have no majority.
    pub(crate) no_quorum: bool,
}

impl KafkaKnobs {
    /// Every knob where it is when nothing is wrong.
    pub(crate) fn neutral(brokers: usize, groups: usize, topics: usize) -> Self {
        Self {
            brokers: vec![BrokerKnobs::default(); brokers],
            quotas: vec![f64::INFINITY; groups],
            topics: vec![TopicKnobs::default(); topics],
            links: vec![],
            no_quorum: false,
        }
    }

    /// Whether nothing is wrong.
    pub(super) fn are_neutral(&self) -> bool {
        !self.no_quorum
            && self.links.is_empty()
            && self.brokers.iter().all(|broker| *broker == BrokerKnobs::default())
            && self.quotas.iter().all(|quota| quota.is_infinite())
            && self.topics.iter().all(|topic| *topic == TopicKnobs::default())
    }

    /// What is wrong on the way between two nodes; `None` when nothing is.
    pub(crate) fn way(&self, one: Place, other: Place) -> Option<Way> {
        let mut found: Option<Way> = None;
        for link in self.links.iter().filter(|link| link.joins(one, other)) {
            found = Some(found.map_or(link.way, |way| way.and(link.way)));
        }
        found
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BrokerKnobs {
    /// Whether its process is gone.
    pub(crate) is_down: bool,
    /// Whether it is asked to lead nothing.
    pub(crate) is_demoted: bool,
    /// Seconds that it stands still for a collection, and how often.
    pub(crate) pause_s: f64,
    pub(crate) pause_every_s: f64,
    /// Whether its controller takes part in elections.
    pub(crate) votes: bool,
    /// Factor of the time that its disk takes.
    pub(crate) disk: f64,
    /// Bytes per second by which something fills its volume, on top of what is normal.
    pub(crate) fill: f64,
    /// Bytes per second that are written to its compacted topics, while its log cleaner is dead; 0 while it lives.
    pub(crate) dirties: f64,
}

impl Default for BrokerKnobs {
    fn default() -> Self {
        Self {
            is_down: false,
            is_demoted: false,
            votes: true,
            pause_s: 0.0,
            pause_every_s: 0.0,
            disk: 1.0,
            fill: 0.0,
            dirties: 0.0,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TopicKnobs {
    /// Share of its partitions in which a transaction is open that nobody will end.
    pub(crate) open: f64,
    /// Seconds after which the coordinator aborts such a transaction.
    pub(crate) abort_after_s: f64,
    /// Partitions that it has on top of those at the start.
    pub(crate) added: u32,
}
