//! Time inside a run: integer microseconds, so that no run depends on how a machine rounds. And the words in which
//! scenario files give durations and sizes.

use std::ops::{Add, AddAssign, Sub};

/// A moment since the start of the run, or a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Micros(pub(crate) i64);

impl Micros {
    pub(crate) const ZERO: Micros = Micros(0);
    pub(crate) const SECOND: Micros = Micros(1_000_000);

    pub(crate) const fn millis(ms: i64) -> Self {
        Self(ms * 1000)
    }

    pub(crate) const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// Rounded to the nearest microsecond; NaN is zero.
    pub(crate) fn of_seconds(seconds: f64) -> Self {
        Self(rounded(seconds * 1e6))
    }

    pub(crate) fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    pub(crate) fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    pub(crate) fn times(self, factor: f64) -> Self {
        Self(rounded(self.0 as f64 * factor))
    }
}

/// The nearest whole number, halves away from zero; what is too large is the largest there is, and NaN is zero.
fn rounded(number: f64) -> i64 {
    let whole = number as i64;
    match number - whole as f64 {
        0.5.. => whole.saturating_add(1),
        ..=-0.5 => whole.saturating_sub(1),
        _ => whole,
    }
}

impl Add for Micros {
    type Output = Micros;
    fn add(self, rhs: Micros) -> Micros {
        Micros(self.0.saturating_add(rhs.0))
    }
}

impl Sub for Micros {
    type Output = Micros;
    fn sub(self, rhs: Micros) -> Micros {
        Micros(self.0.saturating_sub(rhs.0))
    }
}

impl AddAssign for Micros {
    fn add_assign(&mut self, rhs: Micros) {
        *self = *self + rhs;
    }
}

/// The number that a word such as `60m`, `4ms`, `64KiB` or `-3m` stands for: seconds or bytes.
pub(crate) fn quantity(word: &str) -> Option<f64> {
    let digits = word.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(word.len());
    let (number, unit) = word.split_at(digits);
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    number.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_rounded_as_everywhere_else() {
        let near = (-4000..4000).map(|number| f64::from(number) / 16.0);
        let far = [4_503_599_627_370_495.5, 9e15, 1e19, -1e19, f64::INFINITY, f64::NAN, 0.499_999_999_999_999_94];
        for number in near.chain(far) {
            assert_eq!(rounded(number), libm::round(number) as i64, "{number}");
        }
    }

    #[test]
    fn durations_are_seconds_and_sizes_are_bytes() {
        let check = |word, expected| assert_eq!(quantity(word), expected, "{word}");
        check("60m", Some(3600.0));
        check("4ms", Some(0.004));
        check("-3m", Some(-180.0));
        check("64KiB", Some(65_536.0));
        check("stopped", None);
        check("5", None);
        check("m", None);
    }
}
