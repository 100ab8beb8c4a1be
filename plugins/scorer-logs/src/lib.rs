//! What do the logs say? Three things are looked for: messages whose meaning is known from the sources of the programs
//! that write them, more errors than a node has had before, and warnings of a shape never seen before. A message
//! that has always been written says nothing, so all three are held against the earlier part of the window. Start at
//! [`Logs::score`]; the known messages are data, in [`patterns`].

mod errors;
mod finder;
mod known;
mod patterns;
mod schema;
mod shared;
mod template;

use finder::Finder;
use lagdoctor_sdk::{Error, Finding, LogRef, Manifest, Plugin, Scorer, View, numbers};

numbers! {
    /// When log lines are worth a word.
    pub struct Config {
        /// Share of the window, from its start, that is the past
        pub past_share: f64 = 0.33, from 0.05 to 0.9;
        /// Times its usual rate that a known message must come to be news
        pub more_often: f64 = 3.0, from 1.0 to 100.0;
        /// Lines of one kind from which they are more than a coincidence
        pub lines: f64 = 3.0, from 1.0 to 1000.0;
        /// Warnings or errors of one new shape from which they are worth a word
        pub new_lines: f64 = 3.0, from 1.0 to 1000.0;
    }
}

/// OpenTelemetry SeverityNumber from which a line is a warning.
const WARN: u8 = 13;
/// OpenTelemetry SeverityNumber from which a line is an error.
const ERROR: u8 = 17;

/// The scorer.
#[derive(Debug)]
pub struct Logs {
    config: Config,
}

impl Plugin for Logs {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "scorer-logs",
            env!("CARGO_PKG_VERSION"),
            "Reads log lines: known messages, error rates, and messages never seen before.",
        )
        .reads(&["log.error_rate"])
        .names(patterns::CLASSES)
        .names(&[schema::CLASS])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }
}

impl Scorer for Logs {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        let lines: Vec<LogRef<'_>> = view.logs().collect();
        let span = Span::of(&self.config, view, &lines);
        let mut finder = Finder::new();
        let mut findings = known::findings(&self.config, view, &lines, &span, &mut finder);
        schema::apply(view, &lines, &span, &mut findings);
        shared::apply(view, &mut findings);
        findings.extend(errors::findings(&self.config, view, &lines, &span));
        findings.extend(template::findings(&self.config, &lines, &span, &mut finder));
        Ok(findings)
    }
}

/// Where the past ends, and how long both parts are.
pub(crate) struct Span {
    split_ms: i64,
    past_minutes: f64,
    since_minutes: f64,
}

impl Span {
    /// Logs may reach back less far than the window does: the past begins with the first line.
    fn of(config: &Config, view: &View<'_>, lines: &[LogRef<'_>]) -> Self {
        let start = lines.first().map_or(view.start_ms(), |line| line.at_ms.clamp(view.start_ms(), view.now_ms()));
        let length = (view.now_ms() - start).max(1);
        let split_ms = start + (length as f64 * config.past_share) as i64;
        let minutes = |from: i64, to: i64| ((to - from) as f64 / 60_000.0).max(0.25);
        Self { split_ms, past_minutes: minutes(start, split_ms), since_minutes: minutes(split_ms, view.now_ms()) }
    }

    /// Whether this time is part of the past.
    fn is_past(&self, at_ms: i64) -> bool {
        at_ms < self.split_ms
    }
}

lagdoctor_sdk::export_scorer!(Logs);

#[cfg(test)]
mod tests;
