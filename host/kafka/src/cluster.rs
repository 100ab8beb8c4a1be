//! Which topics and brokers are there, and where does each partition's log start and end? Start at [`Cluster::ask`]
//! and [`offsets`].

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use lagdoctor_model::{PartitionId, Timestamp};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
use rdkafka::{Offset as At, TopicPartitionList};

use crate::client::{Handle, code};

/// What the brokers say about one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) leader: Option<i32>,
    pub(crate) replicas: usize,
    pub(crate) in_sync: usize,
}

/// The topics that we may see, and all brokers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    /// Address by id.
    pub(crate) brokers: BTreeMap<i32, String>,
    /// Partitions by number, or why the brokers say nothing about the topic.
    pub(crate) topics: BTreeMap<String, Result<BTreeMap<u32, Partition>, RDKafkaErrorCode>>,
}

impl Cluster {
    /// Asks any broker; topics that we may not see are left out by it. librdkafka may ask one that has just died, and then
    /// waits for that one to come back. By half time it knows better, and a second question goes to a broker that lives.
    pub(crate) fn ask(handle: &Handle, timeout: Duration) -> Result<Self, Native> {
        let deadline = Instant::now() + timeout;
        let metadata = match handle.fetch_metadata(None, timeout / 2) {
            Err(error) if is_nobody_there(code(&error)) => {
                handle.fetch_metadata(None, deadline.saturating_duration_since(Instant::now()))?
            }
            answer => answer?,
        };
        let brokers =
            metadata.brokers().iter().map(|broker| (broker.id(), format!("{}:{}", broker.host(), broker.port())));
        let topics = metadata.topics().iter().map(|topic| {
            let partitions = topic.partitions().iter().filter_map(|partition| {
                let leader = Some(partition.leader()).filter(|leader| *leader >= 0);
                let (replicas, in_sync) = (partition.replicas().len(), partition.isr().len());
                Some((u32::try_from(partition.id()).ok()?, Partition { leader, replicas, in_sync }))
            });
            let partitions = match topic.error() {
                Some(error) => Err(error.into()),
                None => Ok(partitions.collect()),
            };
            (topic.name().to_owned(), partitions)
        });
        Ok(Self { brokers: brokers.collect(), topics: topics.collect() })
    }

    pub(crate) fn partition(&self, id: &PartitionId) -> Option<&Partition> {
        self.topics.get(&id.topic)?.as_ref().ok()?.get(&id.partition)
    }

    /// All partitions of a topic, in order.
    pub(crate) fn partitions_of<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = PartitionId> + 'a {
        let partitions = self.topics.get(topic).and_then(|partitions| partitions.as_ref().ok());
        partitions.into_iter().flat_map(|known| known.keys()).map(move |number| PartitionId::new(topic, *number))
    }
}

/// Which place of a log is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The oldest record still there.
    Start,
    /// Where the next record will go.
    End,
    /// The first record of this moment or later; the end where there is none.
    Since(Timestamp),
}

/// Why some partitions gave no answer.
#[derive(Clone, Debug)]
pub(crate) struct Unanswered {
    /// Whom we asked; `None` where nobody leads.
    pub(crate) leader: Option<i32>,
    pub(crate) partitions: Vec<PartitionId>,
    pub(crate) why: RDKafkaErrorCode,
}

/// Answers and failures.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) offsets: BTreeMap<PartitionId, i64>,
    pub(crate) failed: Vec<Unanswered>,
}

/// Asks for one place of many logs. Each leader is asked apart and at the same time as the others, since librdkafka
/// drops all answers when one leader gives none; partitions without a leader are not asked for, since it would wait
/// for one. Takes at most `timeout`. For [`Place::Since`], -1 stands for "no such record".
pub(crate) fn offsets(
    handle: &Handle,
    cluster: &Cluster,
    partitions: impl IntoIterator<Item = PartitionId>,
    place: Place,
    timeout: Duration,
) -> Answers {
    let mut answers = Answers::default();
    let mut by_leader: BTreeMap<i32, Vec<PartitionId>> = BTreeMap::new();
    let mut leaderless = vec![];
    for id in partitions {
        match cluster.partition(&id).and_then(|partition| partition.leader) {
            Some(leader) => by_leader.entry(leader).or_default().push(id),
            None => leaderless.push(id),
        }
    }
    if !leaderless.is_empty() {
        let why = RDKafkaErrorCode::LeaderNotAvailable;
        answers.failed.push(Unanswered { leader: None, partitions: leaderless, why });
    }
    let deadline = Instant::now() + timeout;
    thread::scope(|scope| {
        let threads: Vec<_> = by_leader
            .into_iter()
            .map(|(leader, partitions)| {
                scope.spawn(move || {
                    let mut answers = Answers::default();
                    ask_leader(handle, leader, &partitions, place, deadline, &mut answers);
                    answers
                })
            })
            .collect();
        for thread in threads {
            if let Ok(mut part) = thread.join() {
                answers.offsets.append(&mut part.offsets);
                answers.failed.append(&mut part.failed);
            }
        }
    });
    answers
}

/// Asks one leader. One partition that it refuses makes librdkafka drop the answers for all, so a refused list is
/// halved until the refused partitions stand alone.
fn ask_leader(
    handle: &Handle,
    leader: i32,
    partitions: &[PartitionId],
    place: Place,
    deadline: Instant,
    answers: &mut Answers,
) {
    let left = deadline.saturating_duration_since(Instant::now());
    let why = match question(partitions, place).and_then(|question| match left {
        Duration::ZERO => Err(Native::Global(RDKafkaErrorCode::OperationTimedOut)),
        left => handle.offsets_for_times(question, left),
    }) {
        Ok(answer) => {
            for element in answer.elements() {
                let Ok(number) = u32::try_from(element.partition()) else { continue };
                let id = PartitionId::new(element.topic(), number);
                let offset = match (element.error(), element.offset(), place) {
                    (Err(error), _, _) => Err(code(&error)),
                    (Ok(()), At::Offset(offset), _) => Ok(offset),
                    (Ok(()), _, Place::Since(_)) => Ok(-1),
                    (Ok(()), _, _) => Err(RDKafkaErrorCode::OffsetNotAvailable),
                };
                match offset {
                    Ok(offset) => {
                        answers.offsets.insert(id, offset);
                    }
                    Err(why) => {
                        answers.failed.push(Unanswered { leader: Some(leader), partitions: vec![id], why });
                    }
                }
            }
            return;
        }
        Err(error) => code(&error),
    };
    match partitions {
        [_, _, ..] if !is_nobody_there(why) => {
            let (front, back) = partitions.split_at(partitions.len() / 2);
            ask_leader(handle, leader, front, place, deadline, answers);
            ask_leader(handle, leader, back, place, deadline, answers);
        }
        _ => answers.failed.push(Unanswered { leader: Some(leader), partitions: partitions.to_vec(), why }),
    }
}

/// Whether the answer did not come, rather than being a refusal.
fn is_nobody_there(why: RDKafkaErrorCode) -> bool {
    matches!(
        why,
        RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::SaslAuthenticationFailed
    )
}

fn question(partitions: &[PartitionId], place: Place) -> Result<TopicPartitionList, Native> {
    let at = match place {
        Place::Start => At::Beginning,
        Place::End => At::End,
        Place::Since(at) => At::Offset(at.as_millis().max(0)),
    };
    list(partitions.iter().map(|id| (id, at)))
}

/// A list as librdkafka wants it.
pub(crate) fn list<'a>(
    partitions: impl IntoIterator<Item = (&'a PartitionId, At)>,
) -> Result<TopicPartitionList, Native> {
    let mut list = TopicPartitionList::new();
    for (id, at) in partitions {
        let number = i32::try_from(id.partition).map_err(|_| Native::Global(RDKafkaErrorCode::InvalidArgument))?;
        list.add_partition_offset(&id.topic, number, at)?;
    }
    Ok(list)
}
