//! What Kafka itself knows of a run, for a driver that keeps another Kafka in step with it.

use lagdoctor_model::{Millis, Offset, PartitionId, Timestamp};

use crate::cluster::Cluster;
use crate::cluster::group::Committed;
use crate::units::Micros;

/// Topics and groups at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaState {
    /// The moment.
    pub at: Timestamp,
    /// All partitions, in order.
    pub partitions: Vec<PartitionState>,
    /// All groups, in order.
    pub groups: Vec<GroupState>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// Which.
    pub id: PartitionId,
    /// Offset of the oldest record that is kept.
    pub log_start: Offset,
    /// Offset that the next record will get.
    pub log_end: Offset,
    /// Number of the broker that leads it, if the scenario has brokers.
    pub leader: Option<u32>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupState {
    /// Its name.
    pub group: String,
    /// `Stable` or `PreparingRebalance`.
    pub state: &'static str,
    /// Raised by each rebalance.
    pub generation: u64,
    /// Its members, in order of their client ids.
    pub members: Vec<MemberState>,
    /// Commits since the last call, in order of time.
    pub commits: Vec<CommitState>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberState {
    /// What the coordinator calls it.
    pub id: String,
    /// What it calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// What it reads.
    pub partitions: Vec<PartitionId>,
}

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitState {
    /// Of which partition.
    pub partition: PartitionId,
    /// The next record to read.
    pub offset: Offset,
    /// When.
    pub at: Timestamp,
}

/// Consumers have been at work before the run began: what they committed then is there from the first look on.
pub(crate) fn commit_what_was_before(cluster: &mut Cluster) {
    for group in &mut cluster.groups {
        let before = group.committed.iter().enumerate().filter_map(|(partition, offset)| {
            Some(Committed { partition: partition as u32, offset: (*offset)?, at: Micros::ZERO })
        });
        group.commits.extend(before.collect::<Vec<_>>());
    }
}

pub(crate) fn take(cluster: &mut Cluster, start: Timestamp) -> KafkaState {
    let at = |moment: Micros| start + Millis::new(moment.as_millis()).unwrap_or(Millis::ZERO);
    let now = cluster.now;
    let mut partitions = vec![];
    for topic in &cluster.topics {
        partitions.extend((0..).zip(&topic.partitions).map(|(number, partition)| PartitionState {
            id: PartitionId::new(&topic.name, number),
            log_start: Offset(partition.log_start),
            log_end: Offset(topic.log_end(number, now)),
            leader: cluster.kafka.brokers.get(partition.leader).map(|broker| broker.number),
        }));
    }
    let Cluster { groups, instances, topics, .. } = cluster;
    let state_of = |group: &mut crate::cluster::group::Group| {
        let topic = topics[group.topic].name.as_str();
        let member = |place: &usize| MemberState {
            id: instances[*place].member_id.clone(),
            client_id: instances[*place].name.clone(),
            host: format!("/10.42.{}.{}", 1 + place / 200, 10 + place % 200),
            partitions: group.partitions_of(*place).map(|partition| PartitionId::new(topic, partition)).collect(),
        };
        let members = group.members.iter().map(member).collect();
        let commit = |commit: &Committed| CommitState {
            partition: PartitionId::new(topic, commit.partition),
            offset: Offset(commit.offset),
            at: at(commit.at),
        };
        let mut taken = std::mem::take(&mut group.commits);
        taken.sort_by_key(|commit| (commit.at, commit.partition));
        GroupState {
            group: group.name.clone(),
            state: if group.is_rebalancing() { "PreparingRebalance" } else { "Stable" },
            generation: group.generation,
            members,
            commits: taken.iter().map(commit).collect(),
        }
    };
    KafkaState { at: at(now), partitions, groups: groups.iter_mut().map(state_of).collect() }
}
