//! What one look at a cluster gives: groups with their commits, partitions with both ends of their logs, and what
//! could not be read. Start at [`Snapshot`].

use std::fmt;

use lagdoctor_model::{Commit, Gap, Lag, Offset, PartitionId, Timestamp};

/// What one look at a cluster gives. Groups and partitions are in order of their names.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What the operator calls the cluster.
    pub cluster: String,
    /// When it was taken, by the caller's clock.
    pub at: Timestamp,
    /// Every group that the operator wants to see and that exists, members or not.
    pub groups: Vec<GroupSnapshot>,
    /// Every partition of the topics that these groups read, and of the topics that the operator named.
    pub partitions: Vec<PartitionSnapshot>,
    /// The brokers that the cluster says it has.
    pub brokers: Vec<Broker>,
    /// What could not be read, and why.
    pub gaps: Vec<Gap>,
}

impl Snapshot {
    /// The group of this name.
    pub fn group(&self, group: &str) -> Option<&GroupSnapshot> {
        self.groups.iter().find(|known| known.group == group)
    }

    /// The partition of this id.
    pub fn partition(&self, id: &PartitionId) -> Option<&PartitionSnapshot> {
        self.partitions.iter().find(|known| known.id == *id)
    }
}

/// A broker of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broker {
    /// Its id in the cluster.
    pub id: i32,
    /// Where it listens: `host:port`.
    pub address: String,
}

/// One partition's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSnapshot {
    /// Which partition.
    pub id: PartitionId,
    /// The oldest record still there; `None` when it could not be read.
    pub log_start: Option<Offset>,
    /// Where the next record will go; `None` when it could not be read.
    pub log_end: Option<Offset>,
    /// The broker that leads it; `None` while it has no leader.
    pub leader: Option<i32>,
    /// How many brokers should hold a copy.
    pub replicas: usize,
    /// How many brokers hold a copy that is up to date.
    pub in_sync: usize,
}

/// One consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSnapshot {
    /// Its name: the `group.id` of its consumers.
    pub group: String,
    /// Whether it has members, and whether they agree on who reads what.
    pub state: GroupState,
    /// How its members agree on who reads what.
    pub protocol: GroupProtocol,
    /// The generation (classic) or epoch (KIP-848); grows with each rebalance. `None` when it could not be read.
    pub generation: Option<i64>,
    /// Its members, in order of their ids. Empty is said by `state`: see [`GroupState::Unknown`].
    pub members: Vec<Member>,
    /// Every partition that it has committed for or is assigned to, in order.
    pub partitions: Vec<PartitionLag>,
}

impl GroupSnapshot {
    /// The partition of this id.
    pub fn partition(&self, id: &PartitionId) -> Option<&PartitionLag> {
        self.partitions.iter().find(|known| known.id == *id)
    }

    /// Records behind, all partitions whose lag is known; `None` when that is none of them.
    pub fn backlog(&self) -> Option<u64> {
        self.partitions
            .iter()
            .filter_map(|partition| partition.lag)
            .fold(None, |sum, Lag(lag)| Some(sum.unwrap_or(0u64).saturating_add(lag)))
    }
}

/// How far one group is behind on one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionLag {
    /// Which partition.
    pub id: PartitionId,
    /// The next record that the group will read; `None` when it has committed none.
    pub committed: Option<Offset>,
    /// Where the next record will go; `None` when it could not be read.
    pub log_end: Option<Offset>,
    /// `max(0, log_end - committed)`, less what is `lost`; `None` unless both are known.
    pub lag: Option<Lag>,
    /// Records that retention deleted before the group read them, `log_start - committed`: lost, and no longer behind.
    pub lost: Option<u64>,
    /// The last commits, oldest first; their times strictly increase. At most [`PartitionLag::RING`], and at least a
    /// second apart but for the newest. Where `__consumer_offsets` may not be read, these are the moments at which
    /// another offset was first seen.
    pub commits: Vec<Commit>,
}

impl PartitionLag {
    /// How many commits are kept a partition: what Burrow's status rules look at.
    pub const RING: usize = 10;
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The id that the group coordinator knows it by.
    pub id: String,
    /// The `client.id` of its consumer.
    pub client_id: String,
    /// Where it connects from, as the broker saw it: an address, without the leading slash that Kafka prints.
    pub host: String,
    /// What it reads, in order.
    pub partitions: Vec<PartitionId>,
}

/// Whether a group has members, and whether they agree on who reads what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupState {
    /// Members read.
    Stable,
    /// Members are agreeing anew on who reads what; offsets are the last ones known.
    Rebalancing,
    /// No members; what was committed stays until it expires.
    Empty,
    /// The coordinator says that it does not exist, though its offsets do.
    Dead,
    /// It could not be read; `members` may be incomplete.
    Unknown,
}

/// As reports print it.
impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Rebalancing => "rebalancing",
            Self::Empty => "empty",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        })
    }
}

/// How the members of a group agree on who reads what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupProtocol {
    /// One member assigns (`group.protocol=classic`).
    Classic,
    /// The broker assigns (`group.protocol=consumer`, KIP-848).
    Consumer,
    /// Not known: nothing but commits was seen.
    Unknown,
}

/// As `group.protocol` spells it.
impl fmt::Display for GroupProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Unknown => "unknown",
        })
    }
}
