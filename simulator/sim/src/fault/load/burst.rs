//! Row 1: a producer sends several times as much as usual. Inflow moves first and everywhere at once; consumers do more
//! than ever, up to their cap, and whatever they use is busy as an effect.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, feeds, producer};
use crate::scenario::Scenario;

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

    fn target(&self) -> Target {
        Target::Producer
    }

    fn component(&self) -> &'static str {
        "load"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Burst { producer: producer(cluster, &drawn.target), more: MOST * drawn.severity })
    }

    fn accepted(&self, scenario: &Scenario, target: &str) -> Vec<String> {
        feeds(scenario, target)
    }
}

impl Effect for Burst {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.producers[self.producer].rate *= 1.0 + self.more * level;
    }
}
