//! Row 31: a replica is behind its primary. It has several faces, and the most common drill shows the one that hides: when
//! the apply thread is stopped, the server no longer reports a delay at all.
//!
//! | `face` | cause | what the delay metric does |
//! |---|---|---|
//! | `stopped` | the apply thread is stopped | vanishes, while positions part |
//! | `delayed` | the replica is told to keep a distance | climbs to it and stays |
//! | `slow` | it applies more slowly than the primary writes | climbs for as long as it lasts |

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, database};

/// Parameter `face`: see the module.
pub(in crate::fault) struct DbReplicationLag;

enum Face {
    Stopped,
    Delayed(f64),
    Slow(f64),
}

struct Behind {
    database: usize,
    face: Face,
}

/// The delay of the least and of the greatest severity, in seconds.
const DELAY: (f64, f64) = (30.0, 600.0);
/// Share of its normal speed at which a replica applies: the least and the greatest severity. It can normally apply
/// some fifteen times what is written.
const PACE: (f64, f64) = (0.03, 0.001);

impl Kind for DbReplicationLag {
    fn slug(&self) -> &'static str {
        "db.replication-lag"
    }

    fn target(&self) -> Target {
        Target::Replica
    }

    fn component(&self) -> &'static str {
        "apply"
    }

    fn params(&self) -> &'static [&'static str] {
        &["face"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let between = |(least, greatest): (f64, f64)| least + (greatest - least) * drawn.severity.clamp(0.0, 1.0);
        let face = match drawn.word("face", "stopped") {
            "delayed" => Face::Delayed(between(DELAY)),
            "slow" => Face::Slow(between(PACE)),
            _ => Face::Stopped,
        };
        Box::new(Behind { database: database(cluster, &drawn.target), face })
    }
}

impl Effect for Behind {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        let knobs = &mut knobs.databases[self.database];
        match self.face {
            Face::Stopped => knobs.applies &= level <= 0.0,
            Face::Delayed(delay) => knobs.delay_s += delay * level,
            Face::Slow(pace) => knobs.apply *= 1.0 - (1.0 - pace) * level,
        }
    }
}
