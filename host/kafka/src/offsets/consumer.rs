//! Who is in a KIP-848 group, and who reads what? The coordinator keeps one record a member for who it is, and one
//! for what it reads, and names topics by id. Start at [`member`] and [`current`].

use super::wire::Reader;
use super::{Skip, TopicId};

/// Who a member of a KIP-848 group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsumerMember {
    /// Its `client.id`.
    pub(crate) client_id: String,
    /// Where it connects from, with Kafka's leading slash.
    pub(crate) host: String,
    /// The topics that it asked for by name.
    pub(crate) topics: Vec<String>,
    /// Whether it asked for further topics by a pattern.
    pub(crate) by_pattern: bool,
}

/// What a member of a KIP-848 group reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CurrentAssignment {
    /// The epoch that the member has reached.
    pub(crate) epoch: i32,
    /// Whether it has given up what it must, and got what it shall.
    pub(crate) settled: bool,
    /// What it reads, including what it is asked to give up.
    pub(crate) partitions: Vec<(TopicId, Vec<u32>)>,
}

/// The value of the two records that hold only an epoch. Tags say more that nobody needs here.
pub(super) fn epoch(value: &mut Reader<'_>, _version: i16) -> Result<i32, Skip> {
    let epoch = value.i32()?;
    value.skip_tags()?;
    Ok(epoch)
}

pub(super) fn topic_names(value: &mut Reader<'_>, _version: i16) -> Result<Vec<(TopicId, String)>, Skip> {
    let names = value.list(|value| {
        let id = value.topic_id()?;
        let name = value.topic()?;
        let _partitions = value.i32()?;
        value.list(|value| {
            let _partition = value.i32()?;
            value.list(Reader::text)?;
            value.skip_tags()
        })?;
        value.skip_tags()?;
        Ok((id, name))
    })?;
    value.skip_tags()?;
    Ok(names)
}

pub(super) fn member(value: &mut Reader<'_>, _version: i16) -> Result<ConsumerMember, Skip> {
    let _instance_id = value.nullable_text()?;
    let _rack = value.nullable_text()?;
    let client_id = value.text()?;
    let host = value.text()?;
    let topics = value.list(Reader::text)?;
    let pattern = value.nullable_text()?;
    let _rebalance_timeout = value.i32()?;
    let _assignor = value.nullable_text()?;
    value.skip_tags()?;
    Ok(ConsumerMember { client_id, host, topics, by_pattern: pattern.is_some_and(|pattern| !pattern.is_empty()) })
}

pub(super) fn current(value: &mut Reader<'_>, _version: i16) -> Result<CurrentAssignment, Skip> {
    let epoch = value.i32()?;
    let _previous_epoch = value.i32()?;
    let settled = value.i8()? == 0;
    let mut partitions = value.list(topic_partitions)?;
    partitions.extend(value.list(topic_partitions)?);
    value.skip_tags()?;
    Ok(CurrentAssignment { epoch, settled, partitions })
}

fn topic_partitions(value: &mut Reader<'_>) -> Result<(TopicId, Vec<u32>), Skip> {
    let id = value.topic_id()?;
    let partitions = value.list(Reader::partition)?;
    value.skip_tags()?;
    Ok((id, partitions))
}
