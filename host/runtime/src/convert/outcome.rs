//! What goes to forecasters and notifiers and what comes back, as plain Rust.

use lagdoctor_model::{Millis, SeriesKey, Timestamp};

/// A series to forecast.
#[derive(Clone, Debug, PartialEq)]
pub struct ForecastTarget {
    /// Which.
    pub series: SeriesKey,
    /// Going down to this counts as cleared.
    pub clears_at: Option<f64>,
    /// Reaching this counts as breached.
    pub breaches_at: Option<f64>,
}

/// Where a series is going, as a forecaster says. Invariants: levels ascend within 0..=1 and hold 0.5; there is one
/// finite value for each level and time.
#[derive(Clone, Debug, PartialEq)]
pub struct RawForecast {
    /// The plugin that says it.
    pub by: String,
    /// The target, by its place in the list that was asked.
    pub target: usize,
    /// Time of the first value.
    pub start: Timestamp,
    /// Distance of values.
    pub step: Millis,
    /// Quantile levels.
    pub levels: Vec<f64>,
    /// All times of the first level, then of the second, and so on.
    pub values: Vec<f64>,
    /// When the median reaches `clears_at`, if within the horizon.
    pub clears: Option<Timestamp>,
    /// When the median reaches `breaches_at`, if within the horizon.
    pub breaches: Option<Timestamp>,
    /// Change of the median per second, in the unit of the signal.
    pub slope_per_s: f64,
    /// One sentence for people.
    pub statement: String,
}

impl RawForecast {
    /// How many times it is given for.
    pub fn points(&self) -> usize {
        self.values.len() / self.levels.len().max(1)
    }

    /// The values of one quantile level, one for each time.
    pub fn quantile(&self, level: f64) -> Option<&[f64]> {
        let place = self.levels.iter().position(|known| (known - level).abs() < 1e-9)?;
        self.values.chunks(self.points().max(1)).nth(place)
    }
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It begins.
    Opened,
    /// The verdict has changed.
    Updated,
    /// It is over.
    Closed,
}

impl Phase {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Closed => "closed",
        }
    }
}

/// What people are told about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentEvent {
    /// Stable over the life of the incident.
    pub incident: String,
    /// Where it stands.
    pub phase: Phase,
    /// When it came to stand there.
    pub at: Timestamp,
    /// The same for two sends of the same message.
    pub idempotency_key: String,
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain text.
    Text,
    /// Markdown.
    Markdown,
    /// One line.
    Headline,
}

impl Format {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Headline => "headline",
        }
    }
}

/// The report in one format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// Which format.
    pub format: Format,
    /// The report.
    pub text: String,
}

/// Proof of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where it went.
    pub destination: String,
    /// What the far side called it.
    pub reference: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_slice_of_its_level() {
        let forecast = RawForecast {
            by: "holt".into(),
            target: 0,
            start: Timestamp::EPOCH,
            step: Millis::seconds(60),
            levels: vec![0.1, 0.5],
            values: vec![1.0, 2.0, 3.0, 11.0, 12.0, 13.0],
            clears: None,
            breaches: None,
            slope_per_s: 0.0,
            statement: String::new(),
        };
        assert_eq!(forecast.quantile(0.5), Some(&[11.0, 12.0, 13.0][..]));
        assert_eq!(forecast.quantile(0.9), None);
    }
}
