//! Row 9: a consumer dies without a word, as after `kill -9` or with its machine. Its partitions stand still until its
//! session ends, 45 seconds by default; then the others take them over and catch up, if they can.

use crate::cluster::Cluster;
use crate::cluster::knobs::{Knobs, Power};
use crate::fault::{Drawn, Effect, Kind, Target, instances};

pub(in crate::fault) struct ConsumerCrash;

struct Crash {
    instances: Vec<usize>,
}

impl Kind for ConsumerCrash {
    fn slug(&self) -> &'static str {
        "consumer.crash"
    }

    fn target(&self) -> Target {
        Target::Instance
    }

    fn component(&self) -> &'static str {
        "process"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Crash { instances: instances(cluster, &drawn.target) })
    }
}

impl Effect for Crash {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].power = Power::Killed;
        }
    }
}
