//! Row 20: something is kept that should be let go, a little with each minute. The floor under the heap rises for a long
//! time while nothing hurts; then collections come ever faster, and the last few per cent take everything.
//!
//! | `how` | what leaks |
//! |---|---|
//! | `bounded` | grows for as long as the fault's ramp takes, and stays: the process hardly moves any more |
//! | `endless` | as much in each second as the ramp allows for, until nothing is left: the process ends with its memory, is begun again, and it all begins anew |

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};
use crate::scenario::Scenario;

/// Parameter `how`: `bounded`, the default, or `endless`.
pub(in crate::fault) struct JvmHeapLeak;

struct Leak {
    instances: Vec<usize>,
    share: f64,
    /// In each second, for ever.
    rate: f64,
}

/// Share of the normally free heap that has leaked in the end, at the least severity; at the greatest it is all.
const LEAST: f64 = 0.96;
/// Seconds in which nothing leaks a whole heap.
const FASTEST: f64 = 60.0;

impl Kind for JvmHeapLeak {
    fn slug(&self) -> &'static str {
        "jvm.heap-leak"
    }

    fn target(&self) -> Target {
        Target::Jvm
    }

    fn component(&self) -> &'static str {
        "heap"
    }

    fn params(&self) -> &'static [&'static str] {
        &["how"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let share = LEAST + (1.0 - LEAST) * drawn.severity;
        let (share, rate) = match drawn.word("how", "bounded") {
            "endless" => (0.0, (0.7 + 0.6 * drawn.severity) / drawn.ramp.as_seconds().max(FASTEST)),
            _ => (share, 0.0),
        };
        Box::new(Leak { instances: instances(cluster, &drawn.target), share, rate })
    }

    fn accepted(&self, _: &Scenario, target: &str) -> Vec<String> {
        vec![format!("instance:{target}")]
    }
}

impl Effect for Leak {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            let knobs = &mut knobs.instances[*instance];
            knobs.retained += self.share * level;
            knobs.leak += self.rate;
        }
    }
}
