//! The collector against a real Prometheus. It is filled from a file, so that the test knows every sample and waits for no
//! scrape. Skipped where Prometheus is not installed.
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use collector_prometheus::PrometheusCollector;
use lagdoctor_sdk::json::{self, Value};
use lagdoctor_sdk::{Collector, Error, Host, Page, Plugin, Query, RawSeries, Request, Response, code};

const START_S: i64 = 1_699_995_600;
const END_S: i64 = 1_699_999_200;
const SCRAPE_S: i64 = 15;

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

/// A Prometheus that holds these metrics, as OpenMetrics text.
fn prometheus(name: &str, metrics: &str) -> Prometheus {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
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
    let prometheus = Prometheus { child, port, folder };
    let began = Instant::now();
    while !get(prometheus.port, "/-/ready").is_ok_and(|(status, _)| status == 200) {
        assert!(began.elapsed() < Duration::from_secs(60), "Prometheus does not become ready");
        thread::sleep(Duration::from_millis(50));
    }
    prometheus
}

/// HTTP/1.0, so that the answer ends with the connection.
fn get(port: u16, path: &str) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
    let status = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    Ok((status, answer.get(head + 4..).unwrap_or_default().to_vec()))
}

impl Host for Prometheus {
    fn now_ms(&self) -> i64 {
        END_S * 1000
    }

    fn fetch(&self, request: &Request) -> Result<Response, Error> {
        let path = request.url.split_once("//").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
        let (status, body) =
            get(self.port, &format!("/{path}")).map_err(|error| Error::new(code::UNREACHABLE, error.to_string()))?;
        Ok(Response { status, headers: vec![], body, ext: vec![] })
    }
}

/// The value at each place on the grid, if the series is there.
type Readings<'r> = &'r dyn Fn(i64) -> Option<f64>;

/// One metric of OpenMetrics: its type, and for each of its series name with labels and the value at each scrape.
fn metric(text: &mut String, name: &str, kind: &str, series: &[(&str, Readings<'_>)]) {
    writeln!(text, "# TYPE {name} {kind}").unwrap();
    for (series, value) in series {
        for at in (START_S - 300..=END_S).step_by(SCRAPE_S as usize) {
            if let Some(value) = value((at - START_S) / SCRAPE_S) {
                writeln!(text, "{series} {value} {at}").unwrap();
            }
        }
    }
}

/// Half an hour in, the replica's apply thread stops, a full collection happens, and statements become slow.
const HALF: i64 = 120;

fn pipeline() -> String {
    let mut text = String::new();
    let after = |place: i64, before: f64, after: f64| Some(if place < HALF { before } else { after });
    metric(
        &mut text,
        "kafka_consumergroup_lag",
        "gauge",
        &[
            (r#"kafka_consumergroup_lag{consumergroup="fulfilment",topic="orders",partition="0"}"#, &|place| {
                after(place, 10.0, 5000.0)
            }),
            (r#"kafka_consumergroup_lag{consumergroup="fulfilment",topic="orders",partition="1"}"#, &|_| Some(-1.0)),
            (r#"kafka_consumergroup_lag{consumergroup="fulfilment",topic="orders",partition="2"}"#, &|_| {
                Some(f64::NAN)
            }),
        ],
    );
    let done = |place: i64| (place + 20) as f64 * 100.0;
    metric(
        &mut text,
        "hikaricp_connections_usage_seconds",
        "summary",
        &[
            (r#"hikaricp_connections_usage_seconds_sum{instance="fulfilment-0:8080",pool="orders-db"}"#, &|place| {
                let slow = (place - HALF).max(0) as f64;
                Some(done(place) * 0.01 + slow * 100.0 * 0.09)
            }),
            (r#"hikaricp_connections_usage_seconds_count{instance="fulfilment-0:8080",pool="orders-db"}"#, &|place| {
                Some(done(place))
            }),
        ],
    );
    metric(
        &mut text,
        "jvm_gc_pause_seconds",
        "summary",
        &[
            (r#"jvm_gc_pause_seconds_sum{instance="fulfilment-0:8080",action="end of minor GC"}"#, &|_| Some(1.0)),
            (r#"jvm_gc_pause_seconds_sum{instance="fulfilment-0:8080",action="end of major GC"}"#, &|place| {
                (place >= HALF).then_some(4.5)
            }),
        ],
    );
    metric(
        &mut text,
        "mysql_global_status_slow_queries",
        "counter",
        &[(r#"mysql_global_status_slow_queries{instance="orders-db:9104"}"#, &|place| Some(place as f64 + 100.0))],
    );
    metric(
        &mut text,
        "jvm_memory_used_bytes",
        "gauge",
        &[
            (r#"jvm_memory_used_bytes{instance="fulfilment-0:8080",area="heap",id="Eden"}"#, &|_| Some(1e6)),
            (r#"jvm_memory_used_bytes{instance="fulfilment-0:8080",area="heap",id="Old"}"#, &|_| Some(2e6)),
            (r#"jvm_memory_used_bytes{instance="fulfilment-0:8080",area="nonheap",id="Meta"}"#, &|_| Some(4e6)),
        ],
    );
    metric(
        &mut text,
        "jvm_memory_max_bytes",
        "gauge",
        &[
            (r#"jvm_memory_max_bytes{instance="fulfilment-0:8080",area="heap",id="Eden"}"#, &|_| Some(-1.0)),
            (r#"jvm_memory_max_bytes{instance="fulfilment-0:8080",area="heap",id="Survivor"}"#, &|_| Some(-1.0)),
            (r#"jvm_memory_max_bytes{instance="fulfilment-0:8080",area="heap",id="Old"}"#, &|_| Some(40.0)),
        ],
    );
    metric(
        &mut text,
        "node_cpu_seconds",
        "counter",
        &[
            (r#"node_cpu_seconds_total{instance="h7",cpu="0",mode="idle"}"#, &|place| Some((place + 20) as f64 * 3.0)),
            (r#"node_cpu_seconds_total{instance="h7",cpu="1",mode="idle"}"#, &|place| Some((place + 20) as f64 * 6.0)),
            (r#"node_cpu_seconds_total{instance="h7",cpu="0",mode="user"}"#, &|place| Some((place + 20) as f64 * 12.0)),
        ],
    );
    metric(
        &mut text,
        "redis_keyspace_hits",
        "counter",
        &[(r#"redis_keyspace_hits_total{instance="stock-cache:6379"}"#, &|place| Some((place + 20) as f64 * 9.0))],
    );
    metric(
        &mut text,
        "redis_keyspace_misses",
        "counter",
        &[(r#"redis_keyspace_misses_total{instance="stock-cache:6379"}"#, &|place| Some((place + 20) as f64))],
    );
    text + "# EOF\n"
}

fn collect(prometheus: &Prometheus, max_points: u32) -> Page {
    collect_from(prometheus, &format!(r#"{{"url": "http://prometheus:9090", "max_points": {max_points}}}"#))
}

/// All pages as one.
fn collect_from(prometheus: &dyn Host, config: &str) -> Page {
    let collector = PrometheusCollector::from_json(config).unwrap();
    let (start_ms, end_ms, step_ms) = (START_S * 1000, END_S * 1000, SCRAPE_S * 1000);
    let mut query = Query { start_ms, end_ms, step_ms, targets: vec![], page: String::new(), ext: vec![] };
    let mut all = collector.collect(prometheus, &query).unwrap();
    while !all.next.is_empty() {
        query.page = all.next;
        let Page { series, gaps, next, .. } = collector.collect(prometheus, &query).unwrap();
        all.series.extend(series);
        all.gaps.extend(gaps);
        all.next = next;
    }
    all
}

fn only<'p>(page: &'p Page, signal: &str) -> &'p RawSeries {
    let found: Vec<&RawSeries> = page.series.iter().filter(|series| series.signal == signal).collect();
    assert_eq!(found.len(), 1, "{signal}");
    found[0]
}

/// The value at a place on the grid.
fn at(series: &RawSeries, place: i64) -> f64 {
    let at_ms = (START_S + place * SCRAPE_S) * 1000;
    series.times_ms.iter().position(|time| *time == at_ms).map_or(f64::NAN, |index| series.values[index])
}

fn close(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
}

#[test]
fn what_a_real_prometheus_holds_is_read_as_it_happened() {
    if !is_installed("prometheus") || !is_installed("promtool") {
        eprintln!("skipped: needs prometheus and promtool (Debian: apt-get install prometheus)");
        return;
    }
    let prometheus = prometheus("pipeline", &pipeline());
    let page = collect(&prometheus, 11_000);
    assert!(page.gaps.is_empty(), "{:?}", page.gaps);

    let lag = only(&page, "kafka.consumer_group.lag");
    assert_eq!((lag.values.len(), at(lag, HALF - 1), at(lag, HALF)), (241, 10.0, 5000.0));

    let held = only(&page, "db.client.connection.use_time");
    close(at(held, 0), 0.01);
    close(at(held, HALF), 0.01);
    close(at(held, HALF + 1), 0.1);

    let overhead = only(&page, "jvm.gc.overhead");
    close(at(overhead, HALF - 1), 0.0);
    close(at(overhead, HALF), 0.3);
    close(at(overhead, HALF + 1), 0.0);

    close(at(only(&page, "jvm.memory.used"), 7), 3e6);
    close(at(only(&page, "jvm.memory.limit"), 7), 40.0);
    close(at(only(&page, "system.cpu.utilization"), 7), 0.7);
    close(at(only(&page, "cache.hit_ratio"), 7), 0.9);

    let slow = only(&page, "db.server.slow_queries");
    assert_eq!(
        (slow.temporality.as_str(), slow.times_ms[0], slow.values.len()),
        ("counter", (START_S - SCRAPE_S) * 1000, 242)
    );

    // The same in parts that are smaller than the window.
    assert!(collect(&prometheus, 100).series == page.series, "parts are joined without a seam");
    check_queries(&prometheus, &page);
}

/// Every query that is shown can be pasted, and shows one series with the value that was seen.
fn check_queries(prometheus: &Prometheus, page: &Page) {
    for series in &page.series {
        let query: String = series.query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, body) = get(prometheus.port, &format!("/api/v1/query?query={query}&time={END_S}")).unwrap();
        let answer: Value = json::from_slice(&body).unwrap();
        assert_eq!(status, 200, "{}: {answer}", series.query);
        let result = answer["data"]["result"].as_array().unwrap();
        assert_eq!(result.len(), 1, "{}: {answer}", series.query);
        if series.temporality == "gauge" {
            let value: f64 = result[0]["value"][1].as_str().unwrap().parse().unwrap();
            let seen = series.values[series.values.len() - 1];
            assert!((value - seen).abs() <= 0.01 * seen.abs(), "{}: {value} is not {seen}", series.query);
        }
    }
}

/// Names in a field of `dialects.toml`: a list, one name, or nothing.
fn list(field: Option<&toml::Value>) -> Vec<String> {
    let names = match field {
        Some(toml::Value::Array(names)) => names.as_slice(),
        Some(name) => std::slice::from_ref(name),
        None => &[],
    };
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// All names in these fields of one dialect.
fn names(dialect: &toml::Table, fields: &[&str]) -> Vec<String> {
    let entries = dialect["entry"].as_array().unwrap().iter();
    entries.flat_map(|entry| fields.iter().flat_map(|field| list(entry.get(field)))).collect()
}

/// A far side that has every metric of a dialect, each in three series that differ in these labels.
struct All {
    metrics: Vec<String>,
    labels: Vec<String>,
}

impl Host for All {
    fn now_ms(&self) -> i64 {
        END_S * 1000
    }

    fn fetch(&self, request: &Request) -> Result<Response, Error> {
        let data = if request.url.contains("__name__/values") {
            json::to_value(&self.metrics).unwrap()
        } else {
            let times = || (START_S..=END_S).step_by(usize::try_from(SCRAPE_S).unwrap());
            let row = |number: i64| {
                let mut metric: json::Map<String, Value> =
                    self.labels.iter().map(|label| (label.clone(), number.to_string().into())).collect();
                metric.insert("instance".into(), "a:80".into());
                let values: Vec<Value> =
                    times().map(|at| json::json!([at, ((at - START_S) * number - 1).to_string()])).collect();
                json::json!({"metric": metric, "values": values})
            };
            json::json!({"resultType": "matrix", "result": [row(0), row(1), row(2)]})
        };
        let body = json::json!({"status": "success", "data": data}).to_string().into_bytes();
        Ok(Response { status: 200, headers: vec![], body, ext: vec![] })
    }
}

#[test]
fn prometheus_reads_every_query_that_is_shown_of_any_dialect() {
    if !is_installed("prometheus") || !is_installed("promtool") {
        eprintln!("skipped: needs prometheus and promtool (Debian: apt-get install prometheus)");
        return;
    }
    let prometheus = prometheus("queries", &pipeline());
    let table: toml::Table = toml::from_str(lagdoctor_wit::DIALECTS).unwrap();
    let mut queries = BTreeSet::new();
    for dialect in table["dialect"].as_array().unwrap() {
        let dialect = dialect.as_table().unwrap();
        let all = names(dialect, &["metric", "sum", "count", "part", "whole"]);
        let coarse: Vec<String> = names(dialect, &["unless"]);
        // What is read only where something finer is missing is asked for without it.
        let metrics = [&all, &all.iter().filter(|name| !coarse.contains(name)).cloned().collect()];
        // Series that differ only in labels that an entry takes away, or does not keep, become one.
        let entries = dialect["entry"].as_array().unwrap().iter();
        let mut taken: BTreeSet<Vec<String>> = entries.map(|entry| list(entry.get("without"))).collect();
        taken.insert(vec!["other".to_owned()]);
        for (metrics, labels) in
            metrics.into_iter().flat_map(|metrics| taken.iter().map(move |labels| (metrics, labels)))
        {
            let host = All { metrics: metrics.clone(), labels: labels.clone() };
            let config = json::json!({"url": "http://prometheus:9090", "dialects": [dialect["name"].as_str()]});
            queries.extend(collect_from(&host, &config.to_string()).series.into_iter().map(|series| series.query));
        }
    }
    assert!(queries.len() > 200, "only {} queries", queries.len());
    for operator in ["sum without", "max without", "avg without", "max by", " / (", " != -1)", "1 - ", " * "] {
        assert!(queries.iter().any(|query| query.contains(operator)), "no query with `{operator}`");
    }
    for query in queries {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, body) = get(prometheus.port, &format!("/api/v1/query?query={encoded}&time={END_S}")).unwrap();
        assert_eq!(status, 200, "{query}: {}", String::from_utf8_lossy(&body));
    }
}
