//! The log cleaner of a broker dies, with one line in its log. Compacted topics grow from then on and nothing else is to be seen,
//! until a group has to be kept by this broker: it reads all of that first, and the group commits nothing for so long.

use super::broker;
use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

pub(in crate::fault) struct BrokerLogCleaner;

struct Dead {
    broker: usize,
    dirties: f64,
}

/// Bytes per second that are written to compacted topics, at the least and at the greatest severity: what takes days in
/// real life takes minutes here.
const WRITTEN: (f64, f64) = (4e6, 40e6);

impl Kind for BrokerLogCleaner {
    fn slug(&self) -> &'static str {
        "broker.log-cleaner"
    }

    fn target(&self) -> Target {
        Target::Broker
    }

    fn component(&self) -> &'static str {
        "log cleaner"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let dirties = WRITTEN.0 + (WRITTEN.1 - WRITTEN.0) * drawn.severity;
        Box::new(Dead { broker: broker(cluster, &drawn.target), dirties })
    }
}

impl Effect for Dead {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.kafka.brokers[self.broker].dirties += self.dirties * level;
    }
}
