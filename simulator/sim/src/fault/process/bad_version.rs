//! Row 23: a new version of a service goes out to some of its instances. It needs more processor time for each record and
//! writes lines that nobody has seen before; the instances that still run the old one are as they were. What is slow
//! follows the version, and not host, partition or load. It is rolled out by restarts, one by one, and rolled back so.

use crate::cluster::Cluster;
use crate::cluster::knobs::{Knobs, NextVersion, Settings};
use crate::fault::{Drawn, Effect, Kind, Target, instances};

/// Parameter `pods`: to how many instances it goes out; half of them when it is missing.
pub(in crate::fault) struct DeployBadVersion;

struct Rollout {
    instances: Vec<usize>,
    next: NextVersion,
}

/// Of the new version, at the least and at the greatest severity: factor of the processor time, and failing records.
const CPU: (f64, f64) = (1.5, 16.0);
const FAILS: (f64, f64) = (0.01, 0.05);

impl Kind for DeployBadVersion {
    fn slug(&self) -> &'static str {
        "deploy.bad-version"
    }

    fn target(&self) -> Target {
        Target::Service
    }

    fn component(&self) -> &'static str {
        "version"
    }

    fn params(&self) -> &'static [&'static str] {
        &["pods"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let mut instances = instances(cluster, &drawn.target);
        let pods = drawn.number("pods", libm::ceil(instances.len() as f64 / 2.0));
        instances.truncate((pods.max(1.0) as usize).min(instances.len()));
        let between = |(least, most): (f64, f64)| least + (most - least) * drawn.severity;
        Box::new(Rollout { instances, next: NextVersion { cpu: between(CPU), fails: between(FAILS) } })
    }
}

impl Effect for Rollout {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            let knobs = &mut knobs.instances[*instance];
            knobs.next = self.next;
            knobs.settings = Settings { version: 1, ..knobs.settings };
        }
    }
}
