//! Row 24: a logger was left at its finest level, so that each record writes hundreds of lines. Threads stand in line for the
//! appender, which writes one at a time.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};
use crate::scenario::Scenario;

pub(in crate::fault) struct LogsFlood;

struct Flood {
    instances: Vec<usize>,
    /// Lines of one record.
    lines: f64,
}

/// Lines that one record writes at the least and at the greatest severity.
const LINES: (f64, f64) = (20.0, 500.0);

impl Kind for LogsFlood {
    fn slug(&self) -> &'static str {
        "logs.flood"
    }

    fn target(&self) -> Target {
        Target::Instance
    }

    fn component(&self) -> &'static str {
        "logging"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let lines = LINES.0 + (LINES.1 - LINES.0) * drawn.severity;
        Box::new(Flood { instances: instances(cluster, &drawn.target), lines })
    }

    fn accepted(&self, _: &Scenario, target: &str) -> Vec<String> {
        vec![format!("jvm:{target}")]
    }
}

impl Effect for Flood {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            let knobs = &mut knobs.instances[*instance];
            knobs.chatter += self.lines * level;
        }
    }
}
