//! Row 17: the credentials of a service have expired. All its consumers are refused at once and stop; they stay members until
//! their sessions end, and everybody else goes on as always.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};
use crate::scenario::Scenario;

pub(in crate::fault) struct SecurityCredentials;

struct Denied {
    instances: Vec<usize>,
}

impl Kind for SecurityCredentials {
    fn slug(&self) -> &'static str {
        "security.credentials"
    }

    fn target(&self) -> Target {
        Target::Service
    }

    fn component(&self) -> &'static str {
        "credentials"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Denied { instances: instances(cluster, &drawn.target) })
    }

    fn accepted(&self, scenario: &Scenario, target: &str) -> Vec<String> {
        Target::GroupOf.ids(scenario, target)
    }
}

impl Effect for Denied {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].denied = true;
        }
    }
}
