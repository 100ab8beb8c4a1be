//! Row 4: one record makes its handler fail, again and again. Its partition stands still to the record while its end goes
//! on; its reader lives, polls, and says the same offset each time.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, partition};

/// A worse record keeps its handler busy for longer before it fails, and so its neighbours waiting.
pub(in crate::fault) struct DataPoison;

struct Poison {
    topic: usize,
    partition: u32,
    fails_after_s: f64,
}

/// Seconds after which the handler fails, at the greatest severity; they grow with its square.
const MOST_S: f64 = 6.0;

impl Kind for DataPoison {
    fn slug(&self) -> &'static str {
        "data.poison"
    }

    fn target(&self) -> Target {
        Target::Partition
    }

    fn component(&self) -> &'static str {
        "record"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let (topic, partition) = partition(cluster, &drawn.target);
        Box::new(Poison { topic, partition, fails_after_s: MOST_S * drawn.severity * drawn.severity })
    }
}

impl Effect for Poison {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        knobs.topics[self.topic].poison = Some((self.partition, self.fails_after_s));
    }
}
