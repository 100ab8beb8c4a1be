//! Row 13: one member is killed and begun again, over and over, by whoever watches it. Each time the coordinator waits for the
//! dead one until its session ends, and as long as the assignment is eager nobody in the group reads anything meanwhile.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, group_of, instances, is_instance};
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

    fn happens_to(&self) -> &'static str {
        "an instance, as SERVICE-NUMBER"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        is_instance(scenario, target)
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let every_s = EVERY.0 * libm::pow(EVERY.1 / EVERY.0, drawn.severity.clamp(0.0, 1.0));
        Box::new(Storm { instances: instances(cluster, &drawn.target), every_s })
    }

    fn root(&self, scenario: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        let service = target.rsplit_once('-').map_or(target, |(service, _)| service);
        let group = group_of(scenario, service).map(|group| format!("group:{group}"));
        (format!("instance:{target}"), "membership", group.into_iter().collect())
    }
}

impl Effect for Storm {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].flap_s = self.every_s;
        }
    }
}
