//! The collector against a Prometheus made of a few lines.

mod large;
mod trouble;

use lagdoctor_sdk::testing::{FakeHost, NOW_MS, check_manifest, response};
use lagdoctor_sdk::{Collector, Error, Page, Plugin, Query, RawSeries, Request, Response, code};

use super::PrometheusCollector;

const STEP_MS: i64 = 15_000;

/// A series of the far side; `value` is given the place on the grid, counted from the start of the window.
struct Fake {
    metric: &'static str,
    labels: &'static [(&'static str, &'static str)],
    value: fn(i64) -> Option<&'static str>,
}

/// A Prometheus that has these series.
fn prometheus(series: Vec<Fake>) -> FakeHost {
    FakeHost::new(move |request| Ok(answer(&series, request)))
}

fn answer(series: &[Fake], request: &Request) -> Response {
    let (path, question) = request.url.split_once('?').expect("every question has fields");
    let field = |name: &str| {
        let value = question.split('&').find_map(|field| field.strip_prefix(&format!("{name}=")));
        decoded(value.unwrap_or_default())
    };
    if path.ends_with("/label/__name__/values") {
        let mut names: Vec<String> = series.iter().map(|series| format!("\"{}\"", series.metric)).collect();
        names.sort();
        names.dedup();
        return response(200, &format!(r#"{{"status":"success","data":[{}]}}"#, names.join(",")));
    }
    let query = field("query");
    let (metric, matchers) = query.split_once('{').unwrap_or((&query, "}"));
    let (start, end): (i64, i64) = (field("start").parse().unwrap(), field("end").parse().unwrap());
    let step: i64 = field("step").parse().unwrap();
    assert!((end - start) / step < 11_000, "Prometheus refuses more points");
    let fits = |series: &&Fake| {
        series.metric == metric && matchers.trim_end_matches('}').split(',').all(|matcher| matches(series, matcher))
    };
    let rows: Vec<String> = series.iter().filter(fits).map(|series| row(series, start, end, step)).collect();
    let result = rows.into_iter().filter(|row| !row.is_empty()).collect::<Vec<_>>().join(",");
    response(200, &format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}"#))
}

fn row(series: &Fake, start: i64, end: i64, step: i64) -> String {
    let times = (0..).map(|index| start + index * step).take_while(|at| *at <= end);
    let place = |at: i64| (at - (NOW_MS - 3_600_000) / 1000) / (STEP_MS / 1000);
    let points = times.filter_map(|at| (series.value)(place(at)).map(|value| format!(r#"[{at},"{value}"]"#)));
    let points = points.collect::<Vec<_>>().join(",");
    if points.is_empty() {
        return points;
    }
    let labels: Vec<String> = std::iter::once(&("__name__", series.metric))
        .chain(series.labels)
        .map(|(name, value)| format!("\"{name}\":\"{value}\""))
        .collect();
    format!(r#"{{"metric":{{{}}},"values":[{points}]}}"#, labels.join(","))
}

fn matches(series: &Fake, matcher: &str) -> bool {
    let Some((name, value)) = matcher.split_once('=') else { return true };
    let label =
        series.labels.iter().find(|(label, _)| *label == name.trim_end_matches('!')).map_or("", |(_, value)| value);
    match value.strip_prefix('~') {
        Some(pattern) => pattern.trim_matches('"').split('|').any(|word| word == label || name.ends_with('!')),
        None => (value.trim_matches('"') == label) != name.ends_with('!'),
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn query(page: &str) -> Query {
    let (start_ms, end_ms) = (NOW_MS - 3_600_000, NOW_MS);
    Query { start_ms, end_ms, step_ms: STEP_MS, targets: vec![], page: page.to_owned(), ext: vec![] }
}

fn collector(config: &str) -> PrometheusCollector {
    PrometheusCollector::from_json(config).unwrap()
}

const PLAIN: &str = r#"{"url": "http://prometheus:9090"}"#;

fn collect(series: Vec<Fake>) -> Page {
    collector(PLAIN).collect(&prometheus(series), &query("")).unwrap()
}

/// All pages of this host, in their order.
fn pages(config: &str, host: &FakeHost) -> Vec<Page> {
    let collector = collector(config);
    let mut pages: Vec<Page> = Vec::new();
    loop {
        let token = pages.last().map(|page| page.next.clone()).unwrap_or_default();
        pages.push(collector.collect(host, &query(&token)).unwrap());
        if pages[pages.len() - 1].next.is_empty() {
            return pages;
        }
        assert!(pages.len() < 100, "it comes to an end");
    }
}

/// The first readings of the one series of this signal, by place on the grid.
fn first_readings(page: &Page, signal: &str, count: usize) -> Vec<(i64, f64)> {
    let found: Vec<&RawSeries> = page.series.iter().filter(|series| series.signal == signal).collect();
    assert_eq!(found.len(), 1, "{signal} of {:?}", page.series);
    let place = |at: &i64| (at - (NOW_MS - 3_600_000)) / STEP_MS;
    found[0].times_ms.iter().map(place).zip(found[0].values.iter().copied()).take(count).collect()
}

const POOL: &[(&str, &str)] = &[("instance", "fulfilment-0:8080"), ("job", "fulfilment"), ("pool", "orders-db")];
const JVM: &[(&str, &str)] = &[("instance", "fulfilment-0:8080"), ("action", "end of minor GC")];
const JVM_FULL: &[(&str, &str)] = &[("instance", "fulfilment-0:8080"), ("action", "end of major GC")];
const LAG: &[(&str, &str)] = &[("consumergroup", "fulfilment"), ("topic", "orders"), ("partition", "3")];

#[test]
fn the_manifest_says_what_the_plugin_does() {
    check_manifest::<PrometheusCollector>();
}

#[test]
fn a_mean_is_the_growth_of_the_sum_by_that_of_the_count_and_missing_in_a_stall() {
    let page = collect(vec![
        Fake {
            metric: "hikaricp_connections_usage_seconds_sum",
            labels: POOL,
            value: |place| Some(["10", "11", "11", "13"][(place.clamp(-1, 2) + 1) as usize]),
        },
        Fake {
            metric: "hikaricp_connections_usage_seconds_count",
            labels: POOL,
            value: |place| Some(["100", "110", "110", "114"][(place.clamp(-1, 2) + 1) as usize]),
        },
    ]);
    // Nothing completes between places 0 and 1, and after place 2.
    assert_eq!(first_readings(&page, "db.client.connection.use_time", 9), [(0, 0.1), (2, 0.5)]);
    assert!(page.series[0].query.contains("rate(hikaricp_connections_usage_seconds_sum{"), "{}", page.series[0].query);
    assert_eq!(page.next, "");
}

#[test]
fn nanoseconds_of_the_own_tracker_become_seconds() {
    let page = collect(vec![
        Fake {
            metric: "hikaricp_connection_acquired_nanos_sum",
            labels: POOL,
            value: |place| Some(if place < 1 { "0" } else { "5000000" }),
        },
        Fake {
            metric: "hikaricp_connection_acquired_nanos_count",
            labels: POOL,
            value: |place| Some(if place < 1 { "0" } else { "2" }),
        },
    ]);
    let readings = first_readings(&page, "db.client.connection.wait_time", 9);
    assert_eq!(readings.len(), 1);
    assert!((readings[0].1 - 0.0025).abs() < 1e-12, "{readings:?}");
}

#[test]
fn minus_one_is_unknown_and_a_racing_read_is_no_lag() {
    let lag = |value| vec![Fake { metric: "kafka_consumergroup_lag", labels: LAG, value }];
    let page = collect(lag(|place| Some(["-1", "-3", "NaN", "+Inf", "7"][place.clamp(0, 4) as usize])));
    assert_eq!(first_readings(&page, "kafka.consumer_group.lag", 2), [(1, 0.0), (4, 7.0)]);
}

#[test]
fn a_delay_that_vanishes_leaves_no_reading_behind() {
    let replica = &[("instance", "orders-db-replica:9104")];
    let page = collect(vec![Fake {
        metric: "mysql_slave_status_seconds_behind_master",
        labels: replica,
        value: |place| (place < 3).then_some("0"),
    }]);
    assert_eq!(first_readings(&page, "db.replication.delay", 99), [(0, 0.0), (1, 0.0), (2, 0.0)]);
}

#[test]
fn the_first_full_collection_counts_in_the_step_in_which_it_is_first_seen() {
    let page = collect(vec![
        Fake { metric: "jvm_gc_pause_seconds_sum", labels: JVM, value: |_| Some("3.0") },
        Fake { metric: "jvm_gc_pause_seconds_sum", labels: JVM_FULL, value: |place| (place >= 2).then_some("4.5") },
    ]);
    let readings = first_readings(&page, "jvm.gc.overhead", 4);
    assert_eq!(readings, [(0, 0.0), (1, 0.0), (2, 0.3), (3, 0.0)]);
}

#[test]
fn counters_of_one_signal_become_one_counter_that_survives_a_reset() {
    let page = collect(vec![
        Fake {
            metric: "jvm_gc_pause_seconds_count",
            labels: JVM,
            value: |place| Some(["5", "8", "1"][place.clamp(0, 2) as usize]),
        },
        Fake { metric: "jvm_gc_pause_seconds_count", labels: JVM_FULL, value: |_| Some("2") },
    ]);
    assert_eq!(page.series[0].temporality, "counter");
    assert_eq!(first_readings(&page, "jvm.gc.count", 4), [(-1, 0.0), (0, 0.0), (1, 3.0), (2, 4.0)]);
}

#[test]
fn memory_pools_add_up_and_those_without_a_limit_are_left_out() {
    const EDEN: &[(&str, &str)] = &[("instance", "a:80"), ("area", "heap"), ("id", "G1 Eden Space")];
    const OLD: &[(&str, &str)] = &[("instance", "a:80"), ("area", "heap"), ("id", "G1 Old Gen")];
    const META: &[(&str, &str)] = &[("instance", "a:80"), ("area", "nonheap"), ("id", "Metaspace")];
    let page = collect(vec![
        Fake { metric: "jvm_memory_max_bytes", labels: EDEN, value: |_| Some("-1") },
        Fake { metric: "jvm_memory_max_bytes", labels: OLD, value: |_| Some("4.0e9") },
        Fake { metric: "jvm_memory_max_bytes", labels: META, value: |_| Some("1e9") },
    ]);
    assert_eq!(first_readings(&page, "jvm.memory.limit", 1), [(0, 4.0e9)]);
    assert_eq!(page.series[0].attributes, [("instance".to_owned(), "a:80".to_owned())]);
    assert_eq!(page.series[0].query, "jvm_memory_max_bytes{area=\"heap\",id=\"G1 Old Gen\",instance=\"a:80\"}");
}

#[test]
fn a_sum_of_parts_of_which_some_are_unknown_is_shown_without_those() {
    const EDEN: &[(&str, &str)] = &[("instance", "a:80"), ("area", "heap"), ("id", "Eden")];
    const OLD: &[(&str, &str)] = &[("instance", "a:80"), ("area", "heap"), ("id", "Old")];
    const MORE: &[(&str, &str)] = &[("instance", "a:80"), ("area", "heap"), ("id", "More")];
    let page = collect(vec![
        Fake { metric: "jvm_memory_max_bytes", labels: EDEN, value: |_| Some("-1") },
        Fake { metric: "jvm_memory_max_bytes", labels: OLD, value: |_| Some("40") },
        Fake { metric: "jvm_memory_max_bytes", labels: MORE, value: |_| Some("2") },
    ]);
    assert_eq!(first_readings(&page, "jvm.memory.limit", 1), [(0, 42.0)]);
    let query = "sum without (id, area) (jvm_memory_max_bytes{area=\"heap\",instance=\"a:80\"} != -1)";
    assert_eq!(page.series[0].query, query);
}

#[test]
fn the_surer_source_of_one_target_wins_and_other_targets_keep_theirs() {
    const A: &[(&str, &str)] = &[("instance", "a:80"), ("job", "s")];
    const B: &[(&str, &str)] = &[("instance", "b:80"), ("job", "s")];
    let page = collect(vec![
        Fake { metric: "spring_kafka_listener_seconds_count", labels: A, value: |_| Some("1") },
        Fake { metric: "kafka_consumer_fetch_manager_records_consumed_total", labels: A, value: |_| Some("2") },
        Fake { metric: "kafka_consumer_fetch_manager_records_consumed_total", labels: B, value: |_| Some("3") },
    ]);
    let consumed = page.series.iter().filter(|series| series.signal == "messaging.client.consumed.messages");
    let values: Vec<f64> = consumed.map(|series| series.values[0]).collect();
    assert_eq!(values, [1.0, 3.0]);
}

#[test]
fn a_host_is_busy_as_far_as_it_is_not_idle() {
    const CPU0: &[(&str, &str)] = &[("instance", "h7"), ("cpu", "0"), ("mode", "idle")];
    const CPU1: &[(&str, &str)] = &[("instance", "h7"), ("cpu", "1"), ("mode", "idle")];
    let page = collect(vec![
        Fake {
            metric: "node_cpu_seconds_total",
            labels: CPU0,
            value: |place| Some(if place < 0 { "0" } else { "15" }),
        },
        Fake { metric: "node_cpu_seconds_total", labels: CPU1, value: |place| Some(if place < 0 { "0" } else { "6" }) },
    ]);
    let (_, busy) = first_readings(&page, "system.cpu.utilization", 1)[0];
    assert!((busy - 0.3).abs() < 1e-9, "{busy}");
}

#[test]
fn labels_of_a_dialect_become_attributes_of_the_vocabulary() {
    const BROKER: &[(&str, &str)] = &[("id", "2"), ("address", "kafka-2:9092"), ("instance", "exporter:9308")];
    let page = collect(vec![Fake { metric: "kafka_broker_info", labels: BROKER, value: |_| Some("1") }]);
    assert!(page.series[0].attributes.contains(&("broker".to_owned(), "2".to_owned())), "{:?}", page.series[0]);
    assert!(page.series[0].query.contains("id=\"2\""), "a query speaks the source's own language");
}

#[test]
fn a_long_window_is_asked_for_in_parts_that_prometheus_accepts() {
    let lag = Fake { metric: "kafka_consumergroup_lag", labels: LAG, value: |_| Some("1") };
    let host = prometheus(vec![lag]);
    let collector = collector(r#"{"url": "http://prometheus:9090", "max_points": 100}"#);
    let page = collector.collect(&host, &query("")).unwrap();
    assert_eq!(page.series.len(), 1, "the parts are one series");
    assert_eq!(page.series[0].values.len(), 241);
    assert!(page.series[0].times_ms.windows(2).all(|pair| pair[1] - pair[0] == STEP_MS));
    assert_eq!(host.requests().len(), 4, "the names, then 241 points in parts of 100");
}

#[test]
fn an_answer_that_is_too_large_is_asked_for_in_halves() {
    let lag = vec![Fake { metric: "kafka_consumergroup_lag", labels: LAG, value: |_| Some("1") }];
    let host = FakeHost::new(move |request| {
        let response = answer(&lag, request);
        let too_large = response.body.len() > 2500;
        if too_large { Err(Error::new(code::BAD_INPUT, "the answer has more than 2500 bytes")) } else { Ok(response) }
    });
    let page = collector(PLAIN).collect(&host, &query("")).unwrap();
    assert_eq!((page.series[0].values.len(), page.gaps.len()), (241, 0));
}

#[test]
fn pages_together_hold_what_one_page_would() {
    const METRICS: &[&str] = &["kafka_consumergroup_lag", "mysql_up", "pg_up", "up", "hikaricp_connections_active"];
    let series = || METRICS.iter().map(|metric| Fake { metric, labels: LAG, value: |_| Some("1") }).collect();
    let host = prometheus(series());
    let collector = collector(PLAIN);
    let whole = collector.collect(&host, &query("")).unwrap();
    // The same, one signal a page.
    let mut paged = Vec::new();
    for source in crate::Source::readable(&METRICS.iter().map(|name| (*name).to_owned()).collect(), &[]) {
        let token = format!("1:0/1/0:{}.{}", source.place, source.alternative);
        paged.extend(collector.collect(&host, &query(&token)).unwrap().series);
    }
    assert!(whole.series == paged, "a page more or less makes no difference");
    assert_eq!(whole.series.len(), METRICS.len());
}

#[test]
fn every_question_carries_proof_tenant_and_matchers() {
    let host = prometheus(vec![Fake { metric: "mysql_up", labels: &[("env", "prod")], value: |_| Some("1") }]);
    let config = r#"{"url": "http://p:9090/", "auth": "bearer", "secret": "prom", "tenant": "shop", "match": ["env=\"prod\""],
        "timeout_ms": 1234}"#;
    let page = collector(config).collect(&host, &query("")).unwrap();
    assert_eq!(page.series.len(), 1);
    for request in host.requests() {
        let auth = request.auth.as_ref().unwrap();
        assert_eq!((auth.kind.as_str(), auth.secret.as_str()), ("bearer", "prom"));
        assert!(request.headers.contains(&("x-scope-orgid".to_owned(), "shop".to_owned())));
        assert!(decoded(&request.url).contains("env=\"prod\""), "{}", request.url);
        assert_eq!((request.method.as_str(), request.timeout_ms), ("GET", 1234));
    }
}

#[test]
fn only_the_dialects_that_were_chosen_are_read() {
    let series = || {
        vec![
            Fake { metric: "mysql_up", labels: &[], value: |_| Some("1") },
            Fake { metric: "pg_up", labels: &[], value: |_| Some("1") },
        ]
    };
    let chosen = collector(r#"{"url": "http://p", "dialects": ["postgres_exporter"]}"#);
    let page = chosen.collect(&prometheus(series()), &query("")).unwrap();
    assert_eq!(page.series.iter().map(|series| series.query.as_str()).collect::<Vec<_>>(), ["pg_up"]);
}
