//! A rival: whatever became unusual first is to blame. It knows no dependency, and takes every early tremor for a cause.

use lagdoctor_sdk::{
    Cause, Error, Finding, Manifest, Plugin, Ranker, Ranking, SeriesRef, Symptom, View, numbers, stats,
};

numbers! {
    /// What counts as unusual.
    pub struct Config {
        /// Share of the window, at its beginning, that says what is usual
        pub first_share: f64 = 0.5, from 0.1 to 0.9;
        /// Standard deviations from the mean from which a reading is unusual
        pub least_z: f64 = 6.0, from 1.0 to 100.0;
        /// Smallest standard deviation, as a share of the mean; a series that stood still would else have none
        pub floor_share: f64 = 0.01, from 0.0 to 1.0;
    }
}

/// The ranker.
#[derive(Debug)]
pub struct FirstAnomaly {
    config: Config,
}

impl Plugin for FirstAnomaly {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "ranker-first-anomaly",
            env!("CARGO_PKG_VERSION"),
            "Ranks nodes by when one of their signals first became unusual; a baseline to beat, not advice.",
        )
        .reads(&["*"])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }
}

impl FirstAnomaly {
    /// When a series first became unusual, and by how many standard deviations.
    fn first(&self, series: &SeriesRef<'_>) -> Option<(i64, f64)> {
        let split = (series.values.len() as f64 * self.config.first_share) as usize;
        let (usual, rest) = series.values.split_at(split.min(series.values.len()));
        if stats::count(usual) < 8 {
            return None;
        }
        let mean = stats::mean(usual);
        let sd = stats::sd(usual).max(mean.abs() * self.config.floor_share).max(1e-9);
        let z = |value: f64| ((value - mean) / sd).abs();
        // Two readings in a row, so that one reading of noise is no anomaly.
        let pair = rest.windows(2).position(|pair| pair.iter().all(|value| z(*value) >= self.config.least_z))?;
        Some((series.time(split + pair), z(rest[pair])))
    }
}

impl Ranker for FirstAnomaly {
    fn rank(&self, view: &View<'_>, _: &[Finding], symptom: &Symptom) -> Result<Ranking, Error> {
        let mut first: std::collections::BTreeMap<u32, (i64, f64)> = std::collections::BTreeMap::new();
        for series in view.all_series().filter(|series| view.may_cause(symptom, series.node.handle)) {
            let Some((at, z)) = self.first(&series) else { continue };
            let known = first.entry(series.node.handle).or_insert((at, z));
            if (at, -z) < (known.0, -known.1) {
                *known = (at, z);
            }
        }
        let mut ordered: Vec<(u32, (i64, f64))> = first.into_iter().collect();
        ordered.sort_by(|(_, a), (_, b)| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let cause = |(place, (node, (at, z))): (i32, &(u32, (i64, f64)))| {
            let before = (symptom.onset_ms - at) / 1000;
            let because = format!("it became unusual {before} s before the symptom, by {z:.1} standard deviations");
            Cause::new(*node, "", 0.9 * 0.95_f64.powi(place), because)
        };
        Ok(Ranking { causes: (0..).zip(&ordered).map(cause).collect(), dismissed: vec![], ext: vec![] })
    }
}

lagdoctor_sdk::export_ranker!(FirstAnomaly);

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::testing::{BatchBuilder, behind, blamed, check_manifest};

    use super::*;

    #[test]
    fn the_manifest_keeps_the_contract() {
        check_manifest::<FirstAnomaly>();
    }

    #[test]
    fn who_trembled_first_is_blamed_however_little() {
        let batch = BatchBuilder::minutes(40)
            .series("group:g", "kafka.consumer_group.backlog", |minute| if minute > 30.0 { 1e6 } else { 10.0 })
            .series("database:d", "db.server.qps", |minute| if minute > 32.0 { 900.0 } else { 1.0 })
            .series("cache:c", "cache.hits", |minute| if minute > 29.0 { 12.0 } else { 10.0 })
            .series("service:s", "cpu", |_| 1.0)
            .build();
        let view = View::new(&batch);
        let symptom = behind(&view, "group:g", view.now_ms());
        let ranking = FirstAnomaly::from_json("{}").unwrap().rank(&view, &[], &symptom).unwrap();
        assert_eq!(blamed(&view, &ranking), ["cache:c", "database:d"]);
    }
}
