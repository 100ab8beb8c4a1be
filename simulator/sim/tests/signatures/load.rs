use super::seen::*;

#[test]
fn a_burst_moves_inflow_first_and_consumers_do_more_than_ever() {
    let seen = see("producer-burst", 1, "ramp = 0\nseverity = 0.45\n");
    assert!(seen.factor(INFLOW) > 4.0);
    assert!(seen.factor("sum(rate(kafka_producer_record_send_total[1m]))") > 4.0);
    assert!(seen.factor(DONE) > 1.8, "consumption rises to its cap");
    assert!(seen.onset_of(INFLOW) <= seen.onset_of(LAG) + 5.0);
    assert!(spread(&lags(&seen)) < 1.6, "all partitions fall behind alike: {:?}", lags(&seen));
    assert!(seen.means("avg(executor_active_threads)").1 > 18.0);
    assert!(seen.factor(STATEMENT) < 3.0);
}

const SENT: &str = "sum(rate(kafka_producer_record_send_total[1m]))";

#[test]
fn a_hot_key_loads_one_partition_and_its_reader_whatever_the_others_could_do() {
    for seed in [1, 2] {
        let seen = see("one-customer", seed, "target = \"orders/5\"\nseverity = 0.95\n");
        assert!((0.9..1.1).contains(&seen.factor(INFLOW)), "as much as ever comes in");
        assert!(seen.factor("sum(rate(kafka_topic_partition_current_offset{partition=\"5\"}[1m]))") > 6.0);
        let lags = lags(&seen);
        let others = lags.iter().enumerate().filter(|(number, _)| *number != 5).map(|(_, lag)| *lag);
        assert!(lags[5] > 5000.0 && lags[5] > 20.0 * others.fold(0.0, f64::max), "{lags:?}");
        let cpu = |pod: &str| seen.means(&format!("process_cpu_usage{{pod=\"{pod}\"}}")).1;
        assert!(cpu("fulfilment-1") > 2.0 * cpu("fulfilment-0"), "one works, the others wait for work");
        assert!((0.7..1.4).contains(&seen.factor(STATEMENT)));
    }
}

#[test]
fn larger_records_are_fewer_a_fetch_and_cost_memory_before_they_cost_time() {
    let seen = see("larger-orders", 2, "severity = 0.95\n");
    let size = "sum(rate(kafka_producer_byte_total[1m])) / sum(rate(kafka_producer_record_send_total[1m]))";
    assert!(seen.factor(size) > 40.0 && (0.9..1.1).contains(&seen.factor(SENT)));
    assert!(seen.factor("avg(kafka_consumer_fetch_manager_records_per_request_avg)") < 0.6);
    let collections = "sum(rate(jvm_gc_pause_seconds_count[1m]))";
    assert!(seen.factor(collections) > 5.0);
    let order = [size, LAG].map(|query| seen.onset_of(query));
    assert!(order[0] <= order[1], "{order:?}");
    assert!(lags(&seen).iter().sum::<f64>() > 5000.0);
    assert!(spread(&lags(&seen)) < 2.5, "all alike: {:?}", lags(&seen));
    assert!((0.7..1.5).contains(&seen.factor(STATEMENT)));
}

/// What was committed of a partition, at seconds since the onset.
fn committed(seen: &Seen, partition: u32, from: f64) -> Vec<f64> {
    let points = seen.one(&format!("kafka_consumergroup_current_offset{{partition=\"{partition}\"}}"));
    points.into_iter().filter(|(at, _)| *at > from).map(|(_, value)| value).collect()
}

#[test]
fn a_poison_record_holds_its_partition_at_one_offset_while_its_reader_lives() {
    let mut neighbours = vec![];
    for severity in [0.1, 0.9] {
        let seen = see("one-record", 3, &format!("target = \"orders/4\"\nseverity = {severity}\n"));
        let stands = committed(&seen, 4, 60.0);
        assert!(stands.iter().all(|offset| *offset == stands[0]), "exactly flat: {stands:?}");
        assert!((0.9..1.1).contains(&seen.factor(INFLOW)));
        let lags = lags(&seen);
        assert!(lags[4] > 10_000.0 && lags[0] < 500.0 && lags[9] < 500.0, "{lags:?}");
        neighbours.push(lags[3]);
        let failing = "sum(rate(spring_kafka_listener_seconds_count{result=\"failure\"}[1m]))";
        let (least, most) = seen
            .one(failing)
            .iter()
            .filter(|(at, _)| *at > 120.0)
            .fold((1e9, 0.0), |(least, most), (_, rate)| (f64::min(least, *rate), f64::max(most, *rate)));
        assert!(least > 0.05 && most < 2.0, "a steady rate: {least} to {most}");
        assert!(seen.means("max(kafka_consumer_last_poll_seconds_ago)").1 < 12.0, "it polls");
        assert_eq!(seen.means(MEMBERS), (4.0, 4.0));
        let same = format!("orders-4@{}", stands[0]);
        assert_eq!(seen.says("Record in retry and not yet recovered"), seen.says(&format!("recovered: {same}")));
        assert!(seen.says(&same) > 60, "{}", seen.says(&same));
    }
    assert!(neighbours[1] > 2.0 * neighbours[0], "a record that keeps its reader waiting: {neighbours:?}");
}

#[test]
fn a_service_that_refuses_duplicates_rolls_back_for_ever_while_the_database_is_fast() {
    let seen = see("seen-before", 4, "severity = 0.4\n");
    let rollbacks = "sum(rate(mysql_global_status_handlers_total{handler=\"rollback\"}[1m]))";
    assert_eq!(seen.means(rollbacks).0, 0.0);
    assert!(seen.means(rollbacks).1 > 1.0, "{:?}", seen.means(rollbacks));
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)), "{}", seen.factor(STATEMENT));
    let lags = lags(&seen);
    assert!(lags.iter().filter(|lag| **lag > 5000.0).count() >= 3, "{lags:?}");
    assert!(lags.iter().any(|lag| *lag < 500.0), "not all of them came twice: {lags:?}");
    assert!(seen.says("Duplicate entry") > 100);
    assert!(seen.says("Commit cannot be completed since the group has already rebalanced") > 0);
    assert!((0.9..1.1).contains(&seen.factor(INFLOW)));
}

#[test]
fn records_in_an_unknown_form_end_every_consumer_again_and_again() {
    let seen = see("new-form", 5, "severity = 0.8\n");
    assert!((0.9..1.1).contains(&seen.factor(INFLOW)), "the producer goes on");
    let stands = committed(&seen, 2, 300.0);
    assert!(stands.iter().all(|offset| *offset == stands[0]), "{stands:?}");
    assert!(lags(&seen).iter().all(|lag| *lag > 5000.0), "{:?}", lags(&seen));
    // Each process lives for some seconds, so that few scrapes find one.
    let (seen_again, begins) = (restarts(&seen, "fulfilment"), seen.says("Started fulfilment in"));
    assert!(seen_again >= 2 && begins >= 8, "{seen_again} {begins}");
    assert!(seen.means("avg(up{job=\"fulfilment\"})").1 < 0.6);
    let (ends, rebalances) = (seen.says("RecordDeserializationException"), seen.says("Preparing to rebalance group"));
    assert!(ends > 10 && rebalances > 5, "{ends} {rebalances}");
}

#[test]
fn a_replay_steps_the_lag_up_at_once_while_log_ends_go_on_as_always() {
    let seen = see("from-the-start", 6, "severity = 0.9\n");
    assert!((0.9..1.1).contains(&seen.factor(INFLOW)));
    let at = |second: f64| seen.one(LAG).iter().find(|(at, _)| *at >= second).unwrap().1;
    assert!(at(-10.0) < 2000.0 && at(60.0) > 150_000.0, "{} {}", at(-10.0), at(60.0));
    assert!(seen.factor(DONE) > 1.5, "consumers do all that they can: {}", seen.factor(DONE));
    let offsets = seen.one("kafka_consumergroup_current_offset{partition=\"7\"}");
    let before = offsets.iter().rfind(|(at, _)| *at < 0.0).unwrap().1;
    let after = offsets.iter().find(|(at, value)| *at > 45.0 && *value >= 0.0).unwrap().1;
    assert!(after < before - 5000.0, "what is committed goes backwards: {before} {after}");
    assert!(seen.says("Resetting offset for partition") >= 10);
}
