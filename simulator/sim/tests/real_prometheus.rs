//! Does the simulated Prometheus answer as the real one does? Both hold the same simulated hour, and both are asked the
//! same questions, right and wrong. Skipped where Prometheus is not installed.
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use lagdoctor_sim::endpoints::prometheus::answer;
use lagdoctor_sim::{Scenario, Simulation};
use serde_json::Value;

/// A running Prometheus, ended with its folder when the test ends.
struct Prometheus {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn is_installed(program: &str) -> bool {
    let quiet = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

impl Prometheus {
    /// One that holds these samples, as OpenMetrics text.
    fn holding(metrics: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("prometheus-{}", std::process::id()));
        let data = folder.join("data");
        fs::create_dir_all(&data).unwrap();
        fs::write(folder.join("prometheus.yml"), "scrape_configs: []\n").unwrap();
        fs::write(folder.join("metrics.txt"), metrics).unwrap();
        let filled = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
            .args([folder.join("metrics.txt"), data.clone()])
            .output()
            .unwrap();
        assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self { child, port, folder };
        let began = Instant::now();
        while !prometheus.get("/-/ready").is_ok_and(|(status, _)| status == 200) {
            assert!(began.elapsed() < Duration::from_secs(60), "Prometheus does not become ready");
            thread::sleep(Duration::from_millis(50));
        }
        prometheus
    }

    /// HTTP/1.0, so that the answer ends with the connection.
    fn get(&self, path: &str) -> std::io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
        let status = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        Ok((status, answer.get(head + 4..).unwrap_or_default().to_vec()))
    }

    fn ask(&self, path: &str, params: &[(&str, String)]) -> (u16, Value) {
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let pairs: Vec<String> = params.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let (status, body) = self.get(&format!("{path}?{}", pairs.join("&"))).unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

/// An incident with pools that run empty, and with counters that begin again; nothing ends before the run does, because
/// the text that fills a Prometheus has no word for the end of a series.
fn run() -> Simulation {
    let text = "schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"60m\"\nuse = [\"db-timeouts\"]\n\
                [telemetry]\nscrape = { gap_prob = 0.0, reset_prob = 0.003 }\n";
    let mut run = Simulation::new(&Scenario::parse(text, Scenario::builtin_use).unwrap(), 3);
    run.advance_to(run.end());
    run
}

fn simulated(run: &Simulation, path: &str, params: &[(&str, String)]) -> (u16, Value) {
    let params: Vec<_> = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let response = answer(run.telemetry(), run.end(), path, &params);
    (response.status, serde_json::from_str(&response.body).unwrap())
}

/// Names whose series both hold: all that reports show, and what lies beside it.
const HELD: &str = "up|kafka_(consumergroup_.+|topic_partition_current_offset|broker_info)|hikaricp_.+|\
                    jvm_(gc_.+|memory_.+)|process_cpu_usage|mysql_.+|redis_keyspace_.+|node_.+|\
                    spring_kafka_listener_seconds_.+|http_client_requests_seconds_.+|kafka_consumer_.+";

/// Every sample of the hour as OpenMetrics text.
fn exported(run: &Simulation) -> String {
    let raw = [("query", format!("{{__name__=~\"{HELD}\"}}[2h]"))];
    let (status, body) = simulated(run, "/api/v1/query", &raw);
    assert_eq!(status, 200, "{body}");
    let mut text = String::new();
    for series in body["data"]["result"].as_array().unwrap() {
        let labels = series["metric"].as_object().unwrap();
        let pairs: Vec<String> = labels
            .iter()
            .filter(|(name, _)| *name != "__name__")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let name = labels["__name__"].as_str().unwrap();
        for point in series["values"].as_array().unwrap() {
            writeln!(text, "{name}{{{}}} {} {}", pairs.join(","), point[1].as_str().unwrap(), point[0]).unwrap();
        }
    }
    text + "# EOF\n"
}

/// By labels: times in milliseconds, and values.
type Series = BTreeMap<String, Vec<(i64, f64)>>;

fn series(body: &Value) -> Series {
    let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let point = |point: &Value| ((point[0].as_f64().unwrap() * 1000.0).round() as i64, number(&point[1]));
    let data = &body["data"];
    if data["resultType"] == "scalar" {
        return Series::from([(String::new(), vec![point(&data["result"])])]);
    }
    let of = |series: &Value| {
        let points = match series.get("values") {
            Some(values) => values.as_array().unwrap().iter().map(point).collect(),
            None => vec![point(&series["value"])],
        };
        // A map of strings, in order of its keys.
        (series["metric"].to_string(), points)
    };
    data["result"].as_array().unwrap().iter().map(of).collect()
}

fn is_close(one: f64, other: f64) -> bool {
    one == other || (one.is_nan() && other.is_nan()) || (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

/// Both give the same series, at the same times, with the same values. Says how many values there were.
fn compare(run: &Simulation, real: &Prometheus, path: &str, params: &[(&str, String)]) -> usize {
    let ((status, ours), (real_status, theirs)) = (simulated(run, path, params), real.ask(path, params));
    assert_eq!((status, real_status), (200, 200), "{params:?}: {ours} {theirs}");
    assert_eq!(ours["data"]["resultType"], theirs["data"]["resultType"], "{params:?}");
    let (ours, theirs) = (series(&ours), series(&theirs));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{params:?}");
    for ((labels, ours), theirs) in ours.iter().zip(theirs.values()) {
        let times = |points: &[(i64, f64)]| points.iter().map(|(at, _)| *at).collect::<Vec<_>>();
        assert_eq!(times(ours), times(theirs), "{params:?} {labels}");
        for ((at, one), (_, other)) in ours.iter().zip(theirs) {
            assert!(is_close(*one, *other), "{params:?} {labels} at {at}: {one}, and really {other}");
        }
    }
    ours.values().map(Vec::len).sum()
}

/// The forms in which queries are shown to people, and what people make of them.
const QUERIES: [&str; 34] = [
    "up",
    "kafka_consumergroup_lag{consumergroup=\"fulfilment\",topic=\"orders\",partition=\"3\"}",
    "{__name__=~\"hikaricp_.+\",pool!=\"orders-db\",pod=~\"fulfilment-[01]\"}",
    "sum by (consumergroup, topic) (kafka_consumergroup_lag)",
    "sum(kafka_consumergroup_lag) by (topic) - sum by (topic) (kafka_consumergroup_lag_sum)",
    "max without (address) (kafka_broker_info)",
    "sum(rate(kafka_consumergroup_current_offset[1m]))",
    "rate(kafka_topic_partition_current_offset{topic=\"orders\"}[1m])",
    "rate(hikaricp_connections_usage_seconds_sum{pool=\"orders-db\"}[1m]) / \
     rate(hikaricp_connections_usage_seconds_count{pool=\"orders-db\"}[1m])",
    "sum by (pool) (rate(hikaricp_connections_acquire_seconds_sum[5m])) / \
     sum by (pool) (rate(hikaricp_connections_acquire_seconds_count[5m]))",
    "increase(hikaricp_connections_timeout_total[10m])",
    "hikaricp_connections_active / hikaricp_connections_max",
    "avg without (instance, pod) (hikaricp_connections_active)",
    "min by (pod) (hikaricp_connections_idle)",
    "sum without (id, area) (jvm_memory_used_bytes{area=\"heap\"})",
    "sum without (action, cause, gc) (rate(jvm_gc_pause_seconds_sum[1m]))",
    "1 - avg without (cpu, mode) (rate(node_cpu_seconds_total{mode=\"idle\"}[1m]))",
    "rate(mysql_global_status_innodb_row_lock_time[1m]) * 0.001",
    "rate(mysql_perf_schema_events_statements_seconds_total[1m]) / rate(mysql_perf_schema_events_statements_total[1m])",
    "rate(mysql_global_status_slow_queries[75s])",
    "rate(redis_keyspace_hits_total[1m]) / (rate(redis_keyspace_hits_total[1m]) + rate(redis_keyspace_misses_total[1m]))",
    "max_over_time(hikaricp_connections_pending[5m])",
    "min_over_time(process_cpu_usage[100s])",
    "avg_over_time(process_cpu_usage[10m])",
    "sum_over_time(up[3m]) / count_over_time(up[3m])",
    "max by (pod) (kafka_consumer_time_between_poll_max)",
    "avg(kafka_consumer_time_between_poll_avg)",
    "count by (job) (up)",
    "kafka_consumer_coordinator_commit_latency_avg / 1000",
    "-process_cpu_usage + 1",
    "2 * process_cpu_usage - process_cpu_usage / 2",
    "sum(absent_metric)",
    "rate(hikaricp_connections_usage_seconds_count[16s])",
    "1 + 2 * 3 - -4 / 8",
];

/// Wrong queries: both refuse them at the same place, and of the same kind.
const WRONG: [&str; 27] = [
    "",
    "up +",
    "up\n + ]",
    "up down",
    "sum(up",
    "up{job}",
    "up{job=shop}",
    "up{job=\"shop}",
    "1 + {job=\"\"}",
    "up{job=~\"(\"}",
    "rate(up)",
    "increase(1)",
    "sum(1 + 2)",
    "sum(up[5m])",
    "1 + up[5m]",
    "up[5m] * 2",
    "-up[5m]",
    "rates(up[5m])",
    "up[5]",
    "up[5m",
    "up ; up",
    "sum by job (up)",
    "sum by (job (up)",
    "[",
    "rate({job=\"fulfilment\",__name__=~\"hikaricp_.+\"}[1m])",
    "up / {job=\"node\"}",
    "{job=\"node\"} / up",
];

#[test]
fn the_simulated_prometheus_answers_as_the_real_one_does() {
    if !is_installed("prometheus") || !is_installed("promtool") {
        eprintln!("skipped: needs prometheus and promtool (Debian: apt-get install prometheus)");
        return;
    }
    let run = run();
    let real = Prometheus::holding(&exported(&run));
    let second = |ms: i64| format!("{}", ms as f64 / 1000.0);
    let (start, end) = (run.start().as_millis(), run.end().as_millis());
    for query in QUERIES {
        let query = ("query", query.to_owned());
        let range = [query.clone(), ("start", second(start)), ("end", second(end)), ("step", "23".to_owned())];
        let values = compare(&run, &real, "/api/v1/query_range", &range);
        assert!(values > 50 || query.1.contains("absent"), "{query:?} gives {values} values");
        for at in [start + 1_234_567, end] {
            compare(&run, &real, "/api/v1/query", &[query.clone(), ("time", second(at))]);
        }
    }
    let raw = [("query", "up{job=\"mysqld\"}[5m]".to_owned()), ("time", second(end - 1_000_000))];
    assert!(compare(&run, &real, "/api/v1/query", &raw) > 30);
    let mut different = vec![];
    for query in WRONG {
        let params = [("query", query.to_owned()), ("time", second(end))];
        let ((status, ours), (real_status, theirs)) =
            (simulated(&run, "/api/v1/query", &params), real.ask("/api/v1/query", &params));
        // Up to the words of the error, which no program reads.
        let place = |body: &Value| {
            let error = body["error"].as_str().unwrap_or_default();
            error.split_once(" parse error").map_or("", |(place, _)| place).to_owned()
        };
        let kinds = [&ours, &theirs].map(|body| (body["status"].clone(), body["errorType"].clone(), place(body)));
        if (status, &kinds[0]) != (real_status, &kinds[1]) {
            different.push(format!("{query:?}: {ours} {theirs}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
