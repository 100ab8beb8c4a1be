//! Numbers as people write them: three digits that matter, a unit that fits. For the statements of findings.
//!
//! ```
//! use lagdoctor_sdk::words::{bytes, number, percent, seconds};
//! assert_eq!(number(1234567.8), "1,234,568");
//! assert_eq!(number(0.04567), "0.0457");
//! assert_eq!(seconds(0.0042), "4.2 ms");
//! assert_eq!(seconds(125.0), "2.1 min");
//! assert_eq!(bytes(4_300_000.0), "4.3 MB");
//! assert_eq!(percent(0.123), "12 %");
//! ```

/// A number: whole and with separators from 100 on, three digits below.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    let size = value.abs();
    if size >= 100.0 {
        let digits = format!("{:.0}", size.min(1e15));
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        return if value < 0.0 { format!("-{text}") } else { text };
    }
    let decimals = match size {
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text.is_empty() { "0".to_owned() } else { text.to_owned() }
}

/// A duration given in seconds.
pub fn seconds(value: f64) -> String {
    let size = value.abs();
    if size >= 7_200.0 {
        format!("{} h", number(round(value / 3_600.0)))
    } else if size >= 120.0 {
        format!("{} min", number(round(value / 60.0)))
    } else if size >= 1.0 || value == 0.0 {
        format!("{} s", number(round(value)))
    } else {
        format!("{} ms", number(round(value * 1_000.0)))
    }
}

/// One decimal is enough where the unit was chosen to fit.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// An amount of bytes.
pub fn bytes(value: f64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let fitting = units.iter().find(|(_, size)| value.abs() >= *size);
    fitting.map_or_else(
        || format!("{} B", number(value)),
        |(unit, size)| format!("{} {unit}", number(round(value / size))),
    )
}

/// A share.
pub fn percent(share: f64) -> String {
    if share.abs() < 0.02 { format!("{:.1} %", share * 100.0) } else { format!("{:.0} %", share * 100.0) }
}
