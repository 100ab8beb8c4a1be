//! A Kafka cluster inside this process, for demos and tests: librdkafka's mock brokers on loopback, with topics that
//! grow as told and groups whose commits and members are written to `__consumer_offsets` as a coordinator would.
//! Start at [`MockKafka::new`].
//!
//! Unlike real brokers, these cannot list groups, cannot seek by time (they answer that no record is young enough, and a
//! reader then finds everything in the past, which it reads from the start of the log), do not compact, and keep 5 MiB
//! of each partition: some three and a half million of the empty records that [`MockKafka::advance`] produces.

mod faults;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lagdoctor_model::{Offset, PartitionId, Timestamp};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset as At};

use crate::cluster::list;
use crate::offsets::encode;
use crate::tail::TOPIC;
use crate::{GroupProtocol, Member};

pub use faults::{MockFault, MockRequest};

/// Partitions of `__consumer_offsets`: enough for groups to be spread, few enough to start quickly.
const OFFSETS_PARTITIONS: u32 = 8;
/// The longest that anything here waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the in-process Kafka did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("the in-process Kafka cannot {what}")]
pub struct MockError {
    what: String,
    source: Native,
}

/// Counts records that were not delivered.
#[derive(Default)]
struct Deliveries {
    failed: AtomicU64,
}

impl ClientContext for Deliveries {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::trace!(target: "librdkafka", facility, message);
    }

    fn error(&self, error: Native, reason: &str) {
        tracing::trace!(target: "librdkafka", %error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What was written about a group, so that it can be taken back.
#[derive(Default)]
struct Written {
    partitions: BTreeSet<PartitionId>,
    members: BTreeSet<String>,
    protocol: Option<GroupProtocol>,
}

/// A Kafka cluster inside this process, listening on loopback. Ends when dropped.
pub struct MockKafka {
    // The brokers live in the producer, so that these must go first.
    committers: BTreeMap<String, BaseConsumer>,
    producer: BaseProducer<Deliveries>,
    ends: BTreeMap<PartitionId, u64>,
    groups: BTreeMap<String, Written>,
}

impl fmt::Debug for MockKafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockKafka").field("bootstrap", &self.bootstrap()).field("ends", &self.ends).finish()
    }
}

impl MockKafka {
    /// Starts a cluster of `brokers` brokers, with ids from 1, and these topics: name and number of partitions.
    ///
    /// # Errors
    /// When the cluster cannot start, or a topic cannot be created.
    pub fn new(brokers: u32, topics: &[(&str, u32)]) -> Result<Self, MockError> {
        let producer: BaseProducer<Deliveries> = ClientConfig::new()
            .set("test.mock.num.brokers", brokers.max(1).to_string())
            .set("linger.ms", "0")
            .set("batch.num.messages", "100000")
            .set("queue.buffering.max.messages", "2000000")
            .set("compression.codec", "gzip")
            .set("compression.level", "1")
            .set("delivery.report.only.error", "true")
            .set("message.timeout.ms", "20000")
            .create_with_context(Deliveries::default())
            .map_err(|source| MockError { what: "start".to_owned(), source })?;
        let mut kafka = Self { committers: BTreeMap::new(), producer, ends: BTreeMap::new(), groups: BTreeMap::new() };
        kafka.create_topic(TOPIC, OFFSETS_PARTITIONS)?;
        for (topic, partitions) in topics {
            kafka.create_topic(topic, *partitions)?;
        }
        Ok(kafka)
    }

    /// Adds an empty topic.
    ///
    /// # Errors
    /// When there is one of this name, or the number of partitions is 0.
    pub fn create_topic(&mut self, topic: &str, partitions: u32) -> Result<(), MockError> {
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        self.brokers(|brokers| brokers.create_topic(topic, count, 1)).map_err(|source| MockError {
            what: format!("create topic `{topic}` with {partitions} partitions"),
            source,
        })?;
        self.ends.extend((0..partitions).map(|number| (PartitionId::new(topic, number), 0)));
        Ok(())
    }

    /// Where it listens: for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        self.producer.client().mock_cluster().map(|brokers| brokers.bootstrap_servers()).unwrap_or_default()
    }

    /// Where the partition's log ends.
    pub fn log_end(&self, partition: &PartitionId) -> Option<Offset> {
        self.ends.get(partition).copied().map(Offset)
    }

    /// Produces empty records until the partition's log ends at `log_end`, and waits until they are there. A log that
    /// is longer already stays.
    ///
    /// # Errors
    /// When there is no such partition, or records are not delivered within 30 s.
    pub fn advance(&mut self, partition: &PartitionId, log_end: Offset) -> Result<(), MockError> {
        self.advance_all([(partition, log_end)])
    }

    /// As [`MockKafka::advance`], for many partitions at once; much faster than one after the other.
    ///
    /// # Errors
    /// As [`MockKafka::advance`].
    pub fn advance_all<'a>(
        &mut self,
        to: impl IntoIterator<Item = (&'a PartitionId, Offset)>,
    ) -> Result<(), MockError> {
        let mut grown = BTreeMap::new();
        for (id, log_end) in to {
            let what = || format!("advance {id} to {}", log_end.0);
            let unknown = || MockError { what: what(), source: Native::Global(RDKafkaErrorCode::UnknownPartition) };
            let end = self.ends.get(id).copied().ok_or_else(unknown)?;
            let number = i32::try_from(id.partition).map_err(|_| unknown())?;
            for _ in end..log_end.0 {
                self.send(BaseRecord::<(), ()>::to(&id.topic).partition(number))
                    .map_err(|source| MockError { what: what(), source })?;
            }
            grown.insert(id.clone(), end.max(log_end.0));
        }
        self.flush("advance a log")?;
        self.ends.extend(grown);
        Ok(())
    }

    /// Commits `offset` for `group` at the time `at`.
    ///
    /// # Errors
    /// When the commit cannot be written.
    pub fn commit(
        &mut self,
        group: &str,
        partition: &PartitionId,
        offset: Offset,
        at: Timestamp,
    ) -> Result<(), MockError> {
        self.commit_all(group, at, [(partition, offset)])
    }

    /// Commits for many partitions at once: as records of `__consumer_offsets`, and to the group's coordinator.
    ///
    /// # Errors
    /// When the commit cannot be written.
    pub fn commit_all<'a>(
        &mut self,
        group: &str,
        at: Timestamp,
        offsets: impl IntoIterator<Item = (&'a PartitionId, Offset)>,
    ) -> Result<(), MockError> {
        let failed = |source| MockError { what: format!("commit for group `{group}`"), source };
        let offsets: Vec<_> = offsets.into_iter().collect();
        for (id, offset) in &offsets {
            let raw = i64::try_from(offset.0).unwrap_or(i64::MAX);
            let key = encode::commit_key(1, group, id);
            let value = encode::commit_value(4, raw, at.as_millis(), Some(records::topic_id(&id.topic)));
            self.record(group, &key, Some(&value), at).map_err(failed)?;
        }
        self.flush("commit")?;
        let written = self.groups.entry(group.to_owned()).or_default();
        written.partitions.extend(offsets.iter().map(|(id, _)| (*id).clone()));
        let raw = |offset: Offset| At::Offset(i64::try_from(offset.0).unwrap_or(i64::MAX));
        let commits = list(offsets.iter().map(|(id, offset)| (*id, raw(*offset)))).map_err(failed)?;
        self.committer(group).map_err(failed)?.commit(&commits, CommitMode::Sync).map_err(failed)
    }

    /// Says who is in `group` since a rebalance at `at`; nobody when `members` is empty.
    ///
    /// # Errors
    /// When the records cannot be written.
    pub fn rebalance(
        &mut self,
        group: &str,
        protocol: GroupProtocol,
        generation: i32,
        members: &[Member],
        at: Timestamp,
    ) -> Result<(), MockError> {
        let records = match protocol {
            GroupProtocol::Consumer => {
                let before = self.groups.get(group).map(|written| written.members.clone()).unwrap_or_default();
                records::consumer(group, generation, members, &before)
            }
            GroupProtocol::Classic | GroupProtocol::Unknown => records::classic(group, generation, members),
        };
        for (key, value) in records {
            self.record(group, &key, value.as_deref(), at)
                .map_err(|source| MockError { what: format!("rebalance group `{group}`"), source })?;
        }
        let written = self.groups.entry(group.to_owned()).or_default();
        written.members = members.iter().map(|member| member.id.clone()).collect();
        written.protocol = Some(protocol);
        self.flush("rebalance")
    }

    /// Deletes `group` at `at`: all that was said about it is taken back.
    ///
    /// # Errors
    /// When the records cannot be written.
    pub fn delete_group(&mut self, group: &str, at: Timestamp) -> Result<(), MockError> {
        let written = self.groups.remove(group).unwrap_or_default();
        let mut keys: Vec<_> = written.partitions.iter().map(|id| encode::commit_key(1, group, id)).collect();
        match written.protocol {
            Some(GroupProtocol::Consumer) => {
                keys.extend(
                    written.members.iter().flat_map(|id| [8, 7, 5].map(|key| encode::member_key(key, group, id))),
                );
                keys.extend([6, 3].map(|key| encode::group_key(key, group)));
            }
            _ => keys.push(encode::group_key(2, group)),
        }
        for key in keys {
            self.record(group, &key, None, at)
                .map_err(|source| MockError { what: format!("delete group `{group}`"), source })?;
        }
        self.committers.remove(group);
        self.flush("delete a group")
    }

    fn brokers<T>(
        &self,
        ask: impl FnOnce(&rdkafka::mocking::MockCluster<'_, Deliveries>) -> Result<T, Native>,
    ) -> Result<T, Native> {
        match self.producer.client().mock_cluster() {
            Some(brokers) => ask(&brokers),
            None => Err(Native::MockCluster(RDKafkaErrorCode::AllBrokersDown)),
        }
    }

    /// Writes a record about a group to the partition that Kafka would choose.
    fn record(&self, group: &str, key: &[u8], value: Option<&[u8]>, at: Timestamp) -> Result<(), Native> {
        let hash = group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
        let number = (hash & i32::MAX) % i32::try_from(OFFSETS_PARTITIONS).unwrap_or(1);
        let record = BaseRecord::<[u8], [u8]>::to(TOPIC).partition(number).key(key).timestamp(at.as_millis());
        self.send(match value {
            Some(value) => record.payload(value),
            None => record,
        })
    }

    fn send<K, P>(&self, record: BaseRecord<'_, K, P>) -> Result<(), Native>
    where
        K: rdkafka::message::ToBytes + ?Sized,
        P: rdkafka::message::ToBytes + ?Sized,
    {
        let deadline = Instant::now() + PATIENCE;
        let mut record = record;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((Native::MessageProduction(RDKafkaErrorCode::QueueFull), back)) if Instant::now() < deadline => {
                    record = back;
                    self.producer.poll(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    fn flush(&mut self, what: &str) -> Result<(), MockError> {
        let failed = |source| MockError { what: what.to_owned(), source };
        let deadline = Instant::now() + PATIENCE;
        // rdkafka's own way to wait sleeps 100 ms at a time, whatever happens meanwhile.
        while let Err(error) = self.producer.flush(Duration::ZERO) {
            if Instant::now() >= deadline {
                return Err(failed(error));
            }
            self.producer.poll(Duration::from_millis(1));
        }
        match self.producer.context().failed.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            _ => Err(failed(Native::MessageProduction(RDKafkaErrorCode::MessageTimedOut))),
        }
    }

    fn committer(&mut self, group: &str) -> Result<&BaseConsumer, Native> {
        if !self.committers.contains_key(group) {
            let committer = ClientConfig::new()
                .set("bootstrap.servers", self.bootstrap())
                .set("group.id", group)
                .set("enable.auto.commit", "false")
                .set("socket.timeout.ms", "3000")
                .create()?;
            self.committers.insert(group.to_owned(), committer);
        }
        self.committers.get(group).ok_or(Native::Canceled)
    }
}
