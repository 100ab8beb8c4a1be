//! Row 39: the process of a broker is gone. What it led has no leader until the controller has missed it for 9 s, what must
//! be on it waits as long, and a group that it kept commits nothing until another broker has read what it committed.

use super::broker;
use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

pub(in crate::fault) struct BrokerDown;

struct Down {
    broker: usize,
}

impl Kind for BrokerDown {
    fn slug(&self) -> &'static str {
        "broker.down"
    }

    fn target(&self) -> Target {
        Target::Broker
    }

    fn component(&self) -> &'static str {
        "process"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Down { broker: broker(cluster, &drawn.target) })
    }
}

impl Effect for Down {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.kafka.brokers[self.broker].is_down |= level > 0.0;
    }
}
