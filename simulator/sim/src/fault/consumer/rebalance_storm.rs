//! Row 13: one member is killed and begun again, over and over, by whoever watches it. Each time the coordinator waits for the
//! dead one until its session ends, and as long as the assignment is eager nobody in the group reads anything meanwhile.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances, service_of};
use crate::scenario::Scenario;

pub(in crate::fault) struct GroupRebalanceStorm;

struct Storm {
    instances: Vec<usize>,
    every_s: f64,
}

/// Seconds between two ends of the process, at the least and the greatest severity.
const EVERY: (f64, f64) = (240.0, 40.0);

impl Kind for GroupRebalanceStorm {
    fn slug(&self) -> &'static str {
        "group.rebalance-storm"
    }

    fn target(&self) -> Target {
        Target::Instance
    }

    fn component(&self) -> &'static str {
        "membership"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let every_s = EVERY.0 * libm::pow(EVERY.1 / EVERY.0, drawn.severity.clamp(0.0, 1.0));
        Box::new(Storm { instances: instances(cluster, &drawn.target), every_s })
    }

    fn accepted(&self, scenario: &Scenario, target: &str) -> Vec<String> {
        service_of(scenario, target).map(|service| Target::GroupOf.ids(scenario, service)).unwrap_or_default()
    }
}

impl Effect for Storm {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].flap_s = self.every_s;
        }
    }
}
