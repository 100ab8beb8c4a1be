//! Is it the machine, or the way between two of them? A host that has no processor time, no room or the wrong time hurts all
//! that run there and nobody else; a way that is slow or loses packets hurts those who cross it, while both of its ends are
//! well. So each machine is asked what it has left, and each way what it costs beyond what its far end says. Start at
//! [`Hosts::score`].

mod machine;
mod way;

use lagdoctor_sdk::{Error, Finding, Manifest, Plugin, Scorer, View, numbers};

numbers! {
    /// When a host or a way is worth a word.
    pub struct Config {
        /// Share of a host's processors in use from which work may have to wait
        pub busy: f64 = 0.75, from 0.1 to 1.0;
        /// Share in use from which work waits beyond doubt
        pub very_busy: f64 = 0.95, from 0.2 to 1.0;
        /// Seconds that a clock must be wrong to be worth a word; tokens are refused from a few on
        pub clock_s: f64 = 1.0, from 0.05 to 3600.0;
        /// Share of a volume that is left when it is as good as full
        pub full_share: f64 = 0.02, from 0.0 to 0.5;
        /// Times its usual time that an exchange over a way must take to be worth a word
        pub slow_ratio: f64 = 1.4, from 1.05 to 10.0;
        /// Times its usual time from which a way is slow beyond doubt
        pub very_slow_ratio: f64 = 3.0, from 1.1 to 100.0;
        /// Seconds without an answer to a heartbeat from which a client may be cut off; its session lasts 45
        pub silent_s: f64 = 12.0, from 1.0 to 300.0;
        /// Seconds without an answer from which it is cut off beyond doubt
        pub long_silent_s: f64 = 30.0, from 2.0 to 600.0;
    }
}

/// The scorer.
#[derive(Debug)]
pub struct Hosts {
    config: Config,
}

impl Plugin for Hosts {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "scorer-hosts",
            env!("CARGO_PKG_VERSION"),
            "Finds hosts short of processor, room or time, and ways between nodes that are slow, lossy or cut.",
        )
        .reads(&[
            "system.",
            "process.cpu.utilization",
            "db.client.connection.use_time",
            "db.server.statement.duration",
            "db.server.up",
            "jvm.gc.overhead",
            "kafka.consumer.last_heartbeat",
            "kafka.consumer.commit_latency",
            "kafka.consumer.fetch_latency",
            "kafka.producer.request_latency",
            "scrape.up",
        ])
        .names(&["host.clock", "host.cpu", "host.disk-full", "net.latency", "net.loss", "net.partition-client"])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        let ascending = config.busy < config.very_busy
            && config.slow_ratio < config.very_slow_ratio
            && config.silent_s < config.long_silent_s;
        if !ascending {
            let message = "`busy` must be below `very_busy`, `slow_ratio` below `very_slow_ratio`, and `silent_s` below \
                           `long_silent_s`";
            return Err(Error::new(lagdoctor_sdk::code::BAD_CONFIG, message));
        }
        Ok(Self { config })
    }
}

impl Scorer for Hosts {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        let mut findings = vec![];
        for host in view.of_kind("host") {
            findings.extend(machine::processor(&self.config, view, host));
            findings.extend(machine::clock(&self.config, view, host));
            findings.extend(machine::room(&self.config, view, host));
        }
        for link in view.of_kind("link") {
            findings.extend(way::findings(&self.config, view, link));
        }
        Ok(findings)
    }
}

lagdoctor_sdk::export_scorer!(Hosts);

#[cfg(test)]
mod tests;
