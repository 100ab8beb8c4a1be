//! How a fault comes and stays.

use crate::units::{Micros, quantity};

/// The course of a fault between its onset and its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Rises evenly over its ramp, then stays.
    Step,
    /// Rises evenly until it ends.
    Linear,
    /// Rises ever faster until it ends.
    Exp,
    /// Comes and goes.
    Pulse { period: Micros, duty: f64 },
}

impl Shape {
    /// Reads `step`, `linear`, `exp` or `pulse(60s, 0.5)`.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        let wrong = || format!("`{word}` is no shape; there are step, linear, exp and pulse(PERIOD, DUTY)");
        match word {
            "step" => Ok(Self::Step),
            "linear" => Ok(Self::Linear),
            "exp" => Ok(Self::Exp),
            _ => {
                let inner = word.strip_prefix("pulse(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(wrong)?;
                let (period, duty) = inner.split_once(',').ok_or_else(wrong)?;
                let period = quantity(period.trim()).filter(|period| *period > 0.0).ok_or_else(wrong)?;
                let duty = duty.trim().parse().ok().filter(|duty| (0.0..=1.0).contains(duty)).ok_or_else(wrong)?;
                Ok(Self::Pulse { period: Micros::of_seconds(period), duty })
            }
        }
    }

    /// From 0 to 1, so long after the onset.
    pub(super) fn level(self, since: Micros, ramp: Micros, whole: Micros) -> f64 {
        let share = |of: Micros| if of.0 <= 0 { 1.0 } else { (since.0 as f64 / of.0 as f64).clamp(0.0, 1.0) };
        match self {
            Self::Step => share(ramp),
            Self::Linear => share(whole),
            Self::Exp => (libm::exp(4.0 * share(whole)) - 1.0) / (libm::exp(4.0) - 1.0),
            Self::Pulse { period, duty } => {
                let place = since.0.rem_euclid(period.0) as f64 / period.0 as f64;
                if place < duty { share(ramp) } else { 0.0 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_rises_from_nothing_to_all_and_never_beyond() {
        let check = |word: &str, seconds, expected: f64| {
            let level =
                Shape::parse(word).unwrap().level(Micros::seconds(seconds), Micros::seconds(30), Micros::seconds(600));
            assert!((level - expected).abs() < 0.01, "{word} after {seconds} s is {level}, not {expected}");
        };
        check("step", 0, 0.0);
        check("step", 15, 0.5);
        check("step", 300, 1.0);
        check("linear", 300, 0.5);
        check("exp", 300, 0.119);
        check("exp", 600, 1.0);
        check("pulse(60s, 0.5)", 80, 1.0);
        check("pulse(60s, 0.5)", 100, 0.0);
        assert!(Shape::parse("pulse(0s, 2)").unwrap_err().contains("pulse(PERIOD, DUTY)"));
    }
}
