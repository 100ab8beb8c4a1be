//! Confounder B4: Prometheus cannot reach one exporter for a while. All its series have a gap, `up` is 0, and whatever it
//! speaks of goes on as ever.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, is_instance, is_node};
use crate::scenario::Scenario;
use crate::scenario::node::NodeOf;
use crate::telemetry::exporter::LAG_EXPORTER;

/// Any severity is the same silence.
pub(in crate::fault) struct ExporterGap;

struct Unheard(String);

impl Kind for ExporterGap {
    fn slug(&self) -> &'static str {
        "exporter.gap"
    }

    fn happens_to(&self) -> &'static str {
        "whatever has an exporter, such as `fulfilment-2`, a database or a host, or `kafka-exporter`"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        let has_exporter = |of: &NodeOf| {
            matches!(
                of,
                NodeOf::Producer | NodeOf::Primary(_) | NodeOf::Replica(_) | NodeOf::Cache(_) | NodeOf::Host(_)
            )
        };
        target == LAG_EXPORTER || is_instance(scenario, target) || is_node(scenario, target, has_exporter)
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, _: &Cluster) -> Box<dyn Effect> {
        Box::new(Unheard(drawn.target.clone()))
    }

    fn root(&self, _: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        (target.to_owned(), "exporter", vec![])
    }
}

impl Effect for Unheard {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        knobs.unheard.push(self.0.clone());
    }
}
