//! Reads log lines from Elasticsearch and OpenSearch, by service and level. Start at [`ElasticsearchCollector`].
//!
//! Of a flood only so many lines are worth reading. So lines are counted first: where all fit, all are read; where they do
//! not, warnings and errors come first, and what is left of the room goes to short slices that are spread evenly over
//! the window, so that counts of one minute can be held against those of another. The window is read in parts, each a
//! page or more; what was left out is named, once for the whole window.

mod config;
mod line;
mod sample;
mod search;
mod severity;
mod tally;
#[cfg(test)]
mod tests;

use lagdoctor_sdk::{Collector, Error, Host, Manifest, Page, Plugin, Query, RawGap, code, log};

pub use config::{AuthKind, Config, Fields};

use config::Checked;
use sample::{MOST_PARTS, Plan, Share, Slices};
use search::{Found, Search, Stretch, Volume};
use severity::WARN;
use tally::Tally;

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
        let window = Slices::whole(query.start_ms, query.end_ms.saturating_add(1));
        if window.end_ms <= window.start_ms {
            return Err(Error::new(code::BAD_INPUT, "the window to read ends before it starts"));
        }
        let token = Token::parse(&query.page, window)?;
        let mut tally = token.tally;
        let mut search = Search::new(host, &self.checked, !token.has_failed);
        let mut page = Page::empty();
        let (plan, uncounted) = match token.plan {
            Some(plan) => (plan, None),
            None => Plan::of(&mut search, window, self.checked.config.max_lines, &mut tally)?,
        };
        if search.has_no_index {
            add_gap(&mut page, "malformed", self.no_index());
            return Ok(page);
        }
        if let Some(error) = &uncounted {
            let statement = format!("log lines below warning were not read: {}", error.message);
            add_gap(&mut page, cause_of(error), statement);
        }

        let mut part = Part::read(&mut search, window, plan, window.start_ms + token.from_ms);
        let failed = part.loud.failed.take().or(part.quiet.failed.take());
        if let Some(error) = &failed
            && token.plan.is_none()
            && part.loud.read + part.quiet.read == 0
        {
            return Err(error.clone());
        }
        tally.add(&part);
        for gap in search.gaps.drain(..) {
            add_gap(&mut page, "malformed", gap);
        }
        page.logs = part.loud.lines;
        page.logs.extend(part.quiet.lines);
        page.logs.sort_by_key(|line| line.at_ms);

        let is_whole = failed.is_none() && uncounted.is_none() && page.gaps.is_empty();
        if let Some(error) = failed {
            let (from, until) = (clock(part.from_ms), clock(query.end_ms));
            let statement = format!("not all log lines from {from} to {until} were read: {}", error.message);
            add_gap(&mut page, cause_of(&error), statement);
        } else if part.to_ms < window.end_ms {
            let from_ms = part.to_ms - window.start_ms;
            page.next = Token { from_ms, plan: Some(plan), has_failed: !search.may_retry(), tally }.to_string();
            return Ok(page);
        }
        for (cause, statement) in tally.gaps(&self.checked, is_whole) {
            add_gap(&mut page, cause, statement);
        }
        if let Some(note) = tally.note(&self.checked) {
            log::info(&note);
        }
        Ok(page)
    }
}

/// What one page holds: the lines between two moments.
struct Part {
    from_ms: i64,
    /// Not included.
    to_ms: i64,
    loud: Found,
    quiet: Found,
}

impl Part {
    /// Reads from this moment on, as far as the plan wants and memory allows.
    fn read(search: &mut Search<'_>, window: Slices, plan: Plan, from_ms: i64) -> Self {
        let length = (window.end_ms - window.start_ms + plan.parts - 1) / plan.parts;
        let to_ms = window.end_ms.min(from_ms.saturating_add(length));
        let mut part = Self { from_ms, to_ms, loud: Found::default(), quiet: Found::default() };
        part.loud = part.lines(search, window, Volume::Loud, plan.loud);
        if part.loud.failed.is_none() {
            part.quiet = part.lines(search, window, Volume::Quiet, plan.quiet);
            part.loud.cut(part.to_ms);
        }
        part
    }

    /// Lines of one volume. Where they are too long for one page, the part ends earlier: a time that comes with the next
    /// page is no worse off than one that came with this.
    fn lines(&mut self, search: &mut Search<'_>, window: Slices, volume: Volume, share: Share) -> Found {
        let (from_ms, to_ms) = (self.from_ms, self.to_ms);
        let slices = Slices { width_ms: share.width_ms, ..window }.between(from_ms, to_ms);
        if slices.is_empty() {
            return Found::default();
        }
        let most = share.most.unwrap_or(config::MOST_LINES);
        let mut found = search.lines(volume, &Stretch { from_ms, to_ms, slices }, most);
        if found.is_page_full
            && let Some(last) = found.lines.last().map(|line| line.at_ms).filter(|last| *last > from_ms)
        {
            self.to_ms = last.min(to_ms);
            found.cut(self.to_ms);
            found.left_out = 0;
        }
        found
    }
}

impl ElasticsearchCollector {
    fn no_index(&self) -> String {
        let Checked { base, index, .. } = &self.checked;
        format!("no index at {base} is called {index}, so there are no log lines; set `index` to where they are")
    }
}

impl Tally {
    fn add(&mut self, part: &Part) {
        for (count, found) in [(&mut self.loud, &part.loud), (&mut self.quiet, &part.quiet)] {
            count.read = count.read.saturating_add(found.read);
            count.left_out = count.left_out.saturating_add(found.left_out);
            self.counted_off = self.counted_off.saturating_add(found.left_out);
            self.unreadable = self.unreadable.saturating_add(found.unreadable);
            self.lost = self.lost.saturating_add(found.lost);
        }
        let hidden = part.quiet.lines.iter().filter(|line| line.severity >= WARN).count();
        self.hidden = self.hidden.saturating_add(hidden as u64);
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

/// Where to go on: how far the window has been read, by which plan, whether anything failed, and what was read so far. As
/// text `3:FROM:PARTS:LOUD:QUIET:0:TALLY`, each volume as `WIDTH.MOST`.
#[derive(Default)]
struct Token {
    /// From the start of the window.
    from_ms: i64,
    /// None at the start.
    plan: Option<Plan>,
    has_failed: bool,
    tally: Tally,
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(Plan { parts, loud, quiet }) = self.plan else { return Ok(()) };
        let share = |share: Share| format!("{}.{}", share.width_ms, share.most.unwrap_or(0));
        let (loud, quiet, failed) = (share(loud), share(quiet), u8::from(self.has_failed));
        write!(f, "3:{}:{parts}:{loud}:{quiet}:{failed}:{}", self.from_ms, self.tally)
    }
}

impl Token {
    fn parse(text: &str, window: Slices) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let length = window.end_ms - window.start_ms;
        let read = Self::read(text, length).filter(|token| (1..length).contains(&token.from_ms));
        read.ok_or_else(|| {
            Error::new(code::BAD_INPUT, "the page token is not one of this plugin; begin again with the first page")
        })
    }

    fn read(text: &str, length: i64) -> Option<Self> {
        let mut fields = text.strip_prefix("3:")?.splitn(6, ':');
        let from_ms = fields.next()?.parse().ok()?;
        let parts = fields.next()?.parse().ok().filter(|parts| (1..=MOST_PARTS).contains(parts))?;
        let mut share = || {
            let (width, most) = fields.next()?.split_once('.')?;
            let width_ms = width.parse().ok().filter(|width| (0..=length).contains(width))?;
            let most: usize = most.parse().ok().filter(|most| *most <= config::MOST_LINES)?;
            Some(Share { width_ms, most: (most > 0).then_some(most) })
        };
        let (loud, quiet) = (share()?, share()?);
        let has_failed = match fields.next()? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let tally = Tally::parse(fields.next()?)?;
        Some(Self { from_ms, plan: Some(Plan { parts, loud, quiet }), has_failed, tally })
    }
}

lagdoctor_sdk::export_collector!(ElasticsearchCollector);
