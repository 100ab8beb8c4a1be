//! Row 48: brokers do not reach each other while both are up and serve their clients. What must be in both waits; after
//! 30 s each leader goes on without the other, if enough copies are left.

use super::{End, OnTheWay, ends, root_of};
use crate::cluster::Cluster;
use crate::cluster::kafka::link::Way;
use crate::fault::{Drawn, Effect, Kind};
use crate::scenario::Scenario;

pub(in crate::fault) struct NetPartitionBroker;

impl Kind for NetPartitionBroker {
    fn slug(&self) -> &'static str {
        "net.partition-broker"
    }

    fn happens_to(&self) -> &'static str {
        "a way between brokers, such as `1>2` or `3>kafka`"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        matches!(ends(scenario, target), Some((End::Broker, End::Broker)))
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
