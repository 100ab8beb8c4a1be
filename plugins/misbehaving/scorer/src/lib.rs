//! A scorer that does whatever a test tells it to. See [`MODES`]; `fine` gives one finding for each series.

#[path = "../../tricks.rs"]
mod tricks;

use std::sync::atomic::{AtomicU32, Ordering};

use lagdoctor_sdk::{Error, Finding, Manifest, Plugin, Scorer, View};
use serde::Deserialize;

/// What this plugin can do wrong, beside what any plugin can.
pub const MODES: [(&str, &str); 16] = [
    ("trap-in-configure", "panics before its job begins"),
    ("loop-in-configure", "never comes to its job"),
    ("silent", "finds nothing at all"),
    ("nan-score", "gives a score that is no number"),
    ("nan-magnitude", "gives a magnitude that is no number"),
    ("infinite", "has seen infinity"),
    ("high-score", "gives a score of 1000"),
    ("bad-node", "names a node that does not exist"),
    ("bad-series", "names a series that does not exist"),
    ("bad-log-line", "names a log line that does not exist"),
    ("bad-time", "says that it began before the big bang"),
    ("unknown-signal", "rests on a signal that is not in the vocabulary"),
    ("unlisted-class", "names a class that its manifest does not list"),
    ("hostile-text", "puts control characters and a novel into its statement"),
    ("flood", "has a hundred thousand findings"),
    ("remember", "says how often this instance was called"),
];

/// How it is told what to do.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    #[serde(default = "fine")]
    mode: String,
}

fn fine() -> String {
    "fine".to_owned()
}

/// The scorer.
#[derive(Debug)]
pub struct Misbehaving {
    mode: String,
}

static CALLS: AtomicU32 = AtomicU32::new(0);

impl Plugin for Misbehaving {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new("misbehaving-scorer", env!("CARGO_PKG_VERSION"), "Does whatever a test tells it to.")
            .reads(&["*"])
            .names(&["load.burst"])
            .configured_by(tricks::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        tricks::known(&config.mode, &MODES)?;
        match config.mode.as_str() {
            "trap-in-configure" => tricks::perform("trap")?,
            "loop-in-configure" => tricks::perform("loop")?,
            _ => {}
        }
        Ok(Self { mode: config.mode })
    }
}

impl Scorer for Misbehaving {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        tricks::perform(&self.mode)?;
        let mut findings: Vec<Finding> = view
            .all_series()
            .map(|series| Finding::about(&series).score(0.5).class("load.burst").saw(1.0, 0.0).says("it looks odd"))
            .collect();
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(first) = findings.first_mut() else { return Ok(findings) };
        match self.mode.as_str() {
            "silent" => findings.clear(),
            "nan-score" => first.score = f64::NAN,
            "nan-magnitude" => first.magnitude = f64::NAN,
            "infinite" => first.observed = f64::INFINITY,
            "high-score" => first.score = 1000.0,
            "bad-node" => first.node = u32::MAX,
            "bad-series" => first.series = Some(u32::MAX),
            "bad-log-line" => first.log_line = Some(u32::MAX),
            "bad-time" => first.onset_ms = Some(i64::MIN),
            "unknown-signal" => "gremlins.count".clone_into(&mut first.signal),
            "unlisted-class" => "db.lock".clone_into(&mut first.class),
            "hostile-text" => first.statement = format!("\u{1b}[2J\u{202e}{}", "once upon a time ".repeat(10_000)),
            "flood" => {
                let one = first.clone();
                findings.resize(100_000, one);
            }
            "remember" => first.observed = f64::from(calls),
            _ => {}
        }
        Ok(findings)
    }
}

lagdoctor_sdk::export_scorer!(Misbehaving);

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::testing::{BatchBuilder, check_findings, check_manifest};

    use super::*;

    fn score(mode: &str) -> Result<Vec<Finding>, Error> {
        let batch = BatchBuilder::minutes(5).series("group:orders", "kafka.consumer_group.backlog", |_| 1.0).build();
        Misbehaving::from_json(&format!(r#"{{"mode": "{mode}"}}"#))?.score(&View::new(&batch))
    }

    #[test]
    fn when_told_nothing_it_behaves() {
        check_manifest::<Misbehaving>();
        let batch = BatchBuilder::minutes(5).series("group:orders", "kafka.consumer_group.backlog", |_| 1.0).build();
        let findings = Misbehaving::from_json("").unwrap().score(&View::new(&batch)).unwrap();
        assert_eq!(findings.len(), 1);
        check_findings::<Misbehaving>(&batch, &findings);
    }

    #[test]
    fn every_mode_that_answers_breaks_the_contract_or_says_why_it_cannot() {
        let fine = format!("{:?}", score("fine").unwrap());
        for (mode, _) in MODES.iter().skip(2).filter(|(mode, _)| *mode != "remember") {
            assert_ne!(format!("{:?}", score(mode).unwrap()), fine, "{mode}");
        }
        assert_eq!(score("error-upstream").unwrap_err().code, "upstream");
        assert!(score("dance").unwrap_err().message.contains("recurse (calls itself for ever)"));
    }
}
