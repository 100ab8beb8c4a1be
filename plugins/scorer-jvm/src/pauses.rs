//! Time lost to collections. Full collections stop the process for seconds; young ones are short, and hurt only when
//! there are very many of them.

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::{bytes, percent, seconds};
use lagdoctor_sdk::{Change, Finding, NodeRef, SeriesRef, View, ramp};

use crate::{Config, heap};

/// Pauses come as pulses, one every ten to sixty seconds: two of them within four minutes belong together.
const PULSES: Rules = Rules {
    past_share: 1.0 / 3.0,
    past_min: 8,
    floor: 0.02,
    floor_share: 0.05,
    far: 5.0,
    usual: 2.0,
    sustained: 2,
    bridge: 16,
    now: 5,
};
/// Overhead below which a single long pause is a hiccup and no trouble.
const HICCUP_OVERHEAD: f64 = 0.02;
/// What a hiccup counts.
const HICCUP: f64 = 0.5;
/// What full collections count where a leak already explains them.
const BESIDE_LEAK: f64 = 0.7;
/// From this score on, a leak explains the collections that it causes.
const CLEAR_LEAK: f64 = 0.4;

/// What is known about one virtual machine's collections.
struct Pauses<'a> {
    overhead: Option<Change<'a>>,
    longest: Option<Change<'a>>,
    count: Option<Change<'a>>,
}

impl<'a> Pauses<'a> {
    fn of(view: &View<'a>, jvm: NodeRef<'a>) -> Self {
        let compare = |signal: &str, rules: &Rules| {
            view.signal(jvm, signal).and_then(|series| series.compare(rules, Direction::Up))
        };
        Self {
            overhead: compare("jvm.gc.overhead", &PULSES.floor(0.005)),
            longest: compare("jvm.gc.duration.max", &PULSES),
            count: compare("jvm.gc.count", &Rules::default().floor(0.02)),
        }
    }

    /// Mean share of time in collections since they became unusual: pulses count with the quiet between them.
    fn share_of_time(&self) -> f64 {
        let Some(overhead) = &self.overhead else { return f64::NAN };
        match overhead.onset_ms().or_else(|| self.longest.as_ref()?.onset_ms()) {
            Some(onset) => stats::mean(overhead.series.between(onset, i64::MAX)),
            None => overhead.level(),
        }
    }

    /// The longest pause since pauses became unusual.
    fn longest_pause(&self) -> f64 {
        let Some(longest) = &self.longest else { return f64::NAN };
        let since = self.onset_ms().unwrap_or_else(|| longest.series.time(longest.seen.past.end));
        stats::max(longest.series.between(since, i64::MAX))
    }

    fn onset_ms(&self) -> Option<i64> {
        let onsets = [self.overhead.as_ref(), self.longest.as_ref()];
        onsets.into_iter().flatten().filter_map(Change::onset_ms).min()
    }

    /// The series that shows it best, and how far it is from its past.
    fn main(&self) -> Option<&Change<'a>> {
        let both = [self.overhead.as_ref(), self.longest.as_ref()].into_iter().flatten();
        both.max_by(|a, b| a.seen.magnitude.total_cmp(&b.seen.magnitude))
    }
}

/// A finding for full collections and one for young ones, where anything is known.
pub(crate) fn findings(config: &Config, view: &View<'_>, jvm: NodeRef<'_>, leak: Option<&Finding>) -> Vec<Finding> {
    let pauses = Pauses::of(view, jvm);
    let Some(main) = pauses.main() else { return vec![] };
    let (share, longest) = (pauses.share_of_time(), pauses.longest_pause());
    let novelty = main.score(1.0);
    let is_full = longest.is_nan() || longest >= config.full_pause_s;

    let time_lost =
        0.3 * ramp(share, 0.0, config.overhead) + 0.7 * ramp(share, config.overhead, config.crippling_overhead);
    // Pauses hurt by orders of magnitude: 50 ms nobody sees, 1 s is a hiccup, 15 s endangers the membership.
    let length = 0.3 + 0.7 * ramp(longest.ln(), config.full_pause_s.ln(), config.alarming_pause_s.ln());
    let length = if longest >= config.full_pause_s { length } else { 0.0 };
    let length = if share < HICCUP_OVERHEAD { length * HICCUP } else { length };
    let beside_leak = if leak.is_some_and(|leak| leak.score >= CLEAR_LEAK) { BESIDE_LEAK } else { 1.0 };
    let full = if is_full { novelty * time_lost.max(length) * beside_leak } else { 0.0 };

    let frequency = pauses.count.as_ref().map_or(1.0, |count| ramp(count.ratio(), 1.2, 2.0));
    let young = if is_full { 0.0 } else { novelty * time_lost * frequency };

    let words = statement(view, jvm, &pauses, share, longest);
    let finding = |class: &str, score: f64, words: String| {
        let finding = Finding::about(&main.series).class(class).score(score).magnitude(main.seen.magnitude);
        finding.since(pauses.onset_ms()).saw(main.level(), main.past()).says(words)
    };
    let not_young = format!("a pause of {} is no young collection", seconds(longest));
    let words_on_young = if is_full && longest.is_finite() { not_young } else { words.clone() };
    vec![finding("jvm.gc-full", full, words), finding("jvm.gc-young", young, words_on_young)]
}

fn statement(view: &View<'_>, jvm: NodeRef<'_>, pauses: &Pauses<'_>, share: f64, longest: f64) -> String {
    let mut parts = vec![];
    if let Some(overhead) = &pauses.overhead {
        let was = percent(overhead.past());
        parts.push(format!("{} of its time goes to collections (before: {was})", percent(share)));
    }
    if longest.is_finite() {
        let was = pauses.longest.as_ref().map_or(f64::NAN, Change::past);
        parts.push(format!("the longest pause is {} (before: {})", seconds(longest), seconds(was)));
    }
    let live = heap::live_set(view, jvm).and_then(|(_, live)| live.last().copied().filter(|live| !live.is_nan()));
    let limit = view.signal(jvm, "jvm.memory.limit").and_then(|limit| limit.last());
    if let Some((live, limit)) = live.zip(limit) {
        parts.push(format!("{} of {} stay in use after a collection", bytes(live), bytes(limit)));
    }
    if let Some(missed) = pauses.onset_ms().and_then(|onset| missed_scrapes(view, jvm, onset)) {
        parts.push(missed);
    }
    parts.join(", ")
}

/// A process that stands still does not answer its scrapes either.
fn missed_scrapes(view: &View<'_>, jvm: NodeRef<'_>, onset_ms: i64) -> Option<String> {
    let up: SeriesRef<'_> = view.dependents(jvm).find_map(|(instance, _)| view.signal(instance, "scrape.up"))?;
    let since = up.between(onset_ms, i64::MAX);
    let missed = since.iter().filter(|value| value.is_nan() || **value < 0.5).count();
    (missed > 0).then(|| format!("{missed} of {} scrapes went unanswered", since.len()))
}
