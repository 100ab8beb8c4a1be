//! Does a Java virtual machine stand still, and why? Time lost to collections and the longest pause say how bad it is;
//! the live set after collections tells a leak, which grows for a long time, from pressure, which came at once. Both are
//! held against the machine's own past and against limits that Kafka sets: a consumer that pauses for its session
//! timeout is thrown out of its group. Start at [`Jvm::score`].

mod heap;
mod pauses;

use lagdoctor_sdk::{Error, Finding, Manifest, Plugin, Scorer, View, numbers};

numbers! {
    /// When collections are worth a word.
    pub struct Config {
        /// Pause in seconds from which a collection counts as one that stops the process; young ones take 5 to 50 ms
        pub full_pause_s: f64 = 0.5, from 0.05 to 60.0;
        /// Pause in seconds that puts the group membership at risk: a third of the session timeout of 45 s
        pub alarming_pause_s: f64 = 15.0, from 1.0 to 300.0;
        /// Share of time in collections from which throughput visibly suffers
        pub overhead: f64 = 0.1, from 0.01 to 0.9;
        /// Share of time in collections at which a consumer with half its capacity to spare falls behind
        pub crippling_overhead: f64 = 0.5, from 0.02 to 1.0;
        /// Share of the heap limit by which the live set must have grown to be called a leak
        pub leak_share: f64 = 0.1, from 0.01 to 1.0;
        /// Minutes for which the live set must have been growing to be called a leak; pressure comes faster
        pub leak_minutes: f64 = 10.0, from 1.0 to 600.0;
    }
}

/// The scorer.
#[derive(Debug)]
pub struct Jvm {
    config: Config,
}

impl Plugin for Jvm {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "scorer-jvm",
            env!("CARGO_PKG_VERSION"),
            "Finds garbage collections that stop consumers, and heaps that leak.",
        )
        .reads(&[
            "jvm.gc.overhead",
            "jvm.gc.duration.max",
            "jvm.gc.count",
            "jvm.memory.used_after_last_gc",
            "jvm.memory.used",
            "jvm.memory.limit",
            "scrape.up",
        ])
        .names(&["jvm.gc-full", "jvm.gc-young", "jvm.heap-leak"])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }
}

impl Scorer for Jvm {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        let mut findings = vec![];
        for jvm in view.of_kind("jvm") {
            let leak = heap::leak(&self.config, view, jvm);
            findings.extend(pauses::findings(&self.config, view, jvm, leak.as_ref()));
            findings.extend(leak);
        }
        Ok(findings)
    }
}

lagdoctor_sdk::export_scorer!(Jvm);

#[cfg(test)]
mod tests;
