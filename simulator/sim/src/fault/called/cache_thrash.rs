//! Row 35: a cache may hold less than is asked for, so that each key that comes puts another one out. Its hit ratio falls,
//! and the database behind it does what the cache no longer does.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, cache};

/// No parameters; the severity is how little of what is needed finds room.
pub(in crate::fault) struct CacheThrash;

struct Crowded {
    cache: usize,
    room: f64,
}

/// Share of the keys that finds room at the greatest severity.
const LEAST_ROOM: f64 = 0.05;

impl Kind for CacheThrash {
    fn slug(&self) -> &'static str {
        "cache.thrash"
    }

    fn target(&self) -> Target {
        Target::Cache
    }

    fn component(&self) -> &'static str {
        "memory"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let room = 1.0 - (1.0 - LEAST_ROOM) * drawn.severity.clamp(0.0, 1.0);
        Box::new(Crowded { cache: cache(cluster, &drawn.target), room })
    }
}

impl Effect for Crowded {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.caches[self.cache].room *= 1.0 - (1.0 - self.room) * level;
    }
}
