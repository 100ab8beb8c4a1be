use super::seen::*;

#[test]
fn full_collections_stop_one_instance_and_all_that_it_measures() {
    let seen = see("gc-pauses", 3, "target = \"fulfilment-1\"\nramp = \"30s\"\nseverity = 0.7\n");
    for (labels, points) in seen.ask(GC) {
        let overhead = means(&points).1;
        assert_eq!(overhead > 0.3, labels["pod"] == "fulfilment-1", "{labels} {overhead}");
    }
    let lags = lags(&seen);
    let (its, others) = ([&lags[3..6]].concat(), [&lags[..3], &lags[6..]].concat());
    assert!(its.iter().all(|lag| *lag > 2000.0) && others.iter().all(|lag| *lag < 400.0), "{lags:?}");
    let slowest = |pod: &str| {
        seen.means(&format!("hikaricp_connections_usage_seconds_max{{pod=\"{pod}\",pool=\"orders-db\"}}")).1
    };
    assert!(slowest("fulfilment-1") > 1.0 && slowest("fulfilment-0") < 0.3, "its clients seem slow, and only its");
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)), "the server itself is not");
    let longest = seen.means("jvm_gc_pause_seconds_max{pod=\"fulfilment-1\",action=\"end of major GC\"}").1;
    assert!((1.0..10.0).contains(&longest), "{longest} s");
    let (before, after) = seen.means("jvm_memory_usage_after_gc{pod=\"fulfilment-1\"}");
    assert!(before < 0.35 && after > 0.9, "{before} {after}");
    assert!(seen.says("Pause Full (G1 Compaction Pause)") > 20);
}

/// The pod of an instance.
const POD: &str = "fulfilment-1";

fn of_each(seen: &Seen, query: &str) -> Vec<(bool, f64, f64)> {
    let row = |(labels, points): &(serde_json::Value, Vec<(f64, f64)>)| {
        let (before, after) = means(points);
        (labels["pod"] == POD, before, after)
    };
    seen.ask(query).iter().map(row).collect()
}

#[test]
fn young_collections_come_often_and_are_short_each() {
    let seen = see("gc-young", 6, "target = \"fulfilment-1\"\nramp = 0\nseverity = 0.8\n");
    let count = "sum by (pod) (rate(jvm_gc_pause_seconds_count{action=\"end of minor GC\"}[1m]))";
    for (is_root, before, after) in of_each(&seen, count) {
        assert!(before < 1.0 && (after > 1.5) == is_root, "{is_root} {before} {after}");
    }
    for (is_root, before, after) in of_each(&seen, GC) {
        assert!(before < 0.05 && (after > 0.08) == is_root, "{is_root} {before} {after}");
    }
    let longest = seen.means("jvm_gc_pause_seconds_max{pod=\"fulfilment-1\",action=\"end of minor GC\"}").1;
    assert!((0.05..0.6).contains(&longest), "{longest} s");
    assert!(seen.ask("jvm_gc_pause_seconds_count{action=\"end of major GC\"}").is_empty(), "none of them is full");
    assert!(seen.says("Pause Young (Normal) (G1 Evacuation Pause)") > 100);
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)), "the server itself is as always");
}

#[test]
fn a_leak_raises_the_floor_under_the_heap_long_before_it_hurts() {
    let seen = see("heap-leak", 7, "target = \"fulfilment-1\"\nramp = \"8m\"\nseverity = 0.7\n");
    let floor = seen.one("jvm_memory_usage_after_gc{pod=\"fulfilment-1\"}");
    let at = |moment: f64| floor.iter().find(|(at, _)| *at >= moment).unwrap().1;
    let (early, middle, late) = (at(60.0), at(270.0), at(500.0));
    assert!(
        at(-30.0) < 0.35 && early + 0.15 < middle && middle + 0.15 < late && late > 0.85,
        "{early} {middle} {late}"
    );
    let overhead = seen.one("rate(jvm_gc_pause_seconds_sum{pod=\"fulfilment-1\",action=\"end of major GC\"}[1m])");
    assert!(overhead.iter().all(|(at, _)| *at > 360.0), "nothing is full for most of the way");
    assert!(overhead.last().unwrap().1 > 0.3, "and then it takes everything: {:?}", overhead.last());
    assert!(seen.onset_of("sum(kafka_consumergroup_lag)") > 300.0, "lag comes late");
    assert!((0.8..1.2).contains(&seen.factor(INFLOW)));
}

#[test]
fn threads_that_wait_for_ever_leave_few_for_records_and_nothing_else_to_do() {
    let seen = see("stuck-threads", 8, "target = \"fulfilment-1\"\nramp = 0\nseverity = 0.95\n");
    for (is_root, before, after) in of_each(&seen, "executor_active_threads") {
        assert!(before < 15.0 && (after > 18.5) == is_root, "{is_root} {before} {after}");
    }
    for (is_root, _, after) in of_each(&seen, "executor_queued_tasks") {
        assert!((after > 20.0) == is_root, "{is_root} {after}");
    }
    assert!(seen.factor(RECORD) < 1.2, "no record takes longer than ever: {}", seen.factor(RECORD));
    assert!(seen.factor(DONE) < 0.95 && (0.8..1.2).contains(&seen.factor(INFLOW)));
    assert!(seen.means("max(hikaricp_connections_active{pool=\"orders-db\",pod=\"fulfilment-1\"})").1 < 3.0);
    assert_eq!(seen.means(PENDING).1, 0.0);
    assert!(seen.factor("avg(process_cpu_usage{pod=\"fulfilment-1\"})") < 0.9);
}

#[test]
fn a_host_without_processors_slows_all_that_runs_on_it_and_nothing_elsewhere() {
    for how in ["neighbour", "steal"] {
        let seen = see(
            "noisy-host",
            9,
            &format!("target = \"worker-1\"\nramp = 0\nseverity = 0.9\nparams = {{ how = \"{how}\" }}\n"),
        );
        let mode = |mode: &str, host: &str| {
            seen.means(&format!("avg(rate(node_cpu_seconds_total{{instance=\"{host}:9100\",mode=\"{mode}\"}}[1m]))"))
        };
        match how {
            "steal" => assert!(mode("steal", "worker-1").0 == 0.0 && mode("steal", "worker-1").1 > 0.8),
            _ => assert!(mode("idle", "worker-1").0 > 0.5 && mode("idle", "worker-1").1 < 0.02),
        }
        assert!(mode("idle", "worker-2").1 > 0.5, "{how}: {:?}", mode("idle", "worker-2"));
        let took = "sum by (pod) (rate(spring_kafka_listener_seconds_sum[1m])) / sum by (pod) (rate(spring_kafka_listener_seconds_count[1m]))";
        let slow: Vec<String> = seen
            .ask(took)
            .into_iter()
            .filter(|(_, points)| means(points).1 > 2.0 * means(points).0)
            .map(|(labels, _)| labels["pod"].as_str().unwrap().to_owned())
            .collect();
        // Four instances are spread over three hosts in turn.
        assert_eq!(slow, ["fulfilment-0", "fulfilment-3"], "{how}");
        assert!((0.7..1.4).contains(&seen.factor(STATEMENT)), "{how}");
    }
}

#[test]
fn a_flood_of_lines_comes_first_and_slows_the_work_that_writes_them() {
    let seen = see("debug-logs", 10, "target = \"fulfilment-1\"\nramp = 0\nseverity = 0.8\n");
    for (is_root, before, after) in of_each(&seen, "sum by (pod) (rate(logback_events_total{job=\"fulfilment\"}[1m]))")
    {
        assert!((after > 20.0 * before) == is_root, "{is_root} {before} {after}");
    }
    let lines = "sum(rate(logback_events_total{pod=\"fulfilment-1\"}[1m]))";
    assert!(seen.onset_of(lines) <= seen.onset_of(LAG) + 15.0, "within a scrape of it at the latest");
    let took = "sum by (pod) (rate(spring_kafka_listener_seconds_sum[1m])) / sum by (pod) (rate(spring_kafka_listener_seconds_count[1m]))";
    for (is_root, before, after) in of_each(&seen, took) {
        assert!((after > 2.0 * before) == is_root, "{is_root} {before} {after}");
    }
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)) && seen.means(PENDING).1 < 2.0);
    assert!(seen.says("Processing entity OrderLine") > 500);
}
