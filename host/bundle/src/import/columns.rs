//! What does a column measure? Its name is a service and what was measured there, in the words of whoever recorded it;
//! a few of these words mean the same everywhere. Start at [`Column::of`].

/// A column, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column<'a> {
    /// The service.
    pub(super) service: &'a str,
    /// What was measured, in the source's word.
    pub(super) metric: &'a str,
    /// The signal that means the same, or the one that stands for anything.
    pub(super) signal: &'static str,
}

/// The signal of readings of which nothing but the name is known.
pub(super) const ANYTHING: &str = "service.metric";

impl<'a> Column<'a> {
    /// A column `SERVICE_METRIC`, split at the last underscore; `None` where a part is missing.
    pub(super) fn of(name: &'a str) -> Option<Self> {
        let (service, metric) = name.rsplit_once('_')?;
        let (service, metric) = (service.trim(), metric.trim());
        (!service.is_empty() && !metric.is_empty()).then(|| Self { service, metric, signal: signal_of(metric) })
    }
}

/// The signal that such a metric is. A word counts that begins the name or stands apart in it, so that `flat` is no
/// latency; what a service measures as a client of others is not its own.
pub(super) fn signal_of(metric: &str) -> &'static str {
    let name = metric.to_ascii_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
    let begins = |word: &str, with: &[&str]| with.iter().any(|with| word.starts_with(with));
    let has = |with: &[&str]| words.iter().any(|word| begins(word, with));
    let is = |one_of: &[&str]| words.iter().any(|word| one_of.contains(word));
    // `srvlat` is latency as the server has it, `clilat` as its clients' side has it.
    let bare = name.strip_prefix("srv").or_else(|| name.strip_prefix("server")).unwrap_or(&name);
    if has(&["client", "cli"]) {
        return ANYTHING;
    }
    if has(&["latency", "duration"]) || bare.starts_with("lat") || is(&["rt"]) || name.contains("responsetime") {
        "service.latency"
    } else if has(&["error", "fail", "exception"]) || is(&["err", "fault", "faults"]) || begins(&name, &["5xx"]) {
        "service.errors"
    } else if has(&["availab", "success"]) {
        "service.availability"
    } else if has(&["workload", "request", "throughput"]) || is(&["load", "qps", "rps", "tps", "calls"]) {
        "service.load"
    } else if has(&["cpu"]) {
        "service.cpu"
    } else if has(&["mem"]) {
        "service.memory"
    } else {
        ANYTHING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_split_at_its_last_underscore() {
        let of = |name| Column::of(name).map(|column| (column.service, column.metric));
        assert_eq!(of("ts-order-service_cpu"), Some(("ts-order-service", "cpu")));
        assert_eq!(of("order_db_latency-90"), Some(("order_db", "latency-90")));
        for name in ["cpu", "_cpu", "orders_", "_"] {
            assert_eq!(of(name), None, "{name}");
        }
    }

    #[test]
    fn words_that_mean_the_same_everywhere_are_signals_and_all_else_is_a_metric() {
        for (signal, metrics) in [
            (
                "service.latency",
                &["latency", "latency-90", "latency-p50", "latavg", "latp95", "srvlat", "duration", "rt"][..],
            ),
            ("service.errors", &["error", "errors", "error-rate", "5xx", "failures", "err"]),
            ("service.availability", &["availability", "success", "success-rate"]),
            ("service.load", &["workload", "requests", "load", "qps", "request-count"]),
            ("service.cpu", &["cpu", "CPU", "cpu-usage"]),
            ("service.memory", &["mem", "memory", "mem-usage"]),
            (ANYTHING, &["diskio", "socket", "netrx", "flat", "clilatp95", "client-latency", "7", "start"]),
        ] {
            for metric in metrics {
                assert_eq!(signal_of(metric), signal, "{metric}");
            }
        }
    }
}
