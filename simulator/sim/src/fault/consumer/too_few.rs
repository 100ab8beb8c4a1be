//! Row 10: a deployment is scaled down to fewer consumers than the load needs. Those that go say good-bye, the others share
//! the partitions at once, work at their limit without an error, and fall behind alike.

use crate::cluster::Cluster;
use crate::cluster::knobs::{Knobs, Power};
use crate::fault::{Drawn, Effect, Kind, group_of, instances, is_node};
use crate::scenario::Scenario;
use crate::scenario::node::NodeOf;

pub(in crate::fault) struct ConsumerTooFew;

struct TooFew {
    removed: Vec<usize>,
}

impl Kind for ConsumerTooFew {
    fn slug(&self) -> &'static str {
        "consumer.too-few"
    }

    fn happens_to(&self) -> &'static str {
        "a service"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        is_node(scenario, target, |of| matches!(of, NodeOf::Service(_)))
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let all = instances(cluster, &drawn.target);
        let kept = libm::round((1.0 - drawn.severity) * all.len() as f64).max(1.0) as usize;
        Box::new(TooFew { removed: all.into_iter().skip(kept).collect() })
    }

    fn root(&self, scenario: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        let group = group_of(scenario, target);
        (format!("service:{target}"), "replicas", group.map(|group| format!("group:{group}")).into_iter().collect())
    }
}

impl Effect for TooFew {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.removed {
            knobs.instances[*instance].power = Power::Stopped;
        }
    }
}
