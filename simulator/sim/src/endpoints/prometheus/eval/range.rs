//! What functions make of all samples of a range. A rate is the growth between the first and the last sample, resets
//! removed, stretched to the ends of the range where the samples come near them. Start at [`over`].

use super::super::query::Function;
use super::Moment;
use crate::telemetry::Metric;

/// The value of a function at a moment; `None` where there are too few samples for it.
pub(super) fn over(function: Function, series: &Metric, range_ms: i64, at: i64, moment: Moment<'_>) -> Option<f64> {
    let start = at - range_ms;
    // Both ends belong to the range, as in Prometheus before version 3.
    let samples = || series.within(start.saturating_sub(1), at.min(moment.now_ms));
    let values = || samples().map(|(_, value)| value);
    let count = || values().count() as f64;
    // A NaN gives way to any number.
    let fold = |better: fn(f64, f64) -> f64| values().reduce(better);
    match function {
        Function::Rate => growth(samples(), start, at).map(|growth| growth / (range_ms as f64 / 1000.0)),
        Function::Increase => growth(samples(), start, at),
        Function::Max => fold(f64::max),
        Function::Min => fold(f64::min),
        Function::Sum => values().reduce(|sum, value| sum + value),
        Function::Avg => values().reduce(|sum, value| sum + value).map(|sum| sum / count()),
        Function::Count => values().next().map(|_| count()),
    }
}

/// Growth of a counter from `start` to `end`, of the samples in between.
fn growth(samples: impl Iterator<Item = (i64, f64)>, start: i64, end: i64) -> Option<f64> {
    let (mut count, mut lost) = (0_u32, 0.0);
    let mut first: Option<(i64, f64)> = None;
    let mut last = (0, f64::NEG_INFINITY);
    for sample in samples {
        first = first.or(Some(sample));
        // What a counter had before it began again.
        lost += if sample.1 < last.1 { last.1 } else { 0.0 };
        last = sample;
        count += 1;
    }
    let first = first.filter(|_| count >= 2)?;
    let growth = last.1 - first.1 + lost;
    let covered = (last.0 - first.0) as f64;
    let distance = covered / f64::from(count - 1);
    let mut before = (first.0 - start) as f64;
    if growth > 0.0 && first.1 >= 0.0 {
        // A counter was never below zero, so it cannot have grown for longer than this before its first sample.
        before = before.min(covered * first.1 / growth);
    }
    let stretch = |missing: f64| if missing < distance * 1.1 { missing } else { distance / 2.0 };
    let whole = covered + stretch(before) + stretch((end - last.0) as f64);
    Some(growth * whole / covered)
}
