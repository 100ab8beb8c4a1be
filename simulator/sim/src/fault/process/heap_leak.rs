//! Row 20: something is kept that should be let go, a little with each minute. The floor under the heap rises for a long
//! time while nothing hurts; then collections come ever faster, and the last few per cent take everything.
//!
//! It grows for as long as the fault's ramp takes, and stays.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, instances, is_instance};
use crate::scenario::Scenario;

pub(in crate::fault) struct JvmHeapLeak;

struct Leak {
    instances: Vec<usize>,
    share: f64,
}

/// Share of the normally free heap that has leaked in the end, at the least severity; at the greatest it is all.
const LEAST: f64 = 0.96;

impl Kind for JvmHeapLeak {
    fn slug(&self) -> &'static str {
        "jvm.heap-leak"
    }

    fn happens_to(&self) -> &'static str {
        "an instance of a service, such as `fulfilment-2`"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        is_instance(scenario, target)
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let share = LEAST + (1.0 - LEAST) * drawn.severity;
        Box::new(Leak { instances: instances(cluster, &drawn.target), share })
    }

    fn root(&self, _: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        (format!("jvm:{target}"), "heap", vec![format!("instance:{target}")])
    }
}

impl Effect for Leak {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            let knobs = &mut knobs.instances[*instance];
            knobs.retained += self.share * level;
        }
    }
}
