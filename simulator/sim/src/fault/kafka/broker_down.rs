//! Row 39: the process of a broker is gone. What it led has no leader until the controller has missed it for 9 s, what must
//! be on it waits as long, and a group that it kept commits nothing until another broker has read what it committed.

use super::{broker, is_broker};
use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind};
use crate::scenario::Scenario;

pub(in crate::fault) struct BrokerDown;

struct Down {
    broker: usize,
}

impl Kind for BrokerDown {
    fn slug(&self) -> &'static str {
        "broker.down"
    }

    fn happens_to(&self) -> &'static str {
        "a broker, by its number"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        is_broker(scenario, target)
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Down { broker: broker(cluster, &drawn.target) })
    }

    fn root(&self, _: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        (format!("broker:{target}"), "process", vec![])
    }
}

impl Effect for Down {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.kafka.brokers[self.broker].is_down |= level > 0.0;
    }
}
