//! What do all records of `__consumer_offsets` together say about groups? The book keeps the newest word on each key.
//! Records may come twice, and the past may come after the present; a record's place in the log decides.
//! Start at [`Book::apply`] and [`Book::group`].

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::{Offset, PartitionId};

use crate::offsets::{ClassicGroup, ConsumerMember, CurrentAssignment, Record, TopicId};
use crate::ring::{Growth, Ring};
use crate::{GroupProtocol, GroupState, Member};

/// The sequence of an offset that no record told: any record is newer.
const SEED: i64 = -1;

/// The newest word on one key: what it says, or that it says nothing any more.
#[derive(Clone, Debug)]
struct Slot<T> {
    sequence: i64,
    value: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { sequence: i64::MIN, value: None }
    }
}

impl<T> Slot<T> {
    fn put(&mut self, sequence: i64, value: Option<T>) {
        if sequence > self.sequence {
            *self = Self { sequence, value };
        }
    }
}

/// What is known about one partition of one group.
#[derive(Clone, Debug, Default)]
struct Offsets {
    committed: Slot<Offset>,
    ring: Ring,
    forgotten_at: Option<i64>,
}

/// What is known about one group.
#[derive(Clone, Debug, Default)]
struct Group {
    offsets: BTreeMap<PartitionId, Offsets>,
    classic: Slot<ClassicGroup>,
    epoch: Slot<i32>,
    target_epoch: Slot<i32>,
    members: BTreeMap<String, Slot<ConsumerMember>>,
    current: BTreeMap<String, Slot<CurrentAssignment>>,
}

/// What the records say about one group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) protocol: GroupProtocol,
    /// `None` where the records say nothing about members.
    pub(crate) state: Option<GroupState>,
    pub(crate) generation: Option<i64>,
    pub(crate) members: Vec<Member>,
    /// Whether the group is one of consumers; Connect workers and the like form groups too.
    pub(crate) of_consumers: bool,
    /// Partitions that members read whose topic is known by its id only.
    pub(crate) unnamed: usize,
}

/// The newest word on each key of `__consumer_offsets`.
#[derive(Debug, Default)]
pub(crate) struct Book {
    groups: BTreeMap<String, Group>,
    topics: BTreeMap<TopicId, String>,
}

impl Book {
    /// Takes in a record; `sequence` is its place in its partition of `__consumer_offsets`. All records of one group
    /// are in one partition, so places can be compared.
    pub(crate) fn apply(&mut self, record: Record, sequence: i64) {
        let group = self.groups.entry(record.group().to_owned()).or_default();
        match record {
            Record::Commit { partition, value, .. } => {
                if let Some(id) = value.and_then(|committed| committed.topic_id) {
                    self.topics.insert(id, partition.topic.clone());
                }
                let offsets = group.offsets.entry(partition).or_default();
                offsets.committed.put(sequence, value.map(|committed| committed.offset));
                match value {
                    Some(committed) if offsets.forgotten_at.is_none_or(|forgotten| forgotten < sequence) => {
                        offsets.ring.insert(sequence, committed.offset, committed.at);
                    }
                    Some(_) => {}
                    None => {
                        offsets.forgotten_at = offsets.forgotten_at.max(Some(sequence));
                        offsets.ring.forget_before(sequence);
                    }
                }
            }
            Record::Classic { value, .. } => group.classic.put(sequence, value),
            Record::Epoch { value, .. } => group.epoch.put(sequence, value),
            Record::TargetEpoch { value, .. } => group.target_epoch.put(sequence, value),
            Record::TopicNames { value, .. } => self.topics.extend(value.into_iter().flatten()),
            Record::Member { member, value, .. } => group.members.entry(member).or_default().put(sequence, value),
            Record::Current { member, value, .. } => group.current.entry(member).or_default().put(sequence, value),
            Record::Target { .. } => {}
        }
    }

    /// Takes in what a group had committed according to its coordinator; any record outweighs it.
    pub(crate) fn seed(&mut self, group: &str, partition: PartitionId, offset: Offset) {
        let group = self.groups.entry(group.to_owned()).or_default();
        group.offsets.entry(partition).or_default().committed.put(SEED, Some(offset));
    }

    /// Forgets a group as if it had never been.
    pub(crate) fn remove(&mut self, group: &str) {
        self.groups.remove(group);
    }

    /// Forgets tombstones. They are only needed while records from before them may still come.
    pub(crate) fn forget_tombstones(&mut self) {
        self.groups.retain(|_, group| {
            group.offsets.retain(|_, offsets| offsets.committed.value.is_some());
            group.members.retain(|_, slot| slot.value.is_some());
            group.current.retain(|_, slot| slot.value.is_some());
            group.is_there()
        });
    }

    /// Says of every commit for this partition how far behind it was, where that can be told.
    pub(crate) fn measure(&mut self, growth: &BTreeMap<PartitionId, Growth>) {
        for group in self.groups.values_mut() {
            for (id, offsets) in &mut group.offsets {
                if let Some(growth) = growth.get(id) {
                    offsets.ring.measure(*growth);
                }
            }
        }
    }

    /// The groups that exist, in order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().filter(|(_, group)| group.is_there()).map(|(name, _)| name.as_str())
    }

    /// Whether the group has committed anything.
    pub(crate) fn has_commits(&self, group: &str) -> bool {
        self.groups.get(group).is_some_and(|group| group.committed().next().is_some())
    }

    /// What the group committed, with the ring of each partition, in order.
    pub(crate) fn committed(&self, group: &str) -> impl Iterator<Item = (&PartitionId, Offset, &Ring)> {
        self.groups.get(group).into_iter().flat_map(Group::committed)
    }

    /// What the records say about the group.
    pub(crate) fn group(&self, name: &str) -> Known {
        let mut known = Known {
            protocol: GroupProtocol::Unknown,
            state: None,
            generation: None,
            members: vec![],
            of_consumers: true,
            unnamed: 0,
        };
        let Some(group) = self.groups.get(name) else { return known };
        if let Some(epoch) = group.epoch.value {
            known.protocol = GroupProtocol::Consumer;
            known.generation = Some(i64::from(epoch));
            known.state = Some(group.state(epoch));
            for (id, member) in group.members() {
                let (partitions, unnamed) = self.partitions_of(group, id);
                known.unnamed += unnamed;
                known.members.push(Member {
                    id: id.to_owned(),
                    client_id: member.client_id.clone(),
                    host: host(&member.host),
                    partitions,
                });
            }
        } else if let Some(classic) = &group.classic.value {
            known.protocol = GroupProtocol::Classic;
            known.of_consumers = matches!(classic.protocol_type.as_str(), "" | "consumer");
            known.generation = Some(i64::from(classic.generation));
            known.state = Some(if classic.members.is_empty() { GroupState::Empty } else { GroupState::Stable });
            known.members = classic
                .members
                .iter()
                .map(|member| Member {
                    id: member.id.clone(),
                    client_id: member.client_id.clone(),
                    host: host(&member.host),
                    partitions: member.partitions.clone(),
                })
                .collect();
            known.members.sort_by(|a, b| a.id.cmp(&b.id));
        }
        known
    }

    /// What a member of a KIP-848 group reads, and how many partitions more whose topic has no known name.
    fn partitions_of(&self, group: &Group, member: &str) -> (Vec<PartitionId>, usize) {
        let (mut named, mut unnamed) = (vec![], 0);
        let current = group.current.get(member).and_then(|slot| slot.value.as_ref());
        for (id, numbers) in current.into_iter().flat_map(|current| &current.partitions) {
            match self.topics.get(id).map(String::as_str).or_else(|| group.only_topic(member)) {
                Some(topic) => named.extend(numbers.iter().map(|number| PartitionId::new(topic, *number))),
                None => unnamed += numbers.len(),
            }
        }
        named.sort();
        named.dedup();
        (named, unnamed)
    }
}

impl Group {
    fn is_there(&self) -> bool {
        self.classic.value.is_some() || self.epoch.value.is_some() || self.committed().next().is_some()
    }

    fn committed(&self) -> impl Iterator<Item = (&PartitionId, Offset, &Ring)> {
        self.offsets.iter().filter_map(|(id, offsets)| Some((id, offsets.committed.value?, &offsets.ring)))
    }

    fn members(&self) -> impl Iterator<Item = (&str, &ConsumerMember)> {
        self.members.iter().filter_map(|(id, slot)| Some((id.as_str(), slot.value.as_ref()?)))
    }

    /// The state of a KIP-848 group as its coordinator works it out: a new epoch is first distributed, then reached
    /// by each member.
    fn state(&self, epoch: i32) -> GroupState {
        let target = self.target_epoch.value.unwrap_or(0);
        let settled = |id: &str| {
            let current = self.current.get(id).and_then(|slot| slot.value.as_ref());
            current.is_some_and(|current| current.settled && current.epoch == target)
        };
        if self.members().next().is_none() {
            GroupState::Empty
        } else if epoch > target || !self.members().all(|(id, _)| settled(id)) {
            GroupState::Rebalancing
        } else {
            GroupState::Stable
        }
    }

    /// The one topic that a member can be reading, since it asked for no other.
    fn only_topic(&self, member: &str) -> Option<&str> {
        let member = self.members.get(member)?.value.as_ref()?;
        let distinct: BTreeSet<_> = member.topics.iter().map(String::as_str).collect();
        let mut topics = distinct.into_iter();
        match (topics.next(), topics.next(), member.by_pattern) {
            (Some(topic), None, false) => Some(topic),
            _ => None,
        }
    }
}

/// An address as people write it: Kafka prints a slash before it.
pub(crate) fn host(text: &str) -> String {
    text.rsplit_once('/').map_or(text, |(_, address)| address).to_owned()
}

#[cfg(test)]
mod tests;
