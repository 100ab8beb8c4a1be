//! Row 28: somebody, perhaps a job that nobody thinks of, holds a lock on rows that transactions need, and does not let
//! go. Sessions wait and do nothing; the server is idle, and learns how long a wait took only when it is over.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, database};

/// Parameter `holder`: who holds the lock, for people; nothing that can be seen says it.
pub(in crate::fault) struct DbLock;

struct Locked {
    database: usize,
    share: f64,
}

/// The share of transactions that need a locked row is `LEAST * 10^(DECADES * severity)`: from a row that is seldom
/// needed to one that a quarter of them needs.
const LEAST: f64 = 0.0005;
const DECADES: f64 = 3.0;

impl Kind for DbLock {
    fn slug(&self) -> &'static str {
        "db.lock"
    }

    fn target(&self) -> Target {
        Target::Primary
    }

    fn component(&self) -> &'static str {
        "lock"
    }

    fn params(&self) -> &'static [&'static str] {
        &["holder"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let share = LEAST * libm::pow(10.0, DECADES * drawn.severity);
        Box::new(Locked { database: database(cluster, &drawn.target), share: share.min(1.0) })
    }
}

impl Effect for Locked {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        // A lock is held or not; how often its row is needed does not grow with time.
        if level > 0.0 {
            let locked = &mut knobs.databases[self.database].locked;
            *locked = 1.0 - (1.0 - *locked) * (1.0 - self.share);
        }
    }
}
