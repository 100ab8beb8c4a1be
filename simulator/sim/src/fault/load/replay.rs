//! Row 7: the committed offsets of a group are deleted, and its members begin again far back. The lag is there within one
//! scrape, log ends do not move, and consumers do all that they can.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, group};

pub(in crate::fault) struct LoadReplay;

struct Replay {
    group: usize,
    share: f64,
}

/// How far back, as a share of what is kept: the least and the greatest severity.
const SHARE: (f64, f64) = (0.1, 1.0);

impl Kind for LoadReplay {
    fn slug(&self) -> &'static str {
        "load.replay"
    }

    fn target(&self) -> Target {
        Target::Group
    }

    fn component(&self) -> &'static str {
        "offsets"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let share = SHARE.0 + (SHARE.1 - SHARE.0) * drawn.severity.clamp(0.0, 1.0);
        Box::new(Replay { group: group(cluster, &drawn.target), share })
    }
}

impl Effect for Replay {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        knobs.groups[self.group].set_back = self.share;
    }
}
