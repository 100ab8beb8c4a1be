//! Each dialect tells the same run, in names that somebody reads.

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::Millis;
use toml::{Table, Value};

use crate::endpoints::prometheus::answer;
use crate::telemetry::Metric;
use crate::{Scenario, Simulation};

fn run(dialect: &str, more: &str) -> Simulation {
    let text = format!(
        "schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"8m\"\nuse = [\"topo/orders.toml\"]\n\
         [telemetry]\ndialect = {dialect}\nscrape = {{ interval = \"2s\", jitter = \"200ms\", gap_prob = 0.0, reset_prob = 0.0 }}\n{more}"
    );
    let mut run = Simulation::new(&Scenario::parse(&text, Scenario::builtin_use).unwrap(), 5);
    run.advance_to(run.end());
    run
}

const FULL: &str =
    "[[fault]]\nid = \"x\"\nkind = \"jvm.gc-full\"\ntarget = \"fulfilment-2\"\nat = \"2m\"\nseverity = 0.9\n";

/// Values of the last minutes, as the endpoint gives them for a query.
fn asked(run: &Simulation, query: &str) -> Vec<(BTreeMap<String, String>, Vec<String>)> {
    let seconds = |minutes: u32| (run.start() + Millis::minutes(minutes)).as_millis() as f64 / 1000.0;
    let params = [
        ("query", query.to_owned()),
        ("start", seconds(2).to_string()),
        ("end", seconds(8).to_string()),
        ("step", "15".into()),
    ];
    let params = params.map(|(name, value)| (name.to_owned(), value));
    let body = answer(run.telemetry(), run.end(), "/api/v1/query_range", &params).body;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let labels = |row: &serde_json::Value| {
        row["metric"].as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value))).collect()
    };
    let rows = body["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {body}"));
    let values = |row: &serde_json::Value| row["values"].as_array().unwrap().iter().map(|at| text(&at[1])).collect();
    let mut rows: Vec<_> = rows.iter().map(|row| (labels(row), values(row))).collect();
    rows.sort();
    rows
}

/// Two queries give the same numbers, series by series, but for a factor.
fn same(one: &Simulation, query: &str, other: &Simulation, other_query: &str, factor: f64) {
    let values = |run, query, factor: f64| -> Vec<Vec<f64>> {
        let number = |text: String| text.parse::<f64>().unwrap() * factor;
        let mut rows: Vec<Vec<f64>> =
            asked(run, query).into_iter().map(|(_, values)| values.into_iter().map(number).collect()).collect();
        rows.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
        rows
    };
    let (one, other) = (values(one, query, factor), values(other, other_query, 1.0));
    assert!(!one.is_empty() && one[0].len() > 10, "{query} gives nothing");
    assert_eq!(one.len(), other.len(), "{query} against {other_query}");
    for (one, other) in one.iter().flatten().zip(other.iter().flatten()) {
        let is_same = (one - other).abs() <= 1e-9 * one.abs() || one.is_nan() && other.is_nan();
        assert!(is_same, "{query}: {one} is not {other}");
    }
}

#[test]
fn a_receiver_of_opentelemetry_tells_the_same_run() {
    let (usual, otel) = (run("\"kafka_exporter\"", FULL), run("\"otel\"", FULL));
    for (query, other) in [
        ("kafka_consumergroup_lag", "kafka_consumer_group_lag"),
        ("kafka_consumergroup_current_offset", "kafka_consumer_group_offset"),
        ("kafka_topic_partition_current_offset", "kafka_partition_current_offset"),
        ("kafka_consumergroup_members", "kafka_consumer_group_members"),
        ("spring_kafka_listener_seconds_sum{result=\"success\"}", "messaging_process_duration_seconds_sum"),
        ("hikaricp_connections_active", "db_client_connection_count{db_client_connection_state=\"used\"}"),
        ("hikaricp_connections_usage_seconds_sum", "db_client_connection_use_time_seconds_sum"),
        ("sum by (pod) (jvm_gc_pause_seconds_sum)", "sum by (pod) (jvm_gc_duration_seconds_sum)"),
        (
            "sum by (pod) (jvm_memory_used_bytes{area=\"heap\"})",
            "sum by (pod) (jvm_memory_used_bytes{jvm_memory_type=\"heap\"})",
        ),
        ("process_cpu_usage", "jvm_cpu_recent_utilization_ratio"),
        ("http_client_requests_seconds_count", "http_client_request_duration_seconds_count"),
        ("kafka_producer_record_send_total", "messaging_client_sent_messages_total"),
        ("node_cpu_seconds_total{mode=\"idle\"}", "node_cpu_seconds_total{mode=\"idle\"}"),
    ] {
        same(&usual, query, &otel, other, 1.0);
    }
    let lag = &asked(&otel, "kafka_consumer_group_lag")[0].0;
    let names: Vec<&str> = lag.keys().map(String::as_str).collect();
    assert_eq!(names, ["__name__", "group", "instance", "job", "partition", "topic"]);
    assert_eq!(lag["job"], "otel-collector");
    assert!(asked(&otel, "jvm_memory_limit_bytes").iter().all(|(_, values)| values.iter().all(|value| value != "-1")));
}

#[test]
fn burrow_and_the_native_trackers_tell_the_same_run() {
    let (usual, burrow) = (run("\"kafka_exporter\"", FULL), run("\"burrow\"", FULL));
    for (query, other, factor) in [
        ("kafka_consumergroup_lag", "burrow_kafka_consumer_partition_lag", 1.0),
        ("kafka_consumergroup_lag_sum", "burrow_kafka_consumer_lag_total", 1.0),
        ("kafka_topic_partition_current_offset", "burrow_kafka_topic_partition_offset", 1.0),
        ("hikaricp_connections_pending", "hikaricp_pending_threads", 1.0),
        ("hikaricp_connections_usage_seconds_sum", "hikaricp_connection_usage_millis_sum", 1e3),
        ("hikaricp_connections_acquire_seconds_sum", "hikaricp_connection_acquired_nanos_sum", 1e9),
        ("sum by (pod, gc) (jvm_gc_pause_seconds_sum)", "jvm_gc_collection_seconds_sum{pod!=\"\"}", 1.0),
        ("sum by (pod, area) (jvm_memory_used_bytes)", "jvm_memory_bytes_used{pod!=\"\"}", 1.0),
        ("jvm_memory_max_bytes{id=\"G1 Old Gen\"}", "jvm_memory_bytes_max{pod!=\"\"}", 1.0),
        ("spring_kafka_listener_seconds_count", "spring_kafka_listener_seconds_count", 1.0),
    ] {
        same(&usual, query, &burrow, other, factor);
    }
    assert!(asked(&burrow, "burrow_kafka_consumer_lag_total")[0].0["consumer_group"] == "fulfilment");
}

#[test]
fn a_partition_without_commits_is_unknown_in_each_dialect_in_its_way() {
    let replay = "[[fault]]\nid = \"x\"\nkind = \"load.replay\"\ntarget = \"fulfilment\"\nat = \"3m\"\nseverity = 1\n";
    let otel = run("\"otel\"", replay);
    let burrow = run("\"burrow\"", replay);
    let has = |run: &Simulation, name: &str, fits: fn(f64) -> bool| {
        run.telemetry().named(name).any(|series| series.samples.iter().any(|(_, value)| fits(*value)))
    };
    assert!(has(&otel, "kafka_consumer_group_lag", |value| value == -1.0));
    assert!(!has(&burrow, "burrow_kafka_consumer_partition_lag", |value| value == -1.0));
    assert!(
        has(&burrow, "burrow_kafka_consumer_partition_lag", crate::telemetry::is_stale),
        "the series ends meanwhile"
    );
}

/// Signals of the vocabulary for which the run has a metric.
fn signals(run: &Simulation) -> BTreeSet<String> {
    let table: Table = toml::from_str(lagdoctor_wit::DIALECTS).unwrap();
    let has = |name: &str| run.telemetry().named(name).next().is_some();
    let entries = table["dialect"].as_array().unwrap().iter().flat_map(|one| one["entry"].as_array().unwrap());
    let named = |entry: &&Value| {
        let one = |key: &str| entry.get(key).and_then(Value::as_str).is_some_and(has);
        let any = |key: &str| {
            entry
                .get(key)
                .and_then(Value::as_array)
                .is_some_and(|names| names.iter().any(|name| has(name.as_str().unwrap())))
        };
        any("metric") || any("part") || one("sum") && one("count")
    };
    entries.filter(named).map(|entry| entry["signal"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_other_exporters_cannot_say_is_all_that_a_diagnosis_lacks() {
    let usual = signals(&run("\"kafka_exporter\"", FULL));
    let lacks = |dialect: &str| -> Vec<String> { usual.difference(&signals(&run(dialect, FULL))).cloned().collect() };
    assert_eq!(lacks("\"otel\""), ["jvm.gc.duration.max"]);
    assert_eq!(
        lacks("\"burrow\""),
        [
            "jvm.gc.duration.max",
            "kafka.consumer_group.members",
            "kafka.partition.oldest_offset",
            "kafka.partition.replicas_in_sync",
            "kafka.topic.partitions"
        ]
    );
}

#[test]
fn a_dialect_may_be_drawn_and_an_unknown_one_is_refused() {
    let names = |run: &Simulation| {
        run.telemetry().series.iter().map(|series: &Metric| series.name.clone()).collect::<BTreeSet<_>>()
    };
    let scenario = |dialect: &str| {
        let text = format!(
            "schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"1m\"\nuse = [\"topo/orders.toml\"]\n[telemetry]\ndialect = {dialect}\n"
        );
        Scenario::parse(&text, Scenario::builtin_use)
    };
    let drawn = scenario("{ choice = [\"kafka_exporter\", \"otel\", \"burrow\"] }").unwrap();
    let seen: BTreeSet<_> = (1..12)
        .map(|seed| {
            let mut run = Simulation::new(&drawn, seed);
            run.advance_to(run.end());
            names(&run)
        })
        .collect();
    assert_eq!(seen.len(), 3);
    let error = scenario("\"statsd\"").unwrap_err().to_string();
    assert!(error.contains("no dialect `statsd`; there are kafka_exporter, otel, burrow"), "{error}");
}
