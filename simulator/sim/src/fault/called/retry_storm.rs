//! Row 37: a service gives up early and calls again at once, again and again. As long as what it calls is well, nobody
//! notices; after a short overload, calls that nobody waits for any more keep it busy, and the load stays above what it
//! can do long after the overload is over. So this fault is the policy, which needs a trigger: a fault of that role.

use crate::cluster::Cluster;
use crate::cluster::knobs::{Hasty, Knobs};
use crate::fault::{Drawn, Effect, Kind, Target, instances};

/// Parameter `timeout`: how long the service now waits for an answer, such as `50ms`.
pub(in crate::fault) struct RetryStorm;

struct Policy {
    instances: Vec<usize>,
    hasty: Hasty,
}

/// Further calls at the least and at the greatest severity.
const RETRIES: (f64, f64) = (1.0, 12.0);

impl Kind for RetryStorm {
    fn slug(&self) -> &'static str {
        "retry.storm"
    }

    fn target(&self) -> Target {
        Target::Service
    }

    fn component(&self) -> &'static str {
        "retries"
    }

    fn params(&self) -> &'static [&'static str] {
        &["timeout"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let retries = RETRIES.0 + (RETRIES.1 - RETRIES.0) * drawn.severity.clamp(0.0, 1.0);
        let timeout_s = drawn.number("timeout", 0.05).max(0.001);
        let hasty = Hasty { timeout_s, retries: libm::round(retries) as u32 };
        Box::new(Policy { instances: instances(cluster, &drawn.target), hasty })
    }
}

impl Effect for Policy {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        if level > 0.0 {
            self.instances.iter().for_each(|instance| knobs.instances[*instance].hasty = Some(self.hasty));
        }
    }
}
