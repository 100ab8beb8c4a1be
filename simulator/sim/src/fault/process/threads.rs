//! Row 21: most of the worker threads wait for something that never comes, so that few are left for the records. All threads
//! are busy by their count while processors, pools and everything that is called have less to do than ever.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};
use crate::scenario::Scenario;

pub(in crate::fault) struct ThreadsExhausted;

struct Stuck {
    instances: Vec<usize>,
    share: f64,
}

/// Share of the threads that is gone, at the least and at the greatest severity.
const SHARE: (f64, f64) = (0.5, 0.96);

impl Kind for ThreadsExhausted {
    fn slug(&self) -> &'static str {
        "threads.exhausted"
    }

    fn target(&self) -> Target {
        Target::Instance
    }

    fn component(&self) -> &'static str {
        "threads"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let share = SHARE.0 + (SHARE.1 - SHARE.0) * drawn.severity;
        Box::new(Stuck { instances: instances(cluster, &drawn.target), share })
    }

    fn accepted(&self, _: &Scenario, target: &str) -> Vec<String> {
        vec![format!("jvm:{target}")]
    }
}

impl Effect for Stuck {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            let knobs = &mut knobs.instances[*instance];
            knobs.stuck += self.share * level;
        }
    }
}
