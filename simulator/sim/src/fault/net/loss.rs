//! Row 46: packets are lost on a way. Most exchanges are as fast as ever and some wait for a timer, so that the slowest are
//! far slower than the middle one; both ends send packets again, and neither has more to do.

use super::{End, OnTheWay, ends, root_of};
use crate::cluster::Cluster;
use crate::cluster::kafka::link::Way;
use crate::fault::{Drawn, Effect, Kind};
use crate::scenario::Scenario;

pub(in crate::fault) struct NetLoss;

/// Share of packets that the least and the greatest severity lose.
const LOSS: (f64, f64) = (0.03, 0.35);

impl Kind for NetLoss {
    fn slug(&self) -> &'static str {
        "net.loss"
    }

    fn happens_to(&self) -> &'static str {
        "a way such as `fulfilment>orders-db` or `fulfilment>kafka`"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        matches!(ends(scenario, target), Some((End::Client, End::Broker | End::Other)))
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let loss = LOSS.0 + (LOSS.1 - LOSS.0) * drawn.severity;
        Box::new(OnTheWay::new(cluster, &drawn.target, Way { loss, ..Way::default() }))
    }

    fn root(&self, scenario: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        root_of(scenario, target)
    }
}
