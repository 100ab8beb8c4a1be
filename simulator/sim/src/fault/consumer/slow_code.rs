//! Row 8: the consumer's own code takes longer for each record, on its processor or waiting for nothing that can be seen.
//! Records take longer while databases, pools, heap and calls are as always.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};

/// Parameter `how`: `cpu`, the default, or `wait`.
pub(in crate::fault) struct ConsumerSlowCode;

struct SlowCode {
    instances: Vec<usize>,
    /// Factor of the processor time, less one.
    cpu: f64,
    stall_s: f64,
}

const MOST_CPU: f64 = 16.0;
/// Seconds for which a record waits at least and at most.
const STALL: (f64, f64) = (0.2, 0.7);

impl Kind for ConsumerSlowCode {
    fn slug(&self) -> &'static str {
        "consumer.slow-code"
    }

    fn target(&self) -> Target {
        Target::ServiceOrInstance
    }

    fn component(&self) -> &'static str {
        "code"
    }

    fn params(&self) -> &'static [&'static str] {
        &["how"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let waits = drawn.word("how", "cpu") == "wait";
        Box::new(SlowCode {
            instances: instances(cluster, &drawn.target),
            cpu: if waits { 0.0 } else { MOST_CPU * drawn.severity },
            stall_s: if waits { STALL.0 + (STALL.1 - STALL.0) * drawn.severity } else { 0.0 },
        })
    }
}

impl Effect for SlowCode {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            let knobs = &mut knobs.instances[*instance];
            knobs.cpu *= 1.0 + self.cpu * level;
            knobs.stall_s += self.stall_s * level;
        }
    }
}
