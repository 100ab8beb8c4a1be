//! Which broker is at fault, and with what? A broker that is gone, one that stands still for garbage collection, one whose
//! disk is slow and one whose disk is full look alike to a consumer: its partitions stop. So the broker's own words are
//! asked: whether it answers, how long it takes to write, what its collector does, and how much room it has left. What is
//! seen only between two brokers is laid to the way between them, and what nobody does any more to the controller. Start at
//! [`Brokers::score`].

mod alive;
mod between;
mod controller;
mod disk;
mod upkeep;

use lagdoctor_sdk::{Error, Finding, Manifest, NodeRef, Plugin, Scorer, View, numbers};

numbers! {
    /// When a broker is worth a word.
    pub struct Config {
        /// Readings in a row without an answer from which a broker is away; one alone is a scrape that was lost
        pub missed: f64 = 2.0, from 1.0 to 100.0;
        /// Times its usual time that a broker must take to write to be worth a word
        pub slow_ratio: f64 = 2.0, from 1.1 to 50.0;
        /// Times its usual time from which a broker's disk is slow beyond doubt
        pub very_slow_ratio: f64 = 5.0, from 1.2 to 500.0;
        /// Share of time in collections from which clients of a broker feel it
        pub pause_share: f64 = 0.05, from 0.005 to 0.9;
        /// Share of time in collections at which a broker does little else
        pub long_pause_share: f64 = 0.3, from 0.01 to 1.0;
        /// Share of a volume that is left when it is as good as full
        pub full_share: f64 = 0.02, from 0.0 to 0.5;
    }
}

/// What is at fault from this score on explains what else is seen of its broker.
pub(crate) const CLEAR: f64 = 0.4;
/// What a sign counts that something else at the same broker explains.
pub(crate) const EXPLAINED: f64 = 0.4;
/// How far back a broker is looked at: what was over before is not what hurts now.
pub(crate) const RECENT_MS: i64 = 900_000;

/// The scorer.
#[derive(Debug)]
pub struct Brokers {
    config: Config,
}

impl Plugin for Brokers {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "scorer-brokers",
            env!("CARGO_PKG_VERSION"),
            "Tells brokers that are down, slow, full or paused apart, and finds a lost controller.",
        )
        .reads(&["kafka.broker.", "system.disk.utilization", "system.filesystem."])
        .names(&[
            "broker.disk-full",
            "broker.disk-slow",
            "broker.down",
            "broker.gc",
            "broker.log-cleaner",
            "controller.loss",
            "net.partition-broker",
        ])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        if config.very_slow_ratio <= config.slow_ratio || config.long_pause_share <= config.pause_share {
            let message = "`very_slow_ratio` must be above `slow_ratio`, and `long_pause_share` above `pause_share`";
            return Err(Error::new(lagdoctor_sdk::code::BAD_CONFIG, message));
        }
        Ok(Self { config })
    }
}

impl Scorer for Brokers {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        let brokers: Vec<NodeRef<'_>> = view.of_kind("broker").collect();
        let mut findings = vec![];
        for broker in &brokers {
            let pauses = upkeep::pauses(&self.config, view, *broker);
            let full = disk::full(&self.config, view, *broker);
            let explains = |found: &Option<Finding>| found.as_ref().is_some_and(|found| found.score >= CLEAR);
            let is_explained = explains(&pauses) || explains(&full);
            findings.extend(alive::down(&self.config, view, &brokers, *broker, is_explained));
            findings.extend(disk::slow(&self.config, view, *broker, is_explained));
            findings.extend(upkeep::cleaner(view, *broker));
            findings.extend(pauses);
            findings.extend(full);
        }
        findings.extend(controller::lost(&self.config, view, &brokers));
        let ways = between::cut(view, &findings);
        findings.extend(ways);
        Ok(findings)
    }
}

lagdoctor_sdk::export_scorer!(Brokers);

#[cfg(test)]
mod tests;
