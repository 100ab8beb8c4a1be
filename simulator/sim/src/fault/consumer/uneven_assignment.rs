//! Row 14: the assignor of a group gives one member more partitions than it can work on. Only these fall behind; all members do
//! as much as they can, and the others have time to spare.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, group};

pub(in crate::fault) struct GroupUnevenAssignment;

struct Uneven {
    group: usize,
    skew: f64,
}

impl Kind for GroupUnevenAssignment {
    fn slug(&self) -> &'static str {
        "group.uneven-assignment"
    }

    fn target(&self) -> Target {
        Target::Group
    }

    fn component(&self) -> &'static str {
        "assignment"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Uneven { group: group(cluster, &drawn.target), skew: drawn.severity.clamp(0.0, 1.0) })
    }
}

impl Effect for Uneven {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        let knobs = &mut knobs.groups[self.group];
        knobs.rejoins = true;
        knobs.skew = self.skew;
    }
}
