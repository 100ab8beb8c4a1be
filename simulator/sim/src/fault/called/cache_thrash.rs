//! Row 35: a cache may hold less than is asked for, so that each key that comes puts another one out. Its hit ratio falls,
//! and the database behind it does what the cache no longer does.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, cache, is_node};
use crate::scenario::Scenario;
use crate::scenario::node::NodeOf;

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

    fn happens_to(&self) -> &'static str {
        "a cache"
    }

    fn fits(&self, scenario: &Scenario, target: &str) -> bool {
        is_node(scenario, target, |of| matches!(of, NodeOf::Cache(_)))
    }

    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let room = 1.0 - (1.0 - LEAST_ROOM) * drawn.severity.clamp(0.0, 1.0);
        Box::new(Crowded { cache: cache(cluster, &drawn.target), room })
    }

    fn root(&self, _: &Scenario, target: &str) -> (String, &'static str, Vec<String>) {
        (format!("cache:{target}"), "memory", vec![])
    }
}

impl Effect for Crowded {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.caches[self.cache].room *= 1.0 - (1.0 - self.room) * level;
    }
}
