//! Queries in Prometheus's own language: those that are sent, which are plain selectors, and those that a person can
//! paste to see the same as lagdoctor saw. Start at [`selector`] and [`shown`].

use crate::dialect::{Combine, Entry, Form, Keep};

/// A selector of one metric; both kinds of matchers may be empty.
pub(crate) fn selector(metric: &str, matchers: &str, more: &[String]) -> String {
    let all: Vec<&str> =
        std::iter::once(matchers).filter(|text| !text.is_empty()).chain(more.iter().map(String::as_str)).collect();
    if all.is_empty() { metric.to_owned() } else { format!("{metric}{{{}}}", all.join(",")) }
}

/// The query that draws one series of a signal: its metrics with the labels that it ended up with.
///
/// `is_combined` says that several series of the source went into it; `step_ms` sets how far a rate looks back.
pub(crate) fn shown(
    entry: &Entry,
    metrics: &(Vec<&'static str>, Vec<&'static str>),
    labels: &[(String, String)],
    is_combined: bool,
    step_ms: i64,
) -> String {
    let matchers: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let one = |metric: &str| selector(metric, entry.matchers, &matchers);
    let rate = |metric: &str| format!("rate({}[{}])", one(metric), duration((4 * step_ms).max(60_000)));
    let join = |inner: String, how: Combine| if is_combined { aggregated(entry, inner, how) } else { inner };
    let rates = |metrics: &[&'static str]| {
        let each: Vec<String> = metrics.iter().map(|metric| join(rate(metric), Combine::Sum)).collect();
        if each.len() > 1 { format!("({})", each.join(" + ")) } else { each.concat() }
    };
    let first = metrics.0.first().copied().unwrap_or_default();
    let query = match entry.form {
        Form::Gauge(_) => join(one(first), entry.combine),
        Form::Counter(_) => join(rate(first), Combine::Sum),
        Form::Share(_) => join(rate(first), entry.combine),
        Form::Ratio { .. } => format!("{} / {}", rates(&metrics.0), rates(&metrics.1)),
    };
    let query = if entry.scale == 1.0 { query } else { format!("{query} * {}", entry.scale) };
    if entry.invert { format!("1 - {query}") } else { query }
}

fn aggregated(entry: &Entry, inner: String, how: Combine) -> String {
    let operator = match how {
        Combine::Sum => "sum",
        Combine::Max => "max",
        Combine::Min => "min",
        Combine::Mean => "avg",
    };
    match entry.keep {
        Keep::All => inner,
        Keep::Without(labels) => format!("{operator} without ({}) ({inner})", labels.join(", ")),
        Keep::By(labels) => format!("{operator} by ({}) ({inner})", labels.join(", ")),
    }
}

/// The inside of a text literal.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A duration in the largest unit that divides it.
fn duration(millis: i64) -> String {
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if millis % size == 0 {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

/// A time as Prometheus takes it: seconds, to the millisecond.
pub(crate) fn seconds(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    match millis % 1000 {
        0 => format!("{sign}{}", millis / 1000),
        rest => format!("{sign}{}.{rest:03}", millis / 1000),
    }
}

/// Percent-encodes everything but letters, digits and `-._~`.
pub(crate) fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dialect::Source;

    fn check(metrics: &[&str], labels: &[(&str, &str)], is_combined: bool, expected: &str) {
        let existing: BTreeSet<String> = metrics.iter().map(|metric| (*metric).to_owned()).collect();
        let source = Source::readable(&existing, &[])[0];
        let labels: Vec<_> = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(shown(source.entry, &source.metrics(), &labels, is_combined, 15_000), expected);
    }

    #[test]
    fn a_mean_is_shown_as_the_quotient_of_two_rates() {
        check(
            &["hikaricp_connections_usage_seconds_sum", "hikaricp_connections_usage_seconds_count"],
            &[("instance", "fulfilment-0:8080"), ("pool", "orders-db")],
            false,
            "rate(hikaricp_connections_usage_seconds_sum{instance=\"fulfilment-0:8080\",pool=\"orders-db\"}[1m]) / \
             rate(hikaricp_connections_usage_seconds_count{instance=\"fulfilment-0:8080\",pool=\"orders-db\"}[1m])",
        );
    }

    #[test]
    fn a_level_of_one_series_is_shown_as_it_is() {
        check(&["mysql_up"], &[("instance", "a\"b")], false, "mysql_up{instance=\"a\\\"b\"}");
        check(&["mysql_up"], &[], false, "mysql_up");
    }

    #[test]
    fn series_that_were_combined_are_combined_in_the_query() {
        check(
            &["jvm_memory_used_bytes"],
            &[("instance", "a:80")],
            true,
            "sum without (id, area) (jvm_memory_used_bytes{area=\"heap\",instance=\"a:80\"})",
        );
        check(
            &["node_cpu_seconds_total"],
            &[("instance", "h7")],
            true,
            "1 - avg without (cpu, mode) (rate(node_cpu_seconds_total{mode=\"idle\",instance=\"h7\"}[1m]))",
        );
    }

    #[test]
    fn another_unit_is_converted_in_the_query() {
        check(
            &["mysql_global_status_innodb_row_lock_time"],
            &[],
            false,
            "rate(mysql_global_status_innodb_row_lock_time[1m]) * 0.001",
        );
    }

    #[test]
    fn a_ratio_of_sums_keeps_its_brackets() {
        check(
            &["redis_keyspace_hits_total", "redis_keyspace_misses_total"],
            &[],
            false,
            "rate(redis_keyspace_hits_total[1m]) / (rate(redis_keyspace_hits_total[1m]) + \
             rate(redis_keyspace_misses_total[1m]))",
        );
    }

    #[test]
    fn times_keep_their_milliseconds() {
        assert_eq!(seconds(1_699_999_200_000), "1699999200");
        assert_eq!(seconds(1_699_999_200_007), "1699999200.007");
        assert_eq!(duration(90_000), "90s");
        assert_eq!(duration(1_200_000), "20m");
        assert_eq!(duration(1500), "1500ms");
    }
}
