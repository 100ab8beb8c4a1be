//! Row 32: a primary dies, and after a while another server answers under its name. Until then nothing can be written;
//! afterwards, pools may still hold connections that lead nowhere.
//!
//! | `how` | cause | what callers see |
//! |---|---|---|
//! | `crash` | its process ends | connections break at once, new ones are refused |
//! | `silent` | its machine falls silent | statements hang until drivers lose patience, long after the other has begun |

use crate::cluster::Cluster;
use crate::cluster::knobs::{Death, Knobs};
use crate::fault::{Drawn, Effect, Kind, Target, database};

/// Parameter `how`: see the module.
pub(in crate::fault) struct DbDown;

struct Dead {
    database: usize,
    death: Death,
}

/// The takeover comes after `LEAST * 10^(DECADES * severity)` seconds.
const LEAST: f64 = 20.0;
const DECADES: f64 = 1.3;

impl Kind for DbDown {
    fn slug(&self) -> &'static str {
        "db.down"
    }

    fn target(&self) -> Target {
        Target::Primary
    }

    fn component(&self) -> &'static str {
        "process"
    }

    fn params(&self) -> &'static [&'static str] {
        &["how"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let takeover_s = LEAST * libm::pow(10.0, DECADES * drawn.severity);
        let death = Death { is_silent: drawn.word("how", "crash") == "silent", takeover_s };
        Box::new(Dead { database: database(cluster, &drawn.target), death })
    }
}

impl Effect for Dead {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        if level > 0.0 {
            knobs.databases[self.database].death = Some(self.death);
        }
    }
}
