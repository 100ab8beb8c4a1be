//! Reads log lines from Elasticsearch and OpenSearch, by service and level. Start at [`ElasticsearchCollector`].
//!
//! Of a flood only so many lines are worth reading. So the window is read in parts, each with its share of the lines, and
//! in each part warnings and errors come first: the beginning of trouble is seen as well as its end, and chatter goes
//! before complaints. What was left out is named.

mod config;
mod line;
mod search;
mod severity;
#[cfg(test)]
mod tests;

use lagdoctor_sdk::{Collector, Error, Host, Manifest, Page, Plugin, Query, code};

pub use config::{AuthKind, Config, Fields};

use config::Checked;
use search::{Search, Volume};

/// Parts of a window; each is one page.
const PARTS: i64 = 6;
/// The shortest part that is worth a page of its own.
const SHORTEST_PART_MS: i64 = 60_000;

/// Reads log lines from one Elasticsearch.
#[derive(Debug)]
pub struct ElasticsearchCollector {
    checked: Checked,
}

impl Plugin for ElasticsearchCollector {
    type Config = Config;

    fn manifest() -> Manifest {
        let about = "Reads log lines from Elasticsearch and OpenSearch, warnings and errors first.";
        Manifest::new("collector-elasticsearch", env!("CARGO_PKG_VERSION"), about)
            .reads(&["log"])
            .configured_by(config::SCHEMA)
            .asks_http("config:url", "it is the Elasticsearch to read")
            .asks_secret("config:secret", "it proves to that Elasticsearch who is asking")
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { checked: config.checked()? })
    }
}

impl Collector for ElasticsearchCollector {
    fn collect(&self, host: &dyn Host, query: &Query) -> Result<Page, Error> {
        let length = query.end_ms - query.start_ms + 1;
        if length <= 0 {
            return Err(Error::new(code::BAD_INPUT, "the window to read ends before it starts"));
        }
        let parts = (length / SHORTEST_PART_MS).clamp(1, PARTS);
        let Token { part, spare } = Token::parse(&query.page, parts)?;
        let (start_ms, end_ms) = (query.start_ms + length * part / parts, query.start_ms + length * (part + 1) / parts);
        let share = self.checked.config.max_lines.div_ceil(usize::try_from(parts).unwrap_or(1)) + spare;

        let search = Search { host, checked: &self.checked, start_ms, end_ms };
        let loud = search.lines(Volume::Loud, share)?;
        let quiet = search.lines(Volume::Quiet, share - loud.lines.len().min(share))?;
        let spare = share.saturating_sub(loud.lines.len() + quiet.lines.len());

        let mut page = Page::empty();
        if loud.left_out > 0 {
            page.gaps.push(left_out(loud.left_out, "warnings and errors", start_ms, end_ms));
        }
        if quiet.left_out > 0 {
            page.gaps.push(left_out(quiet.left_out, "lines below warning", start_ms, end_ms));
        }
        page.gaps.extend(loud.gaps);
        page.gaps.extend(quiet.gaps);
        page.gaps.dedup();
        page.logs = loud.lines;
        page.logs.extend(quiet.lines);
        page.logs.sort_by_key(|line| line.at_ms);
        if part + 1 < parts {
            page.next = Token { part: part + 1, spare }.to_string();
        }
        Ok(page)
    }
}

fn left_out(count: u64, what: &str, start_ms: i64, end_ms: i64) -> String {
    format!(
        "{count} {what} of the {} s from {} were not read, because `max_lines` was reached",
        (end_ms - start_ms) / 1000,
        clock(start_ms)
    )
}

/// The time of day in UTC, for people.
fn clock(at_ms: i64) -> String {
    let seconds = at_ms.div_euclid(1000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Where to go on: which part of the window, and how many lines the parts before did not need. As text `1:2.340`.
struct Token {
    part: i64,
    spare: usize,
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "1:{}.{}", self.part, self.spare)
    }
}

impl Token {
    fn parse(text: &str, parts: i64) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self { part: 0, spare: 0 });
        }
        let pair = text.strip_prefix("1:").and_then(|pair| pair.split_once('.'));
        let read = pair.and_then(|(part, spare)| Some(Self { part: part.parse().ok()?, spare: spare.parse().ok()? }));
        read.filter(|token| (0..parts).contains(&token.part) && token.spare <= 20_000).ok_or_else(|| {
            Error::new(code::BAD_INPUT, "the page token is not one of this plugin; begin again with the first page")
        })
    }
}

lagdoctor_sdk::export_collector!(ElasticsearchCollector);
