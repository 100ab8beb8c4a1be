use lagdoctor_sdk::Batch;
use lagdoctor_sdk::testing::{BatchBuilder, check_manifest, findings_on, score, top_score, wobble};

use super::*;

/// When the faults of these tests begin, in minutes.
const ONSET: f64 = 30.0;
const DB: &str = "database:orders-db";
const REPLICA: &str = "database:orders-db-replica";
const POOL: &str = "pool:a/orders-db";

/// What a pipeline looks like before (first) and during (second) a fault.
#[derive(Clone, Copy)]
struct Shape {
    statement_s: (f64, f64),
    rate: (f64, f64),
    locks: (f64, f64),
    running: (f64, f64),
    held_s: (f64, f64),
    wait_s: (f64, f64),
    used: (f64, f64),
    pending: (f64, f64),
}

const HEALTHY: Shape = Shape {
    statement_s: (0.004, 0.004),
    rate: (4_000.0, 4_000.0),
    locks: (0.05, 0.05),
    running: (16.0, 16.0),
    held_s: (0.005, 0.005),
    wait_s: (0.0002, 0.0002),
    used: (5.0, 5.0),
    pending: (0.0, 0.0),
};

fn pipeline(shape: Shape) -> BatchBuilder {
    let at = |(before, during): (f64, f64), salt: u32| {
        move |minute: f64| (if minute < ONSET { before } else { during }) * (1.0 + 0.03 * wobble(minute, salt))
    };
    BatchBuilder::minutes(38)
        .edge(POOL, "connects-to", DB)
        .series(DB, "db.server.up", |_| 1.0)
        .series(DB, "db.server.statement.duration", at(shape.statement_s, 1))
        .series(DB, "db.server.statement.rate", at(shape.rate, 2))
        .series(DB, "db.server.lock_time", at(shape.locks, 3))
        .series(DB, "db.server.threads_running", at(shape.running, 4))
        .series(POOL, "db.client.connection.use_time", at(shape.held_s, 5))
        .series(POOL, "db.client.connection.wait_time", at(shape.wait_s, 6))
        .series(POOL, "db.client.connection.used", at(shape.used, 7))
        .series(POOL, "db.client.connection.max", |_| 10.0)
        .series(POOL, "db.client.connection.pending_requests", at(shape.pending, 8))
        .series(POOL, "db.client.connection.timeouts", |_| 0.0)
}

/// The one class with a score of at least 0.5 on this node; on all others, every class stays below.
fn check(batch: &Batch, node: &str, class: &str) {
    let findings = score::<Database>(batch);
    let view = View::new(batch);
    let blamed: Vec<(&str, &str)> = findings
        .iter()
        .filter(|finding| finding.score >= 0.5 && !finding.class.is_empty())
        .map(|finding| (view.node(finding.node).unwrap().id, finding.class.as_str()))
        .collect();
    let expected = if class.is_empty() { vec![] } else { vec![(node, class)] };
    assert_eq!(blamed, expected, "{findings:#?}");
}

fn onset_of(batch: &Batch, node: &str, class: &str) -> i64 {
    let findings = score::<Database>(batch);
    let found = findings_on(&findings, &View::new(batch), node, class)[0].onset_ms.unwrap();
    found - batch.start_ms - (ONSET * 60_000.0) as i64
}

#[test]
fn the_manifest_keeps_the_contract() {
    check_manifest::<Database>();
}

#[test]
fn a_healthy_database_is_said_to_be_healthy() {
    let batch = pipeline(HEALTHY).build();
    let findings = score::<Database>(&batch);
    assert!(findings.iter().all(|finding| finding.score < 0.15), "{findings:#?}");
    for class in ["db.down", "db.slow-statement", "db.lock"] {
        assert!(top_score(&batch, &findings, DB, class).is_some(), "{class} was not looked at");
    }
    assert!(top_score(&batch, &findings, POOL, "pool.too-small").is_some());
}

#[test]
fn a_slow_statement_is_the_servers_and_not_the_pools_although_the_pool_is_louder() {
    let shape = Shape {
        statement_s: (0.004, 0.04),
        rate: (4_000.0, 1_000.0),
        held_s: (0.005, 0.041),
        wait_s: (0.0002, 0.2),
        used: (5.0, 10.0),
        pending: (0.0, 10.0),
        running: (16.0, 40.0),
        ..HEALTHY
    };
    let batch = pipeline(shape).build();
    check(&batch, DB, "db.slow-statement");
    assert!((0..=15_000).contains(&onset_of(&batch, DB, "db.slow-statement")));
}

#[test]
fn a_lock_is_told_from_a_slow_statement_by_what_the_time_is_spent_on() {
    let shape = Shape {
        statement_s: (0.004, 0.04),
        rate: (4_000.0, 1_000.0),
        locks: (0.05, 36.0),
        held_s: (0.005, 0.041),
        used: (5.0, 10.0),
        pending: (0.0, 10.0),
        ..HEALTHY
    };
    check(&pipeline(shape).build(), DB, "db.lock");
}

#[test]
fn a_pool_that_is_too_small_holds_each_connection_as_long_as_ever() {
    let shape =
        Shape { used: (6.0, 10.0), rate: (4_000.0, 6_600.0), wait_s: (0.0002, 0.01), pending: (0.0, 10.0), ..HEALTHY };
    check(&pipeline(shape).build(), POOL, "pool.too-small");
}

#[test]
fn a_pool_leaks_when_more_is_lent_out_than_the_work_explains() {
    let shape =
        Shape { used: (5.0, 10.0), rate: (4_000.0, 400.0), wait_s: (0.0002, 30.0), pending: (0.0, 10.0), ..HEALTHY };
    check(&pipeline(shape).build(), POOL, "pool.leak");
}

#[test]
fn connections_held_longer_with_a_server_as_fast_as_ever_are_not_the_pools_fault() {
    let shape = Shape { held_s: (0.005, 0.05), used: (5.0, 10.0), pending: (0.0, 6.0), ..HEALTHY };
    let batch = pipeline(shape).build();
    check(&batch, POOL, "");
    let findings = score::<Database>(&batch);
    let held = findings_on(&findings, &View::new(&batch), POOL, "")[0];
    assert!(held.score > 0.5 && held.statement.contains("server's statements do not take longer"), "{held:?}");
}

/// A replica whose reported delay, apply thread and applied position are functions of the minute.
fn replica(delay: fn(f64) -> f64, applying: fn(f64) -> f64, applied: fn(f64) -> f64) -> BatchBuilder {
    BatchBuilder::minutes(38)
        .edge(REPLICA, "replicates", DB)
        .series(REPLICA, "db.server.up", |_| 1.0)
        .series(REPLICA, "db.replication.delay", delay)
        .series(REPLICA, "db.replication.apply_running", applying)
        .series(REPLICA, "db.replication.receive_running", |_| 1.0)
        .series(REPLICA, "db.replication.received_position", received)
        .series(REPLICA, "db.replication.applied_position", applied)
}

/// The primary writes 1.2 MB a minute.
fn received(minute: f64) -> f64 {
    1e9 + 1.2e6 * minute
}
fn applied_until_onset(minute: f64) -> f64 {
    received(minute.min(ONSET))
}

#[test]
fn a_replica_that_keeps_up_is_said_to_keep_up() {
    let batch = replica(|_| 0.0, |_| 1.0, received).build();
    let findings = score::<Database>(&batch);
    assert!(top_score(&batch, &findings, REPLICA, "db.replication-lag").unwrap() < 0.1, "{findings:#?}");
}

#[test]
fn a_stopped_apply_thread_is_found_although_the_delay_has_vanished() {
    let delay = |minute| if minute < ONSET { 0.0 } else { f64::NAN };
    let applying = |minute| if minute < ONSET { 1.0 } else { 0.0 };
    let batch = replica(delay, applying, applied_until_onset).build();
    check(&batch, REPLICA, "db.replication-lag");
    assert_eq!(onset_of(&batch, REPLICA, "db.replication-lag"), 0);
    let findings = score::<Database>(&batch);
    let found = findings_on(&findings, &View::new(&batch), REPLICA, "db.replication-lag")[0];
    assert!(found.statement.starts_with("the apply thread is stopped, 9.6 MB behind and growing"), "{found:?}");
}

#[test]
fn a_vanished_delay_is_enough_where_the_threads_are_not_scraped() {
    let delay = |minute| if minute < ONSET { 0.0 } else { f64::NAN };
    check(&replica(delay, |_| f64::NAN, applied_until_onset).build(), REPLICA, "db.replication-lag");
}

#[test]
fn an_honest_delay_climbs() {
    let delay = |minute: f64| (minute - ONSET).max(0.0) * 60.0;
    let batch = replica(delay, |_| 1.0, applied_until_onset).build();
    check(&batch, REPLICA, "db.replication-lag");
    assert!(onset_of(&batch, REPLICA, "db.replication-lag") <= 30_000);
}

#[test]
fn a_delay_of_zero_is_not_believed_while_positions_grow_apart() {
    check(&replica(|_| 0.0, |_| 1.0, applied_until_onset).build(), REPLICA, "db.replication-lag");
}

#[test]
fn a_delay_that_was_ordered_is_no_fault() {
    let batch = replica(|minute| 30.0 + wobble(minute, 1), |_| 1.0, |minute| received(minute - 0.5))
        .series(REPLICA, "db.replication.configured_delay", |_| 30.0)
        .build();
    check(&batch, REPLICA, "");
}

#[test]
fn an_exporter_that_is_gone_proves_nothing_about_the_replica() {
    let gone = |minute: f64| if minute < ONSET { 0.0 } else { f64::NAN };
    let batch = BatchBuilder::minutes(38)
        .series(REPLICA, "db.replication.delay", gone)
        .series(REPLICA, "db.server.up", |minute| if minute < ONSET { 1.0 } else { f64::NAN })
        .build();
    check(&batch, REPLICA, "");
}

#[test]
fn a_server_that_does_not_answer_is_down() {
    let batch =
        BatchBuilder::minutes(38).series(DB, "db.server.up", |minute| if minute < ONSET { 1.0 } else { 0.0 }).build();
    check(&batch, DB, "db.down");
    assert_eq!(onset_of(&batch, DB, "db.down"), 0);
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    let error = Database::from_json(r#"{"slow_ratio": 5.0}"#).err().unwrap();
    assert_eq!(error.code, "bad-config");
}

#[test]
fn statements_that_wait_for_a_busy_disk_are_not_slow_by_themselves() {
    let slow = Shape { statement_s: (0.004, 0.03), held_s: (0.005, 0.031), ..HEALTHY };
    let disk = |busy: f64| {
        pipeline(slow)
            .edge(DB, "runs-on", "host:db")
            .labelled("host:db", "system.disk.utilization", &[("device", "nvme1n1")], move |minute| {
                (if minute < ONSET { 0.2 } else { busy }) * (1.0 + 0.02 * wobble(minute, 9))
            })
            .build()
    };
    check(&disk(0.97), DB, "db.io");
    check(&disk(0.25), DB, "db.slow-statement");
    // A backup that nobody waits for.
    let idle = pipeline(HEALTHY).edge(DB, "runs-on", "host:db");
    let idle = idle.labelled("host:db", "system.disk.utilization", &[("device", "a")], |minute| {
        if minute < ONSET { 0.2 } else { 0.97 }
    });
    let findings = score::<Database>(&idle.build());
    assert!(findings.iter().all(|finding| finding.score < 0.5), "{findings:#?}");
}
