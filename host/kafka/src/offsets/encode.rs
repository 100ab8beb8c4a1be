//! Writes records of `__consumer_offsets` as group coordinators do, for the in-process Kafka and for tests. Written
//! from Kafka's field tables and not from the decoder, so that the two check each other. Start at [`commit_value`].

use lagdoctor_model::PartitionId;

/// Appends fields to a record.
struct Writer {
    bytes: Vec<u8>,
    flexible: bool,
}

impl Writer {
    /// A record that starts with its version.
    fn new(version: i16, flexible: bool) -> Self {
        Self { bytes: version.to_be_bytes().to_vec(), flexible }
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn i8(self, value: i8) -> Self {
        self.raw(&value.to_be_bytes())
    }

    fn i32(self, value: i32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    fn i64(self, value: i64) -> Self {
        self.raw(&value.to_be_bytes())
    }

    fn varint(mut self, mut value: usize) -> Self {
        while value >= 128 {
            self.bytes.push((value % 128) as u8 | 128);
            value /= 128;
        }
        self.bytes.push(value as u8);
        self
    }

    fn text(self, text: Option<&str>) -> Self {
        let flexible = self.flexible;
        match text {
            Some(text) if flexible => self.varint(text.len() + 1).raw(text.as_bytes()),
            Some(text) => self.raw(&(text.len() as i16).to_be_bytes()).raw(text.as_bytes()),
            None if flexible => self.varint(0),
            None => self.raw(&(-1i16).to_be_bytes()),
        }
    }

    fn count(self, count: usize) -> Self {
        if self.flexible { self.varint(count + 1) } else { self.i32(count as i32) }
    }

    fn blob(self, bytes: &[u8]) -> Self {
        self.count(bytes.len()).raw(bytes)
    }

    fn list<T>(self, items: &[T], write: impl Fn(Self, &T) -> Self) -> Self {
        items.iter().fold(self.count(items.len()), write)
    }

    fn tags(self, tags: &[(usize, &[u8])]) -> Self {
        if !self.flexible {
            return self;
        }
        tags.iter()
            .fold(self.varint(tags.len()), |writer, (tag, bytes)| writer.varint(*tag).varint(bytes.len()).raw(bytes))
    }
}

/// A partition's topic by id, and its numbers, as KIP-848 records have them.
pub(crate) type TopicNumbers = ([u8; 16], Vec<u32>);

/// A member of a classic group, as the coordinator keeps it.
pub(crate) struct ClassicRow<'a> {
    pub(crate) id: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) host: &'a str,
    pub(crate) assignment: Vec<u8>,
}

/// The key of a commit; version 0 or 1.
pub(crate) fn commit_key(version: i16, group: &str, partition: &PartitionId) -> Vec<u8> {
    let PartitionId { topic, partition } = partition;
    Writer::new(version, false).text(Some(group)).text(Some(topic)).i32(*partition as i32).bytes
}

/// A commit; version 0 to 4. The topic's id is written by version 4 only.
pub(crate) fn commit_value(version: i16, offset: i64, at_ms: i64, topic_id: Option<[u8; 16]>) -> Vec<u8> {
    let mut writer = Writer::new(version, version >= 4).i64(offset);
    if version >= 3 {
        writer = writer.i32(-1);
    }
    writer = writer.text(Some("")).i64(at_ms);
    if version == 1 {
        writer = writer.i64(-1);
    }
    match &topic_id {
        Some(id) => writer.tags(&[(0, id.as_slice())]).bytes,
        None => writer.tags(&[]).bytes,
    }
}

/// The key of a record about a whole group: 2 for classic members, 3 for the epoch, 4 for topics, 6 for the target epoch.
pub(crate) fn group_key(version: i16, group: &str) -> Vec<u8> {
    Writer::new(version, false).text(Some(group)).bytes
}

/// The key of a record about one member: 5 for who it is, 7 for what it shall read, 8 for what it reads.
pub(crate) fn member_key(version: i16, group: &str, member: &str) -> Vec<u8> {
    Writer::new(version, false).text(Some(group)).text(Some(member)).bytes
}

/// A classic group; version 0 to 4.
pub(crate) fn classic_value(version: i16, protocol_type: &str, generation: i32, members: &[ClassicRow<'_>]) -> Vec<u8> {
    let (protocol, leader) = match members {
        [] => (None, None),
        [leader, ..] => (Some("range"), Some(leader.id)),
    };
    let mut writer =
        Writer::new(version, version >= 4).text(Some(protocol_type)).i32(generation).text(protocol).text(leader);
    if version >= 2 {
        writer = writer.i64(1_700_000_000_000);
    }
    writer
        .list(members, |mut writer, member| {
            writer = writer.text(Some(member.id));
            if version >= 3 {
                writer = writer.text(None);
            }
            writer = writer.text(Some(member.client_id)).text(Some(member.host));
            if version >= 1 {
                writer = writer.i32(300_000);
            }
            writer.i32(45_000).blob(&[]).blob(&member.assignment).tags(&[])
        })
        .tags(&[])
        .bytes
}

/// What a classic member was assigned, in the consumer protocol; version 0 to 3 are alike.
pub(crate) fn assignment(version: i16, topics: &[(&str, Vec<u32>)]) -> Vec<u8> {
    Writer::new(version, false)
        .list(topics, |writer, (topic, numbers)| {
            writer.text(Some(topic)).list(numbers, |writer, number| writer.i32(*number as i32))
        })
        .i32(-1)
        .bytes
}

/// The epoch of a KIP-848 group, or of its target assignment.
pub(crate) fn epoch_value(epoch: i32, hash: i64) -> Vec<u8> {
    Writer::new(0, true).i32(epoch).tags(&[(0, &hash.to_be_bytes())]).bytes
}

/// Who a member of a KIP-848 group is.
pub(crate) fn consumer_value(client_id: &str, host: &str, topics: &[String], pattern: Option<&str>) -> Vec<u8> {
    Writer::new(0, true)
        .text(None)
        .text(None)
        .text(Some(client_id))
        .text(Some(host))
        .list(topics, |writer, topic| writer.text(Some(topic)))
        .text(pattern)
        .i32(300_000)
        .text(None)
        .tags(&[])
        .bytes
}

/// What a member of a KIP-848 group reads, and what of it it is to give up; state 0 is settled.
pub(crate) fn current_value(epoch: i32, state: i8, reads: &[TopicNumbers], gives_up: &[TopicNumbers]) -> Vec<u8> {
    let topic = |writer: Writer, (id, numbers): &TopicNumbers| {
        let epochs = Writer { bytes: vec![], flexible: true }.list(numbers, |writer, _| writer.i32(epoch)).bytes;
        writer.raw(id).list(numbers, |writer, number| writer.i32(*number as i32)).tags(&[(0, &epochs)])
    };
    Writer::new(0, true).i32(epoch).i32(epoch - 1).i8(state).list(reads, topic).list(gives_up, topic).tags(&[]).bytes
}

/// The topics of a KIP-848 group by their ids, as brokers before 4.1 keep them.
#[cfg(test)]
pub(crate) fn topics_value(topics: &[([u8; 16], String)]) -> Vec<u8> {
    Writer::new(0, true)
        .list(topics, |writer, (id, name)| {
            writer
                .raw(id)
                .text(Some(name))
                .i32(12)
                .list(&[0, 1], |writer, number| {
                    writer.i32(*number).list(&["a", "b"], |writer, rack| writer.text(Some(rack))).tags(&[])
                })
                .tags(&[])
        })
        .tags(&[])
        .bytes
}
