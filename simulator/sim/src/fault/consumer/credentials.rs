//! Row 17: the credentials of a service have expired. All its consumers are refused at once and stop; they stay members until
//! their sessions end, and everybody else goes on as always.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, group_of, instances, is_node};
use crate::scenario::Scenario;
use crate::scenario::node::NodeOf;

pub(in crate::fault) struct SecurityCredentials;

struct Denied {
    instances: Vec<usize>,
}

impl Kind for SecurityCredentials {
    fn slug(&self) -> &'static str {
        "security.credentials"
    }

    fn happens_to(&self) -> &'static str {
        "a service"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        is_node(scenario, target, |of| matches!(of, NodeOf::Service(_)))
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Denied { instances: instances(cluster, &drawn.target) })
    }

    fn root(&self, scenario: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        let group = group_of(scenario, target).map(|group| format!("group:{group}"));
        (format!("service:{target}"), "credentials", group.into_iter().collect())
    }
}

impl Effect for Denied {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].denied = true;
        }
    }
}
