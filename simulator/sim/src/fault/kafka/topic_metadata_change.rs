//! Row 50: somebody gives a topic more partitions while it is in use. Records go to them at once, and consumers learn of them
//! minutes later.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, is_node};
use crate::scenario::Scenario;
use crate::scenario::node::NodeOf;

pub(in crate::fault) struct TopicMetadataChange;

struct Added {
    topic: usize,
    partitions: u32,
}

/// Share of its partitions that the greatest severity adds.
const MOST: f64 = 1.0;

impl Kind for TopicMetadataChange {
    fn slug(&self) -> &'static str {
        "topic.metadata-change"
    }

    fn happens_to(&self) -> &'static str {
        "a topic"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        is_node(scenario, target, |of| matches!(of, NodeOf::Topic(_)))
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let topic = cluster.topics.iter().position(|topic| topic.name == drawn.target).unwrap_or(0);
        let share = MOST * drawn.severity.clamp(0.0, 1.0);
        let partitions = libm::ceil(share * cluster.topics[topic].partitions.len() as f64).max(1.0) as u32;
        Box::new(Added { topic, partitions })
    }

    fn root(&self, _: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        (format!("topic:{target}"), "partitions", vec![])
    }
}

impl Effect for Added {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        if level > 0.0 {
            knobs.kafka.topics[self.topic].added += self.partitions;
        }
    }
}
