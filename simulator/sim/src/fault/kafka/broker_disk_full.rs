//! Row 41: something fills the volume of a broker. Free space goes down evenly and nothing else is to be seen, until nothing can
//! be written any more: then the broker loses its log directory, and with its only one, ends.

use super::broker;
use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

pub(in crate::fault) struct BrokerDiskFull;

struct Fills {
    broker: usize,
    /// Bytes per second.
    fill: f64,
}

/// Seconds until it is full, at the least and at the greatest severity.
const FULL_AFTER: (f64, f64) = (900.0, 120.0);

impl Kind for BrokerDiskFull {
    fn slug(&self) -> &'static str {
        "broker.disk-full"
    }

    fn target(&self) -> Target {
        Target::Broker
    }

    fn component(&self) -> &'static str {
        "volume"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let broker = broker(cluster, &drawn.target);
        let after = FULL_AFTER.0 + (FULL_AFTER.1 - FULL_AFTER.0) * drawn.severity;
        Box::new(Fills { broker, fill: cluster.kafka.brokers[broker].free(0.0) / after })
    }
}

impl Effect for Fills {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.kafka.brokers[self.broker].fill += self.fill * level;
    }
}
