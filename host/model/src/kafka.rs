//! Offsets, lag and the status of a group, as everybody in Kafka understands them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{InvalidName, Timestamp};

/// A place in a partition's log: never negative. What Kafka writes as -1 ("none") is `Option::None` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub u64);

/// Records behind, one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lag(pub u64);

/// Records not yet committed. A stale log-end reading gives zero, never a wrap-around.
///
/// ```
/// # use lagdoctor_model::{lag, Lag, Offset};
/// assert_eq!(lag(Offset(100), Offset(101)), Lag(0));
/// assert_eq!(lag(Offset(100), Offset(70)), Lag(30));
/// ```
pub fn lag(log_end: Offset, committed: Offset) -> Lag {
    Lag(log_end.0.saturating_sub(committed.0))
}

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartitionId {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition, from 0.
    pub partition: u32,
}

impl PartitionId {
    /// Partition `partition` of `topic`.
    pub fn new(topic: impl Into<String>, partition: u32) -> Self {
        Self { topic: topic.into(), partition }
    }

    /// Its node: `partition:TOPIC/NUMBER`.
    ///
    /// # Errors
    /// When the topic's name cannot be part of a node id.
    pub fn node(&self) -> Result<crate::NodeId, InvalidName> {
        crate::NodeId::new(format!("partition:{self}"))
    }
}

/// `orders/3`.
impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// One commit of one group for one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The offset that was committed: the next one to read.
    pub offset: Offset,
    /// When, by the clock of whoever committed.
    pub at: Timestamp,
    /// The lag at that moment; `None` when the log end of then is not known.
    pub lag: Option<Lag>,
}

/// What LinkedIn's Burrow calls the status of a partition or group, and `Unknown` for what cannot be judged.
/// The order is that of badness: a group is as bad as its worst partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum GroupStatus {
    /// Keeps up.
    Ok,
    /// Nothing is known, or the window is too short to judge.
    Unknown,
    /// Falls behind.
    Warn,
    /// At least one partition is stopped, stalled or rewound.
    Err,
    /// Commits have ceased.
    Stop,
    /// Commits go on, but the offset does not move.
    Stall,
    /// The offset went backwards and has not come back.
    Rewind,
}

impl fmt::Display for GroupStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::Unknown => "UNKNOWN",
            Self::Warn => "WARN",
            Self::Err => "ERR",
            Self::Stop => "STOP",
            Self::Stall => "STALL",
            Self::Rewind => "REWIND",
        })
    }
}
