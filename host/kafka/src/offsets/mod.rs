//! What does a record of `__consumer_offsets` say? The topic is where group coordinators keep everything they know:
//! commits, and the members of groups of both protocols. Its format is internal to Kafka but stable: readers must
//! understand old records as long as the log holds them. Start at [`decode`], which never panics, whatever the bytes.

mod classic;
mod consumer;
#[cfg(any(test, feature = "mock"))]
pub(crate) mod encode;
#[cfg(test)]
mod tests;
mod wire;

use lagdoctor_model::{Offset, PartitionId, Timestamp};

#[cfg(test)]
pub(crate) use classic::ClassicMember;
pub(crate) use classic::{ClassicGroup, assignment};
pub(crate) use consumer::{ConsumerMember, CurrentAssignment};
use wire::{Encoding, Reader};

/// The id that Kafka gives a topic at creation; KIP-848 records name topics by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TopicId(pub(crate) [u8; 16]);

/// What a record says. A value of `None` is a tombstone: forget what you know under this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// A group committed an offset.
    Commit { group: String, partition: PartitionId, value: Option<Committed> },
    /// The members of a classic group after a rebalance.
    Classic { group: String, value: Option<ClassicGroup> },
    /// The epoch of a KIP-848 group.
    Epoch { group: String, value: Option<i32> },
    /// The topics of a KIP-848 group by their ids; written before Kafka 4.1 only.
    TopicNames { group: String, value: Option<Vec<(TopicId, String)>> },
    /// Who a member of a KIP-848 group is.
    Member { group: String, member: String, value: Option<ConsumerMember> },
    /// The epoch for which the partitions of a KIP-848 group were last distributed.
    TargetEpoch { group: String, value: Option<i32> },
    /// What a member of a KIP-848 group shall read; what it does read is in `Current`.
    Target { group: String },
    /// What a member of a KIP-848 group reads.
    Current { group: String, member: String, value: Option<CurrentAssignment> },
}

impl Record {
    /// The group that it is about.
    pub(crate) fn group(&self) -> &str {
        match self {
            Self::Commit { group, .. }
            | Self::Classic { group, .. }
            | Self::Epoch { group, .. }
            | Self::TopicNames { group, .. }
            | Self::Member { group, .. }
            | Self::TargetEpoch { group, .. }
            | Self::Target { group }
            | Self::Current { group, .. } => group,
        }
    }
}

/// What a group committed for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    /// The next record to read.
    pub(crate) offset: Offset,
    /// When, by the coordinator's clock.
    pub(crate) at: Timestamp,
    /// The id of the topic, where the coordinator knew it.
    pub(crate) topic_id: Option<TopicId>,
}

/// Why a record says nothing to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    /// A kind of record that is not about consumer groups (share and streams groups), or younger than this program.
    KeyVersion(i16),
    /// A record of a known kind in a form younger than this program.
    ValueVersion { key: i16, value: i16 },
    /// Bytes that are no such record.
    Malformed(&'static str),
}

/// Reads one record of `__consumer_offsets`. Bytes after the last known field are ignored, as Kafka's readers do.
///
/// # Errors
/// When the record is of another kind, of a version younger than this program, or no record at all.
pub(crate) fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Record, Skip> {
    let key = &mut Reader::new(key, Encoding::Plain);
    let version = key.i16()?;
    if !(0..=8).contains(&version) {
        return Err(Skip::KeyVersion(version));
    }
    let group = key.text()?;
    Ok(match version {
        0 | 1 => {
            let partition = PartitionId { topic: key.topic()?, partition: key.partition()? };
            let last = if version == 0 { 3 } else { 4 };
            Record::Commit { group, partition, value: versioned(version, value, 0..=last, 4, committed)?.flatten() }
        }
        2 => Record::Classic { group, value: versioned(version, value, 0..=4, 4, classic::group)? },
        3 => Record::Epoch { group, value: versioned(version, value, 0..=0, 0, consumer::epoch)? },
        4 => Record::TopicNames { group, value: versioned(version, value, 0..=0, 0, consumer::topic_names)? },
        5 => {
            let member = key.text()?;
            Record::Member { group, member, value: versioned(version, value, 0..=0, 0, consumer::member)? }
        }
        6 => Record::TargetEpoch { group, value: versioned(version, value, 0..=0, 0, consumer::epoch)? },
        7 => {
            key.text()?;
            Record::Target { group }
        }
        _ => {
            let member = key.text()?;
            Record::Current { group, member, value: versioned(version, value, 0..=0, 0, consumer::current)? }
        }
    })
}

/// Reads the version of a value, then the rest in the encoding that goes with it. `None` is a tombstone.
fn versioned<T>(
    key: i16,
    value: Option<&[u8]>,
    known: std::ops::RangeInclusive<i16>,
    flexible_from: i16,
    body: fn(&mut Reader<'_>, i16) -> Result<T, Skip>,
) -> Result<Option<T>, Skip> {
    let Some(value) = value else { return Ok(None) };
    let mut reader = Reader::new(value, Encoding::Plain);
    let version = reader.i16()?;
    if !known.contains(&version) {
        return Err(Skip::ValueVersion { key, value: version });
    }
    if version >= flexible_from {
        reader.switch(Encoding::Flexible);
    }
    body(&mut reader, version).map(Some)
}

/// A negative offset says "none", which is what a tombstone says.
fn committed(value: &mut Reader<'_>, version: i16) -> Result<Option<Committed>, Skip> {
    let offset = value.i64()?;
    if version >= 3 {
        let _leader_epoch = value.i32()?;
    }
    let _metadata = value.nullable_text()?;
    let at = Timestamp::from_millis(value.i64()?).map_err(|_| Skip::Malformed("a commit has no possible time"))?;
    if version == 1 {
        let _expires = value.i64()?;
    }
    let topic_id = match value.tags(0)? {
        Some(id) => Some(Reader::new(id, Encoding::Flexible).topic_id()?),
        None => None,
    };
    Ok(u64::try_from(offset).ok().map(|offset| Committed { offset: Offset(offset), at, topic_id }))
}

/// Decodes what a fuzzer thinks up: two length bytes, a key of that length, and the rest as the value. Says whether
/// it was understood.
pub fn fuzz_entry(input: &[u8]) -> bool {
    let Some((length, rest)) = input.split_first_chunk::<2>() else { return false };
    let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (key, value) = rest.split_at(length);
    let _ = assignment(value);
    decode(key, None).is_ok() | decode(key, Some(value)).is_ok()
}
