//! Reads log lines from Elasticsearch and OpenSearch, by service and level. Start at [`ElasticsearchCollector`].
//!
//! Of a flood only so many lines are worth reading. So the window is read in parts, each with its share of the lines, and
//! in each part warnings and errors come first: the beginning of trouble is seen as well as its end, and chatter goes
//! before complaints. What was left out is named, once for the whole window.

mod config;
mod line;
mod search;
mod severity;
mod tally;
#[cfg(test)]
mod tests;

use lagdoctor_sdk::{Collector, Error, Host, Manifest, Page, Plugin, Query, RawGap, code};

pub use config::{AuthKind, Config, Fields};

use config::Checked;
use search::{Found, Search, Volume};
use tally::{Count, Tally};

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
        let token = Token::parse(&query.page, parts)?;
        let (part, spare) = (token.part, token.spare);
        let (start_ms, end_ms) = (query.start_ms + length * part / parts, query.start_ms + length * (part + 1) / parts);
        let share = self.checked.config.share(part, parts) + spare;

        let mut search = Search::new(host, &self.checked, start_ms, end_ms);
        let loud = search.lines(Volume::Loud, share);
        let is_nothing_read = part == 0 && loud.read == 0;
        let quiet = match &loud.failed {
            None if !search.has_no_index => search.lines(Volume::Quiet, share - loud.lines.len().min(share)),
            _ => Found::default(),
        };
        let mut tally = token.tally;
        tally.add(&loud, &quiet);
        let used = loud.lines.len() + quiet.lines.len();
        let mut page = Page::empty();
        for gap in loud.gaps.into_iter().chain(quiet.gaps) {
            if !page.gaps.iter().any(|known| known.statement == gap) {
                add_gap(&mut page, "malformed", gap);
            }
        }
        page.logs = loud.lines;
        page.logs.extend(quiet.lines);
        page.logs.sort_by_key(|line| line.at_ms);

        if search.has_no_index {
            add_gap(&mut page, "malformed", self.no_index());
            return Ok(page);
        }
        let is_last = part + 1 == parts;
        let next = Token { part: part + 1, spare: share.saturating_sub(used), has_failed: false, tally };
        let Some(error) = loud.failed.or(quiet.failed) else {
            if is_last {
                say(&mut page, tally.gaps(&self.checked, !token.has_failed));
            } else {
                page.next = next.to_string();
            }
            return Ok(page);
        };
        if is_nothing_read {
            return Err(error);
        }
        // What fails in passing is given another chance with the next part of the window, but not for ever.
        let may_pass = [code::UNREACHABLE, code::UPSTREAM].contains(&error.code.as_str());
        let goes_on = may_pass && !token.has_failed && !is_last;
        let until = clock(if goes_on { end_ms } else { query.end_ms });
        let statement = format!("not all log lines from {} to {until} were read: {}", clock(start_ms), error.message);
        add_gap(&mut page, cause_of(&error), statement);
        if goes_on {
            page.next = Token { has_failed: true, ..next }.to_string();
        } else {
            say(&mut page, tally.gaps(&self.checked, false));
        }
        Ok(page)
    }
}

impl ElasticsearchCollector {
    fn no_index(&self) -> String {
        let Checked { base, index, .. } = &self.checked;
        format!("no index at {base} is called {index}, so there are no log lines; set `index` to where they are")
    }
}

impl Tally {
    fn add(&mut self, loud: &Found, quiet: &Found) {
        let add = |count: &mut Count, found: &Found| {
            count.read = count.read.saturating_add(found.read);
            count.left_out = count.left_out.saturating_add(found.left_out);
        };
        add(&mut self.loud, loud);
        add(&mut self.quiet, quiet);
        for found in [loud, quiet] {
            self.beyond_page = self.beyond_page.saturating_add(if found.is_page_full { found.left_out } else { 0 });
            self.unreadable = self.unreadable.saturating_add(found.unreadable);
            self.lost = self.lost.saturating_add(found.lost);
        }
    }
}

fn say(page: &mut Page, gaps: Vec<(&'static str, String)>) {
    for (cause, statement) in gaps {
        add_gap(page, cause, statement);
    }
}

/// Names a gap and why it is one.
fn add_gap(page: &mut Page, cause: &str, statement: String) {
    page.gaps.push(RawGap::new(cause, statement));
}

fn cause_of(error: &Error) -> &'static str {
    match error.code.as_str() {
        code::UNAUTHORISED | code::RATE_LIMITED | code::NOT_GRANTED => "refused",
        code::BAD_INPUT => "truncated",
        _ => "unreachable",
    }
}

/// The time of day in UTC, for people.
fn clock(at_ms: i64) -> String {
    let seconds = at_ms.div_euclid(1000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Where to go on: which part of the window, how many lines the parts before did not need, whether the last one failed,
/// and what was read so far. As text `2:1:340:0:TALLY`.
#[derive(Default)]
struct Token {
    part: i64,
    spare: usize,
    has_failed: bool,
    tally: Tally,
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "2:{}:{}:{}:{}", self.part, self.spare, u8::from(self.has_failed), self.tally)
    }
}

impl Token {
    fn parse(text: &str, parts: i64) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let read =
            Self::read(text).filter(|token| (0..parts).contains(&token.part) && token.spare <= config::MOST_LINES);
        read.ok_or_else(|| {
            Error::new(code::BAD_INPUT, "the page token is not one of this plugin; begin again with the first page")
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut fields = text.strip_prefix("2:")?.splitn(4, ':');
        let (part, spare) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let has_failed = match fields.next()? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        Some(Self { part, spare, has_failed, tally: Tally::parse(fields.next()?)? })
    }
}

lagdoctor_sdk::export_collector!(ElasticsearchCollector);
