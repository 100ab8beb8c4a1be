use std::collections::BTreeSet;

use lagdoctor_sdk::Batch;
use lagdoctor_sdk::testing::{BatchBuilder, check_manifest, score, top_score, wobble};

use super::*;

/// When the faults of these tests begin, in minutes.
const ONSET: f64 = 30.0;
const GB: f64 = 1e9;

/// Three brokers as an exporter in each of them shows them, the first of which is the active controller.
fn three() -> BatchBuilder {
    let mut builder = BatchBuilder::minutes(40);
    for (number, salt) in [("1", 1), ("2", 2), ("3", 3)] {
        let broker = format!("broker:{number}");
        let host = format!("host:kafka-{number}");
        let noise = move |minute: f64| 1.0 + 0.03 * wobble(minute, salt);
        builder = builder
            .edge(&broker, "runs-on", &host)
            .series(&broker, "kafka.broker.up", |_| 1.0)
            .series(&broker, "kafka.broker.request.local_time", move |minute| 0.003 * noise(minute))
            .series(&broker, "kafka.broker.log_flush.duration", move |minute| 0.009 * noise(minute))
            .series(&broker, "kafka.broker.gc.overhead", move |minute| 0.001 * noise(minute))
            .series(&broker, "kafka.broker.dead_cleaners", |_| 0.0)
            .series(&broker, "kafka.broker.offline_log_dirs", |_| 0.0)
            .series(&broker, "kafka.broker.under_replicated_partitions", |_| 0.0)
            .series(&broker, "kafka.broker.active_controller", move |_| if number == "1" { 1.0 } else { 0.0 })
            .labelled(&host, "system.filesystem.available", &[("mountpoint", "/data")], |_| 60.0 * GB)
            .labelled(&host, "system.filesystem.size", &[("mountpoint", "/data")], |_| 100.0 * GB)
            .labelled(&host, "system.disk.utilization", &[("device", "sda")], |_| 0.2);
    }
    for (one, other) in [("1", "2"), ("1", "3"), ("2", "3")] {
        let way = format!("link:{one}>{other}");
        builder = builder.edge(&format!("broker:{one}"), "crosses", &way);
        builder = builder.edge(&format!("broker:{other}"), "crosses", &way);
    }
    builder
}

fn after(minute: f64, then: f64, before: f64) -> f64 {
    if minute >= ONSET { then } else { before }
}

/// Only this node and class score high, or none at all.
fn check(batch: &Batch, expected: Option<(&str, &str)>) {
    let findings = score::<Brokers>(batch);
    let view = View::new(batch);
    let loud: BTreeSet<(&str, &str)> = findings
        .iter()
        .filter(|finding| finding.score >= 0.5)
        .filter_map(|finding| Some((view.node(finding.node)?.id, finding.class.as_str())))
        .collect();
    assert_eq!(loud, expected.into_iter().collect(), "{findings:#?}");
}

#[test]
fn the_manifest_keeps_the_contract() {
    check_manifest::<Brokers>();
}

#[test]
fn brokers_that_do_as_always_are_said_to_be_normal() {
    let batch = three().build();
    let findings = score::<Brokers>(&batch);
    assert!(findings.iter().all(|finding| finding.score < 0.1), "{findings:#?}");
    for class in ["broker.down", "broker.disk-slow", "broker.disk-full", "broker.gc", "broker.log-cleaner"] {
        assert!(top_score(&batch, &findings, "broker:2", class).is_some(), "{class} was not looked at");
    }
}

#[test]
fn a_broker_that_answers_no_more_is_down_since_then() {
    let batch = three().series("broker:2", "kafka.broker.up", |minute| after(minute, 0.0, 1.0)).build();
    check(&batch, Some(("broker:2", "broker.down")));
    let findings = score::<Brokers>(&batch);
    let found = findings.iter().find(|finding| finding.score >= 0.5).unwrap();
    assert_eq!(found.onset_ms, Some(batch.start_ms + 30 * 60_000), "{found:?}");
    assert_eq!(found.statement, "the broker has not answered for 10.3 min");
}

#[test]
fn a_broker_of_which_nothing_is_heard_while_others_are_is_down_too_and_a_blind_exporter_is_not() {
    let silent = |minute| after(minute, f64::NAN, 1.0);
    check(&three().series("broker:2", "kafka.broker.up", silent).build(), Some(("broker:2", "broker.down")));
    let all = ["broker:1", "broker:2", "broker:3"];
    let blind = all.iter().fold(three(), |three, broker| three.series(broker, "kafka.broker.up", silent));
    check(&blind.build(), None);
}

#[test]
fn one_scrape_that_was_lost_is_no_broker_that_is_down() {
    let lost = |minute: f64| if minute == 35.0 { 0.0 } else { 1.0 };
    check(&three().series("broker:3", "kafka.broker.up", lost).build(), None);
}

#[test]
fn a_disk_that_takes_long_to_write_is_slow_on_its_own_broker_though_the_others_lack_its_replicas() {
    let batch = three()
        .series("broker:1", "kafka.broker.request.local_time", |minute| after(minute, 0.08, 0.003))
        .series("broker:1", "kafka.broker.log_flush.duration", |minute| after(minute, 0.3, 0.009))
        .series("broker:2", "kafka.broker.under_replicated_partitions", |minute| after(minute, 4.0, 0.0))
        .series("broker:3", "kafka.broker.under_replicated_partitions", |minute| after(minute, 4.0, 0.0))
        .build();
    check(&batch, Some(("broker:1", "broker.disk-slow")));
}

#[test]
fn two_brokers_that_lack_each_other_and_a_third_that_lacks_nobody_are_cut_off_from_each_other() {
    let batch = three()
        .series("broker:1", "kafka.broker.under_replicated_partitions", |minute| after(minute, 4.0, 0.0))
        .series("broker:3", "kafka.broker.under_replicated_partitions", |minute| after(minute, 4.0, 0.0))
        .build();
    check(&batch, Some(("link:1>3", "net.partition-broker")));
}

#[test]
fn a_volume_that_fills_up_takes_the_broker_down_and_one_that_was_always_nearly_full_does_not() {
    let free = |minute: f64| (60.0 - minute * 2.0).max(0.0) * GB;
    let place = [("mountpoint", "/data")];
    let batch = three()
        .labelled("host:kafka-2", "system.filesystem.available", &place, free)
        .series("broker:2", "kafka.broker.up", |minute| after(minute, 0.0, 1.0))
        .build();
    check(&batch, Some(("broker:2", "broker.disk-full")));
    check(&three().labelled("host:kafka-2", "system.filesystem.available", &place, |_| GB).build(), None);
}

#[test]
fn long_pauses_explain_the_scrapes_that_went_unanswered() {
    let paused = |minute: f64| (minute * 4.0) as i64 % 4 < 2 && minute >= ONSET;
    let batch = three()
        .series("broker:3", "kafka.broker.gc.overhead", move |minute| if paused(minute) { 0.7 } else { 0.001 })
        .series("broker:3", "kafka.broker.up", move |minute| if paused(minute) { 0.0 } else { 1.0 })
        .build();
    check(&batch, Some(("broker:3", "broker.gc")));
}

#[test]
fn a_cleaner_that_died_is_named_and_so_is_a_controller_that_nobody_is() {
    let died = three().series("broker:2", "kafka.broker.dead_cleaners", |minute| after(minute, 1.0, 0.0));
    check(&died.build(), Some(("broker:2", "broker.log-cleaner")));
    let nobody = three().series("broker:1", "kafka.broker.active_controller", |minute| after(minute, 0.0, 1.0));
    check(&nobody.build(), Some(("broker:1", "controller.loss")));
}

#[test]
fn an_election_is_no_loss() {
    let batch = three()
        .series("broker:1", "kafka.broker.active_controller", |minute| after(minute, 0.0, 1.0))
        .series("broker:2", "kafka.broker.active_controller", |minute| after(minute, 1.0, 0.0))
        .build();
    check(&batch, None);
}
