use lagdoctor_sdk::testing::{BatchBuilder, check_manifest, findings_on, score, top_score, wobble};
use lagdoctor_sdk::{Batch, Finding};

use super::*;

/// When the faults of these tests begin, in minutes.
const ONSET: f64 = 30.0;
const GROUP: &str = "group:fulfilment";
const TOPIC: &str = "topic:orders";
const PRODUCER: &str = "producer:checkout-api";
const SERVICE: &str = "service:fulfilment";

/// A step at the onset, with the noise of a measurement.
fn step(before: f64, during: f64, salt: u32) -> impl Fn(f64) -> f64 {
    move |minute| (if minute < ONSET { before } else { during }) * (1.0 + 0.03 * wobble(minute, salt))
}

/// What has piled up since the onset at this many records a second.
fn pile(minute: f64, per_s: f64) -> f64 {
    40.0 + (minute - ONSET).max(0.0) * 60.0 * per_s
}

/// Inflow and throughput (before, during), and time per record on each of four instances.
fn pipeline(inflow: (f64, f64), done: (f64, f64), time: [(f64, f64); 4]) -> BatchBuilder {
    let grows = (inflow.1 - done.1).max(0.0);
    let mut batch = BatchBuilder::minutes(36)
        .edge(GROUP, "consumes", TOPIC)
        .edge(TOPIC, "fed-by", PRODUCER)
        .edge(GROUP, "worked-by", SERVICE)
        .series(TOPIC, "kafka.topic.append_rate", step(inflow.0, inflow.1, 1))
        .series(PRODUCER, "messaging.client.sent.messages", step(inflow.0, inflow.1, 2))
        .series(GROUP, "kafka.consumer_group.commit_rate", step(done.0, done.1, 3))
        .series(GROUP, "kafka.consumer_group.backlog", move |minute| {
            pile(minute, grows) * (1.0 + 0.03 * wobble(minute, 4))
        })
        .series(GROUP, "kafka.consumer_group.members", |_| 4.0)
        .series(GROUP, "kafka.consumer_group.generation", |_| 7.0);
    for (number, (before, during)) in (0..).zip(time) {
        let instance = format!("instance:fulfilment-{number}");
        batch = batch
            .edge(SERVICE, "runs-as", &instance)
            .series(&instance, "messaging.process.duration", step(before, during, 10 + number))
            .series(&instance, "scrape.up", |_| 1.0);
    }
    batch
}

const USUAL: [(f64, f64); 4] = [(0.005, 0.005); 4];

/// All classes with a score of at least 0.4, with their nodes, in the order in which they were found.
fn blamed(batch: &Batch) -> Vec<(String, String)> {
    let view = View::new(batch);
    let worth = |finding: &&Finding| finding.score >= 0.4 && !finding.class.is_empty();
    let findings = score::<KafkaLag>(batch);
    let name = |finding: &Finding| (view.node(finding.node).unwrap().id.to_owned(), finding.class.clone());
    findings.iter().filter(worth).map(name).collect()
}

fn check(batch: &Batch, expected: &[(&str, &str)]) {
    let expected: Vec<(String, String)> =
        expected.iter().map(|(node, class)| ((*node).to_owned(), (*class).to_owned())).collect();
    assert_eq!(blamed(batch), expected, "{:#?}", score::<KafkaLag>(batch));
}

fn statement(batch: &Batch, node: &str, class: &str) -> String {
    let findings = score::<KafkaLag>(batch);
    findings_on(&findings, &View::new(batch), node, class)[0].statement.clone()
}

#[test]
fn the_manifest_keeps_the_contract() {
    check_manifest::<KafkaLag>();
}

#[test]
fn a_quiet_pipeline_is_said_to_be_quiet() {
    let batch = pipeline((4_000.0, 4_000.0), (4_000.0, 4_000.0), USUAL).build();
    let findings = score::<KafkaLag>(&batch);
    assert!(findings.iter().all(|finding| finding.score < 0.15), "{findings:#?}");
    for (node, class) in [(TOPIC, "load.burst"), (PRODUCER, "load.burst"), (SERVICE, "consumer.slow-code")] {
        assert!(top_score(&batch, &findings, node, class).is_some(), "{class} was not looked at on {node}");
    }
}

#[test]
fn more_coming_in_with_throughput_that_rises_is_a_burst_although_consumers_saturate() {
    let saturated = [(0.005, 0.006); 4];
    let batch = pipeline((4_000.0, 12_000.0), (4_000.0, 8_000.0), saturated).build();
    check(&batch, &[(PRODUCER, "load.burst"), (TOPIC, "load.burst")]);
    assert!(statement(&batch, TOPIC, "load.burst").contains("consumers do all they can"));
}

#[test]
fn the_same_coming_in_with_less_getting_done_clears_topic_and_producer() {
    let batch = pipeline((4_000.0, 4_000.0), (4_000.0, 1_000.0), [(0.005, 0.04); 4]).build();
    check(&batch, &[(SERVICE, "consumer.slow-code")]);
    assert!(statement(&batch, TOPIC, "load.burst").starts_with("inflow unchanged at "));
    assert!(statement(&batch, GROUP, "").contains("growing by"));
}

#[test]
fn more_coming_in_does_not_excuse_consumers_that_lost_their_pace() {
    let batch = pipeline((4_000.0, 5_200.0), (4_000.0, 1_500.0), [(0.005, 0.05); 4]).build();
    check(&batch, &[(SERVICE, "consumer.slow-code")]);
}

#[test]
fn inflow_that_rises_minutes_after_the_backlog_did_not_make_it() {
    let batch = pipeline((4_000.0, 9_000.0), (4_000.0, 8_000.0), USUAL)
        .series(GROUP, "kafka.consumer_group.backlog", |minute| pile(minute + 10.0, 800.0))
        .build();
    check(&batch, &[]);
    assert!(statement(&batch, TOPIC, "load.burst").contains("had begun to grow before"));
}

#[test]
fn a_rise_that_every_day_has_at_this_hour_is_no_burst() {
    let batch =
        pipeline((4_000.0, 7_000.0), (4_000.0, 6_000.0), USUAL)
            .history(TOPIC, "kafka.topic.append_rate", 96, |hours| if (hours % 24.0) < 1.5 { 7_000.0 } else { 4_000.0 })
            .history(PRODUCER, "messaging.client.sent.messages", 96, |hours| {
                if (hours % 24.0) < 1.5 { 7_000.0 } else { 4_000.0 }
            })
            .build();
    check(&batch, &[]);
}

#[test]
fn one_slow_instance_is_not_the_whole_service() {
    let time = [(0.005, 0.005), (0.005, 0.04), (0.005, 0.005), (0.005, 0.005)];
    let batch = pipeline((4_000.0, 4_000.0), (4_000.0, 3_200.0), time).build();
    check(&batch, &[("instance:fulfilment-1", "consumer.slow-code")]);
}

/// A rate before and during the fault.
type Rate = (f64, f64);

/// Partitions of the topic: records appended and records committed per second.
fn partitioned(partitions: &[(Rate, Rate)]) -> Batch {
    let inflow: (f64, f64) =
        partitions.iter().fold((0.0, 0.0), |sum, (inflow, _)| (sum.0 + inflow.0, sum.1 + inflow.1));
    let mut batch = pipeline(inflow, (inflow.0, inflow.0), USUAL);
    for (number, (inflow, done)) in (0..).zip(partitions.iter().copied()) {
        let at = move |(before, during): (f64, f64), minute: f64| {
            60.0 * (before * minute.min(ONSET) + during * (minute - ONSET).max(0.0))
        };
        let (partition, number) = (format!("partition:orders/{number}"), number.to_string());
        let labels = [("topic", "orders"), ("partition", number.as_str())];
        batch = batch
            .edge(&partition, "part-of", TOPIC)
            .edge(GROUP, "consumes", &partition)
            .series(&partition, "kafka.partition.current_offset", move |minute| 1e6 + at(inflow, minute))
            .labelled(GROUP, "kafka.consumer_group.offset", &labels, move |minute| 1e6 - 10.0 + at(done, minute))
            .labelled(GROUP, "kafka.consumer_group.lag", &labels, move |minute| {
                at(inflow, minute) - at(done, minute) + 10.0
            });
    }
    batch.build()
}

#[test]
fn one_key_with_most_of_the_records_is_a_hot_key() {
    let usual = ((300.0, 300.0), (300.0, 300.0));
    let mut partitions = vec![usual; 12];
    partitions[3] = ((300.0, 1_500.0), (300.0, 600.0));
    let batch = partitioned(&partitions);
    assert!(blamed(&batch).contains(&("partition:orders/3".to_owned(), "load.hot-key".to_owned())));
    assert!(statement(&batch, "partition:orders/3", "load.hot-key").contains("5.0 times what its neighbours get"));
}

#[test]
fn a_partition_whose_owner_is_slow_gets_no_more_than_its_share() {
    let usual = ((300.0, 300.0), (300.0, 300.0));
    let mut partitions = vec![usual; 12];
    partitions[3] = ((300.0, 300.0), (300.0, 50.0));
    let batch = partitioned(&partitions);
    check(&batch, &[]);
    assert!(statement(&batch, "partition:orders/3", "load.hot-key").contains("no more than its share"));
}

#[test]
fn one_partition_that_stands_still_while_others_move_holds_a_record_that_cannot_be_got_past() {
    let usual = ((300.0, 300.0), (300.0, 300.0));
    let mut partitions = vec![usual; 12];
    partitions[7] = ((300.0, 300.0), (300.0, 0.0));
    check(&partitioned(&partitions), &[("partition:orders/7", "data.poison")]);
}

#[test]
fn three_partitions_that_stand_still_have_an_owner_in_common() {
    let usual = ((300.0, 300.0), (300.0, 300.0));
    let mut partitions = vec![usual; 12];
    for number in [1, 5, 9] {
        partitions[number] = ((300.0, 300.0), (300.0, 0.0));
    }
    check(&partitioned(&partitions), &[]);
}

#[test]
fn offsets_that_jump_back_are_a_replay_and_no_burst() {
    let usual = ((300.0, 300.0), (300.0, 300.0));
    let mut batch = partitioned(&[usual; 12]);
    for series in batch.series.iter().filter(|series| series.signal == "kafka.consumer_group.offset") {
        let first = series.first as usize;
        let values = &mut batch.values[first..first + series.count as usize];
        let split = values.len() * 5 / 6;
        values[split..].iter_mut().for_each(|value| *value -= 500_000.0);
    }
    check(&batch, &[(GROUP, "load.replay")]);
}

#[test]
fn a_member_that_left_and_answers_no_scrape_has_died() {
    let left = pipeline((4_000.0, 4_000.0), (4_000.0, 3_000.0), USUAL).series(
        "instance:fulfilment-3",
        "scrape.up",
        |minute| if minute < ONSET { 1.0 } else { 0.0 },
    );
    // Without a member less, only its exporter may be gone.
    let batch = left.clone().build();
    let findings = score::<KafkaLag>(&batch);
    assert!(top_score(&batch, &findings, "instance:fulfilment-3", "consumer.crash").is_none_or(|score| score <= 0.5));

    let fewer = left.series(GROUP, "kafka.consumer_group.members", |minute| if minute < ONSET { 4.0 } else { 3.0 });
    check(&fewer.build(), &[(GROUP, "consumer.too-few"), ("instance:fulfilment-3", "consumer.crash")]);
}

/// A group whose generation steps every so many minutes after the onset.
fn restless(every: f64) -> BatchBuilder {
    pipeline((4_000.0, 4_000.0), (4_000.0, 4_000.0), USUAL).series(
        GROUP,
        "kafka.consumer_group.generation",
        move |minute| 7.0 + ((minute - ONSET).max(0.0) / every).floor(),
    )
}

#[test]
fn a_generation_that_steps_every_minute_is_a_storm() {
    check(&restless(0.75).build(), &[(GROUP, "group.rebalance-storm")]);
}

#[test]
fn a_rolling_restart_rebalances_once_for_each_instance_and_is_no_storm() {
    check(&restless(1.5).event("service:fulfilment", ONSET, "deploy", "rolling restart").build(), &[]);
}

#[test]
fn a_consumer_that_has_not_polled_for_minutes_is_stuck() {
    let batch = pipeline((4_000.0, 4_000.0), (4_000.0, 3_000.0), USUAL)
        .series("instance:fulfilment-2", "kafka.consumer.last_poll", |minute| {
            if minute < ONSET { 0.2 } else { (minute - ONSET) * 60.0 }
        })
        .build();
    check(&batch, &[("instance:fulfilment-2", "consumer.stuck")]);
}

#[test]
fn statuses_are_counted_in_words() {
    let batch = BatchBuilder::minutes(10)
        .labelled(GROUP, "kafka.consumer_group.status", &[("partition", "0")], |_| 0.0)
        .labelled(GROUP, "kafka.consumer_group.status", &[("partition", "1")], |_| 4.0)
        .labelled(GROUP, "kafka.consumer_group.status", &[("partition", "2")], |_| 1.0)
        .labelled(GROUP, "kafka.consumer_group.status", &[("partition", "3")], |_| f64::NAN)
        .build();
    assert_eq!(statement(&batch, GROUP, ""), "of 3 partitions judged by their commits: 1 STALL, 1 WARN, 1 OK");
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    let error = KafkaLag::from_json(r#"{"lost_share": 0.95, "holds_share": 0.5}"#).err().unwrap();
    assert_eq!(error.code, "bad-config");
}

/// A pipeline in which nothing gets done any slower, though less of it.
fn starved(done: f64) -> BatchBuilder {
    pipeline((4_000.0, 4_000.0), (4_000.0, done), USUAL)
}

/// The same signal on each of the four instances.
fn on_all(batch: BatchBuilder, signal: &str, value: impl Fn(f64, u32) -> f64 + Copy) -> BatchBuilder {
    (0..4).fold(batch, |batch, number| {
        batch.series(&format!("instance:fulfilment-{number}"), signal, move |minute| value(minute, number))
    })
}

fn after(minute: f64, then: f64, before: f64) -> f64 {
    if minute >= ONSET { then } else { before }
}

#[test]
fn answers_that_are_delayed_because_of_a_quota_are_the_groups_to_raise() {
    let batch = on_all(starved(1_500.0), "kafka.consumer.throttle_time", |minute, _| after(minute, 0.6, 0.0)).build();
    check(&batch, &[(GROUP, "quota.throttle")]);
    assert!(statement(&batch, GROUP, "quota.throttle").contains("4 of 4 instances, by up to 600 ms"));
}

#[test]
fn one_member_with_most_partitions_is_an_uneven_assignment_and_one_more_than_others_is_not() {
    let dealt = |most: f64| {
        let given = move |minute, number| match number {
            0 => after(minute, most, 3.0),
            _ => after(minute, (12.0 - most) / 3.0, 3.0),
        };
        on_all(starved(3_000.0), "kafka.consumer.assigned_partitions", given).build()
    };
    check(&dealt(9.0), &[(GROUP, "group.uneven-assignment")]);
    check(&dealt(3.6), &[]);
}

#[test]
fn partitions_that_stand_still_while_their_readers_poll_and_fail_at_nothing_are_held_back() {
    let open = |stuck: u32| {
        let mut batch = on_all(starved(3_000.0), "kafka.consumer.last_poll", |_, _| 0.0);
        batch = on_all(batch, "messaging.client.consumed.messages", |minute, number| match number {
            0 => after(minute, 100.0, 1_000.0),
            _ => 1_000.0,
        });
        for number in 0..12_u32 {
            let (partition, text) = (format!("partition:orders/{number}"), number.to_string());
            let labels = [("topic", "orders"), ("partition", text.as_str())];
            let behind = move |minute: f64| if number < stuck { pile(minute, 300.0) } else { 40.0 };
            let end = |minute: f64| 1e6 + minute * 60.0 * 300.0;
            batch = batch
                .edge(&partition, "part-of", TOPIC)
                .series(&partition, "kafka.partition.current_offset", end)
                .labelled(GROUP, "kafka.consumer_group.lag", &labels, behind)
                .labelled(GROUP, "kafka.consumer_group.offset", &labels, move |minute| {
                    (end(minute) - behind(minute)).round()
                });
        }
        batch
    };
    let blames = |batch: BatchBuilder| blamed(&batch.build()).contains(&(PRODUCER.to_owned(), "txn.hang".to_owned()));
    assert!(blames(open(4)));
    // One partition alone stands at one record.
    assert!(!blames(open(1)));
    assert!(!blames(on_all(open(4), "messaging.process.failures", |minute, _| after(minute, 2.0, 0.0))));
    assert!(!blames(on_all(open(4), "kafka.consumer.last_poll", |minute, _| (minute - ONSET).max(0.0) * 60.0)));
    assert!(!blames(on_all(open(4), "kafka.consumer.throttle_time", |minute, _| after(minute, 0.6, 0.0))));
}

#[test]
fn records_that_are_three_times_as_large_are_their_producers_doing() {
    let batch = starved(3_900.0)
        .series(TOPIC, "kafka.topic.append_bytes", |minute| after(minute, 12e6, 4e6) * (1.0 + 0.03 * wobble(minute, 1)))
        .build();
    check(&batch, &[(PRODUCER, "load.message-size")]);
    let same = starved(3_900.0).series(TOPIC, "kafka.topic.append_bytes", step(4e6, 4e6, 1)).build();
    check(&same, &[]);
}

#[test]
fn partitions_that_were_added_are_a_change_of_the_topic() {
    let batch = starved(3_900.0).series(TOPIC, "kafka.topic.partitions", |minute| after(minute, 18.0, 12.0)).build();
    check(&batch, &[(TOPIC, "topic.metadata-change")]);
    assert_eq!(statement(&batch, TOPIC, "topic.metadata-change"), "the topic has 18 partitions instead of 12");
}

#[test]
fn a_flood_of_lines_is_named_where_it_is_written() {
    let batch = starved(3_900.0).series("instance:fulfilment-2", "log.rate", step(10.0, 900.0, 5)).build();
    check(&batch, &[("instance:fulfilment-2", "logs.flood")]);
}

#[test]
fn an_instance_without_a_free_worker_that_gets_little_done_has_none_left_and_a_busy_one_has() {
    let busy = |done: f64| {
        let instance = "instance:fulfilment-1";
        on_all(starved(3_000.0), "executor.max_threads", |_, _| 20.0)
            .series(instance, "executor.active_threads", |minute| after(minute, 20.0, 6.0))
            .series(instance, "messaging.client.consumed.messages", step(1_000.0, done, 6))
            .build()
    };
    check(&busy(50.0), &[("instance:fulfilment-1", "threads.exhausted")]);
    check(&busy(1_100.0), &[]);
}

#[test]
fn instances_that_were_begun_again_and_are_slow_since_run_a_bad_version() {
    let slow = [(0.005, 0.03), (0.005, 0.005), (0.005, 0.005), (0.005, 0.005)];
    let begun = |numbers: &'static [u32]| {
        let uptime = move |minute: f64, number| match numbers.contains(&number) && minute >= ONSET - 1.0 {
            true => (minute - ONSET + 1.0) * 60.0,
            false => 90_000.0 + minute * 60.0,
        };
        on_all(pipeline((4_000.0, 4_000.0), (4_000.0, 3_000.0), slow), "process.uptime", uptime).build()
    };
    check(&begun(&[0]), &[(SERVICE, "deploy.bad-version")]);
    // Of all that were begun again only one is slow, so that it is not what they all run.
    check(&begun(&[0, 1, 2, 3]), &[("instance:fulfilment-0", "consumer.slow-code")]);
    check(&begun(&[]), &[("instance:fulfilment-0", "consumer.slow-code")]);
}

#[test]
fn fetches_that_become_smaller_or_later_while_records_wait_were_told_so() {
    let fetched = |signal, then, before| {
        on_all(starved(2_000.0), signal, move |minute, number| {
            after(minute, then, before) * (1.0 + 0.03 * wobble(minute, number))
        })
        .build()
    };
    check(&fetched("kafka.consumer.records_per_request", 4.0, 40.0), &[(SERVICE, "config.fetch-poll")]);
    check(&fetched("kafka.consumer.fetch_latency", 2.0, 0.1), &[(SERVICE, "config.fetch-poll")]);
    // A backlog makes fetches larger and faster.
    check(&fetched("kafka.consumer.records_per_request", 120.0, 40.0), &[]);
    check(&fetched("kafka.consumer.fetch_latency", 0.01, 0.1), &[]);
}
