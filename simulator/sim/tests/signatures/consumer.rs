use super::seen::*;

#[test]
fn slow_code_makes_records_slow_and_nothing_else() {
    for (how, cpu) in [("cpu", 3.0..10.0), ("wait", 0.1..1.2)] {
        let seen = see("slow-consumer", 2, &format!("severity = 0.7\nparams = {{ how = \"{how}\" }}\n"));
        assert!(seen.factor(RECORD) > 3.0, "{how}");
        assert!((0.8..1.2).contains(&seen.factor(INFLOW)) && seen.factor(DONE) < 0.9, "{how}");
        assert!(spread(&lags(&seen)) < 1.6, "all alike: {:?}", lags(&seen));
        for flat in [USE, STATEMENT] {
            assert!((0.7..1.4).contains(&seen.factor(flat)), "{how}: {flat} {}", seen.factor(flat));
        }
        assert!(seen.means(PENDING).1 < 2.0);
        assert!(seen.ask(GC).iter().all(|(_, points)| means(points).1 < 0.02));
        let used = seen.factor(CPU);
        assert!(cpu.contains(&used), "{how}: {used}");
    }
}

const CONSUMED: &str = "sum(rate(kafka_consumer_fetch_manager_records_consumed_total[1m]))";

/// Seconds since the onset until a value is below a limit.
fn falls_below(seen: &Seen, query: &str, limit: f64) -> f64 {
    seen.one(query).into_iter().find(|(at, value)| *at >= 0.0 && *value < limit).map_or(f64::MAX, |(at, _)| at)
}

/// Lag of partitions at a second.
fn lag_at(seen: &Seen, partitions: std::ops::Range<u32>, second: f64) -> f64 {
    let of = |partition| {
        let points = seen.one(&format!("kafka_consumergroup_lag{{partition=\"{partition}\"}}"));
        points.iter().find(|(at, _)| *at >= second).unwrap().1
    };
    partitions.map(of).sum()
}

#[test]
fn a_crash_stops_the_partitions_of_one_consumer_until_its_session_ends() {
    for seed in [1, 2, 3] {
        let seen = see("member-gone", seed, "target = \"fulfilment-2\"\n");
        assert!(falls_below(&seen, "up{pod=\"fulfilment-2\"}", 0.5) <= 20.0);
        let gone = falls_below(&seen, MEMBERS, 3.5);
        assert!((45.0..70.0).contains(&gone), "{gone}");
        assert!(lag_at(&seen, 6..9, 40.0) > 5000.0, "its own stand still: {}", lag_at(&seen, 6..9, 40.0));
        assert!(lag_at(&seen, 0..6, 40.0) + lag_at(&seen, 9..12, 40.0) < 3000.0, "the others do not");
        assert!(seen.says("has failed, removing it from the group.") == 1);
        assert!(seen.says("on heartbeat expiration") == 1 && seen.says("sending LeaveGroup request") == 0);
        let worst = seen.one(LAG).into_iter().map(|(_, lag)| lag).fold(0.0, f64::max);
        assert!(seen.one(LAG).last().unwrap().1 < 0.7 * worst, "the others catch up");
        assert_eq!(seen.means("avg(up{pod!=\"fulfilment-2\"})").1, 1.0);
    }
}

#[test]
fn too_few_consumers_leave_politely_and_the_rest_work_at_their_limit() {
    let seen = see("scaled-down", 4, "severity = 0.7\n");
    assert!(falls_below(&seen, MEMBERS, 1.5) <= 40.0, "{}", falls_below(&seen, MEMBERS, 1.5));
    assert_eq!(
        seen.ask("up{job=\"fulfilment\"}").iter().filter(|(_, points)| points.last().unwrap().0 > 500.0).count(),
        1
    );
    assert_eq!(seen.says("due to the consumer is being closed"), 3);
    assert!(seen.says("has failed, removing it from the group.") == 0);
    let lags = lags(&seen);
    assert!(spread(&lags) < 1.6 && lags[0] > 5000.0, "{lags:?}");
    let own = "rate(kafka_consumer_fetch_manager_records_consumed_total{pod=\"fulfilment-0\"}[1m])";
    assert!(seen.factor(own) > 1.4, "it does more than ever: {}", seen.factor(own));
    assert!((0.7..1.5).contains(&seen.factor(STATEMENT)));
}

#[test]
fn a_stuck_consumer_stays_a_member_that_does_not_poll_for_five_minutes() {
    for seed in [1, 2, 3] {
        let seen = see("wedged", seed, "target = \"fulfilment-3\"\n");
        let poll = seen.one("kafka_consumer_last_poll_seconds_ago{pod=\"fulfilment-3\"}");
        assert!(poll.iter().any(|(at, ago)| (240.0..290.0).contains(at) && (200.0..300.0).contains(ago)), "it climbs");
        let gone = falls_below(&seen, MEMBERS, 3.5);
        assert!((300.0..330.0).contains(&gone), "{gone}");
        assert!(lag_at(&seen, 9..12, 280.0) > 20_000.0 && lag_at(&seen, 0..9, 280.0) < 3000.0);
        assert!(seen.means("process_cpu_usage{pod=\"fulfilment-3\"}").1 < 0.05);
        assert_eq!(seen.means("avg(up{job=\"fulfilment\"})").1, 1.0);
        assert_eq!(seen.says("consumer poll timeout has expired. This means"), 1);
        assert!(seen.one(LAG).last().unwrap().1 < 15_000.0, "the others take over");
        let beats = "kafka_consumer_coordinator_last_heartbeat_seconds_ago{pod=\"fulfilment-3\"}";
        assert!(seen.one(beats).iter().all(|(at, ago)| *at > 290.0 || *ago < 5.0), "its heart beats");
    }
}

#[test]
fn a_batch_beyond_the_poll_interval_is_lost_and_comes_again() {
    let seen = see("batch-too-long", 5, "severity = 0.5\nparams = { how = \"work\" }\n");
    assert!(seen.says("consumer poll timeout has expired. This means") >= 4);
    assert!(seen.means(DONE).1 < 20.0, "no progress: {:?}", seen.means(DONE));
    let poll = seen.one("max(kafka_consumer_last_poll_seconds_ago)");
    assert!(poll.iter().any(|(_, ago)| *ago > 250.0), "each leave follows a long time without a poll");
    assert!(seen.means(CPU).1 < 0.1);
    let seen = see("batch-too-long", 5, "severity = 0.8\nparams = { how = \"interval\" }\n");
    assert!(seen.says("consumer poll timeout has expired. This means") > 30);
    assert!(seen.says("Commit cannot be completed since the group has already rebalanced") > 20);
    assert!(
        seen.means(CONSUMED).1 > 1.3 * seen.means(DONE).1,
        "records come again: {:?} {:?}",
        seen.means(CONSUMED),
        seen.means(DONE)
    );
    assert!(seen.means(DONE).1 < 0.8 * seen.means(INFLOW).1);
    assert!(seen.says("max.poll.interval.ms = ") >= 4, "each instance says what it was begun with");
}

#[test]
fn a_member_that_comes_and_goes_stops_the_whole_group_each_time() {
    let seen = see("flapping", 6, "target = \"fulfilment-1\"\nseverity = 0.9\n");
    assert!(seen.says("Preparing to rebalance group") >= 8, "{}", seen.says("Preparing to rebalance group"));
    let rate: Vec<f64> = seen
        .one("sum(rate(kafka_consumergroup_current_offset[30s]))")
        .into_iter()
        .filter(|(at, _)| *at > 60.0)
        .map(|(_, rate)| rate)
        .collect();
    assert!(rate.iter().any(|rate| *rate < 20.0), "nobody works during a join: {rate:?}");
    assert!(rate.iter().any(|rate| *rate > 300.0), "and all between: {rate:?}");
    let failed = "Member fulfilment-1";
    assert!(
        seen.says(failed) >= 4 && seen.says("Member fulfilment-0") == 0,
        "one member recurs: {}",
        seen.says(failed)
    );
    assert!(restarts(&seen, "fulfilment-1") >= 4, "{}", restarts(&seen, "fulfilment-1"));
    assert_eq!(restarts(&seen, "fulfilment"), restarts(&seen, "fulfilment-1"), "and nobody else's process ends");
    assert!(seen.means(LAG).1 > 3000.0);
}

#[test]
fn an_uneven_assignment_lets_one_member_fall_behind_at_full_speed() {
    let seen = see("lopsided", 7, "severity = 0.8\n");
    let assigned =
        |how: &str| seen.one(&format!("{how}(kafka_consumer_coordinator_assigned_partitions)")).last().unwrap().1;
    assert!(assigned("max") >= 9.0 && assigned("min") <= 1.0);
    assert_eq!(seen.means(MEMBERS), (4.0, 4.0));
    let lags = lags(&seen);
    assert!(lags[0] > 1000.0 && lags[11] < 300.0, "{lags:?}");
    let done = |pod: &str| {
        seen.means(&format!("rate(kafka_consumer_fetch_manager_records_consumed_total{{pod=\"{pod}\"}}[1m])"))
    };
    assert!(done("fulfilment-0").1 > 1.3 * done("fulfilment-0").0, "it does more than ever");
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)));
}

#[test]
fn poll_settings_change_with_the_restarts_of_a_roll_out() {
    let seen = see("new-settings", 8, "severity = 0.95\nparams = { how = \"small\" }\n");
    let each = "avg(kafka_consumer_fetch_manager_records_per_request_avg)";
    assert!(seen.means(each).1 < 2.0 && seen.means(each).0 > 5.0, "{:?}", seen.means(each));
    assert!(seen.factor(DONE) < 0.7 && seen.means("avg(executor_active_threads)").1 < 3.0);
    assert!(seen.says("max.poll.records = ") >= 4);
    assert_eq!(restarts(&seen, "fulfilment"), 4);
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)));
    let seen = see("new-settings", 8, "severity = 0.95\nparams = { how = \"wait\" }\n");
    let fetch = seen.means("avg(kafka_consumer_fetch_manager_fetch_latency_avg)");
    assert!(fetch.0 < 110.0 && fetch.1 > 3000.0, "a fetch waits at the broker: {fetch:?}");
    assert!(seen.factor(DONE) < 0.7 && seen.means(CPU).1 < 0.5 * seen.means(CPU).0);
    assert!((0.6..1.4).contains(&seen.factor(RECORD)), "records take as long as ever: {}", seen.factor(RECORD));
}

#[test]
fn commits_that_are_lost_stop_the_offsets_and_not_the_work() {
    let seen = see("commits-lost", 9, "severity = 0.95\n");
    assert!((0.9..1.1).contains(&seen.factor(CONSUMED)), "the work goes on: {}", seen.factor(CONSUMED));
    assert!((0.8..1.2).contains(&seen.factor(RECORD)));
    assert!(lags(&seen).iter().all(|lag| *lag > 1000.0), "{:?}", lags(&seen));
    assert!(seen.means("avg(kafka_consumer_coordinator_commit_latency_avg)").1 > 4000.0);
    assert!(
        seen.means("max(kafka_consumer_fetch_manager_records_lag_max)").1 < 200.0,
        "clients themselves are not behind"
    );
    assert!(seen.says("Offset commit with offsets") > 100 && seen.says("The request timed out.") > 100);
    assert_eq!(seen.says("Preparing to rebalance group"), 0);
}

#[test]
fn refused_credentials_stop_all_consumers_at_once_and_members_go_with_their_sessions() {
    let seen = see("refused", 10, "");
    assert!(seen.one(CONSUMED).last().unwrap().0 < 90.0, "a client that is closed is not measured");
    assert_eq!(seen.means(DONE).1, 0.0);
    let gone = falls_below(&seen, MEMBERS, 0.5);
    assert!((45.0..75.0).contains(&gone), "{gone}");
    assert_eq!(seen.means("avg(up{job=\"fulfilment\"})").1, 1.0);
    assert!(seen.says("Authentication/Authorization Exception and no authExceptionRetryInterval set") >= 3);
    assert!((0.9..1.1).contains(&seen.factor(INFLOW)));
    assert!(seen.ask("kafka_consumer_last_poll_seconds_ago").iter().all(|(_, points)| points.last().unwrap().0 < 60.0));
}

#[test]
fn a_coordinator_that_never_finishes_keeps_all_members_waiting() {
    let seen = see("slow-coordinator", 11, "severity = 0.8\n");
    assert_eq!(seen.means(DONE).1, 0.0);
    assert_eq!(seen.means(MEMBERS), (4.0, 4.0));
    assert!(seen.says("due to request timeout.") >= 12);
    assert!(seen.says("Stabilized group fulfilment generation") >= 5, "it begins again and again");
    assert!(seen.means(CPU).1 < 0.1);
    assert!((0.9..1.1).contains(&seen.factor(INFLOW)));
    assert_eq!(seen.means("avg(up{job=\"fulfilment\"})").1, 1.0);
}
