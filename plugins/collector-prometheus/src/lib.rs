//! Reads metrics from Prometheus, and from whatever speaks its API, in the words of many exporters. What each exporter
//! calls a signal is data (`dialects.toml` of the contract); this crate asks which metrics exist, reads those with plain
//! selectors, and turns them into signals. Start at [`PrometheusCollector`], then `shape`.
//!
//! Rates and means are not left to Prometheus: `rate()` looks back over minutes, so that it moves an onset and smooths a
//! stall away. A mean here is the growth of a sum divided by that of a count from one reading to the next, and is missing
//! while nothing completes.

mod answer;
mod api;
mod config;
mod dialect;
mod gap;
mod grid;
mod plan;
mod promql;
mod reading;
mod shape;
#[cfg(test)]
mod tests;

use lagdoctor_sdk::{Collector, Error, Host, Manifest, Page, Plugin, Query, code};

pub use config::{AuthKind, Config};

use api::Api;
use dialect::Source;
use gap::Gap;
use grid::Grid;
use plan::Token;
use reading::Reading;

/// Reads metrics from one Prometheus.
#[derive(Debug)]
pub struct PrometheusCollector {
    config: Config,
}

impl Plugin for PrometheusCollector {
    type Config = Config;

    fn manifest() -> Manifest {
        let about = "Reads metrics from Prometheus, and from what speaks its API, in the words of many exporters.";
        Manifest::new("collector-prometheus", env!("CARGO_PKG_VERSION"), about)
            .produces(&[
                "kafka.",
                "messaging.",
                "executor.",
                "process.",
                "application.",
                "jvm.",
                "db.",
                "cache.",
                "http.",
                "system.",
                "scrape.up",
                "log.error_rate",
                "log.rate",
            ])
            .configured_by(config::SCHEMA)
            .asks_http("config:url", "it is the Prometheus to read")
            .asks_secret("config:secret", "it proves to that Prometheus who is asking")
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config: config.checked()? })
    }
}

impl Collector for PrometheusCollector {
    fn collect(&self, host: &dyn Host, query: &Query) -> Result<Page, Error> {
        let grid = Grid::of(query.start_ms, query.end_ms, query.step_ms);
        if grid.points == 0 {
            return Err(Error::new(code::BAD_INPUT, "the window to read ends before it starts"));
        }
        let api = Api::new(host, &self.config);
        let mut reading = Reading::new(&api, grid, query.start_ms);
        if !query.page.is_empty() {
            return Ok(reading.page(Token::parse(&query.page)?));
        }
        let existing = api.known_metrics(&grid, &mut reading.gaps)?;
        let sources = Source::readable(&existing, &self.config.dialects);
        if sources.is_empty() {
            reading.gaps.push(Gap::malformed(self.nothing_known()));
        }
        Ok(reading.page(Token::first(sources)))
    }
}

impl PrometheusCollector {
    fn nothing_known(&self) -> String {
        let url = &self.config.url;
        let narrowed = if self.config.matchers.is_empty() && self.config.dialects.is_empty() {
            String::new()
        } else {
            ", or loosen `match` and `dialects`".to_owned()
        };
        format!("Prometheus at {url} has no metric in this window that a known exporter gives; check `url`{narrowed}")
    }
}

lagdoctor_sdk::export_collector!(PrometheusCollector);
