//! Confounder B4: Prometheus cannot reach one exporter for a while. All its series have a gap, `up` is 0, and whatever it
//! speaks of goes on as ever.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

/// Any severity is the same silence.
pub(in crate::fault) struct ExporterGap;

struct Unheard(String);

impl Kind for ExporterGap {
    fn slug(&self) -> &'static str {
        "exporter.gap"
    }

    fn target(&self) -> Target {
        Target::Exporter
    }

    fn component(&self) -> &'static str {
        "exporter"
    }

    fn effect(&self, drawn: &Drawn, _: &Cluster) -> Box<dyn Effect> {
        Box::new(Unheard(drawn.target.clone()))
    }
}

impl Effect for Unheard {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        knobs.unheard.push(self.0.clone());
    }
}
