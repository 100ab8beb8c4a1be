//! A rival: whoever logs most errors is to blame. Whoever waits for a broken thing complains more than the thing itself.

use std::collections::BTreeMap;

use lagdoctor_sdk::{Cause, Error, Finding, Manifest, Plugin, Ranker, Ranking, Symptom, View, numbers};

numbers! {
    /// What is counted.
    pub struct Config {
        /// Share of the window, at its end, in which lines are counted
        pub last_share: f64 = 0.25, from 0.05 to 1.0;
        /// Least OpenTelemetry SeverityNumber that counts; 17 is the first error
        pub least_severity: f64 = 17.0, from 1.0 to 24.0;
    }
}

/// The ranker.
#[derive(Debug)]
pub struct MostErrors {
    config: Config,
}

impl Plugin for MostErrors {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "ranker-most-errors",
            env!("CARGO_PKG_VERSION"),
            "Ranks nodes by how many errors they log; a baseline to beat, not advice.",
        )
        .reads(&["log"])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }
}

impl Ranker for MostErrors {
    fn rank(&self, view: &View<'_>, _: &[Finding], symptom: &Symptom) -> Result<Ranking, Error> {
        let span = (view.now_ms() - view.start_ms()) as f64 * self.config.last_share;
        let since = view.now_ms() - span as i64;
        let mut errors: BTreeMap<u32, usize> = BTreeMap::new();
        for line in view.logs() {
            let counts = line.at_ms >= since && f64::from(line.severity) >= self.config.least_severity;
            if counts && view.may_cause(symptom, line.node.handle) {
                *errors.entry(line.node.handle).or_default() += 1;
            }
        }
        let mut ordered: Vec<(u32, usize)> = errors.into_iter().collect();
        ordered.sort_by_key(|counted| std::cmp::Reverse(counted.1));
        let most = ordered.first().map_or(1, |(_, count)| *count) as f64;
        let cause = |(node, count): &(u32, usize)| {
            // Who logs as much is as suspect.
            Cause::new(*node, "", 0.9 * *count as f64 / most, format!("it logged {count} errors"))
        };
        Ok(Ranking { causes: ordered.iter().map(cause).collect(), dismissed: vec![], ext: vec![] })
    }
}

lagdoctor_sdk::export_ranker!(MostErrors);

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::testing::{BatchBuilder, behind, blamed, check_manifest};

    use super::*;

    #[test]
    fn the_manifest_keeps_the_contract() {
        check_manifest::<MostErrors>();
    }

    #[test]
    fn who_complains_most_of_late_is_blamed() {
        let batch = BatchBuilder::minutes(40)
            .with_node("group:g")
            .log("database:d", 5.0, 17, "deadlock")
            .log("database:d", 6.0, 17, "deadlock")
            .log("service:s", 35.0, 17, "timed out")
            .log("service:s", 36.0, 17, "timed out")
            .log("cache:c", 36.0, 21, "out of memory")
            .log("endpoint:e", 37.0, 13, "slow")
            .build();
        let view = View::new(&batch);
        let symptom = behind(&view, "group:g", view.now_ms());
        let ranking = MostErrors::from_json("{}").unwrap().rank(&view, &[], &symptom).unwrap();
        assert_eq!(blamed(&view, &ranking), ["service:s", "cache:c"]);
    }
}
