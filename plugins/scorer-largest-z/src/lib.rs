//! The naive rival: whatever moved furthest from its earlier mean, in standard deviations, is to blame. It knows no
//! dependency, no order of events and no signal's meaning, so that a plugin that does not beat it earns nothing.

use std::collections::BTreeMap;

use lagdoctor_sdk::{Error, Finding, Manifest, Plugin, Scorer, SeriesRef, View, numbers, score_of, stats};

numbers! {
    /// Where the earlier part ends, and which deviation is believed.
    pub struct Config {
        /// Share of the window, at its end, in which the largest deviation is sought
        pub last_share: f64 = 0.25, from 0.05 to 0.9;
        /// Smallest standard deviation, as a share of the mean; a series that stood still would else have none
        pub floor_share: f64 = 0.01, from 0.0 to 1.0;
    }
}

/// The scorer.
#[derive(Debug)]
pub struct LargestZ {
    config: Config,
}

impl Plugin for LargestZ {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "scorer-largest-z",
            env!("CARGO_PKG_VERSION"),
            "Names for each node the signal that moved most standard deviations away from its earlier mean; a baseline \
             to beat, not advice.",
        )
        .reads(&["*"])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }
}

/// The reading that lies furthest from the earlier mean.
struct Furthest {
    z: f64,
    value: f64,
    mean: f64,
}

impl LargestZ {
    fn furthest(&self, series: &SeriesRef<'_>) -> Option<Furthest> {
        let split = (series.values.len() as f64 * (1.0 - self.config.last_share)) as usize;
        let (earlier, last) = series.values.split_at(split.min(series.values.len()));
        let mean = stats::mean(earlier);
        let sd = stats::sd(earlier).max(mean.abs() * self.config.floor_share).max(1e-9);
        let value = last
            .iter()
            .copied()
            .filter(|value| !value.is_nan())
            .max_by(|a, b| (a - mean).abs().total_cmp(&(b - mean).abs()))?;
        let z = (value - mean) / sd;
        z.is_finite().then_some(Furthest { z, value, mean })
    }
}

impl Scorer for LargestZ {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        let mut largest: BTreeMap<u32, (SeriesRef<'_>, Furthest)> = BTreeMap::new();
        for series in view.all_series() {
            let Some(found) = self.furthest(&series) else { continue };
            let beaten = largest.get(&series.node.handle).is_none_or(|(_, best)| found.z.abs() > best.z.abs());
            if beaten {
                largest.insert(series.node.handle, (series, found));
            }
        }
        let finding = |(series, Furthest { z, value, mean }): &(SeriesRef<'_>, Furthest)| {
            Finding::about(series).score(score_of(*z)).magnitude(*z).saw(*value, *mean).says(format!(
                "{} went to {value:.4}, {z:+.1} standard deviations from its mean {mean:.4}",
                series.signal
            ))
        };
        Ok(largest.values().map(finding).collect())
    }
}

lagdoctor_sdk::export_scorer!(LargestZ);

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::testing::{BatchBuilder, check_findings, check_manifest};

    use super::*;

    #[test]
    fn the_manifest_keeps_the_contract() {
        check_manifest::<LargestZ>();
    }

    #[test]
    fn each_node_gets_its_furthest_signal_and_nothing_else() {
        let batch = BatchBuilder::minutes(40)
            .series("jvm:a", "jvm.gc.count", |minute| if minute > 35.0 { 9.0 } else { 1.0 })
            .series("jvm:a", "jvm.thread.count", |minute| if minute > 35.0 { 1.5 } else { 1.0 })
            .series("jvm:b", "jvm.gc.count", |_| f64::NAN)
            .build();
        let view = View::new(&batch);
        let findings = LargestZ::from_json("{}").unwrap().score(&view).unwrap();
        check_findings::<LargestZ>(&batch, &findings);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].signal.as_str(), findings[0].observed), ("jvm.gc.count", 9.0));
        assert_eq!(findings[0].class, "");
    }
}
