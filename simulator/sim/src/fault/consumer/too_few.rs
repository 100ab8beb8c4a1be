//! Row 10: a deployment is scaled down to fewer consumers than the load needs. Those that go say good-bye, the others share
//! the partitions at once, work at their limit without an error, and fall behind alike.

use crate::cluster::Cluster;
use crate::cluster::knobs::{Knobs, Power};
use crate::fault::{Drawn, Effect, Kind, Target, instances};
use crate::scenario::Scenario;

pub(in crate::fault) struct ConsumerTooFew;

struct TooFew {
    removed: Vec<usize>,
}

impl Kind for ConsumerTooFew {
    fn slug(&self) -> &'static str {
        "consumer.too-few"
    }

    fn target(&self) -> Target {
        Target::Service
    }

    fn component(&self) -> &'static str {
        "replicas"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let all = instances(cluster, &drawn.target);
        let kept = libm::round((1.0 - drawn.severity) * all.len() as f64).max(1.0) as usize;
        Box::new(TooFew { removed: all.into_iter().skip(kept).collect() })
    }

    fn accepted(&self, scenario: &Scenario, target: &str) -> Vec<String> {
        Target::GroupOf.ids(scenario, target)
    }
}

impl Effect for TooFew {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.removed {
            knobs.instances[*instance].power = Power::Stopped;
        }
    }
}
