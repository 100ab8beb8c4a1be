//! The documented shapes of Prometheus's answers, on a small telemetry made by hand.

use lagdoctor_model::Timestamp;
use serde_json::{Value, json};

use super::answer;
use crate::telemetry::{MetricKind, STALE, Telemetry};

const T0: i64 = 1_700_000_000_000;

/// `requests_total` of two instances: the first resets once, the second ends; and a gauge.
fn telemetry() -> Telemetry {
    let mut telemetry = Telemetry::default();
    let labels = |instance: &str| {
        [("job", "shop"), ("instance", instance)].map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect()
    };
    let every_15_s = |values: &[f64]| (0..).zip(values).map(|(k, value)| (T0 + k * 15_000, *value)).collect();
    let first = telemetry.add("requests_total", labels("a:80"), MetricKind::Counter);
    telemetry.series[first].samples = every_15_s(&[100.0, 115.0, 130.0, 145.0, 10.0, 25.0]);
    let second = telemetry.add("requests_total", labels("b:80"), MetricKind::Counter);
    telemetry.series[second].samples = every_15_s(&[5.0, 5.0, 8.0, STALE]);
    let errors = telemetry.add("errors_total", labels("a:80"), MetricKind::Counter);
    telemetry.series[errors].samples = every_15_s(&[0.0, 1.5, 3.0, 4.5, 6.0, 7.5]);
    let level = telemetry.add("level", labels("c \"x\"\\"), MetricKind::Gauge);
    telemetry.series[level].samples = every_15_s(&[0.000_001, f64::NAN, 1e21]);
    telemetry
}

fn ask(path: &str, params: &[(&str, &str)]) -> (u16, Value) {
    let params: Vec<_> = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let now = Timestamp::from_millis(T0 + 75_000).unwrap();
    let response = answer(&telemetry(), now, path, &params);
    (response.status, serde_json::from_str(&response.body).unwrap_or(Value::String(response.body)))
}

fn check(path: &str, params: &[(&str, &str)], expected: Value) {
    assert_eq!(ask(path, params), (200, json!({ "status": "success", "data": expected })), "{path} {params:?}");
}

fn refused(path: &str, params: &[(&str, &str)], status: u16, part: &str) {
    let (found, body) = ask(path, params);
    assert_eq!((found, &body["status"]), (status, &json!("error")), "{body}");
    assert!(body["errorType"].is_string() && body["error"].as_str().unwrap().contains(part), "{body}");
}

#[test]
fn an_instant_query_gives_a_vector_of_the_newest_samples() {
    check(
        "/api/v1/query",
        &[("query", "requests_total{instance=~\"a.*\"}")],
        json!({
            "resultType": "vector",
            "result": [{
                "metric": { "__name__": "requests_total", "instance": "a:80", "job": "shop" },
                "value": [1_700_000_075, "25"],
            }],
        }),
    );
}

#[test]
fn a_series_that_has_ended_is_gone_at_once_and_not_after_five_minutes() {
    let of_b = |at: i64| {
        let at = format!("{}", (T0 + at) as f64 / 1000.0);
        ask("/api/v1/query", &[("query", "requests_total{instance!=\"a:80\"}"), ("time", &at)]).1
    };
    assert_eq!(of_b(44_000)["data"]["result"][0]["value"][1], "8");
    assert_eq!(of_b(45_000)["data"]["result"], json!([]));
}

#[test]
fn a_range_query_gives_a_matrix_without_what_is_missing() {
    let range = [("start", "1700000000"), ("end", "1700000045.5"), ("step", "15s")];
    check(
        "/api/v1/query_range",
        &[&[("query", "{__name__=\"requests_total\",instance=\"b:80\"}")], &range[..]].concat(),
        json!({
            "resultType": "matrix",
            "result": [{
                "metric": { "__name__": "requests_total", "instance": "b:80", "job": "shop" },
                "values": [[1_700_000_000, "5"], [1_700_000_015, "5"], [1_700_000_030, "8"]],
            }],
        }),
    );
}

#[test]
fn numbers_are_written_without_exponent_and_times_with_their_fraction() {
    let range = [("start", "1700000000.781"), ("end", "1700000031"), ("step", "15")];
    let (_, body) = ask("/api/v1/query_range", &[&[("query", "level")], &range[..]].concat());
    let values = json!([
        [1_700_000_000.781, "0.000001"],
        [1_700_000_015.781, "NaN"],
        [1_700_000_030.781, "1000000000000000000000"]
    ]);
    assert_eq!(body["data"]["result"][0]["values"], values);
}

#[test]
fn a_rate_removes_resets_and_reaches_to_the_ends_of_its_range() {
    // Growth 15 + 15 + 10 + 15 between the samples at 15 s and 75 s, stretched over 5 s to 75 s.
    let (_, body) = ask("/api/v1/query", &[("query", "rate(requests_total{instance=\"a:80\"}[70s])")]);
    let rate: f64 = body["data"]["result"][0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!((rate - 55.0 * (70.0 / 60.0) / 70.0).abs() < 1e-9, "{rate}");
    assert_eq!(body["data"]["result"][0]["metric"], json!({ "instance": "a:80", "job": "shop" }));
}

#[test]
fn a_ratio_joins_equal_labels_and_a_sum_keeps_what_it_is_told() {
    let ratio = "rate(errors_total[1m]) / rate(requests_total[1m])";
    let (_, body) = ask("/api/v1/query", &[("query", ratio)]);
    assert_eq!(body["data"]["result"].as_array().unwrap().len(), 1);
    for query in
        ["sum by (job) (requests_total)", "sum(requests_total) by (job)", "sum without(instance)(requests_total)"]
    {
        let at = [("query", query), ("time", "1700000030")];
        check(
            "/api/v1/query",
            &at,
            json!({
                "resultType": "vector",
                "result": [{ "metric": { "job": "shop" }, "value": [1_700_000_030, "138"] }],
            }),
        );
    }
    let (_, body) = ask("/api/v1/query", &[("query", "max(requests_total) / (avg(requests_total))")]);
    assert_eq!(body["data"]["result"][0]["value"][1], "1");
}

#[test]
fn a_number_and_a_range_have_results_of_their_own_types() {
    check(
        "/api/v1/query",
        &[("query", "1 + 2"), ("time", "1700000000.5")],
        json!({
            "resultType": "scalar", "result": [1_700_000_000.5, "3"],
        }),
    );
    let range = [("query", "1.5"), ("start", "1700000000"), ("end", "1700000015"), ("step", "15s")];
    check(
        "/api/v1/query_range",
        &range,
        json!({
            "resultType": "matrix",
            "result": [{ "metric": {}, "values": [[1_700_000_000, "1.5"], [1_700_000_015, "1.5"]] }],
        }),
    );
    check(
        "/api/v1/query",
        &[("query", "requests_total{instance=\"b:80\"}[50s]")],
        json!({
            "resultType": "matrix",
            "result": [{
                "metric": { "__name__": "requests_total", "instance": "b:80", "job": "shop" },
                "values": [[1_700_000_030, "8"]],
            }],
        }),
    );
    let range = [("query", "up[5m]"), ("start", "1700000000"), ("end", "1700000015"), ("step", "15s")];
    refused("/api/v1/query_range", &range, 400, "must be Scalar or instant Vector");
}

#[test]
fn what_is_not_supported_is_refused_with_a_list_of_what_is() {
    let path = "/api/v1/query";
    refused(path, &[("query", "histogram_quantile(0.9, x)")], 400, "this simulated Prometheus answers selectors");
    refused(path, &[("query", "a +")], 400, "invalid parameter \"query\": 1:4: parse error: unexpected end of input");
    refused(path, &[("query", "a{b=~\"(\"}")], 400, "regexp");
    refused(path, &[("query", "{a=\"\"}")], 400, "non-empty matcher");
    refused(path, &[("query", "")], 400, "1:1: parse error: no expression found in input");
    refused(path, &[("query", &"(".repeat(500))], 400, "nested too deeply");
    refused(path, &[("query", "rate(level[0s])")], 400, "duration");
    refused(path, &[("query", "up"), ("time", "noon")], 400, "cannot parse");
    refused(path, &[("query", "rate({instance=\"a:80\"}[1m])")], 422, "same labelset");
}

#[test]
fn a_range_of_more_than_11000_points_is_refused() {
    let range = |end| [("query", "up"), ("start", "1700000000"), ("end", end), ("step", "1")];
    assert_eq!(ask("/api/v1/query_range", &range("1700011000")).0, 200);
    refused("/api/v1/query_range", &range("1700011001"), 400, "exceeded maximum resolution of 11,000 points");
    refused("/api/v1/query_range", &range("1600000000"), 400, "end timestamp must not be before start");
}

#[test]
fn labels_and_series_are_listed() {
    check("/api/v1/labels", &[], json!(["__name__", "instance", "job"]));
    check("/api/v1/label/__name__/values", &[], json!(["errors_total", "level", "requests_total"]));
    check("/api/v1/label/instance/values", &[("match[]", "requests_total")], json!(["a:80", "b:80"]));
    check("/api/v1/label/job/values", &[("start", "1800000000")], json!([]));
    let series = json!([{ "__name__": "errors_total", "instance": "a:80", "job": "shop" }]);
    check("/api/v1/series", &[("match[]", "errors_total"), ("match[]", "{__name__=~\"err.+\"}")], series);
    refused("/api/v1/series", &[], 400, "no match[] parameter");
    refused("/api/v1/label/a-b/values", &[], 400, "invalid label name");
    assert_eq!(ask("/api/v1/metadata", &[]).1["data"]["level"][0]["type"], "gauge");
    assert_eq!(ask("/api/v2/query", &[]).0, 404);
}

#[test]
fn the_text_to_scrape_escapes_labels_and_leaves_out_what_has_ended() {
    let (_, body) = ask("/metrics", &[]);
    let expected = "# TYPE errors_total counter\n\
                    errors_total{instance=\"a:80\",job=\"shop\"} 7.5\n\
                    # TYPE level gauge\n\
                    level{instance=\"c \\\"x\\\"\\\\\",job=\"shop\"} 1000000000000000000000\n\
                    # TYPE requests_total counter\n\
                    requests_total{instance=\"a:80\",job=\"shop\"} 25\n";
    assert_eq!(body, Value::from(expected));
}
