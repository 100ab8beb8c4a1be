//! Each fault, seen through the simulated Prometheus alone: what moves, what does not, and in which order.

use lagdoctor_model::Millis;
use lagdoctor_sim::endpoints::prometheus::answer;
use lagdoctor_sim::{Scenario, Simulation};
use serde_json::Value;

/// A run that is over, and the second of its onset.
struct Seen {
    run: Simulation,
    onset: f64,
}

fn see(name: &str, seed: u64, overrides: &str) -> Seen {
    let text = format!(
        "schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"24m\"\nuse = [\"{name}\"]\n\
         [telemetry]\nscrape = {{ gap_prob = 0.0, reset_prob = 0.0 }}\n\
         [[fault]]\nid = \"f1\"\nat = \"15m\"\n{overrides}"
    );
    let mut run = Simulation::new(&Scenario::parse(&text, Scenario::builtin_use).unwrap(), seed);
    run.advance_to(run.end());
    Seen { run, onset: 900.0 }
}

impl Seen {
    /// Every series of the answer: its labels, and seconds since the onset with values.
    fn ask(&self, query: &str) -> Vec<(Value, Vec<(f64, f64)>)> {
        let (start, end) = (self.run.start().as_millis() as f64 / 1000.0, self.run.end().as_millis() as f64 / 1000.0);
        let params = [
            ("query", query.to_owned()),
            ("start", (start + 300.0).to_string()),
            ("end", end.to_string()),
            ("step", "5".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let response = answer(self.run.telemetry(), self.run.end(), "/api/v1/query_range", &params);
        assert_eq!(response.status, 200, "{}", response.body);
        let body: Value = serde_json::from_str(&response.body).unwrap();
        let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
        let point = |point: &Value| (point[0].as_f64().unwrap() - start - self.onset, number(&point[1]));
        let rows = body["data"]["result"].as_array().unwrap().iter();
        rows.map(|row| (row["metric"].clone(), row["values"].as_array().unwrap().iter().map(point).collect())).collect()
    }

    /// The one series of the answer.
    fn one(&self, query: &str) -> Vec<(f64, f64)> {
        let mut rows = self.ask(query);
        assert_eq!(rows.len(), 1, "{query}: {:?}", rows.iter().map(|row| &row.0).collect::<Vec<_>>());
        rows.remove(0).1
    }

    /// Means before the onset and well after it.
    fn means(&self, query: &str) -> (f64, f64) {
        means(&self.one(query))
    }

    /// By how much the mean after the onset is larger than before.
    fn factor(&self, query: &str) -> f64 {
        let (before, after) = self.means(query);
        after / before
    }

    /// Seconds from the onset until it is clearly beyond all that was before.
    fn onset_of(&self, query: &str) -> f64 {
        let points = self.one(query);
        let most = points.iter().filter(|(at, _)| *at < 0.0).map(|(_, value)| *value).fold(0.0, f64::max);
        let beyond = points.iter().find(|(at, value)| *at >= 0.0 && *value > most * 1.2 + 1e-6);
        beyond.unwrap_or_else(|| panic!("{query} never moves beyond {most}")).0
    }

    fn says(&self, part: &str) -> usize {
        let request = serde_json::json!({ "query": { "match_phrase": { "message": part } } }).to_string();
        let now = self.run.end() + Millis::minutes(10);
        let found =
            lagdoctor_sim::endpoints::elasticsearch::answer(self.run.telemetry(), now, "POST", "/_count", &request);
        let body: Value = serde_json::from_str(&found.body).unwrap();
        body["count"].as_u64().unwrap() as usize
    }
}

fn means(points: &[(f64, f64)]) -> (f64, f64) {
    let mean = |fits: fn(f64) -> bool| {
        let values: Vec<f64> = points.iter().filter(|(at, _)| fits(*at)).map(|(_, value)| *value).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    (mean(|at| at < 0.0), mean(|at| at > 180.0))
}

const INFLOW: &str = "sum(rate(kafka_topic_partition_current_offset[1m]))";
const DONE: &str = "sum(rate(kafka_consumergroup_current_offset[1m]))";
const LAG: &str = "sum(kafka_consumergroup_lag)";
const RECORD: &str =
    "sum(rate(spring_kafka_listener_seconds_sum[1m])) / sum(rate(spring_kafka_listener_seconds_count[1m]))";
const USE: &str = "sum by (pool) (rate(hikaricp_connections_usage_seconds_sum{pool=\"orders-db\"}[1m])) / \
                   sum by (pool) (rate(hikaricp_connections_usage_seconds_count{pool=\"orders-db\"}[1m]))";
const STATEMENT: &str = "sum by (instance) (rate(mysql_perf_schema_events_statements_seconds_total{instance=\"orders-db:9104\"}[1m])) / \
                         sum by (instance) (rate(mysql_perf_schema_events_statements_total{instance=\"orders-db:9104\"}[1m]))";
const PENDING: &str = "max(hikaricp_connections_pending{pool=\"orders-db\"})";
const GC: &str = "max by (pod) (rate(jvm_gc_pause_seconds_sum[1m]))";

/// Lag after the run, of each partition.
fn lags(seen: &Seen) -> Vec<f64> {
    let mut lags: Vec<(u32, f64)> = seen
        .ask("kafka_consumergroup_lag")
        .into_iter()
        .map(|(labels, points)| (labels["partition"].as_str().unwrap().parse().unwrap(), points.last().unwrap().1))
        .collect();
    lags.sort_by_key(|(partition, _)| *partition);
    lags.into_iter().map(|(_, lag)| lag).collect()
}

fn spread(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max) / values.iter().copied().fold(f64::MAX, f64::min)
}

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
        let used = seen.factor("avg(process_cpu_usage{job=\"fulfilment\"})");
        assert!(cpu.contains(&used), "{how}: {used}");
    }
}

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

#[test]
fn a_slow_statement_is_seen_on_the_server_before_it_is_seen_in_pools_and_records() {
    let seen = see("db-timeouts", 4, "severity = 0.75\n");
    let order = [STATEMENT, USE, RECORD].map(|query| seen.onset_of(query));
    assert!(order[0] <= order[1] + 15.0 && order[1] <= order[2] + 15.0, "{order:?}");
    assert!(seen.factor(STATEMENT) > 50.0 && seen.factor(USE) > 50.0);
    let pending = seen.one(PENDING);
    let late: Vec<f64> = pending.iter().filter(|(at, _)| *at > 60.0).map(|(_, value)| *value).collect();
    assert!(late.iter().all(|value| *value <= 10.0), "never more than threads less connections: {late:?}");
    assert!(late.iter().filter(|value| **value == 10.0).count() * 2 > late.len(), "and mostly just that: {late:?}");
    assert!(seen.means("avg(hikaricp_connections_active{pool=\"orders-db\"})").1 > 8.5);
    assert!(seen.one("sum(hikaricp_connections_timeout_total)").last().unwrap().1 > 100.0);
    assert!(seen.says("Connection is not available, request timed out after") > 20);
    assert!(seen.means("max(mysql_global_status_threads_running{instance=\"orders-db:9104\"})").1 > 30.0);
    assert!(seen.one("sum(rate(mysql_global_status_slow_queries[1m]))").last().unwrap().1 > 1.0);
    assert!(seen.factor("avg(process_cpu_usage{job=\"fulfilment\"})") < 0.6, "consumers only wait");
    let idle = "avg(rate(node_cpu_seconds_total{instance=\"db-a:9100\",mode=\"idle\"}[1m]))";
    assert!(seen.means(idle).0 > 0.6 && seen.means(idle).1 < 0.4, "the server works: {:?}", seen.means(idle));
}

const BEHIND: &str = "mysql_slave_status_seconds_behind_master";

#[test]
fn a_stopped_apply_thread_takes_the_delay_metric_away() {
    let seen = see("replication-delay", 5, "severity = 0.5\nparams = { face = \"stopped\" }\n");
    let last = seen.one(BEHIND).last().unwrap().0;
    assert!(last < 20.0, "the metric is gone with the next scrape, not after five minutes: {last} s");
    assert_eq!(seen.means("mysql_slave_status_slave_sql_running"), (1.0, 0.0));
    assert_eq!(seen.means("mysql_slave_status_slave_io_running"), (1.0, 1.0));
    assert_eq!(seen.means("min(mysql_up)"), (1.0, 1.0));
    let read = seen.one("mysql_slave_status_read_master_log_pos").last().unwrap().1;
    let applied = seen.one("mysql_slave_status_exec_master_log_pos").last().unwrap().1;
    assert!(read - applied > 20e6, "{read} {applied}");
    check_readers(&seen);
}

#[test]
fn an_honest_delay_climbs() {
    for (face, climbs) in [("delayed", 310.0..330.0), ("slow", 200.0..545.0)] {
        let seen = see("replication-delay", 5, &format!("severity = 0.5\nparams = {{ face = \"{face}\" }}\n"));
        let behind = seen.one(BEHIND);
        assert!(behind.iter().all(|(at, value)| *at > 0.0 || *value == 0.0));
        assert!(climbs.contains(&behind.last().unwrap().1), "{face}: {:?}", behind.last());
        assert_eq!(seen.means("mysql_slave_status_slave_sql_running"), (1.0, 1.0));
        check_readers(&seen);
    }
}

/// Readers wait for their own rows, and databases, pools and heaps are as always.
fn check_readers(seen: &Seen) {
    assert!(seen.factor(RECORD) > 3.0);
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)));
    assert!(seen.means("avg(process_cpu_usage{job=\"fulfilment\"})").1 < 0.4);
    let in_vain = "sum(rate(resilience4j_retry_calls_total{kind=\"failed_with_retry\"}[1m]))";
    assert!(seen.means(in_vain).1 > 100.0);
    assert!(seen.says("entity not found, retry") > 100);
    assert!(spread(&lags(seen)) < 1.6, "{:?}", lags(seen));
}
