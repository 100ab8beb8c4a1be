//! Row 45: a way has become longer. Whoever makes many round trips over it for each record is slow, and the far end, by its
//! own clock, is as fast as ever.

use super::OnTheWay;
use crate::cluster::Cluster;
use crate::cluster::kafka::link::Way;
use crate::fault::{Between, Drawn, Effect, Kind, Target};

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

    fn target(&self) -> Target {
        Target::Link(Between::Any)
    }

    fn component(&self) -> &'static str {
        "network"
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
}
