use lagdoctor_sdk::Batch;
use lagdoctor_sdk::testing::{BatchBuilder, check_manifest, score, wobble};

use super::*;

/// When the faults of these tests begin, in minutes.
const ONSET: f64 = 30.0;
const GB: f64 = 1e9;

fn after(minute: f64, then: f64, before: f64) -> f64 {
    if minute >= ONSET { then } else { before }
}

/// A service of three instances on three hosts with a database, all as usual.
fn usual() -> BatchBuilder {
    let noise = |salt| move |minute: f64| 1.0 + 0.03 * wobble(minute, salt);
    let mut builder = BatchBuilder::minutes(40)
        .edge("service:s", "crosses", "link:s>db")
        .edge("service:s", "crosses", "link:s>kafka")
        .edge("database:db", "runs-on", "host:d")
        .series("database:db", "db.server.statement.duration", move |minute| 0.002 * noise(1)(minute))
        .series("database:db", "db.server.up", |_| 1.0);
    for (number, salt) in [("0", 2), ("1", 3), ("2", 4)] {
        let (instance, host) = (format!("instance:s-{number}"), format!("host:w{number}"));
        let pool = format!("pool:s-{number}/db");
        builder = builder
            .edge("service:s", "runs-as", &instance)
            .edge(&instance, "runs-on", &host)
            .edge(&instance, "uses-pool", &pool)
            .edge(&pool, "connects-to", "database:db")
            .edge(&instance, "crosses", &format!("link:s-{number}>kafka"))
            .series(&pool, "db.client.connection.use_time", move |minute| 0.006 * noise(salt)(minute))
            .series(&instance, "kafka.consumer.last_heartbeat", |minute| (minute * 20.0) % 3.0)
            .series(&instance, "kafka.consumer.fetch_latency", move |minute| 0.03 * noise(salt)(minute))
            .series(&instance, "kafka.consumer.commit_latency", move |minute| 0.005 * noise(salt)(minute))
            .series(&instance, "process.cpu.utilization", move |minute| 0.3 * noise(salt)(minute))
            .series(&host, "system.cpu.utilization", move |minute| 0.3 * noise(salt)(minute))
            .series(&host, "system.clock.offset", move |minute| 0.0003 * noise(salt)(minute))
            .series(&host, "system.network.retransmits", move |minute| 0.0004 * noise(salt)(minute))
            .labelled(&host, "system.filesystem.available", &[("mountpoint", "/")], |_| 60.0 * GB)
            .labelled(&host, "system.filesystem.size", &[("mountpoint", "/")], |_| 100.0 * GB);
    }
    builder
}

/// The class scores at least 0.5 on this node, and no other does anywhere.
fn check(batch: &Batch, expected: Option<(&str, &str)>) {
    let findings = score::<Hosts>(batch);
    let view = View::new(batch);
    let loud: Vec<(&str, &str)> = findings
        .iter()
        .filter(|finding| finding.score >= 0.5)
        .filter_map(|finding| Some((view.node(finding.node)?.id, finding.class.as_str())))
        .collect();
    assert_eq!(loud, expected.into_iter().collect::<Vec<_>>(), "{findings:#?}");
}

#[test]
fn the_manifest_keeps_the_contract() {
    check_manifest::<Hosts>();
}

#[test]
fn machines_and_ways_that_are_as_always_are_said_to_be_normal() {
    let findings = score::<Hosts>(&usual().build());
    assert!(findings.iter().all(|finding| finding.score < 0.1), "{findings:#?}");
    for class in ["host.cpu", "host.clock", "host.disk-full", "net.latency", "net.partition-client"] {
        assert!(findings.iter().any(|finding| finding.class == class), "{class} was not looked at");
    }
}

#[test]
fn a_machine_whose_processors_somebody_else_takes_is_short_of_them() {
    let busy = |minute| after(minute, 0.98, 0.3);
    check(&usual().series("host:w1", "system.cpu.utilization", busy).build(), Some(("host:w1", "host.cpu")));
    let own = usual().series("host:w1", "system.cpu.utilization", busy).series(
        "instance:s-1",
        "process.cpu.utilization",
        |minute| after(minute, 0.9, 0.3),
    );
    check(&own.build(), None);
}

#[test]
fn a_clock_that_is_minutes_ahead_is_wrong_and_one_that_drifts_by_milliseconds_is_not() {
    let ahead = |s| usual().series("host:w2", "system.clock.offset", move |minute| after(minute, s, 0.0)).build();
    check(&ahead(-240.0), Some(("host:w2", "host.clock")));
    check(&ahead(0.2), None);
}

#[test]
fn a_volume_that_has_filled_up_is_full_and_that_of_a_broker_is_left_to_the_broker() {
    let place = [("mountpoint", "/")];
    let filled = |host: &str| {
        let free = |minute: f64| (60.0 - minute * 2.0).max(0.0) * GB;
        usual().labelled(host, "system.filesystem.available", &place, free)
    };
    check(&filled("host:w0").build(), Some(("host:w0", "host.disk-full")));
    check(&filled("host:w0").edge("broker:1", "runs-on", "host:w0").build(), None);
}

/// Connections are held longer on these instances.
fn held(mut builder: BatchBuilder, instances: &[&str]) -> BatchBuilder {
    for number in instances {
        let pool = format!("pool:s-{number}/db");
        builder = builder.series(&pool, "db.client.connection.use_time", |minute| after(minute, 0.05, 0.006));
    }
    builder
}

#[test]
fn what_all_wait_for_while_the_server_is_as_fast_as_ever_is_the_way() {
    check(&held(usual(), &["0", "1", "2"]).build(), Some(("link:s>db", "net.latency")));
    // One alone has a reason of its own, and a server that is slower is the reason of all.
    check(&held(usual(), &["1"]).build(), None);
    let slow = held(usual(), &["0", "1", "2"]);
    let slow = slow.series("database:db", "db.server.statement.duration", |minute| after(minute, 0.05, 0.002));
    check(&slow.build(), None);
}

#[test]
fn packets_that_are_sent_again_tell_a_way_that_loses_them() {
    let lossy = held(usual(), &["0", "1", "2"]);
    let lossy = lossy.series("host:w0", "system.network.retransmits", |minute| after(minute, 0.02, 0.0004));
    check(&lossy.build(), Some(("link:s>db", "net.loss")));
}

#[test]
fn a_client_without_answers_is_cut_off_unless_all_of_them_are_without() {
    let silence = |minute: f64| if minute >= ONSET { (minute - ONSET) * 60.0 } else { 1.0 };
    let one = usual().series("instance:s-1", "kafka.consumer.last_heartbeat", silence);
    check(&one.build(), Some(("link:s-1>kafka", "net.partition-client")));
    let all = ["0", "1", "2"].iter().fold(usual(), |builder, number| {
        builder.series(&format!("instance:s-{number}"), "kafka.consumer.last_heartbeat", silence)
    });
    check(&all.build(), None);
}
