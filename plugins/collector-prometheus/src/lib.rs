//! Reads metrics from Prometheus, and from whatever speaks its API, in the words of many exporters. What each exporter
//! calls a signal is data (`dialects.toml` of the contract); this crate asks which metrics exist, reads those with plain
//! selectors, and turns them into signals. Start at [`PrometheusCollector`], then `shape`.
//!
//! Rates and means are not left to Prometheus: `rate()` looks back over minutes, so that it moves an onset and smooths a
//! stall away. A mean here is the growth of a sum divided by that of a count from one reading to the next, and is missing
//! while nothing completes.

mod api;
mod config;
mod dialect;
mod grid;
mod plan;
mod promql;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use lagdoctor_sdk::{Collector, Error, Host, Manifest, Page, Plugin, Query, RawSeries, code};

pub use config::{AuthKind, Config};

use api::{Api, Trouble};
use dialect::{Form, Source};
use grid::Grid;
use plan::Token;
use shape::{Read, shape};

/// Requests of one page; the host allows more, but a page should also end before its time does.
const REQUESTS_PER_PAGE: usize = 40;
/// Readings of one page, so that neither memory nor the host's limit is reached.
const READINGS_PER_PAGE: usize = 400_000;

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
        let api = Api { host, config: &self.config };
        if query.page.is_empty() {
            let existing = api.known_metrics(&grid)?;
            let sources = Source::readable(&existing, &self.config.dialects);
            if sources.is_empty() {
                return Ok(Page { gaps: vec![self.nothing_known()], ..Page::empty() });
            }
            return Ok(read(&api, &grid, query.start_ms, sources));
        }
        let token = Token::parse(&query.page)?;
        Ok(read(&api, &grid, query.start_ms, token.sources))
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

/// Reads as many signals as fit on a page, whole signals only, because the first source of a signal wins.
fn read(api: &Api<'_>, grid: &Grid, since_ms: i64, sources: Vec<Source>) -> Page {
    // Growth up to the first reading needs the one before it.
    let wider = Grid { start_ms: grid.start_ms - grid.step_ms, points: grid.points + 1, ..*grid };
    let mut page = Page::empty();
    let (mut requests, mut readings) = (0, 0);
    let mut rest = sources.as_slice();
    while let Some(first) = rest.first() {
        if requests >= REQUESTS_PER_PAGE || readings >= READINGS_PER_PAGE {
            page.next = Token { sources: rest.to_vec() }.to_string();
            break;
        }
        let count = rest.iter().take_while(|source| source.entry.signal == first.entry.signal).count();
        let (now, later) = rest.split_at(count);
        let mut by_target = Claims::default();
        for source in now {
            let grid = if matches!(source.entry.form, Form::Gauge(_)) { grid } else { &wider };
            match read_source(api, source, grid, &mut requests, &mut page.gaps) {
                Ok(read) => by_target.add(shape(source, &read, grid, since_ms)),
                Err(Trouble::Question(gap)) => page.gaps.push(gap),
                Err(Trouble::Source(error)) => {
                    page.gaps.push(unread(&error, rest));
                    page.series.extend(by_target.series);
                    return page;
                }
            }
        }
        readings += by_target.series.iter().map(|series| series.values.len()).sum::<usize>();
        page.series.extend(by_target.series);
        rest = later;
    }
    page
}

fn read_source(
    api: &Api<'_>,
    source: &Source,
    grid: &Grid,
    requests: &mut usize,
    gaps: &mut Vec<String>,
) -> Result<Read, Trouble> {
    let mut all = |metrics: &[&str]| {
        let mut series = Vec::new();
        for metric in metrics {
            *requests += 1;
            let selector = promql::selector(metric, source.entry.matchers, &api.config.matchers);
            let answer = api.range(&selector, grid)?;
            series.extend(answer.series);
            gaps.extend(
                answer.warnings.into_iter().map(|warning| format!("Prometheus warns about `{selector}`: {warning}")),
            );
        }
        Ok(series)
    };
    let (above, below) = source.metrics();
    Ok(Read { above: all(&above)?, below: all(&below)? })
}

/// One sentence about all that was still to be read when the far side failed.
fn unread(error: &Error, rest: &[Source]) -> String {
    let mut signals: Vec<&str> = rest.iter().map(|source| source.entry.signal).collect();
    signals.dedup();
    let named = signals.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    let more = signals.len().saturating_sub(5);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("not read: {named}{more}, because {}", error.message)
}

/// Series of one signal. What an earlier source said about a scrape target is not said again by a later one.
#[derive(Default)]
struct Claims {
    targets: BTreeMap<Vec<(String, String)>, usize>,
    sources: usize,
    series: Vec<RawSeries>,
}

impl Claims {
    fn add(&mut self, series: Vec<RawSeries>) {
        const TARGET: [&str; 3] = ["job", "instance", "pod"];
        self.sources += 1;
        for one in series {
            let is_target = |pair: &&(String, String)| TARGET.contains(&pair.0.as_str());
            let target: Vec<(String, String)> = one.attributes.iter().filter(is_target).cloned().collect();
            // Without any such label nothing says that both speak of one target.
            if target.is_empty() || *self.targets.entry(target).or_insert(self.sources) == self.sources {
                self.series.push(one);
            }
        }
    }
}

lagdoctor_sdk::export_collector!(PrometheusCollector);
