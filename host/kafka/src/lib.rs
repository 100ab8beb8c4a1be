//! Listens to Kafka: which groups exist, what they committed when, and how far that is behind the end of each
//! partition's log. Never joins, never subscribes, never commits, never writes. Only this crate names librdkafka.
//!
//! Start at [`LagReader::read`], which gives a [`Snapshot`].

mod assemble;
mod book;
mod client;
mod cluster;
mod config;
mod gaps;
mod handles;
mod listing;
#[cfg(feature = "mock")]
mod mock;
mod offsets;
mod reader;
mod ring;
mod snapshot;
mod tail;
#[cfg(feature = "testing")]
pub mod testing;

pub use config::{KafkaConfig, KafkaError};
#[cfg(feature = "mock")]
pub use mock::{MockError, MockFault, MockKafka, MockRequest};
#[doc(hidden)]
pub use offsets::fuzz_entry;
pub use reader::LagReader;
pub use snapshot::{
    Broker, GroupProtocol, GroupSnapshot, GroupState, Member, PartitionLag, PartitionSnapshot, Snapshot,
};
