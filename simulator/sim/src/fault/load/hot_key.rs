//! Row 2: one key gets most of the records. All of them fall on one partition, which has one reader; the others have less
//! to do than ever, and no further consumer helps.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, partition};
use crate::scenario::Scenario;

pub(in crate::fault) struct LoadHotKey;

struct HotKey {
    topic: usize,
    partition: u32,
    share: f64,
}

/// Share of all records that have the key: the least and the greatest severity.
const SHARE: (f64, f64) = (0.15, 0.95);

impl Kind for LoadHotKey {
    fn slug(&self) -> &'static str {
        "load.hot-key"
    }

    fn target(&self) -> Target {
        Target::Partition
    }

    fn component(&self) -> &'static str {
        "keys"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let (topic, partition) = partition(cluster, &drawn.target);
        let share = SHARE.0 + (SHARE.1 - SHARE.0) * drawn.severity.clamp(0.0, 1.0);
        Box::new(HotKey { topic, partition, share })
    }

    fn accepted(&self, _: &Scenario, target: &str) -> Vec<String> {
        target.rsplit_once('/').map(|(topic, _)| format!("topic:{topic}")).into_iter().collect()
    }
}

impl Effect for HotKey {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.topics[self.topic].hot = Some((self.partition, self.share * level));
    }
}
