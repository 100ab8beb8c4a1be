//! Confounder B10: a broker is asked to lead nothing for a while, as before work on its machine. It goes on keeping its
//! copies, so that every partition has all of them throughout; others lead what it led, until the controller looks for
//! leaders that are not where they should be, every five minutes, and gives them back.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::kafka::broker;
use crate::fault::{Drawn, Effect, Kind, Target};

/// Any severity is the same request.
pub(in crate::fault) struct BrokerDemoted;

struct Demoted {
    broker: usize,
}

impl Kind for BrokerDemoted {
    fn slug(&self) -> &'static str {
        "broker.demoted"
    }

    fn target(&self) -> Target {
        Target::Broker
    }

    fn component(&self) -> &'static str {
        "leadership"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Demoted { broker: broker(cluster, &drawn.target) })
    }
}

impl Effect for Demoted {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.kafka.brokers[self.broker].is_demoted |= level > 0.0;
    }
}
