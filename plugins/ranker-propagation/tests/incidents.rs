//! From readings to causes: the bundled scorers and this ranker together, on incidents made by hand. Each has a decoy that
//! is louder than the cause.

use lagdoctor_sdk::testing::{BatchBuilder, wobble};
use lagdoctor_sdk::{Batch, Finding, Plugin, Ranker, Ranking, Scorer, Symptom, View};

use ranker_propagation::Propagation;
use scorer_database::Database;
use scorer_jvm::Jvm;
use scorer_kafka_lag::KafkaLag;
use scorer_logs::Logs;

/// When the incident begins, in minutes.
const ONSET: f64 = 42.0;
const GROUP: &str = "group:fulfilment";
const TOPIC: &str = "topic:orders";
const PRODUCER: &str = "producer:checkout-api";
const SERVICE: &str = "service:fulfilment";
const DB: &str = "database:orders-db";
const REPLICA: &str = "database:orders-db-replica";
const RATE: f64 = 400.0;

/// A level with the noise of a measurement; it steps to `during` at the onset.
fn step(before: f64, during: f64, salt: u32) -> impl Fn(f64) -> f64 {
    move |minute| (if minute < ONSET { before } else { during }) * (1.0 + 0.03 * wobble(minute, salt))
}

/// The pipeline on an ordinary hour. An incident replaces the series that it moves.
fn pipeline() -> BatchBuilder {
    let mut batch = BatchBuilder::minutes(48)
        .edge(GROUP, "consumes", TOPIC)
        .edge(TOPIC, "fed-by", PRODUCER)
        .edge(GROUP, "worked-by", SERVICE)
        .edge(REPLICA, "replicates", DB)
        .series(TOPIC, "kafka.topic.append_rate", step(RATE, RATE, 1))
        .series(PRODUCER, "messaging.client.sent.messages", step(RATE, RATE, 2))
        .series(GROUP, "kafka.consumer_group.commit_rate", step(RATE, RATE, 3))
        .series(GROUP, "kafka.consumer_group.backlog", |minute| 60.0 + 20.0 * wobble(minute, 4))
        .series(GROUP, "kafka.consumer_group.members", |_| 4.0)
        .series(GROUP, "kafka.consumer_group.generation", |_| 9.0);
    for (server, time, salt) in [(DB, 0.002, 10), (REPLICA, 0.0015, 20)] {
        batch = batch
            .series(server, "db.server.up", |_| 1.0)
            .series(server, "db.server.statement.duration", step(time, time, salt))
            .series(server, "db.server.statement.rate", step(950.0, 950.0, salt + 1))
            .series(server, "db.server.lock_time", step(0.02, 0.02, salt + 2))
            .series(server, "db.server.threads_running", step(3.0, 3.0, salt + 3));
    }
    let position = |minute: f64| 1e9 + 4.3e6 * minute;
    batch = batch
        .series(REPLICA, "db.replication.delay", |_| 0.0)
        .series(REPLICA, "db.replication.apply_running", |_| 1.0)
        .series(REPLICA, "db.replication.receive_running", |_| 1.0)
        .series(REPLICA, "db.replication.received_position", position)
        .series(REPLICA, "db.replication.applied_position", position);
    for number in 0..4 {
        let salt = 100 + number * 20;
        let [instance, jvm] = ["instance", "jvm"].map(|kind| format!("{kind}:fulfilment-{number}"));
        batch = batch
            .edge(SERVICE, "runs-as", &instance)
            .edge(&instance, "runs-on", &jvm)
            .series(&instance, "messaging.process.duration", step(0.03, 0.03, salt))
            .series(&instance, "scrape.up", |_| 1.0)
            .series(&jvm, "jvm.gc.overhead", step(0.012, 0.012, salt + 1))
            .series(&jvm, "jvm.gc.duration.max", step(0.025, 0.025, salt + 2))
            .series(&jvm, "jvm.gc.count", step(0.6, 0.6, salt + 3))
            .series(&jvm, "jvm.memory.used_after_last_gc", step(9e8, 9e8, salt + 4))
            .series(&jvm, "jvm.memory.limit", |_| 4.3e9);
        for (server, held, salt) in [(DB, 0.003, salt + 8), (REPLICA, 0.002, salt + 14)] {
            let name = server.trim_start_matches("database:");
            let pool = format!("pool:fulfilment-{number}/{name}");
            batch = batch.edge(&instance, "uses-pool", &pool).edge(&pool, "connects-to", server);
            batch = pool_series(batch, &pool, (held, held), (1.0, 1.0), 0.0, salt);
        }
    }
    batch
}

/// How long connections are held and how many are lent out (before, during), and how many wait during the incident.
fn pool_series(
    batch: BatchBuilder,
    pool: &str,
    held: (f64, f64),
    used: (f64, f64),
    pending: f64,
    salt: u32,
) -> BatchBuilder {
    batch
        .series(pool, "db.client.connection.use_time", step(held.0, held.1, salt))
        .series(pool, "db.client.connection.used", step(used.0, used.1, salt + 1))
        .series(pool, "db.client.connection.pending_requests", step(0.0, pending, salt + 2))
        .series(pool, "db.client.connection.wait_time", step(0.0003, 0.0003 + pending * held.1 / 10.0, salt + 3))
        .series(pool, "db.client.connection.max", |_| 10.0)
}

/// Consumers that do only this much since the onset: throughput falls, and the backlog grows by the rest.
fn slowed(batch: BatchBuilder, done: f64) -> BatchBuilder {
    batch.series(GROUP, "kafka.consumer_group.commit_rate", step(RATE, done, 3)).series(
        GROUP,
        "kafka.consumer_group.backlog",
        move |minute| 60.0 + 20.0 * wobble(minute, 4) + (minute - ONSET).max(0.0) * 60.0 * (RATE - done),
    )
}

fn all_instances(mut batch: BatchBuilder, per_record: f64) -> BatchBuilder {
    for number in 0..4 {
        let instance = format!("instance:fulfilment-{number}");
        batch = batch.series(&instance, "messaging.process.duration", step(0.03, per_record, 100 + number * 20));
    }
    batch
}

fn diagnose(batch: &Batch) -> (Ranking, Vec<Finding>) {
    let view = View::new(batch);
    let mut findings = KafkaLag::from_json("").unwrap().score(&view).unwrap();
    findings.extend(Logs::from_json("").unwrap().score(&view).unwrap());
    findings.extend(Jvm::from_json("").unwrap().score(&view).unwrap());
    findings.extend(Database::from_json("").unwrap().score(&view).unwrap());
    let symptom = Symptom {
        node: view.find(GROUP).unwrap().handle,
        signal: "kafka.consumer_group.backlog".to_owned(),
        onset_ms: batch.start_ms + ((ONSET + 0.25) * 60_000.0) as i64,
        observed: 1e5,
        expected: 60.0,
        ext: vec![],
    };
    (Propagation::from_json("").unwrap().rank(&view, &findings, &symptom).unwrap(), findings)
}

/// The first cause and its least confidence; decoys must be no causes, and be set aside in so many words.
fn check(batch: &Batch, first: (&str, &str), confidence: f64, decoys: &[&str]) {
    let (ranking, findings) = diagnose(batch);
    let id = |node: u32| batch.nodes[node as usize].id.as_str();
    let found = ranking.causes.first().map(|cause| (id(cause.node), cause.class.as_str()));
    assert_eq!(found, Some(first), "{ranking:#?} of {findings:#?}");
    assert!(ranking.causes[0].confidence >= confidence, "{:#?} of {findings:#?}", ranking.causes);
    for decoy in decoys {
        assert!(ranking.causes.iter().all(|cause| id(cause.node) != *decoy), "{decoy}: {:#?}", ranking.causes);
        let aside = ranking.dismissed.iter().find(|aside| id(aside.node) == *decoy);
        assert!(aside.is_some_and(|aside| !aside.because.is_empty()), "{decoy}: {:#?}", ranking.dismissed);
    }
}

#[test]
fn an_ordinary_hour_has_no_cause() {
    let (ranking, findings) = diagnose(&pipeline().build());
    assert_eq!(ranking.causes, [], "{findings:#?}");
}

#[test]
fn a_burst_is_the_producers_although_consumers_and_pools_are_at_their_limit() {
    let mut batch = all_instances(pipeline(), 0.045)
        .series(TOPIC, "kafka.topic.append_rate", step(RATE, 1_800.0, 1))
        .series(PRODUCER, "messaging.client.sent.messages", step(RATE, 1_800.0, 2))
        .series(GROUP, "kafka.consumer_group.commit_rate", step(RATE, 1_400.0, 3))
        .series(GROUP, "kafka.consumer_group.backlog", |minute| 60.0 + (minute - ONSET).max(0.0) * 60.0 * 400.0)
        .series(DB, "db.server.statement.rate", step(950.0, 2_900.0, 11))
        .series(DB, "db.server.statement.duration", step(0.002, 0.003, 10));
    for number in 0..4 {
        let pool = format!("pool:fulfilment-{number}/orders-db");
        batch = pool_series(batch, &pool, (0.003, 0.004), (1.0, 9.9), 8.0, 108 + number * 20);
    }
    check(&batch.build(), (PRODUCER, "load.burst"), 0.7, &[SERVICE, DB, "pool:fulfilment-0/orders-db", TOPIC]);
}

#[test]
fn slow_code_is_the_services_when_all_that_it_uses_is_as_always() {
    let batch = slowed(all_instances(pipeline(), 0.3), 220.0).build();
    check(&batch, (SERVICE, "consumer.slow-code"), 0.5, &[DB, "jvm:fulfilment-0", TOPIC, PRODUCER]);
}

#[test]
fn pauses_of_one_instance_are_its_virtual_machines_although_its_pools_are_louder() {
    let jvm = "jvm:fulfilment-2";
    let pulse = |before: f64, during: f64| {
        move |minute: f64| if minute >= ONSET && (minute * 4.0) as i64 % 3 == 0 { during } else { before }
    };
    let mut batch = slowed(pipeline(), 330.0)
        .series("instance:fulfilment-2", "messaging.process.duration", step(0.03, 0.6, 140))
        .series(jvm, "jvm.gc.overhead", pulse(0.012, 0.4))
        .series(jvm, "jvm.gc.duration.max", pulse(0.025, 3.5))
        .series(jvm, "jvm.memory.used_after_last_gc", step(9e8, 3.9e9, 144))
        .log(
            "instance:fulfilment-2",
            ONSET + 1.0,
            13,
            "orders-db - Thread starvation or clock leap detected (housekeeper delta=46s120ms).",
        );
    for server in ["orders-db", "orders-db-replica"] {
        let pool = format!("pool:fulfilment-2/{server}");
        batch = pool_series(batch, &pool, (0.003, 0.4), (1.0, 6.0), 1.0, 148);
    }
    check(&batch.build(), (jvm, "jvm.gc-full"), 0.5, &[DB, SERVICE, "pool:fulfilment-2/orders-db"]);
}

#[test]
fn a_slow_statement_is_the_databases_although_pools_time_out() {
    let mut batch = slowed(all_instances(pipeline(), 0.6), 90.0)
        .series(DB, "db.server.statement.duration", step(0.002, 0.1, 10))
        .series(DB, "db.server.statement.rate", step(950.0, 330.0, 11))
        .series(DB, "db.server.threads_running", step(3.0, 40.0, 13));
    for number in 0..4 {
        let pool = format!("pool:fulfilment-{number}/orders-db");
        batch = pool_series(batch, &pool, (0.003, 0.12), (1.0, 10.0), 10.0, 108 + number * 20);
        let instance = format!("instance:fulfilment-{number}");
        for line in 0..20 {
            let message = "orders-db - Connection is not available, request timed out after 3001ms";
            batch = batch.log(&instance, ONSET + 0.5 + f64::from(line) / 5.0, 17, message);
        }
    }
    check(&batch.build(), (DB, "db.slow-statement"), 0.7, &[SERVICE, "pool:fulfilment-0/orders-db", REPLICA, PRODUCER]);
}

#[test]
fn a_stopped_replica_is_found_although_its_delay_has_vanished() {
    let received = |minute: f64| 1e9 + 4.3e6 * minute;
    let batch = slowed(all_instances(pipeline(), 0.12), 260.0)
        .series(REPLICA, "db.replication.delay", |minute| if minute < ONSET { 0.0 } else { f64::NAN })
        .series(REPLICA, "db.replication.apply_running", |minute| if minute < ONSET { 1.0 } else { 0.0 })
        .series(REPLICA, "db.replication.applied_position", move |minute| received(minute.min(ONSET)))
        .series(REPLICA, "db.server.statement.rate", step(950.0, 2_400.0, 21));
    check(&batch.build(), (REPLICA, "db.replication-lag"), 0.7, &[DB, SERVICE, PRODUCER]);
}

#[test]
fn an_honest_delay_is_found_as_well() {
    let received = |minute: f64| 1e9 + 4.3e6 * minute;
    let batch = slowed(all_instances(pipeline(), 0.12), 260.0)
        .series(REPLICA, "db.replication.delay", |minute| (minute - ONSET).max(0.0) * 58.0)
        .series(REPLICA, "db.replication.applied_position", move |minute| received(minute.min(ONSET)));
    check(&batch.build(), (REPLICA, "db.replication-lag"), 0.7, &[DB, SERVICE]);
}

#[test]
fn a_leaking_pool_is_told_from_a_slow_database() {
    let climb = |minute: f64| (1.0 + (minute - ONSET + 6.0).max(0.0) * 2.0).min(10.0);
    let pool = "pool:fulfilment-1/orders-db";
    let batch = slowed(pipeline(), 310.0)
        .series("instance:fulfilment-1", "messaging.process.duration", step(0.03, 3.0, 120))
        .series(pool, "db.client.connection.used", climb)
        .series(pool, "db.client.connection.pending_requests", step(0.0, 10.0, 130))
        .series(pool, "db.client.connection.wait_time", step(0.0003, 3.0, 131));
    check(&batch.build(), (pool, "pool.leak"), 0.6, &[DB, "instance:fulfilment-1"]);
}

#[test]
fn a_leaking_heap_is_older_than_the_load_that_uncovers_it() {
    let live = |minute: f64| (1.2 + minute * 0.062) * 1e9;
    let jvm = "jvm:fulfilment-3";
    let batch = slowed(pipeline(), 340.0)
        .series(TOPIC, "kafka.topic.append_rate", step(RATE, 430.0, 1))
        .series("instance:fulfilment-3", "messaging.process.duration", step(0.03, 0.15, 160))
        .series(jvm, "jvm.memory.used_after_last_gc", live)
        .series(jvm, "jvm.gc.overhead", move |minute| 0.012 * 3.1e9 / (4.35e9 - live(minute)))
        .series(jvm, "jvm.gc.count", move |minute| 0.6 * 3.1e9 / (4.35e9 - live(minute)));
    check(&batch.build(), (jvm, "jvm.heap-leak"), 0.5, &[DB, "instance:fulfilment-3", PRODUCER]);
}
