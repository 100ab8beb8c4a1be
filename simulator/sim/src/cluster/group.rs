//! A consumer group, as its coordinator keeps it: members, who has which partition, and what was committed. Kafka's own
//! clocks decide here: a member that is silent is put out after its session timeout, and its partitions stand still for
//! so long; one that leaves is missed at once. A rebalance lasts until every member has joined again, so that one that
//! is dead or busy holds up all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::knobs::GroupKnobs;
use crate::random::Stream;
use crate::scenario::node::Assignor;
use crate::units::Micros;

/// One group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// Index of its topic.
    pub(crate) topic: usize,
    /// Indexes of the instances that are members.
    pub(crate) members: BTreeSet<usize>,
    /// Processes that ended without a word and have been followed by another: the coordinator still waits for them.
    pub(crate) ghosts: Vec<Ghost>,
    pub(crate) generation: u64,
    /// Partition to member.
    pub(crate) assigned: BTreeMap<u32, usize>,
    pub(crate) committed: Vec<Option<u64>>,
    pub(crate) assignor: Assignor,
    /// How unevenly partitions are spread.
    pub(crate) skew: f64,
    /// Where members begin that find nothing committed: a share of what is kept, from its end.
    pub(crate) set_back: f64,
    /// Whether a member has been asked to join again for no reason of its own.
    pub(crate) has_rejoined: bool,
    rebalance: Option<Rebalance>,
    /// How long members may take to join.
    timeout: Micros,
    /// Commits since they were last taken.
    pub(crate) commits: Vec<Committed>,
    pub(crate) commit_count: u64,
    /// Fate of commits.
    pub(super) fate: Stream,
}

/// A member that is no more.
#[derive(Clone, Debug)]
pub(crate) struct Ghost {
    pub(crate) id: String,
    /// When its session ends.
    pub(crate) ends: Micros,
}

/// A rebalance that is going on.
#[derive(Clone, Debug)]
struct Rebalance {
    deadline: Micros,
    joined: BTreeSet<usize>,
    /// All have joined, and the assignment is made: since when, and until when.
    assigning: Option<(Micros, Micros)>,
}

/// What a moment brought to a rebalance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Nothing,
    /// Everybody has joined; these did not in time, and are members no longer.
    Joined(Vec<usize>),
    /// Everybody has an assignment.
    Assigned,
    /// Members did not wait any longer for their assignment, and ask anew.
    GivenUp,
}

/// One commit, as the coordinator wrote it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) at: Micros,
}

/// How long the leader's assignment takes to come back to all members.
const ASSIGNMENT: Micros = Micros::millis(200);
/// How long a member waits for an answer.
const REQUEST_TIMEOUT: Micros = Micros::seconds(30);

impl Group {
    pub(crate) fn new(
        (name, topic): (&str, usize),
        committed: Vec<Option<u64>>,
        members: BTreeSet<usize>,
        (assignor, timeout): (Assignor, Micros),
        fate: Stream,
    ) -> Self {
        let mut group = Self {
            name: name.to_owned(),
            topic,
            members,
            ghosts: vec![],
            generation: 1,
            assigned: BTreeMap::new(),
            committed,
            assignor,
            skew: 0.0,
            set_back: 0.0,
            has_rejoined: false,
            rebalance: None,
            timeout,
            commits: vec![],
            commit_count: 0,
            fate,
        };
        group.assign();
        group
    }

    /// Whether members give up all that they have before a rebalance.
    pub(crate) fn is_eager(&self) -> bool {
        self.assignor == Assignor::Range
    }

    /// How many partitions each member gets, in their order.
    fn quotas(&self) -> Vec<usize> {
        let (partitions, members) = (self.committed.len(), self.members.len());
        let fair = |partitions: usize, members: usize, place: usize| {
            partitions * (place + 1) / members - partitions * place / members
        };
        if self.skew <= 0.0 || members < 2 {
            return (0..members).map(|place| fair(partitions, members, place)).collect();
        }
        let least = fair(partitions, members, 0);
        let first = least + libm::round(self.skew * (partitions - least) as f64) as usize;
        let rest = (0..members - 1).map(|place| fair(partitions - first, members - 1, place));
        std::iter::once(first).chain(rest).collect()
    }

    /// Contiguous ranges, as the range assignor gives them; a sticky one lets members keep what they have.
    fn assign(&mut self) {
        let quotas = self.quotas();
        let before = std::mem::take(&mut self.assigned);
        let mut room: BTreeMap<usize, usize> = self.members.iter().copied().zip(quotas).collect();
        if self.assignor == Assignor::CooperativeSticky {
            for (partition, owner) in before {
                if let Some(room) = room.get_mut(&owner).filter(|room| **room > 0) {
                    *room -= 1;
                    self.assigned.insert(partition, owner);
                }
            }
        }
        let mut open = (0..self.committed.len() as u32).filter(|partition| !self.assigned.contains_key(partition));
        let mut given = vec![];
        for (member, room) in room {
            given.extend(open.by_ref().take(room).map(|partition| (partition, member)));
        }
        self.assigned.extend(given);
    }

    /// Asks all members to join again; whether that is new to them.
    pub(crate) fn begin(&mut self, now: Micros) -> bool {
        if self.rebalance.as_ref().is_some_and(|rebalance| rebalance.assigning.is_none()) {
            return false;
        }
        let deadline = now + self.timeout;
        self.rebalance = Some(Rebalance { deadline, joined: BTreeSet::new(), assigning: None });
        true
    }

    /// Takes a member out; whether it was one. Its partitions stand still until the rebalance ends.
    pub(crate) fn remove(&mut self, member: usize) -> bool {
        if let Some(rebalance) = &mut self.rebalance {
            rebalance.joined.remove(&member);
        }
        self.members.remove(&member)
    }

    /// Lets a member in; it gets partitions when the rebalance ends.
    pub(crate) fn join(&mut self, member: usize) {
        self.members.insert(member);
        if self.is_eager() {
            self.assigned.retain(|_, owner| *owner != member);
        }
        if let Some(rebalance) = &mut self.rebalance {
            rebalance.joined.insert(member);
        }
    }

    /// Whether a rebalance goes on that this one has joined.
    pub(crate) fn has_joined(&self, member: usize) -> bool {
        self.rebalance.as_ref().is_some_and(|rebalance| rebalance.joined.contains(&member))
    }

    /// Sessions of the dead that end by now.
    pub(crate) fn lay(&mut self, now: Micros) -> Vec<String> {
        if self.ghosts.is_empty() {
            return vec![];
        }
        let (over, still) = std::mem::take(&mut self.ghosts).into_iter().partition(|ghost: &Ghost| ghost.ends <= now);
        self.ghosts = still;
        over.into_iter().map(|ghost| ghost.id).collect()
    }

    /// Whether nothing goes on in it, and nobody wants anything of it.
    pub(super) fn is_steady(&self, knobs: &GroupKnobs) -> bool {
        self.rebalance.is_none()
            && self.ghosts.is_empty()
            && (knobs.rejoins, knobs.skew, knobs.set_back) == (self.has_rejoined, self.skew, self.set_back)
    }

    /// What this moment brings to a rebalance; `slow` is what its coordinator takes on top.
    pub(crate) fn settle(&mut self, now: Micros, slow: Micros) -> Settled {
        let Some(rebalance) = &mut self.rebalance else { return Settled::Nothing };
        match rebalance.assigning {
            None => {
                let late: Vec<usize> = self.members.difference(&rebalance.joined).copied().collect();
                let is_complete = late.is_empty() && self.ghosts.is_empty();
                if !is_complete && now < rebalance.deadline {
                    return Settled::Nothing;
                }
                self.members.retain(|member| rebalance.joined.contains(member));
                self.ghosts.clear();
                self.generation += 1;
                rebalance.assigning = Some((now, now + ASSIGNMENT + slow));
                Settled::Joined(late)
            }
            Some((_, until)) if now >= until => {
                self.rebalance = None;
                self.assign();
                Settled::Assigned
            }
            Some((since, _)) if now - since >= REQUEST_TIMEOUT => {
                rebalance.joined.clear();
                rebalance.assigning = None;
                rebalance.deadline = now + self.timeout;
                Settled::GivenUp
            }
            Some(_) => Settled::Nothing,
        }
    }

    pub(crate) fn is_rebalancing(&self) -> bool {
        self.rebalance.is_some()
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

    /// What was committed last, or 0.
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
    use crate::random::Streams;

    fn group(assignor: Assignor) -> Group {
        let timing = (assignor, Micros::seconds(300));
        let members = BTreeSet::from([0, 1, 2, 3]);
        Group::new(("g", 0), vec![Some(0); 12], members, timing, Streams::new(1).stream("g", "commits"))
    }

    /// Lets members join, and the rebalance end, at a second.
    fn rebalance(group: &mut Group, members: &[usize], second: i64) {
        members.iter().for_each(|member| group.join(*member));
        assert_eq!(group.settle(Micros::seconds(second), Micros::ZERO), Settled::Joined(vec![]));
        assert_eq!(group.settle(Micros::seconds(second + 1), Micros::ZERO), Settled::Assigned);
    }

    #[test]
    fn a_member_that_is_gone_leaves_its_partitions_to_the_others_only_after_they_have_joined() {
        let mut group = group(Assignor::Range);
        assert!(group.remove(1) && group.begin(Micros::seconds(10)));
        assert_eq!(group.partitions_of(1).count(), 3);
        group.join(0);
        group.join(2);
        assert_eq!(group.settle(Micros::seconds(12), Micros::ZERO), Settled::Nothing);
        rebalance(&mut group, &[3], 13);
        assert_eq!(group.partitions_of(1).count(), 0);
        assert_eq!(group.partitions_of(0).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(group.generation, 2);
    }

    #[test]
    fn a_member_that_does_not_join_in_time_is_one_no_longer() {
        let mut group = group(Assignor::Range);
        group.begin(Micros::ZERO);
        [0, 1, 2].into_iter().for_each(|member| group.join(member));
        assert_eq!(group.settle(Micros::seconds(299), Micros::ZERO), Settled::Nothing);
        assert_eq!(group.settle(Micros::seconds(300), Micros::ZERO), Settled::Joined(vec![3]));
        assert_eq!(group.members.len(), 3);
    }

    #[test]
    fn an_assignment_that_takes_longer_than_a_request_may_is_begun_again() {
        let mut group = group(Assignor::Range);
        group.begin(Micros::ZERO);
        (0..4).for_each(|member| group.join(member));
        let slow = Micros::seconds(40);
        assert_eq!(group.settle(Micros::ZERO, slow), Settled::Joined(vec![]));
        assert_eq!(group.settle(Micros::seconds(29), slow), Settled::Nothing);
        assert_eq!(group.settle(Micros::seconds(30), slow), Settled::GivenUp);
        assert!(!group.has_joined(0) && group.is_rebalancing());
    }

    #[test]
    fn a_sticky_assignor_moves_only_what_it_must() {
        let mut group = group(Assignor::CooperativeSticky);
        let before: Vec<u32> = group.partitions_of(2).collect();
        assert!(group.remove(1) && group.begin(Micros::ZERO));
        rebalance(&mut group, &[0, 2, 3], 3);
        assert!(before.iter().all(|partition| group.assigned[partition] == 2));
        assert_eq!([0, 2, 3].map(|member| group.partitions_of(member).count()), [4, 4, 4]);
    }

    #[test]
    fn an_uneven_assignor_gives_one_member_more_and_every_partition_to_somebody() {
        for skew in [0.0, 0.2, 0.7, 1.0] {
            let mut group = group(Assignor::Range);
            group.skew = skew;
            group.begin(Micros::ZERO);
            rebalance(&mut group, &[0, 1, 2, 3], 3);
            assert_eq!(group.assigned.len(), 12);
            assert_eq!(group.partitions_of(0).count(), 3 + libm::round(9.0 * skew) as usize);
        }
    }

    #[test]
    fn a_commit_of_somebody_elses_partition_is_refused() {
        let mut group = group(Assignor::Range);
        assert!(group.commit(0, 0, 5, Micros::ZERO));
        assert!(!group.commit(0, 11, 5, Micros::ZERO));
        assert_eq!(group.committed[11], Some(0));
    }
}
