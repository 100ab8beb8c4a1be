//! Does the live set grow without end? What stays after collections is compared over the whole window, not with its own
//! past: a leak that is hours old has no healthy past in the window. Where what stays is not measured, the least that was
//! in use over a while stands in for it.

use lagdoctor_sdk::stats::{self, Direction, Line, Rules};
use lagdoctor_sdk::words::{bytes, percent};
use lagdoctor_sdk::{Finding, NodeRef, SeriesRef, View, ramp};

use crate::Config;

/// A half of the window in which the live set grows at less than this share of the whole slope did not leak.
const STEADY: f64 = 0.3;
/// Readings whose least is close to what stays after a collection: two minutes, in which a busy heap is collected.
const FLOOR_OVER: usize = 8;
/// Readings that a slope needs.
const ENOUGH: usize = 16;
/// Live sets below this share of the limit leave room; a leak there is not yet what hurts.
const ROOMY: f64 = 0.5;

/// What stays after collections, and the series that shows it.
pub(crate) fn live_set<'a>(view: &View<'a>, jvm: NodeRef<'_>) -> Option<(SeriesRef<'a>, Vec<f64>)> {
    if let Some(live) = view.signal(jvm, "jvm.memory.used_after_last_gc") {
        return Some((live, live.values.to_vec()));
    }
    let used = view.signal(jvm, "jvm.memory.used")?;
    let least = (0..used.values.len()).map(|end| stats::min(&used.values[(end + 1).saturating_sub(FLOOR_OVER)..=end]));
    Some((used, least.collect()))
}

/// The finding about a leak; `None` where the live set or the limit is not known.
pub(crate) fn leak(config: &Config, view: &View<'_>, jvm: NodeRef<'_>) -> Option<Finding> {
    let (series, floor) = live_set(view, jvm)?;
    let live = series.with_values(&floor);
    let limit = view.signal(jvm, "jvm.memory.limit")?.last().filter(|limit| *limit > 0.0)?;
    if stats::count(live.values) < ENOUGH {
        return None;
    }
    // Where it began to grow: the start of the window, unless the live set stood still before.
    let begun = live.compare(&Rules::default().floor(limit * 0.01), Direction::Up).and_then(|change| change.seen.onset);
    let from = begun.unwrap_or(0);
    let slope_of = |line: Option<Line>| line.map_or(0.0, |line| line.slope);
    let (since_onset, whole) = (&live.values[from..], live.values);
    let of_whole = stats::theil_sen(whole);
    let of_onset = if from == 0 { of_whole } else { stats::theil_sen(since_onset) };
    // Of the two ways to look, the one that shows more growth: a leak may be older than the window.
    let candidates = [(from, of_onset, since_onset), (0, of_whole, whole)];
    let growth_of = |(_, line, values): &(usize, Option<Line>, &[f64])| slope_of(*line) * values.len() as f64;
    let (from, line, values) = candidates.into_iter().max_by(|a, b| growth_of(a).total_cmp(&growth_of(b)))?;
    let slope = slope_of(line);

    let minutes = values.len() as f64 * live.step_ms as f64 / 60_000.0;
    let (first, second) = values.split_at(values.len() / 2);
    let is_steady = || [first, second].into_iter().all(|half| slope_of(stats::theil_sen(half)) >= slope * STEADY);
    let share = slope * values.len() as f64 / limit;
    let level = stats::median(&live.values[live.values.len().saturating_sub(8)..]);

    let is_leak = slope > 0.0 && minutes >= config.leak_minutes && is_steady();
    let growth = ramp(share, config.leak_share * 0.5, config.leak_share * 3.0);
    let score = if is_leak { growth.sqrt() * (0.4 + 0.6 * ramp(level / limit, ROOMY, 0.9)) } else { 0.0 };
    let line = line?;
    let apart: Vec<f64> = (0..).zip(values).map(|(place, value)| value - line.at(f64::from(place))).collect();
    let scale = stats::spread(&apart).max(limit * 0.01);
    let expected = line.intercept;
    let per_minute = slope * 60_000.0 / live.step_ms as f64;
    let statement = if is_leak {
        format!(
            "what stays after collections grows by {} a minute for {minutes:.0} minutes and is at {} of the limit",
            bytes(per_minute),
            percent(level / limit)
        )
    } else {
        format!("what stays after collections does not grow steadily: {} of the limit", percent(level / limit))
    };
    Some(
        Finding::about(&series)
            .class("jvm.heap-leak")
            .score(score)
            .magnitude((level - expected) / scale)
            .since(is_leak.then(|| live.time(from)))
            .saw(level, expected)
            .says(statement),
    )
}
