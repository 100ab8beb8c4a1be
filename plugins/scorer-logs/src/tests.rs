use lagdoctor_sdk::testing::{BatchBuilder, check_manifest, findings_on, score, top_score};
use lagdoctor_sdk::{Batch, Finding};

use super::*;

const INFO: u8 = 9;
const WARNING: u8 = 13;
const FAILED: u8 = 17;
const WRITER: &str = "instance:fulfilment-0";

/// One instance with everything it depends on; it writes a heartbeat of ordinary lines.
fn topology() -> BatchBuilder {
    let mut batch = BatchBuilder::minutes(30)
        .edge("group:fulfilment", "worked-by", "service:fulfilment")
        .edge("service:fulfilment", "runs-as", WRITER)
        .edge(WRITER, "runs-on", "jvm:fulfilment-0")
        .edge(WRITER, "uses-pool", "pool:fulfilment-0/orders-db")
        .edge(WRITER, "uses-pool", "pool:fulfilment-0/orders-db-replica")
        .edge("pool:fulfilment-0/orders-db", "connects-to", "database:orders-db")
        .edge("pool:fulfilment-0/orders-db-replica", "connects-to", "database:orders-db-replica")
        .with_node("partition:orders/3");
    for minute in 0..30 {
        batch = batch.log(WRITER, f64::from(minute), INFO, "processed batch of 500 records");
    }
    batch
}

/// The node and class that three such lines are about, late in the window.
fn check(message: &str, severity: u8, node: &str, class: &str) {
    let mut batch = topology();
    for second in 0..3 {
        batch = batch.log(WRITER, 25.0 + f64::from(second) / 10.0, severity, message);
    }
    let batch = batch.build();
    let findings = score::<Logs>(&batch);
    let found = top_score(&batch, &findings, node, class);
    assert!(found.is_some_and(|score| score >= 0.3), "{message}: {findings:#?}");
}

fn loud(batch: &Batch) -> Vec<Finding> {
    score::<Logs>(batch).into_iter().filter(|finding| finding.score >= 0.3).collect()
}

#[test]
fn the_manifest_keeps_the_contract() {
    check_manifest::<Logs>();
}

#[test]
fn every_entry_names_a_class_of_the_manifest_and_is_in_lower_case() {
    for pattern in patterns::PATTERNS {
        assert!(pattern.class.is_empty() || patterns::CLASSES.contains(&pattern.class), "{pattern:?}");
        assert!(pattern.fragments.iter().all(|fragment| *fragment == fragment.to_lowercase()), "{pattern:?}");
        assert!((0.0..=1.0).contains(&pattern.weight), "{pattern:?}");
    }
    for class in patterns::CLASSES {
        assert!(patterns::PATTERNS.iter().any(|pattern| pattern.class == *class), "{class} has no entry");
    }
}

#[test]
fn no_entry_is_hidden_by_one_before_it() {
    for (place, pattern) in patterns::PATTERNS.iter().enumerate() {
        let line = pattern.fragments.join(" x ");
        assert_eq!(finder::Finder::new().find(&line).map(|(found, _)| found), Some(place), "{line}");
    }
}

#[test]
fn lines_as_programs_write_them_are_about_whom_they_mean() {
    check(
        "[Consumer clientId=c-1, groupId=fulfilment] consumer poll timeout has expired. This means the time between \
         subsequent calls to poll() was longer than the configured max.poll.interval.ms",
        WARNING,
        WRITER,
        "consumer.poll-timeout",
    );
    check(
        "java.sql.SQLTransientConnectionException: orders-db - Connection is not available, request timed out after 30001ms",
        FAILED,
        "pool:fulfilment-0/orders-db",
        "",
    );
    check(
        "orders-db-replica - Connection is not available, request timed out after 30001ms",
        FAILED,
        "pool:fulfilment-0/orders-db-replica",
        "",
    );
    check(
        "HikariPool-1 - Thread starvation or clock leap detected (housekeeper delta=33s415ms).",
        WARNING,
        "jvm:fulfilment-0",
        "jvm.gc-full",
    );
    check(
        "[35.2s][info][gc] GC(12) Pause Full (G1 Compaction Pause) 3800M->2800M(4000M) 850.789ms",
        INFO,
        "jvm:fulfilment-0",
        "jvm.gc-full",
    );
    check(
        "Error deserializing VALUE for partition orders-3 at offset 1177. If needed, please seek past the record to \
         continue consumption.",
        FAILED,
        "partition:orders/3",
        "data.poison",
    );
    check("Backoff FixedBackOff exhausted for orders-3@1177", FAILED, "partition:orders/3", "data.poison");
    check("Duplicate entry '4711' for key 'orders.PRIMARY'", FAILED, "service:fulfilment", "data.duplicate-key");
    check("orders-db: Lock wait timeout exceeded; try restarting transaction", FAILED, "database:orders-db", "db.lock");
    check(
        "Resetting offset for partition orders-3 to position FetchPosition{offset=0}.",
        INFO,
        "group:fulfilment",
        "load.replay",
    );
    check(
        "Connection to node 2 (b2/<ip:1>:9092) could not be established. Node may not be available.",
        WARNING,
        WRITER,
        "",
    );
}

#[test]
fn a_database_that_cannot_be_told_is_not_guessed() {
    let batch = topology().log(WRITER, 25.0, FAILED, "Lock wait timeout exceeded; try restarting transaction").build();
    let findings = score::<Logs>(&batch);
    assert_eq!(top_score(&batch, &findings, "database:orders-db", "db.lock"), None);
    assert!(top_score(&batch, &findings, WRITER, "db.lock").is_some());
}

#[test]
fn ordinary_lines_say_nothing() {
    assert_eq!(score::<Logs>(&topology().build()), []);
}

#[test]
fn a_message_that_has_always_been_written_is_no_news() {
    let mut batch = topology();
    for minute in 0..30 {
        batch =
            batch.log(WRITER, f64::from(minute) + 0.3, WARNING, "Connection to node 2 (b2) could not be established.");
        batch = batch.log(WRITER, f64::from(minute) + 0.6, FAILED, "mail to <email:1> failed with code 550");
    }
    assert_eq!(loud(&batch.build()), []);
}

#[test]
fn errors_that_begin_are_counted_by_the_minute() {
    let mut batch = topology();
    for line in 0..40 {
        batch =
            batch.log(WRITER, 25.0 + f64::from(line) / 10.0, FAILED, &format!("order <order:{line}> failed: E{line}"));
    }
    let batch = batch.build();
    let findings = score::<Logs>(&batch);
    let view = View::new(&batch);
    let found = findings_on(&findings, &view, WRITER, "");
    let rate = found.iter().find(|finding| finding.statement.contains("errors a minute")).unwrap();
    assert!(rate.score > 0.5 && rate.onset_ms == Some(batch.start_ms + 25 * 60_000), "{rate:?}");
    assert!(found.iter().any(|finding| finding.statement == "40 lines of a shape not seen before: order * failed: E#"));
}

#[test]
fn the_shape_of_a_line_keeps_words_and_drops_what_changes() {
    assert_eq!(template::shape("order <order:12> took 31.5 ms on host h7"), "order * took #.# ms on host h#");
    assert_eq!(template::shape("a < b"), "a *");
}

/// Two brokers on machines of their own, a topic of three partitions with its producer, and a machine under the consumer.
fn platform() -> BatchBuilder {
    let mut batch = topology()
        .edge("broker:1", "runs-on", "host:kafka-a")
        .edge("broker:2", "runs-on", "host:kafka-b")
        .edge(WRITER, "runs-on", "host:worker")
        .edge("service:fulfilment", "calls", "cache:stock")
        .edge("topic:orders", "fed-by", "producer:shop");
    for number in 0..3 {
        batch = batch.edge(&format!("partition:orders/{number}"), "part-of", "topic:orders");
    }
    batch
}

#[test]
fn what_brokers_write_is_about_the_broker_though_their_logs_name_a_machine() {
    let shrinks = "[Partition orders-3 broker=1] Shrinking ISR from 1,2,3 to 1,3. Leader: (highWatermark: 7, endOffset: 9). \
                   Out of sync replicas: (brokerId: 2, endOffset: 7, lastCaughtUpTimeMs: 5).";
    for (writer, message, node, class) in [
        ("host:kafka-b", "Stopping serving logs in dir /data", "broker:2", "broker.disk-full"),
        ("host:kafka-a", "Fencing broker 2 because its session has timed out.", "broker:2", "broker.down"),
        ("host:kafka-a", "[kafka-log-cleaner-thread-0]: Error due to x", "broker:1", "broker.log-cleaner"),
        ("host:kafka-a", shrinks, "broker:2", ""),
        (
            "host:kafka-b",
            "CreatePartitions result(s): (name='orders', errorCode=0)",
            "topic:orders",
            "topic.metadata-change",
        ),
        (WRITER, "java.io.IOException: No space left on device", "host:worker", "host.disk-full"),
        (WRITER, "RedisConnectionException: Unable to connect to stock:6379", "cache:stock", "cache.down"),
    ] {
        let batch =
            [25.0, 25.1, 25.2].iter().fold(platform(), |batch, at| batch.log(writer, *at, WARNING, message)).build();
        let found = top_score(&batch, &score::<Logs>(&batch), node, class);
        assert!(found.is_some_and(|score| score >= 0.3), "{message}: {found:?}");
    }
}

#[test]
fn records_of_several_partitions_that_cannot_be_read_are_their_producers_and_those_of_one_are_not() {
    let unreadable = |partitions: &[u32]| {
        let line = |number: &u32| {
            format!(
                "RecordDeserializationException: Error deserializing VALUE for partition orders-{number} at offset 4"
            )
        };
        partitions.iter().fold(platform(), |batch, number| batch.log(WRITER, 25.0, FAILED, &line(number))).build()
    };
    let several = unreadable(&[0, 1, 2]);
    let findings = score::<Logs>(&several);
    assert!(top_score(&several, &findings, "producer:shop", "data.schema-break").is_some_and(|score| score >= 0.9));
    assert!(top_score(&several, &findings, "partition:orders/1", "data.poison").is_some_and(|score| score < 0.3));
    let one = unreadable(&[1]);
    let findings = score::<Logs>(&one);
    assert_eq!(top_score(&one, &findings, "producer:shop", "data.schema-break"), None);
    assert!(top_score(&one, &findings, "partition:orders/1", "data.poison").is_some_and(|score| score >= 0.4));
}

#[test]
fn what_most_instances_say_alike_is_their_services_and_what_one_says_its_own() {
    let said_by = |numbers: &[u32]| {
        let line =
            "consumer poll timeout has expired. This means the time between subsequent calls to poll() was longer";
        let all = (0..4).fold(topology(), |batch, number| {
            batch.edge("service:fulfilment", "runs-as", &format!("instance:fulfilment-{number}"))
        });
        let of = |batch: BatchBuilder, number: &u32| {
            batch.log(&format!("instance:fulfilment-{number}"), 25.0, WARNING, line)
        };
        numbers.iter().fold(all, of).build()
    };
    let class = "consumer.poll-timeout";
    let (all, one) = (said_by(&[0, 1, 3]), said_by(&[1]));
    let (of_all, of_one) = (score::<Logs>(&all), score::<Logs>(&one));
    assert!(top_score(&all, &of_all, "service:fulfilment", class).is_some_and(|score| score >= 0.85), "{of_all:#?}");
    assert!(top_score(&all, &of_all, "instance:fulfilment-1", class).is_some_and(|score| score < 0.3), "{of_all:#?}");
    assert_eq!(top_score(&one, &of_one, "service:fulfilment", class), None);
    assert!(top_score(&one, &of_one, "instance:fulfilment-1", class).is_some_and(|score| score >= 0.4), "{of_one:#?}");
}
