//! Row 22: a host has too few processors for all who want one, because a neighbour takes them or because the machine below
//! does not give them. Everything on the host is slow, whoever owns it, and nothing elsewhere.
//!
//! | `how` | cause | what the host shows |
//! |---|---|---|
//! | `neighbour` | programs of nobody here want processors | no idle time |
//! | `steal` | the machine below gives its processors to others | time that was stolen; use looks moderate |

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

/// Parameter `how`: see the module.
pub(in crate::fault) struct HostCpu;

struct Pressed {
    host: usize,
    wanted: f64,
    stolen: f64,
}

/// Processors that neighbours want, as a multiple of those that there are, at the least and at the greatest severity.
const WANTED: (f64, f64) = (1.0, 12.0);
/// Share of the processors that is stolen.
const STOLEN: (f64, f64) = (0.7, 0.985);

impl Kind for HostCpu {
    fn slug(&self) -> &'static str {
        "host.cpu"
    }

    fn target(&self) -> Target {
        Target::Host
    }

    fn component(&self) -> &'static str {
        "cpu"
    }

    fn params(&self) -> &'static [&'static str] {
        &["how"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let between = |(least, greatest): (f64, f64)| least + (greatest - least) * drawn.severity.clamp(0.0, 1.0);
        let is_stolen = drawn.word("how", "neighbour") == "steal";
        let host = cluster.hosts.iter().position(|host| host.name == drawn.target).unwrap_or(0);
        let (wanted, stolen) = if is_stolen { (0.0, between(STOLEN)) } else { (between(WANTED), 0.0) };
        Box::new(Pressed { host, wanted, stolen })
    }
}

impl Effect for Pressed {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        let knobs = &mut knobs.hosts[self.host];
        knobs.wanted += self.wanted * level;
        knobs.stolen += self.stolen * level;
    }
}
