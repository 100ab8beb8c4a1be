//! How much is read on one page, and in which order? Signal by signal, because the first source of a signal wins, and a
//! signal that is too large shard by shard. What cannot be read is named, and the rest is read nevertheless. Start at
//! [`Reading::page`].

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_sdk::{Error, Page, RawSeries};

use crate::answer::{Labels, Point, Take};
use crate::api::{Api, Trouble, may_pass};
use crate::dialect::{Form, Source};
use crate::gap::Gap;
use crate::grid::{Grid, Series};
use crate::plan::{Shard, Token, fingerprint};
use crate::promql;
use crate::shape::{Read, shape};

/// Requests after which a page ends. The host allows more, but a page has to end before its time does, and far sides are
/// slow when they are needed most.
const REQUESTS: usize = 8;
/// Readings after which a page ends, so that neither memory nor the host's limit is reached.
const READINGS: usize = 250_000;
/// Bytes received after which a page ends.
const BYTES: usize = 24 << 20;
/// Places for readings of one shard that are held at a time, eight bytes each.
const PLACES: usize = 500_000;

/// Labels that tell whose metrics these are.
const TARGET: [&str; 3] = ["job", "instance", "pod"];

/// Reads one page.
pub(crate) struct Reading<'a> {
    api: &'a Api<'a>,
    grid: Grid,
    since_ms: i64,
    /// How many points of a series the surest source of the signal gives in one answer; 0 when that is not known.
    points: usize,
    /// The page so far, but for its gaps.
    page: Page,
    pub(crate) gaps: Vec<Gap>,
}

/// What became of one shard of one signal.
enum Outcome {
    /// Read; it may have become smaller than it was.
    Done(Shard),
    /// It does not fit on this page any more, but may on the next.
    Later,
    /// Nothing of this signal can be read, as the gaps say.
    Dropped,
    /// The far side failed. What had been read before is on the page.
    Failed(Error),
}

impl<'a> Reading<'a> {
    /// An empty page. `since_ms` is the first moment that is wanted.
    pub(crate) fn new(api: &'a Api<'a>, grid: Grid, since_ms: i64) -> Self {
        Self { api, grid, since_ms, points: 0, page: Page::empty(), gaps: vec![] }
    }

    /// Reads as much as fits on a page. A far side that fails in passing is asked once more, for the next signal, and on
    /// the next page if this one has used some of its time; what is still to be read when it fails again is named.
    pub(crate) fn page(mut self, token: Token) -> Page {
        self.read(token);
        self.gaps.into_iter().for_each(|gap| gap.put(&mut self.page));
        self.page
    }

    fn read(&mut self, token: Token) {
        let Token { mut shard, points, sources } = token;
        self.points = points;
        let mut rest = sources.as_slice();
        let mut failed: Option<(&str, Error)> = None;
        let mut has_read = false;
        while let Some(first) = rest.first() {
            if self.is_full() {
                self.page.next = self.token(shard, rest);
                break;
            }
            let count = rest.iter().take_while(|source| source.entry.signal == first.entry.signal).count();
            let (now, later) = rest.split_at(count);
            let outcome = self.signal(now, shard, has_read);
            let had_read = std::mem::replace(&mut has_read, true);
            if !matches!(outcome, Outcome::Failed(_))
                && let Some((signal, error)) = failed.take()
            {
                self.name(unread(&[signal], &error));
            }
            let next = match outcome {
                Outcome::Done(read) => read.next(),
                Outcome::Dropped => None,
                Outcome::Later => {
                    self.page.next = self.token(shard, rest);
                    break;
                }
                Outcome::Failed(error) if failed.is_none() && may_pass(&error) && !later.is_empty() => {
                    failed = Some((first.entry.signal, error));
                    if had_read {
                        self.page.next = Token::first(later.to_vec()).to_string();
                        break;
                    }
                    None
                }
                Outcome::Failed(error) => {
                    let before = failed.take().map(|(signal, _)| signal);
                    let all = before.into_iter().chain(rest.iter().map(|source| source.entry.signal));
                    self.name(unread(&all.collect::<Vec<_>>(), &error));
                    return;
                }
            };
            (shard, rest) = match next {
                Some(next) => (next, rest),
                None => {
                    self.points = 0;
                    (Shard::WHOLE, later)
                }
            };
        }
        if let Some((signal, error)) = failed {
            self.name(unread(&[signal], &error));
        }
    }

    /// Where to go on.
    fn token(&self, shard: Shard, rest: &[Source]) -> String {
        Token { shard, points: self.points, sources: rest.to_vec() }.to_string()
    }

    /// Names a gap, once: every shard of a signal may be warned about alike.
    fn name(&mut self, gap: Gap) {
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    fn is_full(&self) -> bool {
        let readings: usize = self.page.series.iter().map(|series| series.values.len()).sum();
        self.api.requests.get() >= REQUESTS || self.api.received.get() >= BYTES || readings >= READINGS
    }

    /// Reads a shard of all sources of one signal, the surest source first. `has_read` says that something else on this
    /// page has taken its share of what the host allows.
    fn signal(&mut self, sources: &[Source], shard: Shard, has_read: bool) -> Outcome {
        // Growth up to the first reading needs the one before it.
        let grid = self.grid;
        let wider = Grid { start_ms: grid.start_ms - grid.step_ms, points: grid.points + 1, ..grid };
        let mut held = Held { shard, places: 0, is_too_much: false, metrics: vec![] };
        let mut gaps = Vec::new();
        let mut failed = None;
        for (place, source) in sources.iter().enumerate() {
            self.api.ask_for(if place == 0 { self.points } else { 0 });
            let grid = if matches!(source.entry.form, Form::Gauge(_)) { grid } else { wider };
            let outcome = self.source(source, &grid, &mut held, &mut gaps);
            if place == 0 {
                self.points = self.api.points.get();
            }
            match outcome {
                Ok(()) => {}
                Err(Trouble::TooLarge(_)) if has_read => return Outcome::Later,
                Err(Trouble::Question(gap) | Trouble::TooLarge(gap)) => {
                    gaps.push(gap);
                    held.forget(source);
                }
                Err(Trouble::Source(error)) => {
                    held.forget(source);
                    failed = Some(error);
                    break;
                }
            }
        }
        gaps.into_iter().for_each(|gap| self.name(gap));
        if held.is_too_much {
            self.name(too_much(sources));
            return Outcome::Dropped;
        }
        let shard = held.shard;
        self.page.series.extend(held.shaped(grid, wider, self.since_ms, &self.api.config.matchers));
        failed.map_or(Outcome::Done(shard), Outcome::Failed)
    }

    fn source(&self, source: &Source, grid: &Grid, held: &mut Held, gaps: &mut Vec<Gap>) -> Result<(), Trouble> {
        let (above, below) = source.metrics();
        for (metric, is_above) in above.iter().map(|metric| (metric, true)).chain(below.iter().map(|one| (one, false)))
        {
            held.metrics.push(Metric {
                source: *source,
                is_above,
                series: BTreeMap::new(),
                elsewhere: BTreeSet::new(),
            });
            let selector = promql::selector(metric, source.entry.matchers, &self.api.config.matchers);
            gaps.extend(self.api.range(&selector, grid, &mut Taker { held, grid })?);
        }
        Ok(())
    }
}

/// One sentence about what was not read when the far side failed.
fn unread(signals: &[&str], error: &Error) -> Gap {
    let mut signals = signals.to_vec();
    signals.dedup();
    let named = signals.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    let more = signals.len().saturating_sub(5);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Gap::of(error, format!("not read: {named}{more}, because {}", error.message))
}

fn too_much(sources: &[Source]) -> Gap {
    let signal = sources.first().map_or("", |source| source.entry.signal);
    let advice = "narrow it with `match`, or the window";
    Gap::truncated(format!("not read: {signal}, because it has too many series; {advice}"))
}

/// A shard of one signal while it is read.
struct Held {
    shard: Shard,
    /// Places for readings, all series together.
    places: usize,
    /// The smallest shard is still too large.
    is_too_much: bool,
    metrics: Vec<Metric>,
}

/// What has been read of one metric of one source.
struct Metric {
    source: Source,
    /// Of a ratio: above the line.
    is_above: bool,
    /// Readings by labels, since a later part of an answer goes on with a series; with the fingerprint of the labels.
    series: BTreeMap<Labels, (u64, Vec<f64>)>,
    /// Targets of the series that belong to other shards: it speaks of them as well.
    elsewhere: BTreeSet<Labels>,
}

impl Held {
    /// Keeps half of the shard, as often as it takes.
    fn shrink(&mut self) {
        while self.places > PLACES {
            let Some(half) = self.shard.halved() else {
                self.is_too_much = true;
                self.metrics.iter_mut().for_each(|metric| metric.series.clear());
                return;
            };
            self.shard = half;
            self.places = 0;
            for metric in &mut self.metrics {
                let (source, elsewhere) = (metric.source, &mut metric.elsewhere);
                metric.series.retain(|labels, (print, _)| {
                    let stays = half.holds(*print);
                    if !stays {
                        elsewhere.insert(target(labels.iter().filter(|(name, _)| source.entry.keep.keeps(name))));
                    }
                    stays
                });
                self.places += metric.series.values().map(|(_, values)| values.len()).sum::<usize>();
            }
        }
    }

    /// Drops what was read of a source that could not be read to its end.
    fn forget(&mut self, source: &Source) {
        let is_it =
            |metric: &Metric| (metric.source.place, metric.source.alternative) == (source.place, source.alternative);
        self.metrics.retain(|metric| !is_it(metric));
        self.places = self.metrics.iter().flat_map(|metric| metric.series.values()).map(|(_, all)| all.len()).sum();
    }

    /// The series of the signal.
    fn shaped(self, grid: Grid, wider: Grid, since_ms: i64, matchers: &[String]) -> Vec<RawSeries> {
        let mut claims = Claims::default();
        let mut metrics = self.metrics.into_iter().peekable();
        while let Some(first) = metrics.next() {
            let source = first.source;
            let (mut read, mut elsewhere) = (Read::default(), BTreeSet::new());
            let mut add = |metric: Metric| {
                let series = metric.series.into_iter().map(|(labels, (_, values))| Series { labels, values });
                if metric.is_above {
                    read.above.extend(series)
                } else {
                    read.below.extend(series)
                }
                elsewhere.extend(metric.elsewhere);
            };
            add(first);
            while let Some(metric) = metrics.next_if(|metric| {
                (metric.source.place, metric.source.alternative) == (source.place, source.alternative)
            }) {
                add(metric);
            }
            let grid = if matches!(source.entry.form, Form::Gauge(_)) { grid } else { wider };
            claims.add(shape(&source, &read, &grid, since_ms, matchers), elsewhere);
        }
        claims.series
    }
}

/// Puts the series of an answer where they belong: with the metric that was begun last.
struct Taker<'h> {
    held: &'h mut Held,
    grid: &'h Grid,
}

impl Taker<'_> {
    /// Series that will be combined have one fingerprint, so that they stay together.
    fn fingerprint(metric: &Metric, labels: &Labels) -> u64 {
        fingerprint(labels.iter().filter(|(name, _)| metric.source.entry.keep.keeps(name)))
    }
}

impl Take for Taker<'_> {
    fn wants(&mut self, labels: &Labels) -> bool {
        let Held { shard, metrics, is_too_much, .. } = &mut *self.held;
        let Some(metric) = metrics.last_mut() else { return false };
        if *is_too_much {
            return false;
        }
        let is_here = shard.of == 1 || shard.holds(Self::fingerprint(metric, labels));
        if !is_here {
            let keep = &metric.source.entry.keep;
            metric.elsewhere.insert(target(labels.iter().filter(|(name, _)| keep.keeps(name))));
        }
        is_here
    }

    fn take(&mut self, labels: Labels, points: Vec<Point>) {
        let grid = self.grid;
        let Some(metric) = self.held.metrics.last_mut() else { return };
        let print = Self::fingerprint(metric, &labels);
        let places = &mut self.held.places;
        let (_, values) = metric.series.entry(labels).or_insert_with(|| {
            *places += grid.points;
            (print, vec![f64::NAN; grid.points])
        });
        for Point(at, value) in points {
            if let Some(place) = grid.place((at * 1000.0).round() as i64) {
                values[place] = value;
            }
        }
        self.held.shrink();
    }
}

/// The labels that tell whose metrics these are.
fn target<'l>(labels: impl Iterator<Item = &'l (String, String)>) -> Labels {
    labels.filter(|(name, _)| TARGET.contains(&name.as_str())).cloned().collect()
}

/// Series of one signal. What an earlier source said about a scrape target is not said again by a later one.
#[derive(Default)]
struct Claims {
    targets: BTreeMap<Labels, usize>,
    sources: usize,
    series: Vec<RawSeries>,
}

impl Claims {
    /// Adds the series of one source, which speaks also of these targets elsewhere.
    fn add(&mut self, series: Vec<RawSeries>, elsewhere: BTreeSet<Labels>) {
        self.sources += 1;
        for one in series {
            let target = target(one.attributes.iter());
            // Without any such label nothing says that both speak of one target.
            if target.is_empty() || *self.targets.entry(target).or_insert(self.sources) == self.sources {
                self.series.push(one);
            }
        }
        for target in elsewhere {
            self.targets.entry(target).or_insert(self.sources);
        }
    }
}
