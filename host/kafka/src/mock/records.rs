//! What does a coordinator write about the members of a group? Start at [`classic`] and [`consumer`].

use std::collections::{BTreeMap, BTreeSet};

use crate::Member;
use crate::offsets::encode;

/// A key, and its value or a tombstone.
pub(super) type Keyed = (Vec<u8>, Option<Vec<u8>>);

/// What a coordinator writes about a KIP-848 group whose members have all settled.
pub(super) fn consumer(group: &str, epoch: i32, members: &[Member], before: &BTreeSet<String>) -> Vec<Keyed> {
    let mut records = vec![];
    for gone in before.iter().filter(|id| members.iter().all(|member| member.id != **id)) {
        records.extend([8, 7, 5].map(|key| (encode::member_key(key, group, gone), None)));
    }
    records.push((encode::group_key(3, group), Some(encode::epoch_value(epoch, 1))));
    for member in members {
        let mut topics: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for id in &member.partitions {
            topics.entry(&id.topic).or_default().push(id.partition);
        }
        let names: Vec<String> = topics.keys().map(|topic| (*topic).to_owned()).collect();
        let reads: Vec<_> = topics.into_iter().map(|(topic, numbers)| (topic_id(topic), numbers)).collect();
        let who = encode::consumer_value(&member.client_id, &format!("/{}", member.host), &names, None);
        records.push((encode::member_key(5, group, &member.id), Some(who)));
        let current = encode::current_value(epoch, 0, &reads, &[]);
        records.push((encode::member_key(8, group, &member.id), Some(current)));
    }
    records.push((encode::group_key(6, group), Some(encode::epoch_value(epoch, 1))));
    records
}

/// What a coordinator writes about a classic group.
pub(super) fn classic(group: &str, generation: i32, members: &[Member]) -> Vec<Keyed> {
    let hosts: Vec<String> = members.iter().map(|member| format!("/{}", member.host)).collect();
    let rows: Vec<_> = members
        .iter()
        .zip(&hosts)
        .map(|(member, host)| {
            let mut topics: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for id in &member.partitions {
                topics.entry(&id.topic).or_default().push(id.partition);
            }
            let topics: Vec<_> = topics.into_iter().collect();
            let assignment = encode::assignment(1, &topics);
            encode::ClassicRow { id: &member.id, client_id: &member.client_id, host, assignment }
        })
        .collect();
    vec![(encode::group_key(2, group), Some(encode::classic_value(3, "consumer", generation, &rows)))]
}

/// An id that differs from topic to topic: its name, folded into 16 bytes.
pub(super) fn topic_id(topic: &str) -> [u8; 16] {
    let mut id = [0u8; 16];
    for (place, byte) in topic.bytes().enumerate() {
        id[place % 16] = id[place % 16].wrapping_mul(31).wrapping_add(byte);
    }
    id
}
