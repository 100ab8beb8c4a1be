//! Row 40: the disk of a broker takes many times as long as it should. Appends hold the request handlers, requests wait in
//! line, what the broker should copy from others falls behind, and the healthy leaders write after 30 s that it has.

use super::broker;
use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

pub(in crate::fault) struct BrokerDiskSlow;

struct Slow {
    broker: usize,
    /// Factor of the time that the disk takes.
    factor: f64,
}

/// The factor is `LEAST * 10^(DECADES * severity)`: from a disk that is merely busy to one that is about to die.
const LEAST: f64 = 12.0;
const DECADES: f64 = 1.2;

impl Kind for BrokerDiskSlow {
    fn slug(&self) -> &'static str {
        "broker.disk-slow"
    }

    fn target(&self) -> Target {
        Target::Broker
    }

    fn component(&self) -> &'static str {
        "disk"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let factor = LEAST * libm::pow(10.0, DECADES * drawn.severity);
        Box::new(Slow { broker: broker(cluster, &drawn.target), factor })
    }
}

impl Effect for Slow {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.kafka.brokers[self.broker].disk *= 1.0 + (self.factor - 1.0) * level;
    }
}
