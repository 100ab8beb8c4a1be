//! Asking a series "what did we know at this moment?". Readings come when they come; sums and differences need them at
//! common times. Nothing here ever moves a reading to an earlier time, so that onsets keep their order.

use lagdoctor_model::{Millis, Sample, Timestamp, Window};

/// A reading older than this says nothing about now; Prometheus looks back as far.
pub(super) const PATIENCE: Millis = Millis::minutes(5);

/// The last number at or before `at`, not older than `patience`.
pub(super) fn known_at(samples: &[Sample], at: Timestamp, patience: Millis) -> Option<Sample> {
    let end = samples.partition_point(|sample| sample.at <= at);
    let sample = samples[..end].iter().rev().find(|sample| !sample.value.is_nan())?;
    (at.since(sample.at) <= patience).then_some(*sample)
}

/// The times of the window's grid.
pub(super) fn grid(window: &Window) -> impl Iterator<Item = Timestamp> + use<> {
    let (start, step) = (window.start.as_millis(), window.step.as_millis().max(1));
    let count = i64::try_from(window.points()).unwrap_or(i64::MAX);
    (0..count).map_while(move |slot| Timestamp::from_millis(start + slot * step).ok())
}

/// The sum of parts at each time of the grid. A part counts from its first reading to `patience` after its last one. While
/// a part is only missing (within `patience` before its first reading, or in a hole) the sum is missing too: part of a
/// backlog would look like recovery.
pub(super) fn summed(parts: &[Vec<Sample>], window: &Window, patience: Millis) -> Vec<Sample> {
    let known = |sample: &&Sample| !sample.value.is_nan();
    let spans: Vec<_> = parts
        .iter()
        .filter_map(|part| Some((part, part.iter().find(known)?.at, part.iter().rev().find(known)?.at)))
        .collect();
    let mut sums = vec![];
    for at in grid(window) {
        let mut sum = None;
        for (part, first, last) in &spans {
            let alive = at >= *first - patience && at <= *last + patience;
            if !alive {
                continue;
            }
            let value = known_at(part, at, patience).map_or(f64::NAN, |sample| sample.value);
            sum = Some(sum.unwrap_or(0.0) + value);
        }
        if let Some(value) = sum {
            sums.push(Sample { at, value });
        }
    }
    sums
}
