//! How old is the oldest record that a group has not committed? Kafka does not say, but log ends read over time do: the
//! record at the committed offset was appended when the log end passed it. Start at [`time_lag_at`].

use lagdoctor_model::{Labels, Millis, Sample, Series, Signals, Timestamp};

use super::readings::{PATIENCE, grid, known_at};
use super::{by_node, log_ends, partition_of, series};

/// The longest time lag that is told; beyond it, extrapolation is fiction.
const LONGEST: Millis = Millis::minutes(31 * 24 * 60);

/// Age at `at` of the record that `committed` says is next, by interpolation on the readings of the log end. Older than
/// all readings: by the mean growth of the log, or, where it did not grow, at least the age of the first reading. `None`
/// when either offset was not read in the five minutes before, or the log end only once.
pub fn time_lag_at(committed: &Series, log_end: &Series, at: Timestamp) -> Option<Millis> {
    let next = known_at(committed.samples(), at, PATIENCE)?.value;
    let end = known_at(log_end.samples(), at, PATIENCE)?;
    if next >= end.value {
        return Some(Millis::ZERO);
    }
    let readings = log_end.samples();
    let readings = &readings[..readings.partition_point(|sample| sample.at <= end.at)];
    let numbers = || readings.iter().filter(|sample| !sample.value.is_nan());
    // The last reading at which the record was not there yet, and the one after it.
    let absent = numbers().rev().find(|sample| sample.value <= next);
    let appended = match absent {
        Some(absent) => {
            let later = &readings[readings.partition_point(|sample| sample.at <= absent.at)..];
            let there = later.iter().find(|sample| !sample.value.is_nan())?;
            let part = (next - absent.value) / (there.value - absent.value);
            let between = there.at.since(absent.at).as_millis() as f64;
            absent.at + millis(part.clamp(0.0, 1.0) * between)
        }
        None => {
            // A log end that was read once says nothing of when its records came.
            let first = numbers().next().filter(|first| first.at < end.at)?;
            let seconds = end.at.since(first.at).as_seconds();
            let growth = (end.value - first.value) / seconds;
            if growth > 0.0 { first.at - millis((first.value - next) / growth * 1000.0) } else { first.at }
        }
    };
    Some(at.since(appended).min(LONGEST))
}

fn millis(ms: f64) -> Millis {
    Millis::new(ms.clamp(0.0, LONGEST.as_millis() as f64) as i64).unwrap_or(Millis::ZERO)
}

/// Time lag of each group: that of its worst partition.
pub(super) fn time_lags(signals: &Signals) -> Vec<Series> {
    let ends = log_ends(signals);
    let mut made = vec![];
    for (group, committed) in by_node(signals, "kafka.consumer_group.offset") {
        let pairs: Vec<_> = committed
            .iter()
            .filter_map(|committed| {
                let node = partition_of(committed)?.node().ok()?;
                Some((*committed, *ends.get(&node)?))
            })
            .collect();
        let samples = grid(&signals.window).filter_map(|at| {
            let ages = pairs.iter().filter_map(|(committed, end)| time_lag_at(committed, end, at));
            Some(Sample { at, value: ages.max()?.as_seconds() })
        });
        made.extend(series(group, "kafka.consumer_group.time_lag", Labels::new(), samples.collect(), None));
    }
    made
}
