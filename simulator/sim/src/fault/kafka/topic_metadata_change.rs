//! Row 50: somebody gives a topic more partitions while it is in use. Records go to them at once, and consumers learn of them
//! minutes later.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

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

    fn target(&self) -> Target {
        Target::Topic
    }

    fn component(&self) -> &'static str {
        "partitions"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let topic = cluster.topics.iter().position(|topic| topic.name == drawn.target).unwrap_or(0);
        let share = MOST * drawn.severity.clamp(0.0, 1.0);
        let partitions = libm::ceil(share * cluster.topics[topic].partitions.len() as f64).max(1.0) as u32;
        Box::new(Added { topic, partitions })
    }
}

impl Effect for Added {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        if level > 0.0 {
            knobs.kafka.topics[self.topic].added += self.partitions;
        }
    }
}
