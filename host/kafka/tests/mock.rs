//! What a reader makes of a cluster, tried on the in-process Kafka: every way of failing included.

use lagdoctor_kafka::{
    GroupProtocol, GroupState, KafkaConfig, KafkaError, LagReader, Member, MockFault, MockKafka, MockRequest, Snapshot,
};
use lagdoctor_model::{GapCause, Lag, Millis, Offset, PartitionId, Timestamp};

const GROUP: &str = "fulfilment";

fn at(seconds: u32) -> Timestamp {
    Timestamp::from_millis(1_772_368_496_000).unwrap() + Millis::seconds(seconds)
}

fn orders(partition: u32) -> PartitionId {
    PartitionId::new("orders", partition)
}

fn kafka() -> MockKafka {
    MockKafka::new(3, &[("orders", 3), ("returns", 1)]).unwrap()
}

fn config(kafka: &MockKafka) -> KafkaConfig {
    KafkaConfig { timeout: Millis::seconds(5), ..KafkaConfig::new("test", kafka.bootstrap()) }
}

fn reader(kafka: &MockKafka) -> LagReader {
    LagReader::connect(config(kafka)).unwrap()
}

/// What `partition` of the group looks like: committed, log end, lag.
fn check(snapshot: &Snapshot, partition: &PartitionId, committed: Option<u64>, log_end: Option<u64>, lag: Option<u64>) {
    let group = snapshot.group(GROUP).unwrap_or_else(|| panic!("no group in {snapshot:#?}"));
    let seen = group.partition(partition).unwrap_or_else(|| panic!("no {partition} in {group:#?}"));
    assert_eq!(
        (seen.committed, seen.log_end, seen.lag),
        (committed.map(Offset), log_end.map(Offset), lag.map(Lag)),
        "{snapshot:#?}"
    );
}

fn statements(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.gaps.iter().map(|gap| gap.statement.as_str()).collect()
}

fn member(id: &str, partitions: &[PartitionId]) -> Member {
    Member {
        id: id.into(),
        client_id: format!("client-{id}"),
        host: "10.0.0.7".into(),
        partitions: partitions.to_vec(),
    }
}

#[test]
fn a_reader_and_its_cluster_can_be_handed_to_another_thread() {
    fn check<T: Send + 'static>() {}
    check::<LagReader>();
    check::<MockKafka>();
    check::<Snapshot>();
}

#[test]
fn lag_is_how_far_the_log_has_grown_past_the_commit() {
    let mut kafka = kafka();
    kafka.advance(&orders(0), Offset(1000)).unwrap();
    kafka.commit(GROUP, &orders(0), Offset(400), at(0)).unwrap();
    let mut reader = reader(&kafka);
    let snapshot = reader.read(at(1));
    check(&snapshot, &orders(0), Some(400), Some(1000), Some(600));
    assert_eq!(statements(&snapshot), Vec::<&str>::new());
    kafka.commit(GROUP, &orders(0), Offset(1000), at(2)).unwrap();
    check(&reader.read(at(3)), &orders(0), Some(1000), Some(1000), Some(0));
}

#[test]
fn past_commits_are_there_at_the_first_look_with_their_times() {
    let mut kafka = kafka();
    kafka.advance(&orders(0), Offset(1000)).unwrap();
    for n in 0..15 {
        kafka.commit(GROUP, &orders(0), Offset(u64::from(n) * 10), at(n * 5)).unwrap();
    }
    let snapshot = reader(&kafka).read(at(80));
    let commits = &snapshot.group(GROUP).unwrap().partition(&orders(0)).unwrap().commits;
    let seen: Vec<_> = commits.iter().map(|commit| (commit.offset.0, commit.at)).collect();
    let expected: Vec<_> = (5..15).map(|n| (u64::from(n) * 10, at(n * 5))).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_commit_says_how_far_behind_it_was_at_its_time() {
    let mut kafka = kafka();
    kafka.advance(&orders(0), Offset(1000)).unwrap();
    kafka.commit(GROUP, &orders(0), Offset(900), at(0)).unwrap();
    let mut reader = reader(&kafka);
    reader.read(at(10));
    kafka.commit(GROUP, &orders(0), Offset(1000), at(15)).unwrap();
    kafka.advance(&orders(0), Offset(2000)).unwrap();
    let snapshot = reader.read(at(20));
    let commits = &snapshot.group(GROUP).unwrap().partition(&orders(0)).unwrap().commits;
    let lags: Vec<_> = commits.iter().map(|commit| commit.lag).collect();
    assert_eq!(lags, [None, Some(Lag(500))], "the log grew evenly from 1000 to 2000, and the commit was half way");
}

#[test]
fn members_of_both_protocols_are_seen_and_none_is_added() {
    let mut kafka = kafka();
    for (group, protocol) in [(GROUP, GroupProtocol::Classic), ("billing", GroupProtocol::Consumer)] {
        let members = [member("a", &[orders(0), orders(1)]), member("b", &[orders(2)])];
        kafka.rebalance(group, protocol, 7, &members, at(0)).unwrap();
        kafka.commit(group, &orders(0), Offset(0), at(1)).unwrap();
        let mut reader = reader(&kafka);
        for second in 2..5 {
            let snapshot = reader.read(at(second));
            let seen = snapshot.group(group).unwrap();
            assert_eq!((seen.state, seen.protocol, seen.generation), (GroupState::Stable, protocol, Some(7)));
            assert_eq!(seen.members, members);
            assert_eq!(seen.partitions.len(), 3, "assigned partitions without a commit are listed too");
        }
        kafka.rebalance(group, protocol, 8, &[], at(6)).unwrap();
        let snapshot = reader.read(at(7));
        let seen = snapshot.group(group).unwrap();
        assert_eq!((seen.state, seen.generation, seen.members.len()), (GroupState::Empty, Some(8), 0));
    }
}

#[test]
fn a_dead_group_stays_while_its_lag_grows_and_a_deleted_one_goes() {
    let mut kafka = kafka();
    kafka.rebalance(GROUP, GroupProtocol::Classic, 1, &[], at(0)).unwrap();
    kafka.commit(GROUP, &orders(0), Offset(0), at(0)).unwrap();
    let mut reader = reader(&kafka);
    for n in 1..4 {
        kafka.advance(&orders(0), Offset(u64::from(n) * 100)).unwrap();
        check(&reader.read(at(n * 600)), &orders(0), Some(0), Some(u64::from(n) * 100), Some(u64::from(n) * 100));
    }
    kafka.delete_group(GROUP, at(2000)).unwrap();
    assert_eq!(reader.read(at(2001)).groups, []);
}

#[test]
fn records_that_retention_deleted_are_lost_and_not_lag() {
    let mut kafka = kafka();
    kafka.commit(GROUP, &orders(0), Offset(1), at(0)).unwrap();
    let mut reader = reader(&kafka);
    reader.read(at(1));
    // The mock keeps 5 MiB of each partition, so that a log of millions of records loses its beginning.
    let end = 5_000_000;
    kafka.advance(&orders(0), Offset(end)).unwrap();
    let snapshot = reader.read(at(2));
    let seen = snapshot.group(GROUP).unwrap().partition(&orders(0)).unwrap();
    let lost = seen.lost.expect("the log never lost its beginning");
    assert_eq!(lost + 1, snapshot.partition(&orders(0)).unwrap().log_start.unwrap().0);
    assert_eq!(seen.lag, Some(Lag(end - 1 - lost)));
}

#[test]
fn groups_are_chosen_by_allow_and_deny() {
    let mut kafka = kafka();
    for group in ["orders.v1", "orders.v2", "audit"] {
        kafka.commit(group, &orders(0), Offset(0), at(0)).unwrap();
    }
    let config = KafkaConfig { allow: vec!["orders\\..*".into()], deny: vec![".*v2".into()], ..config(&kafka) };
    let snapshot = LagReader::connect(config).unwrap().read(at(1));
    assert_eq!(snapshot.groups.iter().map(|group| group.group.as_str()).collect::<Vec<_>>(), ["orders.v1"]);
}

#[test]
fn topics_that_nobody_reads_are_reported_when_asked_for() {
    let mut kafka = kafka();
    kafka.advance(&PartitionId::new("returns", 0), Offset(7)).unwrap();
    let config = KafkaConfig { topics: vec!["ret.*".into()], ..config(&kafka) };
    let snapshot = LagReader::connect(config).unwrap().read(at(1));
    assert_eq!(snapshot.partitions.len(), 1);
    assert_eq!(snapshot.partitions[0].log_end, Some(Offset(7)));
    assert_eq!(snapshot.brokers.len(), 3);
}

#[test]
fn without_the_offsets_topic_each_coordinator_is_asked_and_the_missing_right_is_named() {
    let mut kafka = kafka();
    kafka.advance(&orders(0), Offset(10)).unwrap();
    kafka.commit(GROUP, &orders(0), Offset(4), at(0)).unwrap();
    kafka.deny_topic("__consumer_offsets", true).unwrap();
    let config = KafkaConfig { allow: vec![GROUP.into()], ..config(&kafka) };
    let mut reader = LagReader::connect(config).unwrap();
    let snapshot = reader.read(at(1));
    check(&snapshot, &orders(0), Some(4), Some(10), Some(6));
    let refused: Vec<_> = snapshot.gaps.iter().filter(|gap| gap.cause == GapCause::Refused).collect();
    assert!(
        refused[0].statement.contains("--operation Read --topic __consumer_offsets"),
        "the right is named: {refused:?}"
    );
    kafka.commit(GROUP, &orders(0), Offset(9), at(2)).unwrap();
    let snapshot = reader.read(at(3));
    check(&snapshot, &orders(0), Some(9), Some(10), Some(1));
    let commits = &snapshot.group(GROUP).unwrap().partitions[0].commits;
    assert_eq!((commits.len(), commits[0].at), (1, at(3)), "the moment it was seen stands for its time");

    kafka.deny_topic("__consumer_offsets", false).unwrap();
    let snapshot = reader.read(at(4));
    check(&snapshot, &orders(0), Some(9), Some(10), Some(1));
    assert_eq!(snapshot.group(GROUP).unwrap().partitions[0].commits[0].at, at(0), "the log is read again");
}

#[test]
fn a_refused_fetch_falls_back_in_the_same_read() {
    let mut kafka = kafka();
    kafka.advance(&orders(0), Offset(10)).unwrap();
    kafka.commit(GROUP, &orders(0), Offset(4), at(0)).unwrap();
    kafka.fail(MockRequest::Fetch, &[MockFault::TopicDenied; 200]);
    let config = KafkaConfig { allow: vec![GROUP.into()], ..config(&kafka) };
    let snapshot = LagReader::connect(config).unwrap().read(at(1));
    check(&snapshot, &orders(0), Some(4), Some(10), Some(6));
    assert!(statements(&snapshot)[0].contains("kafka-acls"), "{:?}", statements(&snapshot));
}

#[test]
fn a_group_that_may_not_be_seen_is_a_gap_of_its_own() {
    let mut kafka = kafka();
    for group in [GROUP, "billing"] {
        kafka.commit(group, &orders(0), Offset(4), at(0)).unwrap();
    }
    kafka.deny_topic("__consumer_offsets", true).unwrap();
    kafka.fail(MockRequest::OffsetFetch, &[MockFault::GroupDenied]);
    let config = KafkaConfig { allow: vec![GROUP.into(), "billing".into()], ..config(&kafka) };
    let snapshot = LagReader::connect(config).unwrap().read(at(1));
    assert_eq!(snapshot.groups.len(), 1, "one was denied, one was not: {snapshot:#?}");
    let denied: Vec<_> = snapshot.gaps.iter().filter(|gap| gap.node.is_some()).collect();
    assert!(denied[0].statement.contains("--operation Describe --group"), "{denied:?}");
}

#[test]
fn a_dead_broker_costs_only_what_it_leads() {
    let mut kafka = kafka();
    for number in 0..3 {
        kafka.leader(&orders(number), Some(i32::try_from(number).unwrap() + 1)).unwrap();
    }
    for number in 0..8 {
        kafka.leader(&PartitionId::new("__consumer_offsets", number), Some(1)).unwrap();
    }
    for number in 0..3 {
        kafka.advance(&orders(number), Offset(100)).unwrap();
        kafka.commit(GROUP, &orders(number), Offset(40), at(0)).unwrap();
    }
    let config = KafkaConfig { timeout: Millis::seconds(2), ..config(&kafka) };
    let mut reader = LagReader::connect(config).unwrap();
    reader.read(at(1));
    kafka.broker_down(2).unwrap();
    let snapshot = reader.read(at(2));
    check(&snapshot, &orders(0), Some(40), Some(100), Some(60));
    check(&snapshot, &orders(1), Some(40), None, None);
    check(&snapshot, &orders(2), Some(40), Some(100), Some(60));
    let gap = snapshot.gaps.iter().find(|gap| gap.node.as_ref().is_some_and(|node| node.as_str() == "broker:2"));
    assert!(gap.is_some_and(|gap| gap.cause == GapCause::Unreachable), "{:?}", snapshot.gaps);
    kafka.broker_up(2).unwrap();
    let recovered = (3..30).any(|second| {
        let snapshot = reader.read(at(second));
        snapshot.group(GROUP).unwrap().partition(&orders(1)).unwrap().lag == Some(Lag(60))
    });
    assert!(recovered, "a broker that is back is asked again");
}

#[test]
fn a_partition_without_a_leader_is_unknown_alone_and_at_once() {
    let mut kafka = kafka();
    for number in 0..3 {
        kafka.advance(&orders(number), Offset(100)).unwrap();
        kafka.commit(GROUP, &orders(number), Offset(40), at(0)).unwrap();
    }
    kafka.leader(&orders(1), None).unwrap();
    let snapshot = reader(&kafka).read(at(1));
    check(&snapshot, &orders(0), Some(40), Some(100), Some(60));
    check(&snapshot, &orders(1), Some(40), None, None);
    assert_eq!(snapshot.partition(&orders(1)).unwrap().leader, None);
    assert_eq!(statements(&snapshot), ["log end of partition orders/1 is unknown: no broker leads"]);
}

#[test]
fn when_all_brokers_are_down_the_last_offsets_stay_and_nothing_hangs() {
    let mut kafka = kafka();
    kafka.advance(&orders(0), Offset(100)).unwrap();
    kafka.commit(GROUP, &orders(0), Offset(40), at(0)).unwrap();
    let config = KafkaConfig { timeout: Millis::seconds(1), ..config(&kafka) };
    let mut reader = LagReader::connect(config).unwrap();
    check(&reader.read(at(1)), &orders(0), Some(40), Some(100), Some(60));
    for broker in 1..=3 {
        kafka.broker_down(broker).unwrap();
    }
    let snapshot = reader.read(at(2));
    check(&snapshot, &orders(0), Some(40), None, None);
    assert_eq!(snapshot.gaps.len(), 1, "{:?}", snapshot.gaps);
    assert_eq!(snapshot.gaps[0].cause, GapCause::Unreachable);
    for broker in 1..=3 {
        kafka.broker_up(broker).unwrap();
    }
    let recovered = (3..30).any(|second| {
        reader.read(at(second)).group(GROUP).is_some_and(|group| group.partitions[0].lag == Some(Lag(60)))
    });
    assert!(recovered);
}

#[test]
fn a_reader_whose_brokers_are_gone_can_be_dropped() {
    let mut kafka = kafka();
    kafka.commit(GROUP, &orders(0), Offset(40), at(0)).unwrap();
    let mut reader = reader(&kafka);
    reader.read(at(1));
    for broker in 1..=3 {
        kafka.broker_down(broker).unwrap();
    }
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(reader);
        done.send(()).unwrap();
    });
    waiting.recv_timeout(std::time::Duration::from_secs(20)).expect("dropping hangs");
}

#[test]
fn moved_leaders_and_coordinators_and_broken_connections_are_survived() {
    let mut kafka = kafka();
    kafka.advance(&orders(0), Offset(100)).unwrap();
    kafka.commit(GROUP, &orders(0), Offset(40), at(0)).unwrap();
    let mut reader = reader(&kafka);
    for (request, fault) in [
        (MockRequest::ListOffsets, MockFault::NotLeader),
        (MockRequest::ListOffsets, MockFault::Disconnect),
        (MockRequest::Fetch, MockFault::NotLeader),
        (MockRequest::Fetch, MockFault::Disconnect),
        (MockRequest::Metadata, MockFault::Disconnect),
        (MockRequest::FindCoordinator, MockFault::NotCoordinator),
        (MockRequest::FindCoordinator, MockFault::GroupDenied),
    ] {
        kafka.fail(request, &[fault; 3]);
        reader.read(at(1));
        kafka.heal(request);
        let recovered = (2..30).any(|second| {
            let snapshot = reader.read(at(second));
            snapshot.gaps.is_empty()
                && snapshot.group(GROUP).is_some_and(|group| group.partitions[0].lag == Some(Lag(60)))
        });
        assert!(recovered, "{request:?} {fault:?}");
    }
}

#[test]
fn one_refused_partition_does_not_take_the_others_of_its_leader_along() {
    let mut kafka = MockKafka::new(1, &[("orders", 3)]).unwrap();
    for number in 0..3 {
        kafka.advance(&orders(number), Offset(100)).unwrap();
        kafka.commit(GROUP, &orders(number), Offset(40), at(0)).unwrap();
    }
    let mut reader = reader(&kafka);
    reader.read(at(1));
    // One of the questions for log ends or starts is refused as a whole, and asked again in halves.
    kafka.fail(MockRequest::ListOffsets, &[MockFault::TopicDenied, MockFault::TopicDenied]);
    let snapshot = reader.read(at(2));
    let known = snapshot.group(GROUP).unwrap().partitions.iter().filter(|partition| partition.lag.is_some()).count();
    assert!(known >= 2, "{snapshot:#?}");
}

#[test]
fn a_cluster_that_is_not_there_is_an_error_with_its_reason() {
    let config = KafkaConfig { timeout: Millis::new(1500).unwrap(), ..KafkaConfig::new("prod", "127.0.0.1:1") };
    let error = LagReader::connect(config).unwrap_err();
    assert!(matches!(error, KafkaError::Unreachable { .. }));
    let text = error.to_string();
    assert!(text.contains("Connection refused") && text.contains("127.0.0.1:1"), "{text}");
}

#[test]
fn a_bad_property_is_named_and_its_value_is_not() {
    for (name, value, says) in [
        ("sasl.pasword", "hunter2", "librdkafka knows no such property"),
        ("security.protocol", "hunter2", "its value is not valid"),
        ("group.id", "fulfilment", "lagdoctor sets it itself"),
        ("ssl.key.pem", "hunter2", ""),
    ] {
        let mut config = KafkaConfig::new("prod", "127.0.0.1:1");
        config.properties.insert(name.into(), value.into());
        if name.starts_with("ssl") {
            config.properties.insert("security.protocol".into(), "ssl".into());
        }
        let text = LagReader::connect(config).unwrap_err().to_string();
        assert!(text.contains(says) && !text.contains("hunter2"), "{name}: {text}");
        assert!(text.contains(name) || name.starts_with("ssl"), "{name}: {text}");
    }
}
