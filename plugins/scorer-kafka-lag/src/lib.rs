//! Why does the backlog grow, as far as Kafka itself and its consumers' own clocks can tell? Inflow and throughput decide
//! first: more coming in with throughput that holds is a burst; the same coming in with less getting done is the
//! consumers' side, and then the topic is not to blame. Partitions tell a hot key from a stuck record, members and
//! generations tell a restless group, and processing time tells which instances are slow. Start at [`KafkaLag::score`].

mod clients;
mod group;
mod load;
mod partitions;
mod processing;
mod topic;
mod workers;

use lagdoctor_sdk::{Error, Finding, Manifest, Plugin, Scorer, View, numbers};

numbers! {
    /// When a group, its topics and its consumers are worth a word.
    pub struct Config {
        /// Times the usual inflow from which producers may be sending more than usual
        pub burst_ratio: f64 = 1.1, from 1.01 to 10.0;
        /// Times the usual inflow from which they do so beyond doubt
        pub clear_burst_ratio: f64 = 1.5, from 1.05 to 100.0;
        /// Share of the usual throughput above which consumers hold their pace
        pub holds_share: f64 = 0.9, from 0.3 to 1.0;
        /// Share of the usual throughput below which consumers have plainly lost their pace
        pub lost_share: f64 = 0.6, from 0.05 to 0.95;
        /// Seconds of throughput that a backlog must be worth to be believed
        pub backlog_s: f64 = 1.0, from 0.05 to 600.0;
        /// Times its usual time that a record must take to be worth a word
        pub slow_ratio: f64 = 1.3, from 1.05 to 10.0;
        /// Times its usual time from which processing is slow beyond doubt
        pub very_slow_ratio: f64 = 2.5, from 1.1 to 100.0;
        /// Share of a group's lag in one partition from which that partition stands out
        pub skew_share: f64 = 0.4, from 0.1 to 1.0;
        /// Rebalances within a quarter of an hour from which a group is restless; ten an hour is too many
        pub rebalances: f64 = 2.0, from 1.0 to 100.0;
        /// Seconds since the last poll from which a consumer may be stuck; Kafka evicts it after 300
        pub unpolled_s: f64 = 60.0, from 5.0 to 3600.0;
    }
}

/// Processing time alone: an effect, unless nothing below explains it.
const EFFECT: f64 = 0.7;

/// The scorer.
#[derive(Debug)]
pub struct KafkaLag {
    config: Config,
}

impl Plugin for KafkaLag {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "scorer-kafka-lag",
            env!("CARGO_PKG_VERSION"),
            "Tells bursts, slow consumers, hot keys, stuck records, quotas and restless groups apart.",
        )
        .reads(&[
            "kafka.consumer_group.",
            "kafka.partition.current_offset",
            "kafka.topic.",
            "kafka.consumer.assigned_partitions",
            "kafka.consumer.fetch_latency",
            "kafka.consumer.last_heartbeat",
            "kafka.consumer.last_poll",
            "kafka.consumer.records_per_request",
            "kafka.consumer.throttle_time",
            "executor.",
            "log.rate",
            "messaging.client.consumed.messages",
            "process.uptime",
            "messaging.client.sent.messages",
            "messaging.process.duration",
            "messaging.process.failures",
            "scrape.up",
        ])
        .names(&[
            "load.burst",
            "load.hot-key",
            "load.message-size",
            "load.replay",
            "logs.flood",
            "data.poison",
            "deploy.bad-version",
            "config.fetch-poll",
            "consumer.slow-code",
            "consumer.crash",
            "consumer.stuck",
            "consumer.too-few",
            "group.rebalance-storm",
            "group.uneven-assignment",
            "quota.throttle",
            "threads.exhausted",
            "topic.metadata-change",
            "txn.hang",
        ])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        let ascending = config.burst_ratio < config.clear_burst_ratio
            && config.lost_share < config.holds_share
            && config.slow_ratio < config.very_slow_ratio;
        if !ascending {
            let message = "`burst_ratio` must be below `clear_burst_ratio`, `lost_share` below `holds_share`, and \
                           `slow_ratio` below `very_slow_ratio`";
            return Err(Error::new(lagdoctor_sdk::code::BAD_CONFIG, message));
        }
        Ok(Self { config })
    }
}

impl Scorer for KafkaLag {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        let pulses: Vec<group::Pulse<'_>> =
            view.of_kind("group").map(|group| group::Pulse::of(&self.config, view, group)).collect();
        let mut findings = vec![];
        for pulse in &pulses {
            findings.extend(group::findings(&self.config, view, pulse));
            findings.extend(partitions::findings(&self.config, view, pulse));
            findings.extend(clients::findings(&self.config, view, pulse));
        }
        let has_left = |finding: &&Finding| finding.class == "consumer.too-few" && finding.score > 0.0;
        let left = findings.iter().filter(has_left).map(|finding| finding.node).collect();
        findings.extend(load::findings(&self.config, view, &pulses));
        findings.extend(topic::findings(view));
        for service in view.of_kind("service") {
            findings.extend(workers::findings(view, service));
        }
        findings.extend(processing::findings(&self.config, view, &left));
        Ok(findings)
    }
}

lagdoctor_sdk::export_scorer!(KafkaLag);

#[cfg(test)]
mod tests;
