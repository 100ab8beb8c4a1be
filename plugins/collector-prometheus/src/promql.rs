//! Queries in Prometheus's own language: those that are sent, which are plain selectors, and those that a person can
//! paste to see the same as lagdoctor saw. Start at [`selector`] and [`Shown`].

use crate::dialect::{Combine, Entry, Form, Keep};

/// A selector of one metric; both kinds of matchers may be empty.
pub(crate) fn selector(metric: &str, matchers: &str, more: &[String]) -> String {
    let all: Vec<&str> =
        std::iter::once(matchers).filter(|text| !text.is_empty()).chain(more.iter().map(String::as_str)).collect();
    if all.is_empty() { metric.to_owned() } else { format!("{metric}{{{}}}", all.join(",")) }
}

/// One series of a signal, as it is drawn again for a person.
pub(crate) struct Shown<'a> {
    pub(crate) entry: &'a Entry,
    /// The labels that it ended up with.
    pub(crate) labels: &'a [(String, String)],
    /// Those that the operator added to every selector.
    pub(crate) matchers: &'a [String],
    /// Several series of the source went into it.
    pub(crate) is_combined: bool,
    /// Some of their values say that nothing is known, which must not count in a sum.
    pub(crate) has_unknown: bool,
    /// Sets how far a rate looks back.
    pub(crate) step_ms: i64,
}

impl Shown<'_> {
    /// The query that draws it, from the metrics above the line and below.
    pub(crate) fn query(&self, metrics: &(Vec<&'static str>, Vec<&'static str>)) -> String {
        let entry = self.entry;
        let first = metrics.0.first().copied().unwrap_or_default();
        let query = match entry.form {
            Form::Gauge(_) => self.combined(self.known(self.selector(first)), entry.combine),
            Form::Counter(_) => self.combined(self.rate(first), Combine::Sum),
            Form::Share(_) => self.combined(self.rate(first), entry.combine),
            Form::Ratio { .. } => format!("{} / {}", self.rates(&metrics.0), self.rates(&metrics.1)),
        };
        let query = if entry.scale == 1.0 { query } else { format!("{query} * {}", entry.scale) };
        if entry.invert { format!("1 - {query}") } else { query }
    }

    fn selector(&self, metric: &str) -> String {
        let own = self.labels.iter().map(|(name, value)| format!("{}=\"{}\"", quoted(name), escaped(value)));
        let own = own.filter(|matcher| !self.entry.matchers.split(',').any(|said| said.trim() == matcher));
        // A matcher on a label that is still there says no more than the label itself.
        let is_said = |matcher: &&String| {
            let name_end = matcher.find(['=', '!']).unwrap_or(matcher.len());
            self.labels.iter().any(|(name, _)| *name == matcher[..name_end])
        };
        let more = self.matchers.iter().filter(|matcher| !is_said(matcher)).cloned();
        selector(metric, self.entry.matchers, &own.chain(more).collect::<Vec<_>>())
    }

    /// Without the values that say that nothing is known.
    fn known(&self, selector: String) -> String {
        if !self.is_combined || !self.has_unknown {
            return selector;
        }
        self.entry.unknown.iter().fold(selector, |known, value| format!("{known} != {value}"))
    }

    fn rate(&self, metric: &str) -> String {
        format!("rate({}[{}])", self.selector(metric), duration((4 * self.step_ms).max(60_000)))
    }

    fn rates(&self, metrics: &[&'static str]) -> String {
        let each: Vec<String> = metrics.iter().map(|metric| self.combined(self.rate(metric), Combine::Sum)).collect();
        if each.len() > 1 { format!("({})", each.join(" + ")) } else { each.concat() }
    }

    fn combined(&self, inner: String, how: Combine) -> String {
        if !self.is_combined {
            return inner;
        }
        let operator = match how {
            Combine::Sum => "sum",
            Combine::Max => "max",
            Combine::Min => "min",
            Combine::Mean => "avg",
        };
        match self.entry.keep {
            Keep::All => inner,
            Keep::Without(labels) => format!("{operator} without ({}) ({inner})", labels.join(", ")),
            Keep::By(labels) => format!("{operator} by ({}) ({inner})", labels.join(", ")),
        }
    }
}

/// The name of a label; Prometheus allows others than its own since it reads those of OpenTelemetry.
fn quoted(name: &str) -> String {
    let is_plain = |(place, c): (usize, char)| c == '_' || c.is_ascii_alphabetic() || (place > 0 && c.is_ascii_digit());
    if name.char_indices().all(is_plain) { name.to_owned() } else { format!("\"{}\"", escaped(name)) }
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
        check_with(&[], metrics, labels, is_combined, expected);
    }

    fn check_with(matchers: &[&str], metrics: &[&str], labels: &[(&str, &str)], is_combined: bool, expected: &str) {
        let existing: BTreeSet<String> = metrics.iter().map(|metric| (*metric).to_owned()).collect();
        let source = Source::readable(&existing, &[])[0];
        let labels: Vec<_> = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let has_unknown = metrics == ["jvm_memory_max_bytes"];
        let matchers: Vec<String> = matchers.iter().map(|matcher| (*matcher).to_owned()).collect();
        let (labels, matchers) = (labels.as_slice(), matchers.as_slice());
        let shown = Shown { entry: source.entry, labels, matchers, is_combined, has_unknown, step_ms: 15_000 };
        assert_eq!(shown.query(&source.metrics()), expected);
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
    fn what_is_unknown_does_not_count_in_a_sum() {
        check(
            &["jvm_memory_max_bytes"],
            &[("instance", "a:80")],
            true,
            "sum without (id, area) (jvm_memory_max_bytes{area=\"heap\",instance=\"a:80\"} != -1)",
        );
    }

    #[test]
    fn the_operators_matchers_stay_where_no_label_says_the_same() {
        check_with(
            &["env=\"prod\"", "instance=~\"a.*\""],
            &["mysql_up"],
            &[("instance", "a:80")],
            false,
            "mysql_up{instance=\"a:80\",env=\"prod\"}",
        );
    }

    #[test]
    fn names_that_prometheus_would_not_read_are_quoted() {
        check(
            &["mysql_up"],
            &[("host.name", "h7"), ("_a1", "x"), ("9", "y")],
            false,
            "mysql_up{\"host.name\"=\"h7\",_a1=\"x\",\"9\"=\"y\"}",
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
