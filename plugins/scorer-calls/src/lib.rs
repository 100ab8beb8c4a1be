//! Is it something that a service calls? A cache that is gone or gives up what is still needed puts its load on the database
//! behind it, an endpoint answers late or with errors, a name is not found, and calls that are tried again and again keep
//! busy what they wait for. Start at [`Calls::score`].

mod cache;
mod endpoint;
mod retries;

use lagdoctor_sdk::{Error, Finding, Manifest, Plugin, Scorer, View, numbers};

numbers! {
    /// When what is called is worth a word.
    pub struct Config {
        /// Share of look-ups by which a cache must answer fewer to be worth a word
        pub lost_hits: f64 = 0.05, from 0.005 to 1.0;
        /// Share of look-ups by which a cache answers fewer beyond doubt
        pub many_lost_hits: f64 = 0.25, from 0.01 to 1.0;
        /// Times its usual time that a call must take to be worth a word
        pub slow_ratio: f64 = 1.5, from 1.05 to 10.0;
        /// Times its usual time from which a call is slow beyond doubt
        pub very_slow_ratio: f64 = 3.0, from 1.1 to 100.0;
        /// Failed calls per second from which they are worth a word
        pub errors: f64 = 0.1, from 0.001 to 1000.0;
        /// Failed calls per second from which they are many
        pub many_errors: f64 = 1.0, from 0.002 to 10000.0;
        /// Repeated attempts for each record from which retries add to the load
        pub retries: f64 = 0.2, from 0.01 to 10.0;
        /// Repeated attempts for each record from which retries are most of the load
        pub many_retries: f64 = 1.0, from 0.02 to 100.0;
    }
}

/// The scorer.
#[derive(Debug)]
pub struct Calls {
    config: Config,
}

impl Plugin for Calls {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "scorer-calls",
            env!("CARGO_PKG_VERSION"),
            "Finds caches that are gone or thrash, endpoints that are slow or fail, names that are not found, and retries.",
        )
        .reads(&[
            "cache.",
            "http.client.request.",
            "application.retries",
            "messaging.client.consumed.messages",
            "log",
        ])
        .names(&["cache.down", "cache.thrash", "dns.failure", "http.slow", "retry.storm"])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        let ascending = config.lost_hits < config.many_lost_hits
            && config.slow_ratio < config.very_slow_ratio
            && config.errors < config.many_errors
            && config.retries < config.many_retries;
        if !ascending {
            let message = "each of `lost_hits`, `slow_ratio`, `errors` and `retries` must be below its second, such as \
                           `very_slow_ratio`";
            return Err(Error::new(lagdoctor_sdk::code::BAD_CONFIG, message));
        }
        Ok(Self { config })
    }
}

impl Scorer for Calls {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        let mut findings = vec![];
        for cache in view.of_kind("cache") {
            findings.extend(cache::findings(&self.config, view, cache));
        }
        for endpoint in view.of_kind("endpoint") {
            findings.extend(endpoint::findings(&self.config, view, endpoint));
        }
        for service in view.of_kind("service") {
            findings.extend(retries::storm(&self.config, view, service));
        }
        Ok(findings)
    }
}

lagdoctor_sdk::export_scorer!(Calls);

#[cfg(test)]
mod tests;
