//! Row 45: a way has become longer. Whoever makes many round trips over it for each record is slow, and the far end, by its
//! own clock, is as fast as ever.

use super::{End, OnTheWay, ends, root_of};
use crate::cluster::Cluster;
use crate::cluster::kafka::link::Way;
use crate::fault::{Drawn, Effect, Kind};
use crate::scenario::Scenario;

/// Parameter `jitter`: how much round trips differ, as the standard deviation of their logarithm.
pub(in crate::fault) struct NetLatency;

/// Seconds by which the least and the greatest severity lengthen a round trip, to something that is asked for each record
/// and to a broker, which is asked for many records at once.
const DELAY: (f64, f64) = (0.04, 0.3);
const BROKER_DELAY: (f64, f64) = (0.3, 3.0);

impl Kind for NetLatency {
    fn slug(&self) -> &'static str {
        "net.latency"
    }

    fn happens_to(&self) -> &'static str {
        "a way such as `fulfilment>orders-db` or `fulfilment>kafka`"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        matches!(ends(scenario, target), Some((End::Client, End::Broker | End::Other) | (End::Broker, End::Broker)))
    }

    fn params(&self) -> &'static [&'static str] {
        &["jitter"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let jitter = drawn.number("jitter", 0.25).clamp(0.0, 2.0);
        let mut on = OnTheWay::new(cluster, &drawn.target, Way::default());
        let to_broker = on.ends.1.iter().any(|place| matches!(place, crate::cluster::kafka::link::Place::Broker(_)));
        let (least, most) = if to_broker { BROKER_DELAY } else { DELAY };
        on.way = Way { delay_s: least + (most - least) * drawn.severity, jitter, ..Way::default() };
        Box::new(on)
    }

    fn root(&self, scenario: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        root_of(scenario, target)
    }
}
