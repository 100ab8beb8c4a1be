//! Row 25: the clock of a host is wrong. Its lines bear times at which they were not written, pools find a leap, and whoever
//! is called from there does not believe signatures of another time. Offsets know nothing of clocks, and stay as they are.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

/// Parameter `how`: `ahead`, the default, or `behind`.
pub(in crate::fault) struct HostClock;

struct Wrong {
    host: usize,
    seconds: f64,
}

/// Seconds by which it is wrong, at the least and at the greatest severity.
const WRONG: (f64, f64) = (65.0, 600.0);

impl Kind for HostClock {
    fn slug(&self) -> &'static str {
        "host.clock"
    }

    fn target(&self) -> Target {
        Target::Host
    }

    fn component(&self) -> &'static str {
        "clock"
    }

    fn params(&self) -> &'static [&'static str] {
        &["how"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let host = cluster.hosts.iter().position(|host| host.name == drawn.target).unwrap_or(0);
        let seconds = WRONG.0 + (WRONG.1 - WRONG.0) * drawn.severity;
        let is_behind = drawn.word("how", "ahead") == "behind";
        Box::new(Wrong { host, seconds: if is_behind { -seconds } else { seconds } })
    }
}

impl Effect for Wrong {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.hosts[self.host].clock_s += self.seconds * level;
    }
}
