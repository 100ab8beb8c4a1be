//! Producers and consumers for the real Kafka, so that tests elsewhere need not know librdkafka. Start at
//! [`RealConsumer::join`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lagdoctor_model::{Offset, PartitionId};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset as At, TopicPartitionList};

use super::{PATIENCE, RealKafka, RealKafkaError, failed};
use crate::GroupProtocol;
use crate::cluster::list;

impl RealKafka {
    /// Appends so many empty records to a partition, and waits until they are there.
    ///
    /// # Errors
    /// When they are not delivered.
    pub fn produce(&self, partition: &PartitionId, records: u64) -> Result<(), RealKafkaError> {
        let producer = self.producer(None)?;
        send(&producer, partition, records)?;
        producer.flush(PATIENCE).map_err(|error| failed("take records", error))
    }

    /// As [`RealKafka::produce`], in one transaction: its end takes a place in the log that nobody can read.
    ///
    /// # Errors
    /// When the transaction does not succeed.
    pub fn produce_in_transaction(&self, partition: &PartitionId, records: u64) -> Result<(), RealKafkaError> {
        let producer = self.producer(Some("lab"))?;
        let failed = |error| failed("commit a transaction", error);
        producer.init_transactions(PATIENCE).map_err(failed)?;
        producer.begin_transaction().map_err(failed)?;
        send(&producer, partition, records)?;
        producer.commit_transaction(PATIENCE).map_err(failed)
    }

    fn producer(&self, transaction: Option<&str>) -> Result<BaseProducer, RealKafkaError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        if let Some(id) = transaction {
            config.set("transactional.id", id);
        }
        config.create().map_err(|error| failed("take records", error))
    }
}

fn send(producer: &BaseProducer, id: &PartitionId, records: u64) -> Result<(), RealKafkaError> {
    let number = i32::try_from(id.partition).map_err(|error| failed("take records", error))?;
    for _ in 0..records {
        producer
            .send(BaseRecord::<(), ()>::to(&id.topic).partition(number))
            .map_err(|(error, _)| failed("take records", error))?;
    }
    Ok(())
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// What was done in it counts.
    Committed,
    /// What was done in it never was.
    Aborted,
}

/// A member of a group that reads, and commits when told. Leaves the group when dropped.
pub struct RealConsumer {
    consumer: Arc<BaseConsumer>,
    stop: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for RealConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RealConsumer").field("assigned", &self.assigned()).finish()
    }
}

impl RealConsumer {
    /// Joins `group` as a consumer called `client_id` that reads `topics`. Comes back at once; what it reads is known
    /// later.
    ///
    /// # Errors
    /// When librdkafka refuses.
    pub fn join(
        kafka: &RealKafka,
        group: &str,
        protocol: GroupProtocol,
        client_id: &str,
        topics: &[&str],
    ) -> Result<Self, RealKafkaError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", kafka.bootstrap())
            .set("group.id", group)
            .set("client.id", client_id)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest");
        if protocol == GroupProtocol::Consumer {
            config.set("group.protocol", "consumer");
        }
        let consumer: BaseConsumer = config.create().map_err(|error| failed("be joined", error))?;
        consumer.subscribe(topics).map_err(|error| failed("be joined", error))?;
        let (consumer, stop) = (Arc::new(consumer), Arc::new(AtomicBool::new(false)));
        let poller = thread::spawn({
            let (consumer, stop) = (consumer.clone(), stop.clone());
            // A consumer that nobody polls takes no part in rebalances. Records and errors are nobody's business here.
            move || {
                while !stop.load(Ordering::Relaxed) {
                    consumer.poll(Duration::from_millis(20));
                }
            }
        });
        Ok(Self { consumer, stop, poller: Some(poller) })
    }

    /// What it reads at this moment, in order.
    pub fn assigned(&self) -> Vec<PartitionId> {
        let list = self.consumer.assignment().unwrap_or_else(|_| TopicPartitionList::new());
        let mut assigned: Vec<_> = list
            .elements()
            .iter()
            .filter_map(|element| Some(PartitionId::new(element.topic(), u32::try_from(element.partition()).ok()?)))
            .collect();
        assigned.sort();
        assigned
    }

    /// Commits, again and again while the group is rebalancing.
    ///
    /// # Errors
    /// When the coordinator refuses to the end.
    pub fn commit(&self, partition: &PartitionId, offset: Offset) -> Result<(), RealKafkaError> {
        let raw = i64::try_from(offset.0).unwrap_or(i64::MAX);
        let what = || format!("take a commit for {partition}");
        let commit = list([(partition, At::Offset(raw))]).map_err(|error| failed(what(), error))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.consumer.commit(&commit, CommitMode::Sync) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(failed(what(), error)),
                Err(_) => {}
            }
        }
    }
}

impl RealConsumer {
    /// Commits in a transaction, as a consumer does that writes what it makes of records back to Kafka.
    ///
    /// # Errors
    /// When the transaction does not end as it should.
    pub fn commit_in_transaction(
        &self,
        kafka: &RealKafka,
        partition: &PartitionId,
        offset: Offset,
        end: Transaction,
    ) -> Result<(), RealKafkaError> {
        let failed = |error| failed("commit in a transaction", error);
        let raw = i64::try_from(offset.0).unwrap_or(i64::MAX);
        let offsets = list([(partition, At::Offset(raw))]).map_err(failed)?;
        let group = self.consumer.group_metadata().ok_or_else(|| failed(rdkafka::error::KafkaError::Canceled))?;
        let producer = kafka.producer(Some("lab"))?;
        producer.init_transactions(PATIENCE).map_err(failed)?;
        producer.begin_transaction().map_err(failed)?;
        producer.send_offsets_to_transaction(&offsets, &group, PATIENCE).map_err(failed)?;
        match end {
            Transaction::Committed => producer.commit_transaction(PATIENCE).map_err(failed),
            Transaction::Aborted => producer.abort_transaction(PATIENCE).map_err(failed),
        }
    }
}

impl Drop for RealConsumer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(poller) = self.poller.take() {
            poller.join().ok();
        }
    }
}
