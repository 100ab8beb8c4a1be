//! How Prometheus writes numbers, times and labels, in JSON and in the text that it scrapes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lagdoctor_model::Timestamp;

use super::eval::LOOK_BACK_MS;
use crate::telemetry::{Metric, Telemetry};

/// A value: the shortest decimal that reads back as it, never with an exponent.
pub(super) fn value(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".into()
    } else if value == f64::NEG_INFINITY {
        "-Inf".into()
    } else {
        value.to_string()
    }
}

/// A sample, in JSON: seconds and the value as a string.
pub(super) fn sample(out: &mut String, at_ms: i64, number: f64) {
    let (seconds, ms) = (at_ms.div_euclid(1000), at_ms.rem_euclid(1000));
    let fraction = format!(".{ms:03}");
    let fraction = if ms == 0 { "" } else { fraction.trim_end_matches('0') };
    // Writing to a string cannot fail.
    let _ = write!(out, "[{seconds}{fraction},\"{}\"]", value(number));
}

/// Labels, in JSON.
pub(super) fn labels(out: &mut String, labels: &BTreeMap<String, String>) {
    out.push('{');
    for (place, (name, value)) in labels.iter().enumerate() {
        out.push_str(if place > 0 { "," } else { "" });
        out.push_str(&quoted(name));
        out.push(':');
        out.push_str(&quoted(value));
    }
    out.push('}');
}

pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Unix milliseconds of a time as requests give it: seconds, or RFC 3339.
pub(super) fn time_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = libm::round(seconds * 1000.0);
        return (ms.abs() < 1e15).then_some(ms as i64);
    }
    rfc3339_ms(text)
}

/// Unix milliseconds of `2026-03-01T12:34:56.789Z` or `...+02:00`.
pub(crate) fn rfc3339_ms(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<i64>().ok());
    let is_at = |place: usize, c: u8| text.as_bytes().get(place) == Some(&c);
    if !(is_at(4, b'-') && is_at(7, b'-') && is_at(13, b':') && is_at(16, b':')) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text.get(19..)?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone);
    let ms = match fraction.strip_prefix('.') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{digits:0<3}")[..3].parse::<i64>().ok()?
        }
        None if fraction.is_empty() => 0,
        _ => return None,
    };
    let offset = match zone.strip_prefix(['+', '-']) {
        None => (zone.len() == 1).then_some(0)?,
        Some(clock) => {
            let (hours, minutes) = clock.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    // Days since 1970 of the proleptic Gregorian calendar, counted in years that begin in March.
    let years = year - i64::from(month <= 2);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = 365 * years + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400) + of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute - offset) * 60_000 + second * 1000 + ms)
}

/// The newest sample of each series that has not ended, as an exporter would show it.
pub(super) fn exposition(telemetry: &Telemetry, now: Timestamp) -> String {
    let mut by_name: BTreeMap<&str, Vec<(&Metric, f64)>> = BTreeMap::new();
    for series in &telemetry.series {
        if let Some((_, value)) = series.at(now.as_millis(), LOOK_BACK_MS) {
            by_name.entry(&series.name).or_default().push((series, value));
        }
    }
    let mut out = String::new();
    for (name, samples) in by_name {
        let kind = samples[0].0.kind.word();
        let _ = writeln!(out, "# TYPE {name} {kind}");
        for (series, number) in samples {
            let _ = writeln!(out, "{name}{} {}", braced(&series.labels), value(number));
        }
    }
    out
}

/// Labels in braces, as exporters write them; nothing where there are none.
pub(super) fn braced(labels: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    for (place, (label, value)) in labels.iter().enumerate() {
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        let _ = write!(out, "{}{label}=\"{value}\"", if place == 0 { "{" } else { "," });
    }
    out.push_str(if labels.is_empty() { "" } else { "}" });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        let check = |text, expected| assert_eq!(time_ms(text), expected, "{text}");
        check("1435781430.781", Some(1_435_781_430_781));
        check("2015-07-01T20:10:30.781Z", Some(1_435_781_430_781));
        check("2015-07-01T22:10:30.781+02:00", Some(1_435_781_430_781));
        check("2000-02-29T00:00:00Z", Some(951_782_400_000));
        check("yesterday", None);
        check("2015-13-01T00:00:00Z", None);
        check("1e300", None);
    }

    #[test]
    fn times_read_are_the_times_that_the_model_writes() {
        for ms in [0, 951_782_399_999, 1_772_368_496_789, 4_102_444_800_000] {
            assert_eq!(rfc3339_ms(&Timestamp::from_millis(ms).unwrap().to_string()), Some(ms));
        }
    }
}
