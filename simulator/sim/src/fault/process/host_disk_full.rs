//! Row 26: something fills the volume of a host. For as long as the fault's ramp takes, only the free space falls; once it
//! is used up, no process there can write its files. Each ends, is begun again, and ends again.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

pub(in crate::fault) struct HostDiskFull;

struct Filling {
    host: usize,
    /// Share of what is free that something would take in the end.
    wanted: f64,
}

/// At the least and at the greatest severity: the greater, the earlier it is full.
const WANTED: (f64, f64) = (1.02, 1.6);

impl Kind for HostDiskFull {
    fn slug(&self) -> &'static str {
        "host.disk-full"
    }

    fn target(&self) -> Target {
        Target::Host
    }

    fn component(&self) -> &'static str {
        "volume"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let host = cluster.hosts.iter().position(|host| host.name == drawn.target).unwrap_or(0);
        Box::new(Filling { host, wanted: WANTED.0 + (WANTED.1 - WANTED.0) * drawn.severity })
    }
}

impl Effect for Filling {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.hosts[self.host].filled += self.wanted * level;
    }
}
