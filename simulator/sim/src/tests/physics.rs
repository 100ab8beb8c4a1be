//! What no fault may break: records are kept, closed systems stay closed, worse faults hurt more, Kafka's clocks decide.

use super::{FAULTS, OTHER_POOLS, fault, run, scenario, scenario_of, seconds};
use crate::cluster::instance::Instance;
use crate::cluster::line::Level;
use crate::telemetry::MetricKind;
use crate::units::Micros;
use crate::{Scenario, Simulation, lint};

/// Steps through a run and looks at it twice a second, at odd moments.
pub(super) fn at_every_moment(scenario: &Scenario, seed: u64, mut look: impl FnMut(&Simulation)) {
    let mut run = Simulation::new(scenario, seed);
    while run.now() + seconds(1) < run.end() {
        run.advance_to(run.now() + lagdoctor_model::Millis::new(700).unwrap());
        look(&run);
    }
}

/// Faults after which records are read that were read before, because somebody else has the partition now or because they
/// are sought back.
const READ_AGAIN: [&str; 17] = [
    "deploy.bad-version",
    "host.clock",
    "host.disk-full",
    "data.poison",
    "data.duplicate-key",
    "data.schema-break",
    "load.replay",
    "consumer.crash",
    "consumer.too-few",
    "consumer.stuck",
    "consumer.poll-timeout",
    "group.rebalance-storm",
    "group.uneven-assignment",
    "config.fetch-poll",
    "group.commit-failure",
    "security.credentials",
    "group.coordinator-timeout",
];

#[test]
fn a_record_that_nobody_reads_again_is_fetched_once() {
    for (kind, target, params) in FAULTS.iter().copied().filter(|(kind, ..)| !READ_AGAIN.contains(kind)) {
        let scenario = scenario_of(kind, 5, &fault(kind, target, 0.8, params));
        let first: u64 = {
            let run = Simulation::new(&scenario, 5);
            run.cluster.groups[0].committed.iter().flatten().sum()
        };
        at_every_moment(&scenario, 5, |run| {
            let (instances, group) = (&run.cluster.instances, &run.cluster.groups[0]);
            let next: u64 = group.assigned.iter().map(|(part, owner)| instances[*owner].positions[part].next).sum();
            let consumed: u64 = instances.iter().map(|instance| instance.meters.consumed).sum();
            assert_eq!(consumed, next - first, "{kind}: what was handed out is what was fetched");
            let done: u64 = instances.iter().map(|instance| instance.meters.done()).sum();
            let at_work = |instance: &Instance| {
                u64::from(instance.active + instance.batch.as_ref().map_or(0, |batch| batch.queued))
            };
            let at_work: u64 = instances.iter().map(at_work).sum();
            assert_eq!(consumed, done + at_work, "{kind}: what was handed out is done or at work");
        });
    }
}

#[test]
fn no_record_is_lost_or_made() {
    for (kind, target, params) in FAULTS.iter().copied() {
        let scenario = scenario_of(kind, 5, &fault(kind, target, 0.8, params));
        at_every_moment(&scenario, 5, |run| {
            let (cluster, group) = (&run.cluster, &run.cluster.groups[0]);
            let topic = &cluster.topics[0];
            for (partition, owner) in &group.assigned {
                // Who is about to join again, or is no more, has nothing.
                let Some(at) = cluster.instances[*owner].positions.get(partition) else { continue };
                let committed = group.position(*partition);
                let end = topic.log_end(*partition, cluster.now);
                assert!(
                    committed <= at.done && at.done <= at.next && at.next <= end,
                    "{kind}: {at:?} {committed} {end}"
                );
            }
            for instance in &cluster.instances {
                let meters = &instance.meters;
                let read: u64 = instance.positions.values().map(|at| at.next - at.began).sum();
                assert_eq!(
                    meters.consumed,
                    read + meters.consumed_before,
                    "{kind}: what was handed out is what was fetched"
                );
                let at_work = instance.active + instance.batch.as_ref().map_or(0, |batch| batch.queued);
                assert_eq!(
                    meters.consumed,
                    meters.done() + meters.abandoned + u64::from(at_work),
                    "{kind}: what was handed out is done, at work, or was lost with its process"
                );
            }
        });
    }
}

#[test]
fn threads_and_connections_are_never_more_than_there_are() {
    for (kind, target, params) in FAULTS.iter().copied() {
        let scenario = scenario_of(kind, 5, &fault(kind, target, 0.9, params));
        let mut most_waiting = 0;
        at_every_moment(&scenario, 2, |run| {
            for instance in &run.cluster.instances {
                let (all, in_line, holding) = instance.census();
                let lent: u32 = instance.pools.iter().map(|pool| pool.in_use).sum();
                let waiting: u32 = instance.pools.iter().map(|pool| pool.waiting).sum();
                let leaked: u32 = instance.pools.iter().map(|pool| pool.leaked).sum();
                assert_eq!((all, in_line, holding + leaked), (instance.active, waiting, lent), "{kind}");
                assert!(leaked == 0 || kind == "pool.leak", "{kind}");
                assert!(all <= instance.plan.threads, "{kind}");
                for pool in &instance.pools {
                    if !OTHER_POOLS.contains(&kind) {
                        assert!(pool.waiting + pool.size <= instance.plan.threads + pool.leaked, "{kind}: {pool:?}");
                        assert!(pool.in_use <= pool.size, "{kind}: {pool:?}");
                        assert!(
                            pool.waiting == 0 || pool.in_use == pool.size,
                            "{kind}: nobody waits while one is free"
                        );
                    }
                    assert!(
                        pool.in_use <= pool.open && pool.waiting + pool.in_use <= instance.plan.threads + pool.leaked,
                        "{kind}: {pool:?}"
                    );
                    assert!(pool.waiting == 0 || pool.in_use >= pool.open, "{kind}: nobody waits while one is free");
                    most_waiting = most_waiting.max(pool.waiting);
                }
            }
        });
        if kind == "db.slow-statement" {
            assert_eq!(most_waiting, 10, "waiters pin at threads minus connections");
        }
    }
}

#[test]
fn a_latency_still_looks_healthy_while_the_lag_already_grows() {
    let scenario = scenario(5, &fault("db.slow-statement", "orders-db", 1.0, ""));
    let mut run = Simulation::new(&scenario, 4);
    let listener = |run: &Simulation| {
        let timers = run.cluster.instances.iter().map(|instance| &instance.meters.listener);
        timers.fold((0, 0.0), |(count, sum), timer| (count + timer.count, sum + timer.sum.as_seconds()))
    };
    run.advance_to(run.start() + seconds(119));
    let (count, sum) = listener(&run);
    run.advance_to(run.start() + seconds(128));
    let (later_count, later_sum) = listener(&run);
    let mean = (later_sum - sum) / (later_count - count) as f64;
    assert!(run.backlog("fulfilment").unwrap() > 2500, "{:?}", run.backlog("fulfilment"));
    run.advance_to(run.start() + seconds(200));
    let (end_count, end_sum) = listener(&run);
    let honest = (end_sum - later_sum) / (end_count - later_count) as f64;
    assert!(mean * 20.0 < honest, "only what was nearly done is done: {mean} s, and later {honest} s");
}

/// Faults from which a group recovers before the run is over, or all but.
const HEALS: [&str; 2] = ["load.replay", "consumer.crash"];

#[test]
fn a_worse_fault_hurts_more() {
    /// Records behind: on average over the run, at most, and in the end.
    type Behind = [f64; 3];
    let of = |run: &Simulation| -> Behind {
        let backlog = &run.trace.groups[0].backlog;
        let mean = backlog.iter().sum::<u64>() as f64 / backlog.len() as f64;
        [mean, backlog.iter().copied().max().unwrap_or(0) as f64, run.backlog("fulfilment").unwrap() as f64]
    };
    for (kind, target, params) in FAULTS.iter().copied() {
        let behind = |severity| -> Behind {
            let scenario = scenario_of(kind, 6, &fault(kind, target, severity, params));
            let seen = (1..=3).map(|seed| of(&run(&scenario, seed)));
            seen.fold([0.0; 3], |all, one| std::array::from_fn(|place| all[place] + one[place] / 3.0))
        };
        let severities = [0.05, 0.4, 0.65, 0.9].map(behind);
        // A stopped apply thread is no less stopped at a lower severity.
        let worsens = |pair: &[Behind]| (0..2).all(|place| pair[0][place] <= pair[1][place] * 1.03);
        assert!(severities.windows(2).all(worsens), "{kind} {params}: {severities:?}");
        let [_, most, last] = severities[3];
        assert!(most > 2000.0 && (last > 2000.0 || HEALS.contains(&kind)), "{kind} {params}: {severities:?}");
    }
}

#[test]
fn a_scenario_that_is_unfit_is_told_what_is_wrong_with_it() {
    let check = |text: &str, told: &str| {
        let found = lint(&scenario(12, text), 1..=2);
        assert!(found.iter().any(|remark| remark.contains(told)), "{told}: {found:?}");
    };
    check(&fault("load.burst", "checkout-api", 0.01, ""), "the fault moves nothing that [impact] looks at");
    let burst = fault("load.burst", "checkout-api", 0.9, "");
    check(&burst, "begins at the same moment in each run");
    check(&format!("{burst}[truth]\nincident = false\n"), "[truth] says that nobody should be woken");
    let decoy = "[truth]\nincident = true\ndecoys = [\"producer:checkout-api\", \"database:x\"]\n";
    check(&format!("{burst}{decoy}"), "the decoy `producer:checkout-api` is a right answer");
    let slow = fault("consumer.slow-code", "fulfilment", 0.9, "how = \"wait\"");
    let idle = fault("load.burst", "checkout-api", 0.0001, "").replace("\"x\"", "\"y\"");
    check(&format!("{slow}{idle}"), "the fault `y` is called a cause, and without it the impact is the same");
}

#[test]
fn a_pausing_instance_and_a_late_replica_look_alike_from_afar() {
    // Records per second by which the backlog of the group grows, five minutes after the onset.
    let slope = |name: &str, seed| {
        let scenario = Scenario::builtin(name).unwrap();
        let mut run = Simulation::new(&scenario, seed);
        let onset = run.faults[0].0.at;
        let mut backlog_after = |minutes: i64| {
            run.advance_to(run.at(onset + Micros::seconds(60 * minutes)));
            run.backlog("fulfilment").unwrap() as f64
        };
        let (early, late) = (backlog_after(4), backlog_after(9));
        (late - early) / 300.0
    };
    let mean = |name| (1..=4).map(|seed| slope(name, seed)).sum::<f64>() / 4.0;
    let (pausing, late) = (mean("gc-pauses"), mean("replication-delay"));
    assert!(pausing > 30.0 && late > 30.0 && (0.4..2.5).contains(&(pausing / late)), "{pausing} {late}");
}

#[test]
fn a_member_that_stands_still_beyond_its_session_loses_its_partitions_and_comes_back() {
    let heap = "[[node]]\nid = \"fulfilment\"\nheap = { max = \"72GiB\" }\n";
    let scenario =
        scenario(8, &(heap.to_owned() + &fault("jvm.gc-full", "fulfilment-2", 0.9, "") + "hold = \"100s\"\n"));
    let mut seen = std::collections::BTreeSet::new();
    at_every_moment(&scenario, 1, |run| {
        seen.insert(run.cluster.groups[0].members.len());
    });
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4]);
    let run = run(&scenario, 1);
    assert!(run.cluster.groups[0].generation >= 3);
    let says = |part: &str| run.telemetry().records.iter().any(|record| record.message.contains(part));
    for line in [
        "has failed, removing it from the group.",
        "on heartbeat expiration",
        "clock leap detected",
        "(Re-)joining group",
    ] {
        assert!(says(line), "nobody wrote {line:?}");
    }
}

#[test]
fn a_batch_that_takes_too_long_costs_the_member_its_place() {
    let service = "[[node]]\nid = \"fulfilment\"\nkafka = { max_poll_interval = \"15s\", max_poll_records = 500, fetch_records = 500 }\n";
    let run = run(
        &scenario(8, &(service.to_owned() + &fault("consumer.slow-code", "fulfilment-1", 1.0, "how = \"wait\""))),
        1,
    );
    let says = |part: &str| run.telemetry().records.iter().any(|record| record.message.contains(part));
    assert!(says("consumer poll timeout has expired"));
    assert!(says("Commit cannot be completed since the group has already rebalanced"));
    assert!(run.cluster.groups[0].generation > 2);
}

#[test]
fn old_records_go_segment_by_segment() {
    let topic = "[[node]]\nid = \"orders\"\nretention = \"3m\"\nsegment = \"1m\"\n";
    let mut starts = std::collections::BTreeSet::new();
    at_every_moment(&scenario(8, topic), 1, |run| {
        let partition = &run.cluster.topics[0].partitions[0];
        assert!(partition.log_start <= run.cluster.topics[0].log_end(0, run.cluster.now));
        starts.insert(partition.log_start);
    });
    assert!((4..=6).contains(&starts.len()), "{starts:?}");
}

#[test]
fn lines_of_an_application_are_counted_by_their_level() {
    let run = run(&scenario(4, &fault("db.replication-lag", "orders-db-replica", 0.5, "")), 1);
    let written = |instance: &crate::cluster::instance::Instance| instance.meters.lines[Level::Warn as usize];
    assert!(run.cluster.instances.iter().all(|instance| written(instance) > 30));
}

#[test]
fn counters_only_fall_when_their_process_begins_again() {
    let resets = "[telemetry]\nscrape = { gap_prob = 0.01, reset_prob = 0.03 }\n";
    let run = run(&scenario(8, &(fault("db.slow-statement", "orders-db", 0.9, "") + resets)), 3);
    let falls = |samples: &[(i64, f64)]| -> Vec<i64> {
        let values: Vec<_> = samples.iter().filter(|(_, value)| !value.is_nan()).collect();
        values.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[1].0).collect()
    };
    const UPTIMES: [&str; 3] = ["process_uptime_seconds", "mysql_global_status_uptime", "redis_uptime_in_seconds"];
    let mut began: std::collections::BTreeSet<(&str, i64)> = UPTIMES
        .iter()
        .flat_map(|name| run.telemetry().named(name))
        .flat_map(|uptime| falls(&uptime.samples).into_iter().map(|at| (uptime.labels["instance"].as_str(), at)))
        .collect();
    // A broker tells when its process began, and not how long ago. Two restarts are a scrape of 15 s apart, or more.
    let starts = run.telemetry().named("process_start_time_seconds").flat_map(|series| {
        let rises = series.samples.windows(2).filter(|pair| pair[1].1 > pair[0].1 + 7.5).map(|pair| pair[1].0);
        rises.map(|at| (series.labels["instance"].as_str(), at)).collect::<Vec<_>>()
    });
    began.extend(starts);
    let is_host = |series: &crate::telemetry::Metric| series.labels["job"] == "node";
    let counters = run.telemetry().series.iter().filter(|series| series.kind == MetricKind::Counter);
    let mut fell = 0;
    for series in counters.filter(|series| !is_host(series)) {
        for at in falls(&series.samples) {
            assert!(began.contains(&(&series.labels["instance"], at)), "{} {:?} at {at}", series.name, series.labels);
            fell += 1;
        }
        assert!(series.samples.iter().all(|(_, value)| value.is_nan() || *value >= 0.0), "{}", series.name);
    }
    assert!(fell > 20 && began.len() > 2, "{fell} {began:?}");
}
