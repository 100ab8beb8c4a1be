//! A rival: always the same answer, whatever is seen. It names what is at fault most often, nearest to the symptom first.

use std::collections::{BTreeMap, VecDeque};

use lagdoctor_sdk::{Cause, Error, Finding, Manifest, NoConfig, Plugin, Ranker, Ranking, Symptom, View};

/// Kinds of node and their most frequent class, the most frequent first.
const PRIOR: [(&str, &str); 6] = [
    ("service", "consumer.slow-code"),
    ("database", "db.slow-statement"),
    ("broker", "broker.down"),
    ("producer", "load.burst"),
    ("endpoint", "http.slow"),
    ("cache", "cache.down"),
];

/// The ranker.
#[derive(Debug)]
pub struct ClassPrior;

impl Plugin for ClassPrior {
    type Config = NoConfig;

    fn manifest() -> Manifest {
        Manifest::new(
            "ranker-class-prior",
            env!("CARGO_PKG_VERSION"),
            "Names what is at fault most often, whatever is seen; a baseline to beat, not advice.",
        )
    }

    fn new(_: NoConfig) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// Nodes that the symptom depends on, the nearest first.
fn reached(view: &View<'_>, from: u32) -> Vec<u32> {
    let mut known: BTreeMap<u32, ()> = BTreeMap::from([(from, ())]);
    let mut open = VecDeque::from([from]);
    let mut reached = vec![];
    while let Some(handle) = open.pop_front() {
        reached.push(handle);
        let Some(node) = view.node(handle) else { continue };
        for (dependency, _) in view.dependencies(node) {
            if known.insert(dependency.handle, ()).is_none() {
                open.push_back(dependency.handle);
            }
        }
    }
    reached
}

impl Ranker for ClassPrior {
    fn rank(&self, view: &View<'_>, _: &[Finding], symptom: &Symptom) -> Result<Ranking, Error> {
        let reached = reached(view, symptom.node);
        let nodes = || reached.iter().filter_map(|handle| view.node(*handle));
        let named = PRIOR.iter().flat_map(|(kind, class)| {
            nodes().filter(move |node| node.kind == *kind).map(move |node| (node.handle, *kind, *class))
        });
        let cause = |(place, (node, kind, class)): (i32, (u32, &str, &str))| {
            Cause::new(node, class, 0.9 * 0.95_f64.powi(place), format!("it is a {kind}, and those are often at fault"))
        };
        Ok(Ranking { causes: (0..).zip(named).map(cause).collect(), dismissed: vec![], ext: vec![] })
    }
}

lagdoctor_sdk::export_ranker!(ClassPrior);

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::testing::{BatchBuilder, check_manifest};

    use super::*;

    #[test]
    fn the_manifest_keeps_the_contract() {
        check_manifest::<ClassPrior>();
    }

    #[test]
    fn the_service_is_blamed_before_the_database_and_what_is_not_reached_never() {
        let batch = BatchBuilder::minutes(10)
            .edge("group:g", "worked-by", "service:s")
            .edge("service:s", "calls", "database:d")
            .edge("group:other", "worked-by", "service:other")
            .build();
        let view = View::new(&batch);
        let symptom = Symptom {
            node: view.find("group:g").unwrap().handle,
            signal: "kafka.consumer_group.backlog".to_owned(),
            onset_ms: view.start_ms(),
            observed: 1e6,
            expected: 0.0,
            ext: vec![],
        };
        let ranking = ClassPrior.rank(&view, &[], &symptom).unwrap();
        let order: Vec<&str> = ranking.causes.iter().map(|cause| view.node(cause.node).unwrap().id).collect();
        assert_eq!(order, ["service:s", "database:d"]);
    }
}
