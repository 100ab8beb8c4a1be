//! Facts about what follows from offsets.

use lagdoctor_model::{Millis, Node, Timestamp, Topology, Window};
use proptest::prelude::*;

use super::*;

fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(seconds)
}

fn series(node: &str, signal: &str, labels: &[(&str, &str)], readings: &[(u32, f64)]) -> Series {
    let key = SeriesKey {
        node: NodeId::new(node).unwrap(),
        signal: SignalName::new(signal).unwrap(),
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    let samples = readings.iter().map(|(seconds, value)| Sample { at: at(*seconds), value: *value }).collect();
    Series::new(key, samples).unwrap()
}

fn committed(partition: &str, readings: &[(u32, f64)]) -> Series {
    series("group:g", "kafka.consumer_group.offset", &[("topic", "t"), ("partition", partition)], readings)
}

fn log_end(partition: &str, readings: &[(u32, f64)]) -> Series {
    series(&format!("partition:t/{partition}"), "kafka.partition.current_offset", &[], readings)
}

fn derived(until: u32, series: Vec<Series>) -> Signals {
    let mut topology = Topology::new();
    for series in &series {
        topology.add_node(Node::new(series.node().clone()));
    }
    let window = Window { start: at(0), now: at(until), step: Millis::seconds(60) };
    let mut signals = Signals { topology, series, ..Signals::empty(window) };
    derive(&mut signals);
    signals
}

/// Minute and value of a series without labels, or of its first one.
fn values(signals: &Signals, node: &str, signal: &str) -> Vec<(i64, f64)> {
    let node = NodeId::new(node).unwrap();
    let Some(series) = signals.series_of(&node, signal).next() else { return vec![] };
    let numbers = series.samples().iter().filter(|sample| !sample.value.is_nan());
    numbers.map(|sample| (sample.at.as_millis() / 60_000, sample.value)).collect()
}

#[test]
fn lag_that_no_source_gives_is_log_end_less_committed_and_never_negative() {
    let signals = derived(
        180,
        vec![
            committed("0", &[(60, 100.0), (120, 160.0), (180, 150.0)]),
            log_end("0", &[(59, 130.0), (119, 150.0), (179, 190.0)]),
        ],
    );
    assert_eq!(values(&signals, "group:g", "kafka.consumer_group.lag"), [(1, 30.0), (2, 0.0), (3, 40.0)]);
}

#[test]
fn the_lag_that_a_source_gives_stays() {
    let lag = series("group:g", "kafka.consumer_group.lag", &[("topic", "t"), ("partition", "0")], &[(60, 7.0)]);
    let signals = derived(120, vec![committed("0", &[(60, 100.0)]), log_end("0", &[(60, 130.0)]), lag]);
    assert_eq!(values(&signals, "group:g", "kafka.consumer_group.lag"), [(1, 7.0)]);
}

#[test]
fn a_partition_that_was_missed_does_not_look_like_recovery() {
    let lag = |partition, readings| {
        series("group:g", "kafka.consumer_group.lag", &[("topic", "t"), ("partition", partition)], readings)
    };
    let signals = derived(
        240,
        vec![
            lag("0", &[(0, 10.0), (60, 10.0), (120, 10.0), (180, 10.0), (240, 10.0)]),
            lag("1", &[(60, 90.0), (120, 95.0), (240, 99.0)]),
        ],
    );
    // Minute 0 is before the first reading of partition 1, minute 3 keeps its last one.
    assert_eq!(
        values(&signals, "group:g", "kafka.consumer_group.backlog"),
        [(1, 100.0), (2, 105.0), (3, 105.0), (4, 109.0)]
    );
}

#[test]
fn a_partition_that_is_gone_for_good_leaves_the_backlog() {
    let lag = |partition, readings: &[(u32, f64)]| {
        series("group:g", "kafka.consumer_group.lag", &[("topic", "t"), ("partition", partition)], readings)
    };
    let always: Vec<_> = (0..=10).map(|minute| (minute * 60, 10.0)).collect();
    let signals = derived(600, vec![lag("0", &always), lag("1", &[(0, 90.0)])]);
    let backlog = values(&signals, "group:g", "kafka.consumer_group.backlog");
    assert_eq!((backlog[0], backlog[5], backlog[6]), ((0, 100.0), (5, 100.0), (6, 10.0)));
}

#[test]
fn rates_are_those_of_all_partitions_and_a_rewind_is_no_negative_work() {
    let signals = derived(
        180,
        vec![
            committed("0", &[(0, 0.0), (60, 600.0), (120, 1200.0), (180, 0.0)]),
            committed("1", &[(0, 0.0), (60, 60.0), (120, 120.0), (180, 180.0)]),
            log_end("0", &[(0, 0.0), (60, 1200.0), (120, 1200.0), (180, 1800.0)]),
        ],
    );
    assert_eq!(values(&signals, "group:g", "kafka.consumer_group.commit_rate"), [(1, 11.0), (2, 11.0), (3, 1.0)]);
    assert_eq!(values(&signals, "topic:t", "kafka.topic.append_rate"), [(1, 20.0), (2, 0.0), (3, 10.0)]);
}

#[test]
fn time_lag_is_the_age_of_the_record_that_was_appended_when_the_log_end_passed_it() {
    let end = log_end("0", &[(0, 0.0), (60, 600.0), (120, 1200.0), (180, 1800.0)]);
    for (offset, age) in [(1800.0, 0), (1500.0, 30), (1200.0, 60), (300.0, 150)] {
        let committed = committed("0", &[(180, offset)]);
        assert_eq!(time_lag_at(&committed, &end, at(180)), Some(Millis::seconds(age)), "offset {offset}");
    }
}

#[test]
fn the_record_after_a_pause_is_as_old_as_the_end_of_the_pause() {
    let end = log_end("0", &[(0, 100.0), (60, 100.0), (120, 100.0), (180, 160.0)]);
    assert_eq!(time_lag_at(&committed("0", &[(180, 100.0)]), &end, at(180)), Some(Millis::seconds(60)));
}

#[test]
fn a_backlog_older_than_all_readings_is_extrapolated_by_the_growth_of_the_log() {
    let end = log_end("0", &[(120, 1200.0), (180, 1800.0)]);
    assert_eq!(time_lag_at(&committed("0", &[(180, 600.0)]), &end, at(180)), Some(Millis::seconds(120)));
}

#[test]
fn one_look_at_a_log_does_not_tell_how_old_a_backlog_is() {
    let end = log_end("0", &[(180, 1_000.0)]);
    assert_eq!(time_lag_at(&committed("0", &[(180, 600.0)]), &end, at(180)), None);
    assert_eq!(time_lag_at(&committed("0", &[(180, 1_000.0)]), &end, at(180)), Some(Millis::ZERO));
}

#[test]
fn a_backlog_on_a_log_that_stands_still_is_at_least_as_old_as_the_first_reading() {
    let end = log_end("0", &[(120, 1800.0), (180, 1800.0)]);
    assert_eq!(time_lag_at(&committed("0", &[(180, 600.0)]), &end, at(180)), Some(Millis::seconds(60)));
}

#[test]
fn a_group_is_as_late_as_its_worst_partition() {
    let signals = derived(
        180,
        vec![
            committed("0", &[(180, 1800.0)]),
            committed("1", &[(180, 1200.0)]),
            log_end("0", &[(0, 0.0), (180, 1800.0)]),
            log_end("1", &[(0, 0.0), (180, 1800.0)]),
        ],
    );
    assert_eq!(values(&signals, "group:g", "kafka.consumer_group.time_lag"), [(3, 60.0)]);
}

#[test]
fn a_group_whose_commits_ceased_is_stopped_also_without_commit_times() {
    let moving: Vec<_> = (0..=5).map(|minute| (minute * 60, f64::from(minute) * 10.0)).collect();
    let stuck: Vec<_> = (6..=20).map(|minute| (minute * 60, 50.0)).collect();
    let growing: Vec<_> = (0..=20).map(|minute| (minute * 60, f64::from(minute) * 10.0 + 5.0)).collect();
    let signals = derived(1200, vec![committed("0", &[moving, stuck].concat()), log_end("0", &growing)]);
    let group = NodeId::new("group:g").unwrap();
    let status = signals.series_of(&group, "kafka.consumer_group.status").next().unwrap();
    assert_eq!(status_of(status.samples().last().unwrap().value), lagdoctor_model::GroupStatus::Stop);
}

#[test]
fn one_query_shows_all_partitions() {
    let query = |queries: &[&str]| common_query(queries.iter().map(|query| Some(*query)));
    assert_eq!(
        query(&[
            r#"kafka_consumergroup_lag{consumergroup="g",partition="0",topic="t"}"#,
            r#"kafka_consumergroup_lag{consumergroup="g",partition="1",topic="t"}"#
        ]),
        Some(r#"kafka_consumergroup_lag{consumergroup="g",topic="t"}"#.into())
    );
    assert_eq!(query(&["rate(x[5m])", "rate(x[5m])"]), Some("rate(x[5m])".into()));
    assert_eq!(query(&["rate(x[5m])", "rate(y[5m])"]), None);
    assert_eq!(query(&[r#"a{x="1"}"#, r#"b{x="1"}"#]), None);
    assert_eq!(query(&[]), None);
}

/// The newest status of partition 0 of group `g`.
fn status(signals: &Signals) -> lagdoctor_model::GroupStatus {
    let group = NodeId::new("group:g").unwrap();
    status_of(signals.series_of(&group, "kafka.consumer_group.status").next().unwrap().last().unwrap().value)
}

#[test]
fn commits_between_two_readings_of_the_log_end_are_no_progress() {
    // 100 records/s come, 80 are done; the log end is read once a minute, commits every ten seconds.
    let ends: Vec<_> = (0..=20).map(|minute| (minute * 60, f64::from(minute) * 6_000.0)).collect();
    let behind: Vec<_> = (0..=120).map(|ten| (ten * 10, f64::from(ten) * 800.0)).collect();
    let keeps_up: Vec<_> = (1..=120).map(|ten| (ten * 10, f64::from(ten) * 1_000.0 - 400.0)).collect();
    use lagdoctor_model::GroupStatus::{Ok, Warn};
    assert_eq!(status(&derived(1_200, vec![committed("0", &behind), log_end("0", &ends)])), Warn);
    assert_eq!(status(&derived(1_200, vec![committed("0", &keeps_up), log_end("0", &ends)])), Ok);
}

#[test]
fn commits_of_which_only_the_last_have_a_time_are_all_judged() {
    let ends: Vec<_> = (0..=40).map(|half| (half * 30, f64::from(half) * 3_000.0)).collect();
    let behind: Vec<_> = (0..=40).map(|half| (half * 30, f64::from(half) * 2_400.0)).collect();
    let times = [(1_200, 1_195_000.0)];
    let times = series("group:g", "kafka.consumer_group.commit_time", &[("topic", "t"), ("partition", "0")], &times);
    let signals = derived(1_200, vec![committed("0", &behind), log_end("0", &ends), times]);
    assert_eq!(status(&signals), lagdoctor_model::GroupStatus::Warn);
}

#[test]
fn a_group_name_cannot_break_out_of_the_command() {
    assert_eq!(
        group_command("kafka:9092", "x'; rm -rf /; '"),
        r"kafka-consumer-groups --bootstrap-server kafka:9092 --describe --group 'x'\''; rm -rf /; '\'''"
    );
}

proptest! {
    #[test]
    fn time_lag_is_there_and_never_negative_whatever_the_offsets(
        ends in proptest::collection::vec(0u32..10_000, 2..20),
        offset in 0u32..12_000,
    ) {
        let readings: Vec<_> = (0u32..).zip(&ends).map(|(minute, end)| (minute * 60, f64::from(*end))).collect();
        let last = readings.last().unwrap().0;
        let age = time_lag_at(&committed("0", &[(last, f64::from(offset))]), &log_end("0", &readings), at(last));
        prop_assert!(age.is_some_and(|age| age >= Millis::ZERO), "{age:?}");
    }
}
