//! Row 18: work allocates several times as much, and more of it lives for a while, so that young collections come often and
//! take tens of milliseconds. Each is short; together they take a share of all time, and hurt where little is to spare.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};
use crate::scenario::Scenario;

pub(in crate::fault) struct JvmGcYoung;

struct Churn {
    instances: Vec<usize>,
    /// Factor of what is allocated, less one.
    more: f64,
    surviving: f64,
}

/// Of the greatest severity: what is allocated on top, as a multiple of the usual, and how much of it outlives a collection.
const MORE: f64 = 9.0;
const SURVIVING: f64 = 0.3;

impl Kind for JvmGcYoung {
    fn slug(&self) -> &'static str {
        "jvm.gc-young"
    }

    fn target(&self) -> Target {
        Target::Jvm
    }

    fn component(&self) -> &'static str {
        "heap"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let (more, surviving) = (MORE * drawn.severity, SURVIVING * drawn.severity);
        Box::new(Churn { instances: instances(cluster, &drawn.target), more, surviving })
    }

    fn accepted(&self, _: &Scenario, target: &str) -> Vec<String> {
        vec![format!("instance:{target}")]
    }
}

impl Effect for Churn {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            let knobs = &mut knobs.instances[*instance];
            knobs.allocation *= 1.0 + self.more * level;
            knobs.surviving += self.surviving * level;
        }
    }
}
