//! What anybody can reckon from telemetry alone must add up: a number that contradicts another one tells a plugin what no
//! real pipeline would.

use std::collections::BTreeMap;

use super::{FAULTS, OTHER_POOLS, fault, run, scenario_of};
use crate::telemetry::{Metric, Record};
use crate::{Scenario, Simulation};

/// A run that is over, with nothing wrong with the scrapes themselves.
fn seen(kind: &str, target: &str, params: &str, minutes: u32) -> Simulation {
    let steady = "[telemetry]\nscrape = { gap_prob = 0.0, reset_prob = 0.0 }\nlogs = { drop = 0.0 }\nclock_skew = 0\n";
    run(&scenario_of(kind, minutes, &(fault(kind, target, 0.7, params) + steady)), 9)
}

fn one<'a>(run: &'a Simulation, name: &str, labels: &[(&str, &str)]) -> &'a Metric {
    let fits =
        |series: &&Metric| labels.iter().all(|(name, value)| series.labels.get(*name).is_some_and(|v| v == value));
    run.telemetry().named(name).find(fits).unwrap_or_else(|| panic!("no {name} {labels:?}"))
}

/// Growth from minute to minute; negative where a series ends between.
fn growth(series: &Metric, run: &Simulation, from_min: i64, to_min: i64) -> f64 {
    let at = |minute: i64| series.at(run.start().as_millis() + minute * 60_000, i64::MAX / 2).map_or(0.0, |(_, v)| v);
    at(to_min) - at(from_min)
}

#[test]
fn lag_is_the_log_end_less_the_committed_offset() {
    for (kind, target, params) in FAULTS.iter().copied() {
        let run = seen(kind, target, params, 5);
        let mut whole: BTreeMap<i64, f64> = BTreeMap::new();
        for lag in run.telemetry().named("kafka_consumergroup_lag") {
            let partition = [("partition", lag.labels["partition"].as_str())];
            let end = one(&run, "kafka_topic_partition_current_offset", &partition);
            let committed = one(&run, "kafka_consumergroup_current_offset", &partition);
            for ((lag, end), committed) in lag.samples.iter().zip(&end.samples).zip(&committed.samples) {
                if committed.1 < 0.0 {
                    assert_eq!((committed.1, lag.1), (-1.0, -1.0), "{kind}: nothing is committed");
                    *whole.entry(lag.0).or_default() += 0.0;
                    continue;
                }
                assert_eq!((lag.0, end.1 - committed.1), (committed.0, lag.1), "{kind}");
                assert!(lag.1 >= 0.0 && end.0 == lag.0, "{kind}");
                *whole.entry(lag.0).or_default() += lag.1;
            }
        }
        let sum = &one(&run, "kafka_consumergroup_lag_sum", &[]).samples;
        assert_eq!(sum, &whole.into_iter().collect::<Vec<_>>(), "{kind}");
    }
}

#[test]
fn what_is_sent_and_what_the_log_grows_by_are_the_same() {
    for (kind, target, params) in FAULTS.iter().copied() {
        let run = seen(kind, target, params, 6);
        let sent = growth(one(&run, "kafka_producer_record_send_total", &[]), &run, 1, 6);
        let ends = run.telemetry().named("kafka_topic_partition_current_offset");
        let grown: f64 = ends.map(|end| growth(end, &run, 1, 6)).sum();
        assert!((sent / grown - 1.0).abs() < 0.06, "{kind}: {sent} sent, {grown} there");
    }
}

#[test]
fn a_pool_lends_what_it_does_not_keep_and_nobody_waits_beside_a_free_connection() {
    for (kind, target, params) in FAULTS.iter().copied() {
        let run = seen(kind, target, params, 5);
        for active in run.telemetry().named("hikaricp_connections_active") {
            let labels = [("pod", active.labels["pod"].as_str()), ("pool", active.labels["pool"].as_str())];
            let of = |name: &str| one(&run, name, &labels).samples.iter().map(|(_, value)| *value).collect::<Vec<_>>();
            let (idle, pending) = (of("hikaricp_connections_idle"), of("hikaricp_connections_pending"));
            let (all, most) = (of("hikaricp_connections"), of("hikaricp_connections_max"));
            for (place, (_, active)) in active.samples.iter().enumerate().filter(|(_, (_, value))| !value.is_nan()) {
                assert_eq!(active + idle[place], all[place], "{kind}");
                assert!(all[place] == 10.0 || OTHER_POOLS.contains(&kind), "{kind}: {} kept", all[place]);
                assert!(all[place] <= most[place].max(*active), "{kind}: none is kept that is too many");
                assert!(pending[place] == 0.0 || idle[place] == 0.0, "{kind}");
            }
        }
    }
}

#[test]
fn a_processor_is_always_doing_something_and_never_two_things() {
    let run = seen("load.burst", "checkout-api", "", 6);
    let mut by_cpu: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let mut spans = BTreeMap::new();
    for mode in run.telemetry().named("node_cpu_seconds_total") {
        let cpu = (mode.labels["instance"].as_str(), mode.labels["cpu"].as_str());
        let (first, last) = (mode.samples[0], mode.samples[mode.samples.len() - 1]);
        *by_cpu.entry(cpu).or_default() += last.1 - first.1;
        spans.insert(cpu, (last.0 - first.0) as f64 / 1000.0);
    }
    for (cpu, spent) in by_cpu {
        assert!((spent / spans[&cpu] - 1.0).abs() < 0.01, "{cpu:?}: {spent} s in {} s", spans[&cpu]);
    }
    // Four times as many orders cost the host of the producer processor time; that of the cache feels nothing.
    let busy = |host: &str| {
        let modes = run.telemetry().named("node_cpu_seconds_total");
        let ours = modes.filter(|mode| mode.labels["instance"] == host && mode.labels["mode"] != "idle");
        let (before, after) = ours.fold((0.0, 0.0), |(before, after), mode| {
            (before + growth(mode, &run, 0, 2), after + growth(mode, &run, 4, 6))
        });
        after / before
    };
    assert!(busy("worker-2:9100") > 1.5 && busy("cache-a:9100") < 1.3);
}

/// Lines that have this in them, per second between two minutes.
fn lines_per_s(run: &Simulation, part: &str, from_min: i64, to_min: i64) -> f64 {
    let minute = |record: &Record| (record.at_ms - run.start().as_millis()) as f64 / 60_000.0;
    let within = |record: &&Record| (from_min as f64..to_min as f64).contains(&minute(record));
    let lines = run.telemetry().records.iter().filter(within).filter(|record| record.message.contains(part));
    lines.count() as f64 / ((to_min - from_min) * 60) as f64
}

#[test]
fn an_application_writes_of_the_records_that_it_does() {
    let check = |run: &Simulation, part: &str, done: &str| {
        let lines = [lines_per_s(run, part, 0, 2), lines_per_s(run, part, 4, 9)];
        let rate = |from, to| {
            let series =
                run.telemetry().named(done).filter(|series| series.labels.get("result").is_none_or(|r| r == "success"));
            series.map(|series| growth(series, run, from, to)).sum::<f64>() / ((to - from) * 60) as f64
        };
        let per_record = [lines[0] / rate(0, 2), lines[1] / rate(4, 9)];
        assert!((0.5..2.0).contains(&(per_record[0] / per_record[1])), "{part}: {lines:?} {per_record:?}");
        lines[1] / lines[0]
    };
    let slow = seen("db.slow-statement", "orders-db", "", 9);
    let fulfilled = check(&slow, " fulfilled in ", "spring_kafka_listener_seconds_count");
    assert!(fulfilled < 0.2, "what is hardly done is hardly written of: {fulfilled}");
    let burst = seen("load.burst", "checkout-api", "", 9);
    let placed = check(&burst, " placed by ", "kafka_producer_record_send_total");
    assert!(placed > 4.0, "{placed}");
}

#[test]
fn lines_tell_the_latencies_that_timers_tell() {
    let run = seen("consumer.slow-code", "fulfilment", "how = \"wait\"", 9);
    let took =
        |record: &Record| record.message.split(" fulfilled in ").nth(1)?.strip_suffix(" ms")?.parse::<f64>().ok();
    let late = run.start().as_millis() + 4 * 60_000;
    let told: Vec<f64> = run.telemetry().records.iter().filter(|record| record.at_ms > late).filter_map(took).collect();
    let sum = |name: &str| run.telemetry().named(name).map(|series| growth(series, &run, 4, 9)).sum::<f64>();
    let mean = 1000.0 * sum("spring_kafka_listener_seconds_sum") / sum("spring_kafka_listener_seconds_count");
    let told = told.iter().sum::<f64>() / told.len() as f64;
    assert!((told / mean - 1.0).abs() < 0.15, "{told} ms in lines, {mean} ms by the timer");
}

#[test]
fn a_process_writes_nothing_while_it_stands_still() {
    let run = seen("jvm.gc-full", "fulfilment-2", "", 8);
    let own: Vec<&Record> =
        run.telemetry().records.iter().filter(|record| &*record.instance == "fulfilment-2").collect();
    let length = |record: &Record| record.message.split(' ').next_back()?.strip_suffix("ms")?.parse::<f64>().ok();
    let pauses: Vec<(i64, i64)> = own
        .iter()
        .filter(|record| record.message.contains("Pause Full"))
        .filter_map(|record| Some((record.at_ms - length(record)? as i64, record.at_ms)))
        .collect();
    assert!(pauses.len() > 20, "{}", pauses.len());
    for (from, to) in pauses {
        let within = |record: &&&Record| record.at_ms > from + 1 && record.at_ms < to - 1;
        let said: Vec<_> = own.iter().filter(within).map(|record| (to - record.at_ms, &record.message)).collect();
        assert!(said.is_empty(), "within a pause of {} ms: {said:?}", to - from);
    }
}

#[test]
fn a_process_that_stood_still_is_not_seen_at_the_moment_of_its_waking() {
    // Over many scrapes, connections that are seen to be lent are those that were lent, by Little's law; a look at the
    // very moment at which all that waited goes on would see a crowd.
    let run = seen("jvm.gc-full", "fulfilment-2", "", 20);
    for pool in ["orders-db", "orders-db-replica"] {
        let labels = [("pod", "fulfilment-2"), ("pool", pool)];
        let active = &one(&run, "hikaricp_connections_active", &labels).samples;
        let late: Vec<f64> =
            active.iter().skip(active.len() / 4).map(|(_, value)| *value).filter(|v| !v.is_nan()).collect();
        let seen = late.iter().sum::<f64>() / late.len() as f64;
        let lent = growth(one(&run, "hikaricp_connections_usage_seconds_sum", &labels), &run, 5, 20) / 900.0;
        assert!(seen < 2.0 * lent + 1.0, "{pool}: {seen} seen, {lent} lent");
    }
}

#[test]
fn a_delay_is_told_in_whole_seconds() {
    let scenario = Scenario::builtin("replication-delay").unwrap();
    for seed in 1..=6 {
        let run = run(&scenario, seed);
        for name in ["sql_delay", "seconds_behind_master", "sql_remaining_delay"] {
            let name = format!("mysql_slave_status_{name}");
            let whole = |(_, value): &(i64, f64)| value.is_nan() || *value == libm::floor(*value);
            assert!(run.telemetry().named(&name).all(|series| series.samples.iter().all(whole)), "{name} {seed}");
        }
    }
}
