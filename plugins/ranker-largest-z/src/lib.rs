//! The naive rival among rankers: nodes in the order of their largest deviation, and nothing else. No dependency is
//! walked and no order of events is asked for.

use std::collections::BTreeMap;

use lagdoctor_sdk::{Cause, Error, Finding, Manifest, NoConfig, Plugin, Ranker, Ranking, Symptom, View};

/// The ranker.
#[derive(Debug)]
pub struct LargestZ;

impl Plugin for LargestZ {
    type Config = NoConfig;

    fn manifest() -> Manifest {
        Manifest::new(
            "ranker-largest-z",
            env!("CARGO_PKG_VERSION"),
            "Ranks nodes by their largest deviation alone; a baseline to beat, not advice.",
        )
    }

    fn new(_: NoConfig) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Ranker for LargestZ {
    fn rank(&self, view: &View<'_>, findings: &[Finding], symptom: &Symptom) -> Result<Ranking, Error> {
        let mut largest: BTreeMap<u32, (u32, &Finding)> = BTreeMap::new();
        for (handle, finding) in (0..).zip(findings).filter(|(_, finding)| view.may_cause(symptom, finding.node)) {
            let size = finding.magnitude.abs();
            if largest.get(&finding.node).is_none_or(|(_, best)| size > best.magnitude.abs()) {
                largest.insert(finding.node, (handle, finding));
            }
        }
        let mut ordered: Vec<(u32, &Finding)> = largest.into_values().collect();
        ordered.sort_by(|(_, a), (_, b)| b.magnitude.abs().total_cmp(&a.magnitude.abs()));
        let causes = ordered.into_iter().map(|(handle, finding)| {
            let because = format!("it moved {:.1} standard deviations from its past", finding.magnitude.abs());
            Cause { findings: vec![handle], ..Cause::new(finding.node, &finding.class, finding.score, because) }
        });
        Ok(Ranking { causes: causes.collect(), dismissed: vec![], ext: vec![] })
    }
}

lagdoctor_sdk::export_ranker!(LargestZ);

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::testing::{BatchBuilder, behind, blamed, check_manifest};

    use super::*;

    #[test]
    fn the_manifest_keeps_the_contract() {
        check_manifest::<LargestZ>();
    }

    #[test]
    fn the_loudest_node_is_blamed_whatever_the_graph_says() {
        let batch = BatchBuilder::minutes(10)
            .edge("group:orders", "worked-by", "service:orders")
            .edge("service:orders", "calls", "database:db")
            .build();
        let view = View::new(&batch);
        let finding = |id: &str, magnitude: f64| {
            Finding::on(view.find(id).unwrap(), "log").score(0.9).magnitude(magnitude).says("loud")
        };
        let findings = [finding("group:orders", 99.0), finding("service:orders", -40.0), finding("database:db", 12.0)];
        let symptom = behind(&view, "group:orders", view.start_ms());
        let ranking = LargestZ.rank(&view, &findings, &symptom).unwrap();
        assert_eq!(blamed(&view, &ranking), ["service:orders", "database:db"]);
    }
}
