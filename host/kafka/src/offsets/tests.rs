use proptest::prelude::*;

use super::*;

fn check(key: &[u8], value: Option<&[u8]>, expected: Result<Record, Skip>) {
    assert_eq!(decode(key, value), expected);
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms).unwrap()
}

fn orders(partition: u32) -> PartitionId {
    PartitionId::new("orders", partition)
}

#[test]
fn a_commit_reads_alike_in_every_version_that_brokers_ever_wrote() {
    for (key, value) in [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3), (1, 4)] {
        let committed = Committed { offset: Offset(42), at: at(1_772_368_496_789), topic_id: None };
        check(
            &encode::commit_key(key, "fulfilment", &orders(3)),
            Some(&encode::commit_value(value, 42, 1_772_368_496_789, None)),
            Ok(Record::Commit { group: "fulfilment".into(), partition: orders(3), value: Some(committed) }),
        );
    }
}

#[test]
fn a_commit_without_a_value_is_a_tombstone_and_so_is_a_negative_offset() {
    let key = encode::commit_key(1, "fulfilment", &orders(0));
    let forgotten = Record::Commit { group: "fulfilment".into(), partition: orders(0), value: None };
    check(&key, None, Ok(forgotten.clone()));
    check(&key, Some(&encode::commit_value(3, -1, 1000, None)), Ok(forgotten));
}

#[test]
fn records_of_share_and_streams_groups_and_of_brokers_to_come_are_skipped_by_version() {
    for version in [-1, 9, 11, 17, 23, 300] {
        check(&encode::group_key(version, "share"), Some(&[0; 40]), Err(Skip::KeyVersion(version)));
    }
    let key = encode::commit_key(1, "fulfilment", &orders(0));
    let value = encode::commit_value(5, 1, 1000, None);
    check(&key, Some(&value), Err(Skip::ValueVersion { key: 1, value: 5 }));
}

#[test]
fn a_length_that_promises_more_than_there_is_allocates_nothing() {
    let mut value = vec![0, 3];
    value.extend(encode::assignment(0, &[]));
    let huge = [&[0u8, 0][..], &i32::MAX.to_be_bytes()].concat();
    assert_eq!(assignment(&huge), Err(Skip::Malformed("it ends too early")));
    let flexible = [0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f];
    let key = encode::group_key(4, "fulfilment");
    check(&key, Some(&flexible), Err(Skip::Malformed("it ends too early")));
    let endless = [0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    check(&key, Some(&endless), Err(Skip::Malformed("a length takes more than 32 bits")));
}

#[test]
fn a_member_cannot_make_us_remember_a_long_name_a_million_times() {
    let long = "x".repeat(250);
    let bytes = encode::assignment(0, &[(&long, vec![0; 1000])]);
    assert_eq!(assignment(&bytes), Err(Skip::Malformed("a topic's name is longer than 249 bytes")));
    let bytes = encode::assignment(0, &[("orders", vec![0; 100_001])]);
    assert!(assignment(&bytes).is_err());
}

#[test]
fn a_connect_worker_is_a_member_without_partitions() {
    let row = encode::ClassicRow { id: "w1", client_id: "connect-1", host: "/10.0.0.7", assignment: vec![1, 2, 3] };
    let value = encode::classic_value(3, "connect", 4, &[row]);
    let Ok(Record::Classic { value: Some(group), .. }) = decode(&encode::group_key(2, "connect"), Some(&value)) else {
        panic!("a connect group is no record")
    };
    assert_eq!((group.protocol_type.as_str(), group.members[0].partitions.len()), ("connect", 0));
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9._é-]{0,40}"
}

fn numbers() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0..=i32::MAX as u32, 0..5)
}

fn by_id() -> impl Strategy<Value = Vec<encode::TopicNumbers>> {
    prop::collection::vec((any::<[u8; 16]>(), numbers()), 0..4)
}

/// A record of any kind and version, with what it means.
fn record() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, Record)> {
    let commit = (
        0i16..=1,
        0i16..=4,
        name(),
        name(),
        any::<u32>(),
        0..i64::MAX,
        0..4_000_000_000_000i64,
        any::<Option<[u8; 16]>>(),
    )
        .prop_map(|(key, value, group, topic, number, offset, ms, id)| {
            let partition = PartitionId::new(topic, number >> 1);
            let value = if key == 0 { value.min(3) } else { value };
            let topic_id = id.filter(|_| value == 4).map(TopicId);
            let committed = Committed { offset: Offset(offset as u64), at: at(ms), topic_id };
            (
                encode::commit_key(key, &group, &partition),
                encode::commit_value(value, offset, ms, id.filter(|_| value == 4)),
                Record::Commit { group, partition, value: Some(committed) },
            )
        });
    let rows =
        prop::collection::vec((name(), name(), name(), name(), prop::collection::btree_set(0..1000u32, 0..6)), 0..4);
    let classic = (0i16..=4, name(), any::<i32>(), rows).prop_map(|(version, group, generation, rows)| {
        let encoded: Vec<_> = rows
            .iter()
            .map(|(id, client_id, host, topic, numbers)| encode::ClassicRow {
                id,
                client_id,
                host,
                assignment: encode::assignment(1, &[(topic, numbers.iter().copied().collect())]),
            })
            .collect();
        let value = encode::classic_value(version, "consumer", generation, &encoded);
        let members = rows
            .iter()
            .map(|(id, client_id, host, topic, numbers)| ClassicMember {
                id: id.clone(),
                client_id: client_id.clone(),
                host: host.clone(),
                partitions: numbers.iter().map(|number| PartitionId::new(topic.clone(), *number)).collect(),
            })
            .collect();
        let meaning = ClassicGroup { protocol_type: "consumer".into(), generation, members };
        (encode::group_key(2, &group), value, Record::Classic { group, value: Some(meaning) })
    });
    let epoch = (any::<bool>(), name(), any::<i32>(), any::<i64>()).prop_map(|(target, group, epoch, hash)| {
        let key = encode::group_key(if target { 6 } else { 3 }, &group);
        let value = Some(epoch);
        let meaning = if target { Record::TargetEpoch { group, value } } else { Record::Epoch { group, value } };
        (key, encode::epoch_value(epoch, hash), meaning)
    });
    let topics = (name(), prop::collection::vec((any::<[u8; 16]>(), name()), 0..4)).prop_map(|(group, topics)| {
        let meaning = topics.iter().map(|(id, name)| (TopicId(*id), name.clone())).collect();
        let key = encode::group_key(4, &group);
        (key, encode::topics_value(&topics), Record::TopicNames { group, value: Some(meaning) })
    });
    let member = (name(), name(), name(), name(), prop::collection::vec(name(), 0..4), any::<bool>()).prop_map(
        |(group, member, client_id, host, topics, by_pattern)| {
            let value = encode::consumer_value(&client_id, &host, &topics, by_pattern.then_some("orders.*"));
            let key = encode::member_key(5, &group, &member);
            let meaning = ConsumerMember { client_id, host, topics, by_pattern };
            (key, value, Record::Member { group, member, value: Some(meaning) })
        },
    );
    let current = (name(), name(), 1..i32::MAX, 0i8..3, by_id(), by_id()).prop_map(
        |(group, member, epoch, state, reads, gives_up)| {
            let value = encode::current_value(epoch, state, &reads, &gives_up);
            let key = encode::member_key(8, &group, &member);
            let partitions = reads.into_iter().chain(gives_up).map(|(id, numbers)| (TopicId(id), numbers)).collect();
            let meaning = CurrentAssignment { epoch, settled: state == 0, partitions };
            (key, value, Record::Current { group, member, value: Some(meaning) })
        },
    );
    prop_oneof![commit, classic, epoch, topics, member, current]
}

proptest! {
    #[test]
    fn what_a_coordinator_writes_is_what_is_read((key, value, meaning) in record()) {
        prop_assert_eq!(decode(&key, Some(&value)), Ok(meaning));
    }

    #[test]
    fn a_record_cut_short_is_refused_and_never_misread((key, value, meaning) in record(), cut in any::<prop::sample::Index>()) {
        let short = &value[..cut.index(value.len())];
        if let Ok(read) = decode(&key, Some(short)) {
            prop_assert_eq!(read, meaning, "only trailing bytes may be missing unnoticed");
        }
        let short = &key[..cut.index(key.len())];
        prop_assert!(decode(short, Some(&value)).is_err());
    }

    #[test]
    fn fields_that_brokers_to_come_append_are_ignored((key, value, meaning) in record(), more in any::<Vec<u8>>()) {
        prop_assert_eq!(decode(&key, Some(&[value, more].concat())), Ok(meaning));
    }

    #[test]
    fn no_bytes_bring_the_decoder_down(input in any::<Vec<u8>>(), version in 0u8..10, value in 0u8..6) {
        fuzz_entry(&input);
        // Random bytes hardly ever start with a version that is known, so half of the tries are given one.
        decode(&[&[0, version, 0, 0], &input[..]].concat(), Some(&[&[0, value], &input[..]].concat())).ok();
    }

    #[test]
    fn a_flipped_bit_does_not_bring_the_decoder_down((key, value, _) in record(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let (mut key, mut value) = (key, value);
        let place = at.index(key.len() + value.len());
        match place.checked_sub(key.len()) {
            None => key[place] ^= 1u8 << bit,
            Some(place) => value[place] ^= 1u8 << bit,
        }
        decode(&key, Some(&value)).ok();
    }
}
