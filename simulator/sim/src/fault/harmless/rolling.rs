//! Confounder B3: a new release that is no worse is rolled out. Each instance ends and begins again, one after the other,
//! and the group rebalances for each of them.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};

/// Any severity is the same release.
pub(in crate::fault) struct DeployRolling;

struct Release {
    instances: Vec<usize>,
}

impl Kind for DeployRolling {
    fn slug(&self) -> &'static str {
        "deploy.rolling"
    }

    fn target(&self) -> Target {
        Target::Service
    }

    fn component(&self) -> &'static str {
        "release"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Release { instances: instances(cluster, &drawn.target) })
    }
}

impl Effect for Release {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].settings.release += 1;
        }
    }
}
