//! A large Kafka cluster as its readers see it, look by look. Start at [`Cluster::look`].

use lagdoctor_kafka::{Broker, GroupProtocol, GroupSnapshot, GroupState, PartitionLag, PartitionSnapshot, Snapshot};
use lagdoctor_model::{Lag, Millis, Offset, PartitionId, Timestamp, Window};
use lagdoctor_service::KafkaHistory;

/// Distance of two looks.
const STEP: Millis = Millis::seconds(15);
/// Records that a partition gets in one step, and commits of a group that keeps up trail by so many.
const GROWTH: u64 = 1_500;
const TRAIL: u64 = 40;

/// So many groups that share so many partitions evenly; every hundredth group has stood still since half-way.
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// Partitions, each read by one group.
    pub partitions: u32,
    /// Groups.
    pub groups: u32,
    /// Looks in one hour-long window.
    pub looks: u32,
}

impl Cluster {
    /// What this look gives.
    ///
    /// # Panics
    /// Never for numbers that fit into memory.
    pub fn look(&self, look: u32) -> Snapshot {
        let each = self.partitions / self.groups;
        let at = time(look);
        let end = |id: &PartitionId, look: u32| Offset(1_000_000 + GROWTH * u64::from(look) + u64::from(id.partition));
        let ids = |group: u32| (0..each).map(move |partition| PartitionId::new(format!("topic-{group:03}"), partition));
        let groups = (0..self.groups).map(|group| {
            let committed_at = if group % 100 == 7 { look.min(self.looks / 2) } else { look };
            let partitions = ids(group).map(|id| {
                let (committed, log_end) = (Offset(end(&id, committed_at).0 - TRAIL), end(&id, look));
                let lag = Some(Lag(log_end.0 - committed.0));
                PartitionLag {
                    id,
                    committed: Some(committed),
                    log_end: Some(log_end),
                    lag,
                    lost: None,
                    commits: vec![],
                }
            });
            GroupSnapshot {
                group: format!("group-{group:03}"),
                state: GroupState::Stable,
                protocol: GroupProtocol::Classic,
                generation: Some(1),
                members: vec![],
                partitions: partitions.collect(),
            }
        });
        let logs = (0..self.groups).flat_map(ids).map(|id| PartitionSnapshot {
            log_start: Some(Offset(0)),
            log_end: Some(end(&id, look)),
            leader: Some(1),
            replicas: 3,
            in_sync: 3,
            id,
        });
        let brokers = vec![Broker { id: 1, address: "broker-1:9092".to_owned() }];
        let (groups, partitions) = (groups.collect(), logs.collect());
        Snapshot { cluster: "large".to_owned(), at, groups, partitions, brokers, gaps: vec![] }
    }

    /// All looks of the window.
    pub fn history(&self) -> KafkaHistory {
        let mut history = KafkaHistory::new("broker-1:9092", Millis::minutes(60));
        (0..self.looks).for_each(|look| history.push(self.look(look)));
        history
    }

    /// The window that the looks fill.
    pub fn window(&self) -> Window {
        Window { start: time(0), now: time(self.looks - 1), step: STEP }
    }
}

fn time(look: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::new(STEP.as_millis() * i64::from(look)).expect("small")
}
