//! Row 19: something on one instance retains memory until hardly any is free, so that the collector stops the process for
//! seconds, again and again. All that the instance measures is slow at the same moments; nobody else's is.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};
use crate::scenario::Scenario;

pub(in crate::fault) struct JvmGcFull;

struct Retained {
    instances: Vec<usize>,
    share: f64,
}

/// Share of the normally free heap that the least severity leaves free: just too little for a young collection.
const LEFT: f64 = 0.083;

impl Kind for JvmGcFull {
    fn slug(&self) -> &'static str {
        "jvm.gc-full"
    }

    fn target(&self) -> Target {
        Target::Jvm
    }

    fn component(&self) -> &'static str {
        "heap"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let share = 1.0 - LEFT * (1.0 - drawn.severity);
        Box::new(Retained { instances: instances(cluster, &drawn.target), share })
    }

    fn accepted(&self, _: &Scenario, target: &str) -> Vec<String> {
        vec![format!("instance:{target}")]
    }
}

impl Effect for Retained {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].retained += self.share * level;
        }
    }
}
