//! A rival: the unusual node that is farthest down the dependencies from the symptom is to blame. It believes that all
//! trouble comes from below, and that whatever lies deepest began it.

use std::collections::BTreeMap;

use lagdoctor_sdk::{Cause, Error, Finding, Manifest, Plugin, Ranker, Ranking, Symptom, View, numbers};

numbers! {
    /// What counts as unusual.
    pub struct Config {
        /// Standard deviations from which a node is unusual
        pub least_z: f64 = 10.0, from 1.0 to 1000.0;
    }
}

/// The ranker.
#[derive(Debug)]
pub struct FarthestAnomaly {
    config: Config,
}

impl Plugin for FarthestAnomaly {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "ranker-farthest-anomaly",
            env!("CARGO_PKG_VERSION"),
            "Ranks unusual nodes by how far down the dependencies they lie; a baseline to beat, not advice.",
        )
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }
}

impl Ranker for FarthestAnomaly {
    fn rank(&self, view: &View<'_>, findings: &[Finding], symptom: &Symptom) -> Result<Ranking, Error> {
        let reached = view.reached(symptom.node).into_iter();
        let distances: BTreeMap<u32, u32> = reached.map(|(node, distance)| (node.handle, distance)).collect();
        let mut unusual: BTreeMap<u32, (u32, f64)> = BTreeMap::new();
        for (handle, finding) in (0..).zip(findings).filter(|(_, finding)| view.may_cause(symptom, finding.node)) {
            let z = finding.magnitude.abs();
            if z >= self.config.least_z && unusual.get(&finding.node).is_none_or(|(_, known)| z > *known) {
                unusual.insert(finding.node, (handle, z));
            }
        }
        let placed =
            unusual.into_iter().filter_map(|(node, (handle, z))| Some((*distances.get(&node)?, z, node, handle)));
        let mut ordered: Vec<(u32, f64, u32, u32)> = placed.collect();
        ordered.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
        let cause = |(place, (distance, z, node, handle)): (i32, &(u32, f64, u32, u32))| {
            let because = format!("it is {distance} steps away and moved {z:.1} standard deviations");
            Cause { findings: vec![*handle], ..Cause::new(*node, "", 0.9 * 0.95_f64.powi(place), because) }
        };
        Ok(Ranking { causes: (0..).zip(&ordered).map(cause).collect(), dismissed: vec![], ext: vec![] })
    }
}

lagdoctor_sdk::export_ranker!(FarthestAnomaly);

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::testing::{BatchBuilder, behind, blamed, check_manifest};

    use super::*;

    #[test]
    fn the_manifest_keeps_the_contract() {
        check_manifest::<FarthestAnomaly>();
    }

    #[test]
    fn the_deepest_unusual_node_is_blamed_however_loud_the_others_are() {
        let batch = BatchBuilder::minutes(10)
            .edge("group:g", "worked-by", "service:s")
            .edge("service:s", "calls", "database:d")
            .edge("database:d", "runs-on", "host:h")
            .with_node("broker:1")
            .build();
        let view = View::new(&batch);
        let finding = |id: &str, magnitude: f64| {
            Finding::on(view.find(id).unwrap(), "log").score(0.9).magnitude(magnitude).says("loud")
        };
        let findings = [
            finding("service:s", 99.0),
            finding("database:d", -12.0),
            finding("host:h", 4.0),
            finding("broker:1", 50.0),
        ];
        let symptom = behind(&view, "group:g", view.start_ms());
        let ranking = FarthestAnomaly::from_json("{}").unwrap().rank(&view, &findings, &symptom).unwrap();
        assert_eq!(blamed(&view, &ranking), ["database:d", "service:s"]);
    }
}
