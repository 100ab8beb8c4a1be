//! A rival: always the same answer, whatever is seen. It names what is at fault most often, nearest to the symptom first.

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

impl Ranker for ClassPrior {
    fn rank(&self, view: &View<'_>, _: &[Finding], symptom: &Symptom) -> Result<Ranking, Error> {
        let reached = view.reached(symptom.node);
        let named = PRIOR.iter().flat_map(|(kind, class)| {
            let of_kind = reached.iter().filter(move |(node, _)| node.kind == *kind);
            of_kind.map(move |(node, _)| (node.handle, *kind, *class))
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
    use lagdoctor_sdk::testing::{BatchBuilder, behind, blamed, check_manifest};

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
        let symptom = behind(&view, "group:g", view.start_ms());
        let ranking = ClassPrior.rank(&view, &[], &symptom).unwrap();
        assert_eq!(blamed(&view, &ranking), ["service:s", "database:d"]);
    }
}
