//! Row 47: nothing gets through between a client and brokers, and nobody tells it so. Its records stand still at once, it
//! gives a request up after 30 s, and its group puts it out after 45 s, while the process itself is well and says so.

use super::{End, OnTheWay, ends, root_of};
use crate::cluster::Cluster;
use crate::cluster::kafka::link::Way;
use crate::fault::{Drawn, Effect, Kind};
use crate::scenario::Scenario;

pub(in crate::fault) struct NetPartitionClient;

impl Kind for NetPartitionClient {
    fn slug(&self) -> &'static str {
        "net.partition-client"
    }

    fn happens_to(&self) -> &'static str {
        "a way from a client to brokers, such as `fulfilment-2>kafka` or `fulfilment>3`"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        matches!(ends(scenario, target), Some((End::Client, End::Broker)))
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(OnTheWay::new(cluster, &drawn.target, Way { is_cut: drawn.severity > 0.0, ..Way::default() }))
    }

    fn root(&self, scenario: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        root_of(scenario, target)
    }
}
