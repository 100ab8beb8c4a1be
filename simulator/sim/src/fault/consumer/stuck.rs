//! Row 11: the worker threads of one consumer wait for each other for ever. Its heartbeat thread lives on, so that it stays
//! a member that does not poll, until `max.poll.interval.ms` is over and its partitions go to the others.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, instances, is_instance};
use crate::scenario::Scenario;

pub(in crate::fault) struct ConsumerStuck;

struct Stuck {
    instances: Vec<usize>,
}

impl Kind for ConsumerStuck {
    fn slug(&self) -> &'static str {
        "consumer.stuck"
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
        Box::new(Stuck { instances: instances(cluster, &drawn.target) })
    }

    fn root(&self, _: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        (format!("instance:{target}"), "threads", vec![])
    }
}

impl Effect for Stuck {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].wedged = true;
        }
    }
}
