//! Numbers as people read them at night: `1,240,331 records`, `4.1 MB`, `412 ms`, never `1.2403e6`.

use lagdoctor_model::Millis;

/// A whole number with commas: `1,240,331`.
pub fn whole(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with at most three significant digits behind which nothing is known anyway: `1,040`, `12.5`, `0.0041`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "unknown".into();
    }
    let size = value.abs();
    let sign = if value < 0.0 { "-" } else { "" };
    if size >= 1e18 {
        return format!("{value:.2e}");
    }
    if size >= 100.0 {
        return format!("{sign}{}", whole(size.round() as u64));
    }
    let decimals = match size {
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        0.01.. => 4,
        0.001.. => 5,
        _ => 6,
    };
    let text = format!("{size:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "0" { "0".into() } else { format!("{sign}{text}") }
}

/// A value in the unit of its signal, as people say it.
pub fn quantity(value: f64, unit: &str) -> String {
    if !value.is_finite() {
        return "unknown".into();
    }
    match unit {
        "" | "1" => number(value),
        "s" => seconds(value),
        "ms" => format!("{} ms", number(value)),
        "By" => bytes(value),
        "s/s" => format!("{} s per second", number(value)),
        unit => match unit.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((noun, per)) => {
                let text = number(value);
                let noun = if text == "1" { noun.to_owned() } else { plural(noun) };
                format!("{text} {noun}{per}")
            }
            None => format!("{} {unit}", number(value)),
        },
    }
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

fn seconds(value: f64) -> String {
    let size = value.abs();
    if (60.0..3e9).contains(&size)
        && let Ok(time) = Millis::new((size * 1000.0) as i64)
    {
        return format!("{}{time}", if value < 0.0 { "-" } else { "" });
    }
    if size > 0.0 && size < 1.0 { format!("{} ms", number(value * 1000.0)) } else { format!("{} s", number(value)) }
}

fn bytes(value: f64) -> String {
    let (factor, name) = match value.abs() {
        1e12.. => (1e12, "TB"),
        1e9.. => (1e9, "GB"),
        1e6.. => (1e6, "MB"),
        1e3.. => (1e3, "kB"),
        _ => (1.0, "B"),
    };
    format!("{} {name}", number(value / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_people_say_them() {
        for (value, unit, text) in [
            (1_240_331.0, "{record}", "1,240,331 records"),
            (1.0, "{record}", "1 record"),
            (1040.4, "{record}/s", "1,040 records/s"),
            (3.0, "{retry}/s", "3 retries/s"),
            (0.0041, "s", "4.1 ms"),
            (2.5, "s", "2.5 s"),
            (845.0, "s", "14 min 5 s"),
            (4_100_000.0, "By", "4.1 MB"),
            (0.0, "1", "0"),
            (-0.000_000_01, "1", "0"),
            (0.873, "1", "0.873"),
            (f64::NAN, "s", "unknown"),
            (1e30, "{record}", "1.00e30 records"),
            (12.5, "s/s", "12.5 s per second"),
        ] {
            assert_eq!(quantity(value, unit), text);
        }
    }
}
