//! Row 16: commits of a group are not written down in time. The work goes on as always and so does the reading; only what is
//! recorded of it stands still, and the lag that is made of that.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, group, services_of};
use crate::scenario::Scenario;

pub(in crate::fault) struct GroupCommitFailure;

struct Loss {
    group: usize,
    share: f64,
}

/// Decades of the share of commits that still succeed, from the least to the greatest severity.
const DECADES: f64 = 3.0;

impl Kind for GroupCommitFailure {
    fn slug(&self) -> &'static str {
        "group.commit-failure"
    }

    fn target(&self) -> Target {
        Target::Group
    }

    fn component(&self) -> &'static str {
        "commits"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let share = 1.0 - libm::pow(10.0, -DECADES * drawn.severity.clamp(0.0, 1.0));
        Box::new(Loss { group: group(cluster, &drawn.target), share })
    }

    fn accepted(&self, scenario: &Scenario, target: &str) -> Vec<String> {
        services_of(scenario, target)
    }
}

impl Effect for Loss {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        let loss = &mut knobs.groups[self.group].commit_loss;
        *loss = loss.max(self.share * level);
    }
}
