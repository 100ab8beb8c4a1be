//! Row 27: one statement of a database takes far longer to execute, as after a lost index. Connections are held longer,
//! the pools run empty, threads wait in line, and the services that alert only wait.

use crate::cluster::Cluster;
use crate::cluster::knobs::{Knobs, MOST_STATEMENTS};
use crate::fault::{Drawn, Effect, Kind, Target, database};

/// Parameter `statement`: the place of the statement in the list of the database, from 0.
pub(in crate::fault) struct DbSlowStatement;

struct Slow {
    database: usize,
    statement: usize,
    factor: f64,
}

/// The factor is `LEAST * 10^(DECADES * severity)`: from a missing index on a small table to one on a large table.
const LEAST: f64 = 60.0;
const DECADES: f64 = 1.4;

impl Kind for DbSlowStatement {
    fn slug(&self) -> &'static str {
        "db.slow-statement"
    }

    fn target(&self) -> Target {
        Target::Database
    }

    fn component(&self) -> &'static str {
        "statement"
    }

    fn params(&self) -> &'static [&'static str] {
        &["statement"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let database = database(cluster, &drawn.target);
        let known = cluster.databases[database].statements.len().min(MOST_STATEMENTS);
        let statement = (drawn.number("statement", 0.0).max(0.0) as usize).min(known.saturating_sub(1));
        Box::new(Slow { database, statement, factor: LEAST * libm::pow(10.0, DECADES * drawn.severity) })
    }
}

impl Effect for Slow {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        knobs.databases[self.database].statement[self.statement] *= 1.0 + (self.factor - 1.0) * level;
    }
}
