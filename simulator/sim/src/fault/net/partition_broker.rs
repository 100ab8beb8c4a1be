//! Row 48: brokers do not reach each other while both are up and serve their clients. What must be in both waits; after
//! 30 s each leader goes on without the other, if enough copies are left.

use super::OnTheWay;
use crate::cluster::Cluster;
use crate::cluster::kafka::link::Way;
use crate::fault::{Between, Drawn, Effect, Kind, Target};

pub(in crate::fault) struct NetPartitionBroker;

impl Kind for NetPartitionBroker {
    fn slug(&self) -> &'static str {
        "net.partition-broker"
    }

    fn target(&self) -> Target {
        Target::Link(Between::Brokers)
    }

    fn component(&self) -> &'static str {
        "network"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(OnTheWay::new(cluster, &drawn.target, Way { is_cut: drawn.severity > 0.0, ..Way::default() }))
    }
}
