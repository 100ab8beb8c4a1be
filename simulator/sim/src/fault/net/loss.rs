//! Row 46: packets are lost on a way. Most exchanges are as fast as ever and some wait for a timer, so that the slowest are
//! far slower than the middle one; both ends send packets again, and neither has more to do.

use super::OnTheWay;
use crate::cluster::Cluster;
use crate::cluster::kafka::link::Way;
use crate::fault::{Between, Drawn, Effect, Kind, Target};

pub(in crate::fault) struct NetLoss;

/// Share of packets that the least and the greatest severity lose.
const LOSS: (f64, f64) = (0.03, 0.35);

impl Kind for NetLoss {
    fn slug(&self) -> &'static str {
        "net.loss"
    }

    fn target(&self) -> Target {
        Target::Link(Between::OfClient)
    }

    fn component(&self) -> &'static str {
        "network"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let loss = LOSS.0 + (LOSS.1 - LOSS.0) * drawn.severity;
        Box::new(OnTheWay::new(cluster, &drawn.target, Way { loss, ..Way::default() }))
    }
}
