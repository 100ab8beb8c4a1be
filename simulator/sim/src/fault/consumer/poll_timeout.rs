//! Row 12: the work on a batch takes longer than the group waits for the next poll. The member loses its place in the middle
//! of the batch, its commit is refused, and the same records come again.
//!
//! | `how` | cause |
//! |---|---|
//! | `work` | each record takes a minute or more, so that a full batch outlasts the default of five minutes |
//! | `interval` | the interval was set far too short, as when seconds were written for milliseconds: it is long enough as long as batches are small, and the first backlog makes them large |

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};

/// Parameter `how`: `work`, the default, or `interval`.
pub(in crate::fault) struct ConsumerPollTimeout;

struct PollTimeout {
    instances: Vec<usize>,
    stall_s: f64,
    interval_s: f64,
}

/// Seconds that a record takes, at the least and the greatest severity.
const STALL: (f64, f64) = (55.0, 120.0);
/// The interval in seconds, at the least severity, and the share of it that is left at the greatest.
const INTERVAL: (f64, f64) = (0.4, 0.25);

impl Kind for ConsumerPollTimeout {
    fn slug(&self) -> &'static str {
        "consumer.poll-timeout"
    }

    fn target(&self) -> Target {
        Target::ServiceOrInstance
    }

    fn component(&self) -> &'static str {
        "poll loop"
    }

    fn params(&self) -> &'static [&'static str] {
        &["how"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let severity = drawn.severity.clamp(0.0, 1.0);
        let is_short = drawn.word("how", "work") == "interval";
        Box::new(PollTimeout {
            instances: instances(cluster, &drawn.target),
            stall_s: if is_short { 0.0 } else { STALL.0 + (STALL.1 - STALL.0) * severity },
            interval_s: if is_short { INTERVAL.0 * libm::pow(INTERVAL.1, severity) } else { 0.0 },
        })
    }
}

impl Effect for PollTimeout {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            let knobs = &mut knobs.instances[*instance];
            knobs.stall_s += self.stall_s * level;
            if self.interval_s > 0.0 {
                knobs.settings.poll_interval_s = self.interval_s;
            }
        }
    }
}
