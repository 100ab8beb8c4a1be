//! Row 33: a backup, a checkpoint or a neighbour takes what the storage of a database can do. Transactions take longer to
//! become durable, statements do not; with a shape that comes and goes, so does the backlog.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, database};

/// Parameter `job`: what takes it, for people; nothing that can be seen says it.
pub(in crate::fault) struct DbIo;

struct Busy {
    database: usize,
    share: f64,
}

/// Storage is slower by the factor `LEAST * 10^(DECADES * severity)`.
const LEAST: f64 = 4.0;
const DECADES: f64 = 1.4;

impl Kind for DbIo {
    fn slug(&self) -> &'static str {
        "db.io"
    }

    fn target(&self) -> Target {
        Target::Primary
    }

    fn component(&self) -> &'static str {
        "storage"
    }

    fn params(&self) -> &'static [&'static str] {
        &["job"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let factor = LEAST * libm::pow(10.0, DECADES * drawn.severity);
        Box::new(Busy { database: database(cluster, &drawn.target), share: 1.0 - 1.0 / factor })
    }
}

impl Effect for Busy {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        let io = &mut knobs.databases[self.database].io;
        *io = 1.0 - (1.0 - *io) * (1.0 - self.share * level);
    }
}
