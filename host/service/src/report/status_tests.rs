//! Facts about the status report.

use lagdoctor_model::{
    Gap, GapCause, GroupStatus, Labels, Millis, Node, NodeId, Sample, Series, SeriesKey, SignalName, Signals, Window,
};

use super::samples::noon;
use super::*;
use crate::derive::{derive, status_number};

fn series(node: &str, signal: &str, partition: Option<u32>, readings: &[f64]) -> Series {
    let mut labels = Labels::new();
    if let Some(partition) = partition {
        labels.insert("topic".into(), "orders".into());
        labels.insert("partition".into(), partition.to_string());
    }
    let key = SeriesKey { node: NodeId::new(node).unwrap(), signal: SignalName::new(signal).unwrap(), labels };
    let samples = (0u32..).zip(readings).map(|(minute, value)| Sample { at: noon(minute * 60), value: *value });
    Series::new(key, samples.collect()).unwrap()
}

fn signals() -> Signals {
    let mut signals = Signals::empty(Window { start: noon(0), now: noon(600), step: Millis::seconds(60) });
    let labels = |state: &str| Labels::from([("cluster".into(), "shop".into()), ("state".into(), state.into())]);
    for (id, state) in [("group:fulfilment", "stable"), ("group:billing", "empty"), ("group:new", "stable")] {
        signals.topology.add_node(Node { id: NodeId::new(id).unwrap(), labels: labels(state) });
    }
    let minutes = || (0u32..=10).map(f64::from);
    let steady: Vec<f64> = minutes().map(|minute| 1_000_000.0 + minute * 6000.0).collect();
    let slow: Vec<f64> = minutes().map(|minute| 900_000.0 + minute * 1200.0).collect();
    let stuck: Vec<f64> = minutes().map(|minute| if minute < 3.0 { 999_000.0 + minute } else { 999_003.0 }).collect();
    for partition in 0..2 {
        signals.series.push(series(
            &format!("partition:orders/{partition}"),
            "kafka.partition.current_offset",
            None,
            &steady,
        ));
    }
    let offset = "kafka.consumer_group.offset";
    signals.series.push(series("group:fulfilment", offset, Some(0), &slow));
    signals.series.push(series("group:fulfilment", offset, Some(1), &stuck));
    signals.series.push(series("group:billing", offset, Some(0), &steady));
    signals.series.push(series("group:fulfilment", "kafka.consumer_group.members", None, &[4.0; 11]));
    signals.gaps.push(Gap {
        source: "kafka shop".into(),
        cause: GapCause::Refused,
        node: None,
        statement: "may not describe group `secret`".into(),
    });
    derive(&mut signals);
    // One group whose lag is known and whose past is not.
    signals.series.push(series("group:new", "kafka.consumer_group.lag", Some(0), &[5.0]));
    signals
}

pub(super) fn report() -> StatusReport {
    StatusReport::of(&signals())
}

#[test]
fn all_groups_at_a_glance() {
    insta::assert_snapshot!(report().text(Style::plain(), Rows::Groups));
}

#[test]
fn one_group_with_its_partitions() {
    insta::assert_snapshot!(report().only("fulfilment").text(Style::plain(), Rows::Partitions));
}

#[test]
fn a_table_for_a_ticket() {
    insta::assert_snapshot!(report().markdown(Rows::Groups));
}

#[test]
fn a_group_without_a_past_is_unknown_and_never_ok() {
    let report = report().only("new");
    assert_eq!((report.groups[0].status, report.groups[0].judged), (GroupStatus::Unknown, false));
    assert_eq!(report.groups[0].partitions[0].lag, Some(5));
}

#[test]
fn a_group_is_as_bad_as_its_worst_partition() {
    let mut signals = signals();
    let status =
        |partition, status| series("group:x", "kafka.consumer_group.status", Some(partition), &[status_number(status)]);
    signals.topology.add_node(Node::new(NodeId::new("group:x").unwrap()));
    for (partition, said) in [(0, GroupStatus::Ok), (1, GroupStatus::Stall), (2, GroupStatus::Warn)] {
        signals.series.push(series("group:x", "kafka.consumer_group.offset", Some(partition), &[1.0]));
        signals.series.push(status(partition, said));
    }
    let report = StatusReport::of(&signals).only("x");
    assert_eq!((report.groups[0].status, report.groups[0].judged), (GroupStatus::Stall, true));
}

#[test]
fn before_a_diagnosis_gaps_are_not_told_twice() {
    let told = report().without_gaps().text(Style::plain(), Rows::Groups);
    assert!(told.contains("shop/fulfilment") && !told.contains("COULD NOT BE SEEN"), "{told}");
}

#[test]
fn nothing_is_said_plainly() {
    let told = report().only("nobody").text(Style::plain(), Rows::Groups);
    assert!(told.starts_with("No consumer group was found."), "{told}");
}
