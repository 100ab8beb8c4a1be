//! A run that is over, asked as an engineer would ask its Prometheus and its logs.

use std::ops::{Range, RangeBounds};

use lagdoctor_model::Millis;
use lagdoctor_sim::endpoints::prometheus::answer;
use lagdoctor_sim::{Scenario, Simulation};
use serde_json::Value;

/// A run that is over, and the second of its onset.
pub(crate) struct Seen {
    pub(crate) run: Simulation,
    onset: f64,
}

pub(crate) fn see(name: &str, seed: u64, overrides: &str) -> Seen {
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
    pub(crate) fn ask(&self, query: &str) -> Vec<(Value, Vec<(f64, f64)>)> {
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
    pub(crate) fn one(&self, query: &str) -> Vec<(f64, f64)> {
        let mut rows = self.ask(query);
        assert_eq!(rows.len(), 1, "{query}: {:?}", rows.iter().map(|row| &row.0).collect::<Vec<_>>());
        rows.remove(0).1
    }

    /// Means before the onset and well after it.
    pub(crate) fn means(&self, query: &str) -> (f64, f64) {
        means(&self.one(query))
    }

    /// By how much the mean after the onset is larger than before.
    pub(crate) fn factor(&self, query: &str) -> f64 {
        let (before, after) = self.means(query);
        after / before
    }

    /// Seconds from the onset until it is clearly beyond all that was before.
    pub(crate) fn onset_of(&self, query: &str) -> f64 {
        let points = self.one(query);
        let most = points.iter().filter(|(at, _)| *at < 0.0).map(|(_, value)| *value).fold(0.0, f64::max);
        let beyond = points.iter().find(|(at, value)| *at >= 0.0 && *value > most * 1.2 + 1e-6);
        beyond.unwrap_or_else(|| panic!("{query} never moves beyond {most}")).0
    }

    pub(crate) fn says(&self, part: &str) -> usize {
        let request = serde_json::json!({ "query": { "match_phrase": { "message": part } } }).to_string();
        let now = self.run.end() + Millis::minutes(10);
        let found =
            lagdoctor_sim::endpoints::elasticsearch::answer(self.run.telemetry(), now, "POST", "/_count", &request);
        let body: Value = serde_json::from_str(&found.body).unwrap();
        body["count"].as_u64().unwrap() as usize
    }
}

pub(crate) fn means(points: &[(f64, f64)]) -> (f64, f64) {
    let mean = |fits: fn(f64) -> bool| {
        let values: Vec<f64> = points.iter().filter(|(at, _)| fits(*at)).map(|(_, value)| *value).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    (mean(|at| at < 0.0), mean(|at| at > 180.0))
}

pub(crate) const INFLOW: &str = "sum(rate(kafka_topic_partition_current_offset[1m]))";
pub(crate) const DONE: &str = "sum(rate(kafka_consumergroup_current_offset[1m]))";
pub(crate) const LAG: &str = "sum(kafka_consumergroup_lag)";
pub(crate) const RECORD: &str =
    "sum(rate(spring_kafka_listener_seconds_sum[1m])) / sum(rate(spring_kafka_listener_seconds_count[1m]))";
pub(crate) const USE: &str = "sum by (pool) (rate(hikaricp_connections_usage_seconds_sum{pool=\"orders-db\"}[1m])) / \
                   sum by (pool) (rate(hikaricp_connections_usage_seconds_count{pool=\"orders-db\"}[1m]))";
pub(crate) const STATEMENT: &str = "sum by (instance) (rate(mysql_perf_schema_events_statements_seconds_total{instance=\"orders-db:9104\"}[1m])) / \
                         sum by (instance) (rate(mysql_perf_schema_events_statements_total{instance=\"orders-db:9104\"}[1m]))";
pub(crate) const PENDING: &str = "max(hikaricp_connections_pending{pool=\"orders-db\"})";
pub(crate) const CPU: &str = "avg(process_cpu_usage{job=\"fulfilment\"})";
pub(crate) const MEMBERS: &str = "sum(kafka_consumergroup_members)";
pub(crate) const GC: &str = "max by (pod) (rate(jvm_gc_pause_seconds_sum[1m]))";

/// Lag after the run, of each partition.
pub(crate) fn lags(seen: &Seen) -> Vec<f64> {
    let mut lags: Vec<(u32, f64)> = seen
        .ask("kafka_consumergroup_lag")
        .into_iter()
        .map(|(labels, points)| (labels["partition"].as_str().unwrap().parse().unwrap(), points.last().unwrap().1))
        .collect();
    lags.sort_by_key(|(partition, _)| *partition);
    lags.into_iter().map(|(_, lag)| lag).collect()
}

pub(crate) fn spread(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max) / values.iter().copied().fold(f64::MAX, f64::min)
}

/// How often processes of a pod, or of all pods of a job, began again.
pub(crate) fn restarts(seen: &Seen, name: &str) -> usize {
    let label = if name.rsplit('-').next().is_some_and(|number| number.parse::<u32>().is_ok()) { "pod" } else { "job" };
    let uptimes = seen.ask(&format!("process_uptime_seconds{{{label}=\"{name}\"}}"));
    let falls = |points: &[(f64, f64)]| points.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
    uptimes.iter().map(|(_, points)| falls(points)).sum()
}

impl Seen {
    /// The values of a query between two moments, in seconds since the onset.
    pub(crate) fn between(&self, query: &str, within: impl RangeBounds<f64>) -> Vec<f64> {
        self.one(query).into_iter().filter(|(at, _)| within.contains(at)).map(|(_, value)| value).collect()
    }

    /// Their mean.
    pub(crate) fn mean_in(&self, query: &str, within: Range<f64>) -> f64 {
        let values = self.between(query, within.clone());
        assert!(!values.is_empty(), "{query} has no values in {within:?}");
        mean(&values)
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Says whether nothing has happened to what is measured.
pub(crate) fn is_flat(seen: &Seen, query: &str) -> bool {
    (0.7..1.4).contains(&seen.factor(query))
}
