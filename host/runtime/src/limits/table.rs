//! What an operator is told about limits: each with the name by which it is set, its value and what it is good for.

use std::fmt;
use std::time::Duration;

use super::Limits;

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The name in a configuration. Its end says what is written there: `memory_mib = 64`.
    pub key: &'static str,
    /// How much, in the unit.
    pub value: u64,
    /// What is counted.
    pub unit: Unit,
    /// What is limited, and what happens beyond.
    pub what: &'static str,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Millis,
}

impl Unit {
    /// `count`, `bytes` or `ms`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Millis => "ms",
        }
    }
}

/// The value as people read it: `10,000,000,000`, `64 MiB`, `30 s`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        match self.unit {
            Unit::Count => f.write_str(&grouped(value)),
            Unit::Bytes if value > 0 && value.is_multiple_of(1 << 20) => write!(f, "{} MiB", grouped(value >> 20)),
            Unit::Bytes if value > 0 && value.is_multiple_of(1 << 10) => write!(f, "{} KiB", grouped(value >> 10)),
            Unit::Bytes => write!(f, "{} bytes", grouped(value)),
            Unit::Millis if value.is_multiple_of(1000) => write!(f, "{} s", grouped(value / 1000)),
            Unit::Millis => write!(f, "{} ms", grouped(value)),
        }
    }
}

/// Digits in threes.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Limits {
    /// All of them, what costs the host most first.
    pub fn table(&self) -> Vec<Limit> {
        // Without `..`, so that a new limit cannot be forgotten here.
        let Self {
            fuel,
            memory_bytes,
            memories,
            table_elements,
            tables,
            instances,
            timeout,
            hostcall_fuel,
            host_calls,
            host_call_bytes,
            handles,
            config_bytes,
            output_items,
            output_values,
            output_text_bytes,
            output_log_bytes,
            log_lines,
            log_bytes,
            log_lines_per_minute,
            http_requests,
            http_concurrency,
            http_request_bytes,
            http_body_bytes,
            http_total_bytes,
            http_timeout,
        } = *self;
        let row = |key, value, unit, what| Limit { key, value, unit, what };
        let count = |key, value: usize, what| row(key, value as u64, Unit::Count, what);
        let bytes = |key, value: usize, what| row(key, value as u64, Unit::Bytes, what);
        let time = |key, value: Duration, what| {
            row(key, u64::try_from(value.as_millis()).unwrap_or(u64::MAX), Unit::Millis, what)
        };
        vec![
            row("fuel", fuel, Unit::Count, "units of work, about one an instruction"),
            time("timeout", timeout, "time, waiting included"),
            bytes("memory_mib", memory_bytes, "all memories and tables together"),
            count("memories", memories, "linear memories"),
            count("table_elements", table_elements, "elements, all tables together"),
            count("tables", tables, "tables"),
            count("instances", instances, "core instances within the component"),
            count("handles", handles, "handles of resources that it makes for itself"),
            count("host_calls", host_calls, "calls of the host: log, clock and HTTP together"),
            bytes("host_call_mib", host_call_bytes, "all that its calls of the host carry"),
            bytes("config_kib", config_bytes, "configuration given to it, as JSON"),
            bytes("crossing_mib", hostcall_fuel, "all that one answer, or one call of the host, copies out of it"),
            count("output_items", output_items, "items of each kind in one answer; more are left out and named"),
            count("output_values", output_values, "readings in one answer; more are left out and named"),
            bytes("output_text_bytes", output_text_bytes, "one sentence of an answer; longer ones are cut"),
            bytes("output_log_kib", output_log_bytes, "one log line that it read; longer ones are cut"),
            count("log_lines", log_lines, "lines that it logs in one call; more are dropped"),
            bytes("log_kib", log_bytes, "all that it logs in one call; more is dropped"),
            row(
                "log_lines_per_minute",
                u64::from(log_lines_per_minute),
                Unit::Count,
                "lines that it logs in a minute, over all calls; more are dropped",
            ),
            count("http_requests", http_requests, "HTTP requests"),
            count(
                "http_concurrency",
                http_concurrency,
                "HTTP requests under way at one moment, over all calls; more wait",
            ),
            bytes("http_request_kib", http_request_bytes, "body of one request"),
            bytes("http_body_mib", http_body_bytes, "body of one response, decompressed"),
            bytes("http_total_mib", http_total_bytes, "bodies of all responses together"),
            time("http_timeout", http_timeout, "time for one request"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: u64, unit: Unit, expected: &str) {
        assert_eq!(Limit { key: "", value, unit, what: "" }.to_string(), expected);
    }

    #[test]
    fn values_are_written_as_people_read_them() {
        check(0, Unit::Count, "0");
        check(999, Unit::Count, "999");
        check(10_000_000_000, Unit::Count, "10,000,000,000");
        check(64 << 20, Unit::Bytes, "64 MiB");
        check(4096, Unit::Bytes, "4 KiB");
        check(4097, Unit::Bytes, "4,097 bytes");
        check(0, Unit::Bytes, "0 bytes");
        check(30_000, Unit::Millis, "30 s");
        check(1500, Unit::Millis, "1,500 ms");
    }
}
