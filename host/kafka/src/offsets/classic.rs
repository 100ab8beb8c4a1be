//! Who is in a classic group, and who reads what? The coordinator keeps members with what the group's leader assigned
//! to them, in the format of the consumer protocol. Start at [`group`] and [`assignment`].

use lagdoctor_model::PartitionId;

use super::Skip;
use super::wire::{Encoding, Reader};

/// A classic group after its last rebalance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClassicGroup {
    /// `consumer` for consumers, `connect` for Kafka Connect workers; empty when nobody ever joined.
    pub(crate) protocol_type: String,
    /// Grows with each rebalance.
    pub(crate) generation: i32,
    /// Its members.
    pub(crate) members: Vec<ClassicMember>,
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClassicMember {
    /// The id that the coordinator knows it by.
    pub(crate) id: String,
    /// Its `client.id`.
    pub(crate) client_id: String,
    /// Where it connects from, with Kafka's leading slash.
    pub(crate) host: String,
    /// What it reads; empty where the group uses another protocol than the consumers' or the bytes make no sense.
    pub(crate) partitions: Vec<PartitionId>,
}

/// The value of a group metadata record.
pub(super) fn group(value: &mut Reader<'_>, version: i16) -> Result<ClassicGroup, Skip> {
    let protocol_type = value.text()?;
    let generation = value.i32()?;
    let _protocol = value.nullable_text()?;
    let _leader = value.nullable_text()?;
    if version >= 2 {
        let _state_changed_at = value.i64()?;
    }
    let of_consumers = protocol_type == "consumer";
    let members = value.list(|value| member(value, version, of_consumers))?;
    value.skip_tags()?;
    Ok(ClassicGroup { protocol_type, generation, members })
}

fn member(value: &mut Reader<'_>, version: i16, of_consumers: bool) -> Result<ClassicMember, Skip> {
    let id = value.text()?;
    if version >= 3 {
        let _instance_id = value.nullable_text()?;
    }
    let client_id = value.text()?;
    let host = value.text()?;
    if version >= 1 {
        let _rebalance_timeout = value.i32()?;
    }
    let _session_timeout = value.i32()?;
    let _subscription = value.bytes()?;
    let assigned = value.bytes()?;
    value.skip_tags()?;
    // One member with an assignor of its own must not hide the group.
    let partitions = if of_consumers { assignment(assigned).unwrap_or_default() } else { vec![] };
    Ok(ClassicMember { id, client_id, host, partitions })
}

/// The most partitions that one member is believed to read. Members write their assignments themselves, and each
/// four bytes of it become a name and a number here.
const MOST_PARTITIONS: usize = 100_000;

/// What a member was assigned, in order: the consumer protocol's assignment, every version of which starts alike.
/// Empty bytes are an empty assignment, as members have during a rebalance.
///
/// # Errors
/// When the bytes are no assignment, or more than any consumer can read.
pub(crate) fn assignment(bytes: &[u8]) -> Result<Vec<PartitionId>, Skip> {
    if bytes.is_empty() {
        return Ok(vec![]);
    }
    let mut reader = Reader::new(bytes, Encoding::Plain);
    let _version = reader.i16()?;
    let topics = reader.list(|reader| Ok((reader.topic()?, reader.list(Reader::partition)?)))?;
    if topics.iter().map(|(_, numbers)| numbers.len()).sum::<usize>() > MOST_PARTITIONS {
        return Err(Skip::Malformed("a member is assigned more than 100,000 partitions"));
    }
    let mut partitions: Vec<_> = topics
        .into_iter()
        .flat_map(|(topic, numbers)| numbers.into_iter().map(move |number| PartitionId::new(topic.clone(), number)))
        .collect();
    partitions.sort();
    partitions.dedup();
    Ok(partitions)
}
