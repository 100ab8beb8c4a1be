//! The coarse past of a run in the words of signals: each moment's load lies between two loads at which the pipeline was
//! run, and so does what was measured. Start at [`history`].

use std::collections::BTreeMap;

use lagdoctor_model::{Sample, Series, SeriesKey, Signals, Vocabulary};
use lagdoctor_sim::Past;

/// What the collectors saw of a pipeline at one load.
pub(crate) struct Level {
    load: f64,
    seen: BTreeMap<SeriesKey, Seen>,
}

/// A signal at one load.
struct Seen {
    mean: f64,
    /// How far single readings lay from it.
    off: Vec<f64>,
    is_negative: bool,
}

impl Level {
    pub(crate) fn of(load: f64, signals: &Signals) -> Self {
        let series = signals.series.iter().filter(|series| recurs(series));
        Self { load, seen: series.filter_map(|series| Some((series.key().clone(), Seen::of(series)?))).collect() }
    }
}

/// Whether a signal comes back to where it was when the load does; a position in a log, or a time, never does.
fn recurs(series: &Series) -> bool {
    let known = Vocabulary::bundled().signal(series.signal().as_str());
    known.is_some_and(|signal| !matches!(signal.unit.as_str(), "{offset}" | "ms"))
}

impl Seen {
    fn of(series: &Series) -> Option<Self> {
        let values: Vec<f64> = series.samples().iter().map(|sample| sample.value).filter(|v| !v.is_nan()).collect();
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(Self {
            mean,
            off: values.iter().map(|value| value - mean).collect(),
            is_negative: values.iter().any(|value| *value < 0.0),
        })
    }

    /// A mean over some minutes differs from the long one as single readings do, and less the more of them it is made of.
    fn drawn(&self, draw: usize) -> f64 {
        self.off[draw % self.off.len()] / (self.off.len() as f64).sqrt()
    }
}

/// The series of the past, in order of their keys: those that were there at every load.
pub(crate) fn history(past: &Past, levels: &[Level]) -> Vec<Series> {
    let Some(first) = levels.first() else { return vec![] };
    let everywhere = first.seen.keys().filter(|key| levels.iter().all(|level| level.seen.contains_key(key)));
    let series = everywhere.enumerate().filter_map(|(number, key)| {
        let sample = |(place, (at, load)): (usize, &(lagdoctor_model::Timestamp, f64))| {
            let above = levels.partition_point(|level| level.load < *load).clamp(1, levels.len() - 1);
            let (low, high) = (&levels[above - 1], &levels[above]);
            let (below, above) = (&low.seen[key], &high.seen[key]);
            let span = high.load - low.load;
            let share = if span > 0.0 { ((load - low.load) / span).clamp(0.0, 1.0) } else { 0.0 };
            // Neighbours in time and among series take readings that have nothing to do with each other.
            let draw = (place * 7919 + number * 104_729) / 3;
            let value = below.mean + (above.mean - below.mean) * share + below.drawn(draw);
            let least = if below.is_negative || above.is_negative { f64::MIN } else { 0.0 };
            Sample { at: *at, value: value.max(least) }
        };
        Series::new(key.clone(), past.loads.iter().enumerate().map(sample).collect()).ok()
    });
    series.collect()
}
