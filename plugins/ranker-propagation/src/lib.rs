//! Which finding explains the others? A fault shows on everything that waits for it, and the loudest node is seldom the one
//! at fault. So the ranker walks from the symptom along dependencies and asks of each unusual node: does something that
//! it depends on, and that began no later, explain it? What nothing explains is a cause.
//!
//! In numbers, all between 0 and 1:
//!
//! ```text
//! support     1 - Π (1 - score) over the findings of one node and class, one for each signal
//!             for a class that is mostly an effect, one more factor 1 - `cleared` × the share of what lies below it,
//!             and could explain it, that was looked at and found normal
//! base        support × named × prior × in_time × reach × on_path
//!   named     1 with a fault class, `unnamed` when it only says "unusual"
//!   prior     below 1 for classes that are mostly effects, such as poll timeouts
//!   in_time   1 when it began before the symptom or within two readings after; falls to `too_late` over four minutes
//!   reach     product over the edges from the symptom of how well trouble travels along each
//!   on_path   `silent_path` when everything measured between it and the symptom is as usual, else 1
//! explained   max over other candidates B of base(B) × travel(A→B) × coverage × order
//! weight      base × (1 - `explains` × explained)
//! confidence  weight × weight / (weight + `rivalry` × heaviest rival), at most `ceiling`, and capped at `unseen_cap` where something that
//!             could explain it is not measured at all; a rival neither explains it nor is explained by it
//! ```
//!
//! Confidence is thus below the weight of the best evidence, falls when two candidates are equally good, and never
//! claims more where the decisive node is dark. Start at [`Propagation::rank`].

mod candidate;
mod explain;
mod verdict;
mod walk;

use lagdoctor_sdk::{Error, Finding, Manifest, Plugin, Ranker, Ranking, Symptom, View, numbers};

use crate::candidate::Candidates;
use crate::walk::Reach;

numbers! {
    /// How evidence is weighed.
    pub struct Config {
        /// What a finding counts that only says that something is unusual, without a class
        pub unnamed: f64 = 0.45, from 0.0 to 1.0;
        /// What a candidate counts that began four minutes after the symptom or later
        pub too_late: f64 = 0.3, from 0.0 to 1.0;
        /// What a candidate counts when everything between it and the symptom is as usual
        pub silent_path: f64 = 0.75, from 0.0 to 1.0;
        /// Share of a candidate that a perfect explanation takes away
        pub explains: f64 = 0.85, from 0.0 to 1.0;
        /// How much an equally heavy rival costs
        pub rivalry: f64 = 0.5, from 0.0 to 2.0;
        /// Most confidence in an effect while something that could explain it is not measured
        pub unseen_cap: f64 = 0.6, from 0.0 to 1.0;
        /// How much it speaks for an effect that everything below it is normal
        pub cleared: f64 = 0.5, from 0.0 to 1.0;
        /// Most confidence in anything: findings are no proof
        pub ceiling: f64 = 0.97, from 0.0 to 1.0;
        /// Support from which a node and class are considered at all
        pub considered: f64 = 0.2, from 0.0 to 1.0;
        /// Confidence below which a candidate is set aside
        pub set_aside: f64 = 0.1, from 0.0 to 1.0;
        /// Readings by which an effect may be seen before its cause, because sources are read at different times
        pub slack_steps: f64 = 2.0, from 0.0 to 20.0;
    }
}

/// A score up to this says "looked, and it is normal".
pub(crate) const NORMAL: f64 = 0.15;

/// Kinds of node whose trouble shows on what depends on them: only their being normal clears, and only their silence
/// leaves a question open.
pub(crate) const TELLING: [&str; 5] = ["database", "cache", "endpoint", "jvm", "pool"];

/// The ranker.
#[derive(Debug)]
pub struct Propagation {
    config: Config,
}

impl Plugin for Propagation {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "ranker-propagation",
            env!("CARGO_PKG_VERSION"),
            "Walks from the symptom along dependencies and ranks what nothing else explains.",
        )
        // Not read for their values: what is not measured at all could explain what is.
        .reads(&[
            "kafka.consumer_group.lag",
            "kafka.partition.current_offset",
            "kafka.topic.append_rate",
            "messaging.process.duration",
            "jvm.gc.overhead",
            "db.client.connection.pending_requests",
            "db.client.connection.use_time",
            "db.server.statement.duration",
            "db.server.up",
            "cache.hit_ratio",
            "http.client.request.duration",
        ])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }
}

impl Ranker for Propagation {
    fn rank(&self, view: &View<'_>, findings: &[Finding], symptom: &Symptom) -> Result<Ranking, Error> {
        let Some(start) = view.node(symptom.node) else {
            let message = format!("the symptom is on node {}, which the batch does not have", symptom.node);
            return Err(Error::new(lagdoctor_sdk::code::BAD_INPUT, message));
        };
        let reach = Reach::from(view, start).or_anywhere(view, start);
        let mut candidates = Candidates::gather(&self.config, view, findings, symptom, &reach);
        explain::weigh(&self.config, view, &mut candidates);
        Ok(verdict::ranking(&self.config, view, findings, &candidates, &reach))
    }
}

lagdoctor_sdk::export_ranker!(Propagation);

#[cfg(test)]
mod tests;
