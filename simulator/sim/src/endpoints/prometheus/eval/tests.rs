//! Values worked out by hand, on a few series of a few samples.

use super::super::query::parse;
use super::*;
use crate::telemetry::{MetricKind, STALE};

/// Every 10 s from 10 s on: two counters of requests, the first of which begins again; errors; a level that ends, and the
/// series that takes over from it.
fn telemetry() -> Telemetry {
    let mut telemetry = Telemetry::default();
    let mut add = |name: &str, labels: &[(&str, &str)], values: &[f64]| {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let place = telemetry.add(name, labels, MetricKind::Gauge);
        telemetry.series[place].samples = (1..).map(|k| k * 10_000).zip(values.iter().copied()).collect();
    };
    add("requests", &[("host", "a"), ("zone", "n")], &[10.0, 20.0, 5.0, 15.0, 25.0, 35.0]);
    add("requests", &[("host", "b"), ("zone", "n")], &[100.0, 102.0, 104.0, 106.0, 108.0, 110.0]);
    add("errors", &[("host", "a"), ("zone", "n")], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    add("errors", &[("host", "c"), ("zone", "s")], &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    add("level", &[("host", "a")], &[3.0, f64::NAN, 1.0, 2.0, STALE]);
    add("level", &[("host", "b")], &[7.0, 8.0, 9.0, 9.5, 9.0, 8.0]);
    add("heir", &[("host", "a")], &[STALE, STALE, STALE, STALE, 6.0, 6.0]);
    telemetry
}

fn ask(query: &str, at_s: i64) -> Result<Value, String> {
    let moment = Moment { times: &[at_s * 1000], now_ms: 60_000 };
    evaluate(&telemetry(), &parse(query).unwrap(), moment)
}

/// Labels as `name host zone`, those that are there, and the value.
#[track_caller]
fn check(query: &str, at_s: i64, expected: &[(&str, f64)]) {
    let Value::Vector(rows) = ask(query, at_s).unwrap() else { panic!("{query} is a number") };
    let shown = |row: &Row| row.labels.values().cloned().collect::<Vec<_>>().join(" ");
    let found: Vec<_> = rows.iter().map(|row| (shown(row), row.values[0].unwrap())).collect();
    let alike = found.len() == expected.len()
        && found.iter().zip(expected).all(|((labels, value), (wanted, number))| {
            let alike = value == number || (value - number).abs() < 1e-12 || (value.is_nan() && number.is_nan());
            labels == wanted && alike
        });
    assert!(alike, "{query}: {found:?} is not {expected:?}");
}

#[test]
fn the_newest_sample_counts_for_five_minutes_unless_the_series_has_ended() {
    check("level", 45, &[("level a", 2.0), ("level b", 9.5)]);
    check("level", 50, &[("level b", 9.0)]);
    check("level", 9, &[]);
    check("level", 360, &[("level b", 8.0)]);
    check("level", 361, &[]);
}

#[test]
fn a_rate_reaches_to_the_ends_of_its_range() {
    // 35 more after the fall from 20 to 5 and 10 before: 20 - 10 + 35 - 0 = 45 in 50 s; the range is 5 s longer at each
    // end, which is less than a distance of samples, so that it reaches to both.
    check("rate(requests{host=\"a\"}[60s])", 65, &[("a n", 45.0 / 50.0)]);
    check("increase(requests{host=\"a\"}[60s])", 65, &[("a n", 54.0)]);
    // The range begins 20 s before the first sample: more than 1.1 distances, so that half a distance is added.
    check("increase(requests{host=\"b\"}[80s])", 70, &[("b n", 10.0 * (50.0 + 5.0 + 10.0) / 50.0)]);
    // A counter that begins at zero did not grow before.
    check("increase(errors{host=\"a\"}[60s])", 65, &[("a n", 5.0 * (50.0 + 0.0 + 5.0) / 50.0)]);
    check("rate(requests{host=\"a\"}[9s])", 65, &[]);
}

#[test]
fn both_ends_belong_to_a_range() {
    check("count_over_time(requests{host=\"b\"}[20s])", 50, &[("b n", 3.0)]);
    check("count_over_time(requests{host=\"b\"}[20s])", 55, &[("b n", 2.0)]);
}

#[test]
fn functions_of_a_range_see_all_of_its_samples() {
    check("max_over_time(level[40s])", 50, &[("a", 3.0), ("b", 9.5)]);
    check("min_over_time(level[40s])", 50, &[("a", 1.0), ("b", 7.0)]);
    check("sum_over_time(level{host=\"b\"}[20s])", 60, &[("b", 26.5)]);
    check("avg_over_time(level{host=\"b\"}[20s])", 60, &[("b", 26.5 / 3.0)]);
    check("avg_over_time(level{host=\"a\"}[40s])", 50, &[("a", f64::NAN)]);
}

#[test]
fn a_number_is_calculated_with_every_value_and_the_name_is_lost() {
    check("1 - level / 10", 30, &[("a", 0.9), ("b", 0.1)]);
    check("-level * 2 + 1", 30, &[("a", -1.0), ("b", -17.0)]);
    check("requests{host=\"b\"} / 0", 30, &[("b n", f64::INFINITY)]);
    assert_eq!(ask("2 * (3 + 4) / 7", 30), Ok(Value::Scalar(2.0)));
    assert_eq!(ask("-(1 - 3)", 30), Ok(Value::Scalar(2.0)));
}

#[test]
fn vectors_are_joined_where_all_labels_are_equal() {
    check("errors / requests", 60, &[("a n", 5.0 / 35.0)]);
    check("errors + errors", 60, &[("a n", 10.0), ("c s", 0.0)]);
    check("errors / (errors + requests)", 60, &[("a n", 5.0 / 40.0)]);
    check("errors - level", 60, &[]);
    check("sum by (host) (errors) - level", 40, &[("a", 1.0)]);
    check("errors{host=\"c\"} / errors{host=\"c\"}", 60, &[("c s", f64::NAN)]);
}

#[test]
fn aggregations_keep_the_labels_that_they_are_told() {
    check("sum(requests)", 60, &[("", 145.0)]);
    check("sum by (zone) (requests)", 60, &[("n", 145.0)]);
    check("avg without (host) (requests)", 60, &[("n", 72.5)]);
    check("max by (host, absent) (level)", 30, &[("a", 1.0), ("b", 9.0)]);
    check("min by (__name__) (level)", 30, &[("level", 1.0)]);
    check("max(level)", 20, &[("", 8.0)]);
    check("sum(level)", 20, &[("", f64::NAN)]);
    check("count({host=\"a\"})", 30, &[("", 3.0)]);
    check("1 - avg without (host, zone) (rate(errors[60s]))", 65, &[("", 1.0 - 5.5 / 60.0 / 2.0)]);
    check("sum(absent)", 60, &[]);
}

#[test]
fn series_that_would_be_the_same_are_refused() {
    let refused = |query, part: &str| {
        let said = ask(query, 60).unwrap_err();
        assert!(said.contains(part), "{said}");
    };
    refused("rate({host=\"a\"}[1m])", "same labelset");
    refused("{host=\"a\"} * 2", "same labelset");
    refused("errors / {zone=\"n\"}", "many-to-many matching not allowed");
    refused("{zone=\"n\"} / errors", "many-to-one matching must be explicit");
}

#[test]
fn series_that_take_turns_become_one() {
    let moment = Moment { times: &[40_000, 55_000], now_ms: 60_000 };
    let value = evaluate(&telemetry(), &parse("2 * {host=\"a\",zone=\"\"}").unwrap(), moment);
    let labels = [("host".to_owned(), "a".to_owned())].into();
    assert_eq!(value, Ok(Value::Vector(vec![Row { labels, values: vec![Some(4.0), Some(12.0)] }])));
}
