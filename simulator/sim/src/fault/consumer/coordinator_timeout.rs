//! The coordinator of a group takes very long to finish an assignment. Members have joined and wait; where it takes longer than
//! they wait for any request they ask anew, and it begins again from the start.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, coordinator_of, group};
use crate::scenario::Scenario;

pub(in crate::fault) struct GroupCoordinatorTimeout;

struct Slow {
    group: usize,
    assignment_s: f64,
}

/// Seconds that an assignment takes, at the least and the greatest severity.
const ASSIGNMENT: (f64, f64) = (8.0, 60.0);

impl Kind for GroupCoordinatorTimeout {
    fn slug(&self) -> &'static str {
        "group.coordinator-timeout"
    }

    fn target(&self) -> Target {
        Target::Group
    }

    fn component(&self) -> &'static str {
        "coordinator"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let assignment_s = ASSIGNMENT.0 + (ASSIGNMENT.1 - ASSIGNMENT.0) * drawn.severity.clamp(0.0, 1.0);
        Box::new(Slow { group: group(cluster, &drawn.target), assignment_s })
    }

    fn accepted(&self, scenario: &Scenario, target: &str) -> Vec<String> {
        coordinator_of(scenario, target).into_iter().collect()
    }
}

impl Effect for Slow {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        let knobs = &mut knobs.groups[self.group];
        knobs.rejoins = true;
        knobs.assignment_s += self.assignment_s;
    }
}
