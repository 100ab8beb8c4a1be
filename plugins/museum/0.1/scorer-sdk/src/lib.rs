//! A scorer as the SDK's own documentation shows it: one trait, the view, the statistics, a configuration of numbers.

use lagdoctor_sdk::stats::{median, spread};
use lagdoctor_sdk::{Error, Finding, Manifest, Plugin, Scorer, View, log, numbers, score_of};

numbers! {
    /// When a share of time in garbage collection is worth a word.
    pub struct Config {
        /// Share below which nothing is unusual
        pub floor: f64 = 0.05, from 0.0 to 1.0;
    }
}

struct Pauses(Config);

impl Plugin for Pauses {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new("museum-scorer-sdk", "0.1.0", "Finds collectors of garbage that take the time.")
            .reads(&["jvm.gc.overhead", "log"])
            .names(&["jvm.gc-full"])
            .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self(config))
    }
}

impl Scorer for Pauses {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        let line = view.logs().position(|line| line.message.contains("pause"));
        let found = view.of_signal("jvm.gc.overhead").map(|series| {
            let last = series.last().unwrap_or(f64::NAN);
            let (usual, wide) = (median(series.values), spread(series.values));
            let deviations = if last > self.0.floor { (last - usual) / wide } else { 0.0 };
            let mut finding = Finding::about(&series)
                .score(score_of(deviations))
                .magnitude(deviations)
                .since(series.readings().find(|(_, value)| *value > self.0.floor).map(|(at, _)| at))
                .class("jvm.gc-full")
                .saw(last, usual)
                .says(format!("{:.0} % of the time is spent on garbage", last * 100.0));
            finding.log_line = line.and_then(|line| u32::try_from(line).ok());
            finding
        });
        log::info("looked at all there is");
        Ok(found.collect())
    }
}

lagdoctor_sdk::export_scorer!(Pauses);
