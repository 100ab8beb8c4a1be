//! Row 1: a producer sends several times as much as usual. Inflow moves first and everywhere at once; consumers do more
//! than ever, up to their cap, and whatever they use is busy as an effect.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, is_node};
use crate::scenario::Scenario;
use crate::scenario::node::NodeOf;

pub(in crate::fault) struct LoadBurst;

struct Burst {
    producer: usize,
    /// On top of the usual load, as a multiple of it.
    more: f64,
}

/// Multiple of the usual load that the greatest severity adds.
const MOST: f64 = 9.0;

impl Kind for LoadBurst {
    fn slug(&self) -> &'static str {
        "load.burst"
    }

    fn happens_to(&self) -> &'static str {
        "a producer"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        is_node(scenario, target, |of| matches!(of, NodeOf::Producer))
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let producer = cluster.producers.iter().position(|producer| producer.name == drawn.target).unwrap_or(0);
        Box::new(Burst { producer, more: MOST * drawn.severity })
    }

    fn root(&self, scenario: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        let feeds = |producers: &[String]| producers.iter().any(|producer| producer == target);
        let topics = scenario.workloads.iter().filter(|(_, load)| feeds(&load.producers));
        (format!("producer:{target}"), "load", topics.map(|(topic, _)| format!("topic:{topic}")).take(2).collect())
    }
}

impl Effect for Burst {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.producers[self.producer].rate *= 1.0 + self.more * level;
    }
}
