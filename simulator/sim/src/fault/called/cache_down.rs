//! Row 34: a cache is gone, or has lost what it held. All that it used to answer falls on the database behind it, which
//! then looks like the culprit. A cache that comes back is empty, and fills only as fast as that database loads it.
//!
//! | `how` | cause | what is seen of the cache |
//! |---|---|---|
//! | `down` | its process is gone | nothing: it does not answer |
//! | `emptied` | its keys are lost or expire together; the severity is their share | misses, until it is warm again |

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, cache};

/// Parameter `how`: see the module.
pub(in crate::fault) struct CacheDown;

enum How {
    Down,
    Emptied(f64),
}

struct Gone {
    cache: usize,
    how: How,
}

impl Kind for CacheDown {
    fn slug(&self) -> &'static str {
        "cache.down"
    }

    fn target(&self) -> Target {
        Target::Cache
    }

    fn component(&self) -> &'static str {
        "process"
    }

    fn params(&self) -> &'static [&'static str] {
        &["how"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let how = match drawn.word("how", "down") {
            "emptied" => How::Emptied(drawn.severity.clamp(0.0, 1.0)),
            _ => How::Down,
        };
        Box::new(Gone { cache: cache(cluster, &drawn.target), how })
    }
}

impl Effect for Gone {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        let knobs = &mut knobs.caches[self.cache];
        match self.how {
            How::Down => knobs.is_up &= level <= 0.0,
            How::Emptied(share) => knobs.lost = knobs.lost.max(share * level),
        }
    }
}
