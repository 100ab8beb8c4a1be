//! What has a group committed, according to its coordinator? By OffsetFetch through a handle that carries the group's
//! name and never subscribes, so that it never joins. A handle costs a handful of threads, so this way is for few
//! groups: where `__consumer_offsets` may not be read, and to look up groups that have long been idle.
//! Start at [`committed`] and [`Handles`].

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use lagdoctor_model::{Offset, PartitionId};
use rdkafka::Offset as At;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;

use crate::client::{Connector, Handle, code};
use crate::cluster::{Cluster, list};
use crate::tail::TOPIC;

/// How many groups are looked at this way.
pub(crate) const MOST_GROUPS: usize = 32;
/// How many are asked at the same time.
const AT_ONCE: usize = 8;
/// Every so many reads all topics are asked for; in between only those that the group has committed for.
const ALL_TOPICS_EVERY: u32 = 10;

/// What a group has committed, by partition.
pub(crate) type Commits = BTreeMap<PartitionId, Offset>;

/// Asks a group's coordinator what it has committed for these partitions. Those that it has not are left out.
pub(crate) fn committed<'a>(
    handle: &Handle,
    partitions: impl IntoIterator<Item = &'a PartitionId>,
    timeout: Duration,
) -> Result<Commits, RDKafkaErrorCode> {
    let question = list(partitions.into_iter().map(|id| (id, At::Invalid))).map_err(|error| code(&error))?;
    if question.count() == 0 {
        return Ok(Commits::new());
    }
    if timeout.is_zero() {
        return Err(RDKafkaErrorCode::OperationTimedOut);
    }
    let answer = handle.committed_offsets(question, timeout).map_err(|error| code(&error))?;
    let (mut commits, mut refused) = (Commits::new(), None);
    for element in answer.elements() {
        if let Err(error) = element.error() {
            refused = Some(code(&error));
        } else if let (At::Offset(offset), Ok(number)) = (element.offset(), u32::try_from(element.partition()))
            && let Ok(offset) = u64::try_from(offset)
        {
            commits.insert(PartitionId::new(element.topic(), number), Offset(offset));
        }
    }
    match refused {
        // One refused partition hides no other.
        Some(why) if commits.is_empty() => Err(why),
        _ => Ok(commits),
    }
}

/// All partitions that consumers read: every topic but the brokers' own.
pub(crate) fn readable(cluster: &Cluster) -> Vec<PartitionId> {
    const INTERNAL: [&str; 5] =
        [TOPIC, "__transaction_state", "__share_group_state", "__cluster_metadata", "__remote_log_metadata"];
    cluster
        .topics
        .keys()
        .filter(|topic| !INTERNAL.contains(&topic.as_str()))
        .flat_map(|topic| cluster.partitions_of(topic))
        .collect()
}

struct Watched {
    handle: Handle,
    topics: BTreeSet<String>,
}

/// One handle a group, kept from read to read.
#[derive(Default)]
pub(crate) struct Handles {
    watched: BTreeMap<String, Watched>,
    reads: u32,
}

impl Handles {
    /// Asks the coordinators of these groups, a few at the same time. Takes at most `timeout`.
    pub(crate) fn read(
        &mut self,
        connector: &Connector,
        cluster: &Cluster,
        groups: &BTreeSet<String>,
        timeout: Duration,
    ) -> BTreeMap<String, Result<Commits, RDKafkaErrorCode>> {
        let deadline = Instant::now() + timeout;
        let everything = readable(cluster);
        let all_topics = self.reads.is_multiple_of(ALL_TOPICS_EVERY);
        self.reads = self.reads.wrapping_add(1);
        self.watched.retain(|group, _| groups.contains(group));
        let mut answers = BTreeMap::new();
        for group in groups {
            if !self.watched.contains_key(group) {
                match connector.for_group(group) {
                    Ok(handle) => {
                        self.watched.insert(group.clone(), Watched { handle, topics: BTreeSet::new() });
                    }
                    Err(_) => {
                        answers.insert(group.clone(), Err(RDKafkaErrorCode::InvalidArgument));
                    }
                }
            }
        }
        let mut watched: Vec<_> = self.watched.iter_mut().collect();
        for some in watched.chunks_mut(AT_ONCE) {
            thread::scope(|scope| {
                let threads: Vec<_> = some
                    .iter_mut()
                    .map(|(group, watched)| {
                        let everything = &everything;
                        scope.spawn(move || {
                            let left = deadline.saturating_duration_since(Instant::now());
                            let all = all_topics || watched.topics.is_empty();
                            let asked = everything.iter().filter(|id| all || watched.topics.contains(&id.topic));
                            let commits = committed(&watched.handle, asked, left);
                            connector.drain(&watched.handle);
                            if let Ok(commits) = &commits {
                                watched.topics = commits.keys().map(|id| id.topic.clone()).collect();
                            }
                            ((*group).clone(), commits)
                        })
                    })
                    .collect();
                answers.extend(threads.into_iter().filter_map(|thread| thread.join().ok()));
            });
        }
        answers
    }
}
