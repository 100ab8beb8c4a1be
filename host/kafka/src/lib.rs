//! Listens to Kafka: which groups exist, what they committed when, and how far that is behind the end of each
//! partition's log. Never joins, never subscribes, never commits, never writes. Only this crate names librdkafka.
//!
//! Start at [`LagReader::read`], which gives a [`Snapshot`].

mod config;
#[cfg(feature = "mock")]
mod mock;
mod reader;
mod snapshot;

pub use config::{KafkaConfig, KafkaError};
#[cfg(feature = "mock")]
pub use mock::{MockError, MockKafka};
pub use reader::LagReader;
pub use snapshot::{
    Broker, GroupProtocol, GroupSnapshot, GroupState, Member, PartitionLag, PartitionSnapshot, Snapshot,
};
