//! Row 43: the JVM of a broker stops for seconds, again and again. Nobody gets an answer while it does; when it lasts more than
//! 9 s the broker is fenced, although its process is there and comes back by itself.

use super::broker;
use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

pub(in crate::fault) struct BrokerGc;

struct Pauses {
    broker: usize,
    pause_s: f64,
    every_s: f64,
}

/// Seconds of a pause at the least and at the greatest severity, and between two of them.
const PAUSE: (f64, f64) = (4.0, 26.0);
const EVERY: (f64, f64) = (40.0, 14.0);

impl Kind for BrokerGc {
    fn slug(&self) -> &'static str {
        "broker.gc"
    }

    fn target(&self) -> Target {
        Target::Broker
    }

    fn component(&self) -> &'static str {
        "heap"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let between = |(least, most): (f64, f64)| least + (most - least) * drawn.severity;
        Box::new(Pauses { broker: broker(cluster, &drawn.target), pause_s: between(PAUSE), every_s: between(EVERY) })
    }
}

impl Effect for Pauses {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        let knobs = &mut knobs.kafka.brokers[self.broker];
        knobs.pause_s = knobs.pause_s.max(self.pause_s * level);
        knobs.pause_every_s = self.every_s;
    }
}
