//! Is it the database, its replica, or the pool in front of it? Pools shout first and are seldom at fault: a connection is
//! held as long as the server takes. So three times are kept apart: waiting for a connection, holding it, and what
//! the server itself says a statement took. Replication is looked at by its threads and positions too, because the
//! delay that everyone alerts on vanishes while the apply thread is stopped. Start at [`Database::score`].

mod io;
mod pool;
mod replication;
mod server;

use lagdoctor_sdk::{Error, Finding, Manifest, Plugin, Scorer, View, numbers};

numbers! {
    /// When a database, a replica or a pool is worth a word.
    pub struct Config {
        /// Times that a statement must take its usual time to be worth a word
        pub slow_ratio: f64 = 1.4, from 1.05 to 10.0;
        /// Times its usual time from which a statement is slow beyond doubt
        pub very_slow_ratio: f64 = 3.0, from 1.1 to 100.0;
        /// Share of statement time spent waiting for locks from which locks are the reason
        pub lock_share: f64 = 0.5, from 0.05 to 1.0;
        /// Seconds behind the primary, beyond a configured delay, from which stale reads are worth a word
        pub delay_s: f64 = 5.0, from 0.5 to 3600.0;
        /// Seconds behind from which a replica is behind beyond doubt
        pub long_delay_s: f64 = 30.0, from 1.0 to 86400.0;
        /// Share of the connections that must be lent out for a pool to be full
        pub full_share: f64 = 0.95, from 0.5 to 1.0;
        /// Times that holding a connection must take its usual time to be worth a word
        pub held_ratio: f64 = 1.4, from 1.05 to 10.0;
    }
}

/// The scorer.
#[derive(Debug)]
pub struct Database {
    config: Config,
}

impl Plugin for Database {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "scorer-database",
            env!("CARGO_PKG_VERSION"),
            "Tells slow statements, locks, busy storage, a stopped or slow replica, and pools that leak or are too small apart.",
        )
        .reads(&[
            "db.server.up",
            "db.server.statement.duration",
            "db.server.statement.rate",
            "db.server.threads_running",
            "db.server.lock_time",
            "db.replication.",
            "db.client.connection.",
            "system.disk.utilization",
        ])
        .names(&["db.slow-statement", "db.io", "db.lock", "db.down", "db.replication-lag", "pool.leak", "pool.too-small"])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        if config.very_slow_ratio <= config.slow_ratio || config.long_delay_s <= config.delay_s {
            let message = "`very_slow_ratio` must be above `slow_ratio`, and `long_delay_s` above `delay_s`";
            return Err(Error::new(lagdoctor_sdk::code::BAD_CONFIG, message));
        }
        Ok(Self { config })
    }
}

impl Scorer for Database {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        let mut findings = vec![];
        for database in view.of_kind("database") {
            let io = io::finding(view, database);
            findings.extend(server::findings(&self.config, view, database, io.as_ref()));
            findings.extend(io);
            findings.extend(replication::finding(&self.config, view, database));
        }
        for pool in view.of_kind("pool") {
            findings.extend(pool::findings(&self.config, view, pool));
        }
        Ok(findings)
    }
}

lagdoctor_sdk::export_scorer!(Database);

#[cfg(test)]
mod tests;
