//! One Kafka cluster: a reader that blocks, on a thread of its own, and the history of what it saw. Start at
//! [`Cluster::begin`].

use std::sync::{Arc, Mutex, TryLockError};

use lagdoctor_kafka::{KafkaConfig, KafkaError, LagReader, Snapshot};
use lagdoctor_model::{Gap, GapCause, Millis, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::history::KafkaHistory;

/// What looks at a cluster: librdkafka's reader, or a stand-in in tests.
pub(super) trait Listen: Send {
    /// One look. Blocks.
    fn read(&mut self, now: Timestamp) -> Snapshot;
}

impl Listen for LagReader {
    fn read(&mut self, now: Timestamp) -> Snapshot {
        LagReader::read(self, now)
    }
}

/// Makes a connection. Blocks.
pub(super) type Connect = Arc<dyn Fn() -> Result<Box<dyn Listen>, KafkaError> + Send + Sync>;

/// A look that has begun.
pub(super) type Reading = JoinHandle<Result<Snapshot, Gap>>;

pub(super) struct Cluster {
    name: String,
    connect: Connect,
    /// Made at the first look that succeeds, and kept.
    listener: Arc<Mutex<Option<Box<dyn Listen>>>>,
    history: KafkaHistory,
}

impl Cluster {
    pub(super) fn new(config: &KafkaConfig, keep: Millis) -> Self {
        let made = config.clone();
        let connect: Connect = Arc::new(move || Ok(Box::new(LagReader::connect(made.clone())?)));
        Self::with(&config.cluster, &config.bootstrap, keep, connect)
    }

    pub(super) fn with(name: &str, bootstrap: &str, keep: Millis, connect: Connect) -> Self {
        Self {
            name: name.to_owned(),
            connect,
            listener: Arc::new(Mutex::new(None)),
            history: KafkaHistory::new(bootstrap, keep),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn history(&self) -> &KafkaHistory {
        &self.history
    }

    /// Begins a look on a thread that may block.
    pub(super) fn begin(&self, now: Timestamp) -> Reading {
        let (name, connect, listener) = (self.name.clone(), self.connect.clone(), self.listener.clone());
        tokio::task::spawn_blocking(move || {
            let mut slot = match listener.try_lock() {
                Ok(slot) => slot,
                // A thread that panicked inside librdkafka's wrapper leaves a connection that is better made anew.
                Err(TryLockError::Poisoned(poisoned)) => {
                    listener.clear_poison();
                    let mut slot = poisoned.into_inner();
                    *slot = None;
                    slot
                }
                Err(TryLockError::WouldBlock) => {
                    let statement = format!("cluster `{name}` has not answered the look before this one yet");
                    return Err(gap(&name, GapCause::Unreachable, statement));
                }
            };
            let listener = match &mut *slot {
                Some(listener) => listener,
                None => slot.insert(connect().map_err(|error| refused(&name, &error))?),
            };
            Ok(listener.read(now))
        })
    }

    /// Waits for a look and remembers it. Gives what was missing.
    pub(super) async fn end(&mut self, reading: Reading, until: Instant) -> Vec<Gap> {
        match timeout_at(until, reading).await {
            Ok(Ok(Ok(mut snapshot))) => {
                let gaps = std::mem::take(&mut snapshot.gaps);
                self.history.push(snapshot);
                gaps
            }
            Ok(Ok(Err(gap))) => vec![gap],
            Ok(Err(_)) => {
                let statement = format!("reading cluster `{}` ended without an answer; report it", self.name);
                vec![gap(&self.name, GapCause::Unreachable, statement)]
            }
            Err(_) => {
                let statement = format!("cluster `{}` was not read in time, so its newest lag is missing", self.name);
                vec![gap(&self.name, GapCause::Unreachable, statement)]
            }
        }
    }
}

fn gap(cluster: &str, cause: GapCause, statement: String) -> Gap {
    Gap { source: format!("kafka {cluster}"), cause, node: None, statement }
}

fn refused(cluster: &str, error: &KafkaError) -> Gap {
    let cause = match error {
        KafkaError::Unreachable { .. } => GapCause::Unreachable,
        _ => GapCause::NotConfigured,
    };
    let mut statement = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        statement.push_str(&format!(": {deeper}"));
        source = deeper.source();
    }
    gap(cluster, cause, statement)
}
