//! A consumer group, as its coordinator keeps it: members, who has which partition, and what was committed. Kafka's own
//! clocks decide here: a member that is silent is put out after its session timeout, and its partitions stand still for
//! so long; one that leaves is missed at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::units::Micros;

/// One group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// Index of its topic.
    pub(crate) topic: usize,
    /// Indexes of the instances that are members.
    pub(crate) members: BTreeSet<usize>,
    pub(crate) generation: u64,
    /// Partition to member.
    pub(crate) assigned: BTreeMap<u32, usize>,
    pub(crate) committed: Vec<Option<u64>>,
    rebalance_at: Option<Micros>,
    /// Commits since they were last taken.
    pub(crate) commits: Vec<Committed>,
    pub(crate) commit_count: u64,
}

/// One commit, as the coordinator wrote it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) at: Micros,
}

/// How long members take to join and get their partitions.
const REBALANCE: Micros = Micros::seconds(3);

impl Group {
    pub(crate) fn new(name: &str, topic: usize, committed: Vec<Option<u64>>, members: BTreeSet<usize>) -> Self {
        let mut group = Self {
            name: name.to_owned(),
            topic,
            members,
            generation: 1,
            assigned: BTreeMap::new(),
            committed,
            rebalance_at: None,
            commits: vec![],
            commit_count: 0,
        };
        group.assign();
        group
    }

    /// Contiguous ranges, as the range assignor gives them.
    fn assign(&mut self) {
        self.assigned.clear();
        let (partitions, members) = (self.committed.len(), self.members.len());
        for (place, member) in self.members.iter().enumerate() {
            let first = partitions * place / members;
            let end = partitions * (place + 1) / members;
            self.assigned.extend((first..end).map(|partition| (partition as u32, *member)));
        }
    }

    /// Takes a member out; whether it was one. Its partitions stand still until the rebalance ends.
    pub(crate) fn remove(&mut self, member: usize, now: Micros) -> bool {
        let was = self.members.remove(&member);
        if was {
            self.rebalance_at = Some(now + REBALANCE);
        }
        was
    }

    /// Lets a member in; it gets partitions when the rebalance ends.
    pub(crate) fn join(&mut self, member: usize, now: Micros) {
        if self.members.insert(member) {
            self.rebalance_at = Some(now + REBALANCE);
        }
    }

    /// Whether a rebalance ends by now; the assignment is new then.
    pub(crate) fn settle(&mut self, now: Micros) -> bool {
        let is_due = self.rebalance_at.is_some_and(|at| at <= now);
        if is_due {
            self.rebalance_at = None;
            self.generation += 1;
            self.assign();
        }
        is_due
    }

    pub(crate) fn is_rebalancing(&self) -> bool {
        self.rebalance_at.is_some()
    }

    /// Takes a commit from a member that still has the partition; whether it was taken.
    pub(crate) fn commit(&mut self, member: usize, partition: u32, offset: u64, at: Micros) -> bool {
        if !self.members.contains(&member) || self.assigned.get(&partition) != Some(&member) {
            return false;
        }
        let Some(slot) = self.committed.get_mut(partition as usize) else { return false };
        *slot = Some(offset);
        self.commits.push(Committed { partition, offset, at });
        self.commit_count += 1;
        true
    }

    /// Where whoever gets the partition begins to read.
    pub(crate) fn position(&self, partition: u32) -> u64 {
        self.committed.get(partition as usize).copied().flatten().unwrap_or(0)
    }

    pub(crate) fn partitions_of(&self, member: usize) -> impl Iterator<Item = u32> {
        self.assigned.iter().filter(move |(_, owner)| **owner == member).map(|(partition, _)| *partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        Group::new("g", 0, vec![Some(0); 12], BTreeSet::from([0, 1, 2, 3]))
    }

    #[test]
    fn a_member_that_is_gone_leaves_its_partitions_to_the_others_only_after_the_rebalance() {
        let mut group = group();
        assert!(group.remove(1, Micros::seconds(10)));
        assert_eq!(group.partitions_of(1).count(), 3);
        assert!(!group.settle(Micros::seconds(12)));
        assert!(group.settle(Micros::seconds(13)));
        assert_eq!(group.partitions_of(1).count(), 0);
        assert_eq!(group.partitions_of(0).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(group.generation, 2);
    }

    #[test]
    fn a_commit_of_somebody_elses_partition_is_refused() {
        let mut group = group();
        assert!(group.commit(0, 0, 5, Micros::ZERO));
        assert!(!group.commit(0, 11, 5, Micros::ZERO));
        assert_eq!(group.committed[11], Some(0));
    }
}
