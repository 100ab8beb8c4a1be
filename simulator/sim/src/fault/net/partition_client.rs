//! Row 47: nothing gets through between a client and brokers, and nobody tells it so. Its records stand still at once, it
//! gives a request up after 30 s, and its group puts it out after 45 s, while the process itself is well and says so.

use super::OnTheWay;
use crate::cluster::Cluster;
use crate::cluster::kafka::link::Way;
use crate::fault::{Between, Drawn, Effect, Kind, Target};

pub(in crate::fault) struct NetPartitionClient;

impl Kind for NetPartitionClient {
    fn slug(&self) -> &'static str {
        "net.partition-client"
    }

    fn target(&self) -> Target {
        Target::Link(Between::ClientAndBroker)
    }

    fn component(&self) -> &'static str {
        "network"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(OnTheWay::new(cluster, &drawn.target, Way { is_cut: drawn.severity > 0.0, ..Way::default() }))
    }
}
