//! Row 9: a consumer dies without a word, as after `kill -9` or with its machine. Its partitions stand still until its
//! session ends, 45 seconds by default; then the others take them over and catch up, if they can.

use crate::cluster::Cluster;
use crate::cluster::knobs::{Knobs, Power};
use crate::fault::{Drawn, Effect, Kind, instances, is_instance};
use crate::scenario::Scenario;

pub(in crate::fault) struct ConsumerCrash;

struct Crash {
    instances: Vec<usize>,
}

impl Kind for ConsumerCrash {
    fn slug(&self) -> &'static str {
        "consumer.crash"
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
        Box::new(Crash { instances: instances(cluster, &drawn.target) })
    }

    fn root(&self, _: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        (format!("instance:{target}"), "process", vec![])
    }
}

impl Effect for Crash {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].power = Power::Killed;
        }
    }
}
