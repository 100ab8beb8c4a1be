//! Row 42: the active controller is lost, or the controllers have no majority any more. Data flows as always, and nothing can change: whoever fails from now on is
//! replaced by nobody.

use super::broker;
use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

/// Parameter `what`: `quorum`, the default, or `active`: only the controller of the target, so that another one takes over.
pub(in crate::fault) struct ControllerLoss;

struct NoMajority {
    broker: usize,
    has_majority: bool,
}

impl Kind for ControllerLoss {
    fn slug(&self) -> &'static str {
        "controller.loss"
    }

    fn target(&self) -> Target {
        Target::Broker
    }

    fn component(&self) -> &'static str {
        "controller"
    }

    fn params(&self) -> &'static [&'static str] {
        &["what"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(NoMajority {
            broker: broker(cluster, &drawn.target),
            has_majority: drawn.word("what", "quorum") == "active",
        })
    }
}

impl Effect for NoMajority {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        if level > 0.0 {
            knobs.kafka.no_quorum |= !self.has_majority;
            knobs.kafka.brokers[self.broker].votes = false;
        }
    }
}
