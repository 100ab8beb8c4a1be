//! Row 3: records grow. A fetch of so many bytes holds fewer of them, each takes more memory and more time to read, and
//! the collector has more to do; bytes rise while the number of records does not.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, feeds, producer};
use crate::scenario::Scenario;

pub(in crate::fault) struct LoadMessageSize;

struct Larger {
    producer: usize,
    factor: f64,
}

/// Factor of the size: the least severity, and how many times that the greatest is.
const FACTOR: (f64, f64) = (4.0, 16.0);

impl Kind for LoadMessageSize {
    fn slug(&self) -> &'static str {
        "load.message-size"
    }

    fn target(&self) -> Target {
        Target::Producer
    }

    fn component(&self) -> &'static str {
        "records"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let factor = FACTOR.0 * libm::pow(FACTOR.1, drawn.severity.clamp(0.0, 1.0));
        Box::new(Larger { producer: producer(cluster, &drawn.target), factor })
    }

    fn accepted(&self, scenario: &Scenario, target: &str) -> Vec<String> {
        feeds(scenario, target)
    }
}

impl Effect for Larger {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.producers[self.producer].bytes *= 1.0 + (self.factor - 1.0) * level;
    }
}
