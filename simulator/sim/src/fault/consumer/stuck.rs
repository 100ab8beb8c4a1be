//! Row 11: the worker threads of one consumer wait for each other for ever. Its heartbeat thread lives on, so that it stays
//! a member that does not poll, until `max.poll.interval.ms` is over and its partitions go to the others.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};

pub(in crate::fault) struct ConsumerStuck;

struct Stuck {
    instances: Vec<usize>,
}

impl Kind for ConsumerStuck {
    fn slug(&self) -> &'static str {
        "consumer.stuck"
    }

    fn target(&self) -> Target {
        Target::Instance
    }

    fn component(&self) -> &'static str {
        "threads"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Stuck { instances: instances(cluster, &drawn.target) })
    }
}

impl Effect for Stuck {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].wedged = true;
        }
    }
}
