//! Readings of one metric of one node.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Millis, NodeId, SignalName, Timestamp};

/// Labels of the vocabulary, in the order of their names.
pub type Labels = BTreeMap<String, String>;

/// Which series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// The node it was measured on.
    pub node: NodeId,
    /// What was measured.
    pub signal: SignalName,
    /// What tells it from its siblings on the same node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Labels,
}

/// One reading. NaN says that a reading was due and is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// How much; finite or NaN.
    pub value: f64,
}

/// Readings of one metric. Invariants: times strictly increase, no value is infinite; [`Series::new`] is the only way in.
///
/// Copies share what they hold, and so do parts ([`Series::within`]): a run is looked at hundreds of times, each time up to
/// another moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    key: Arc<SeriesKey>,
    query: Option<Arc<str>>,
    samples: Samples,
}

/// Some of the readings that several series share.
#[derive(Clone)]
struct Samples {
    all: Arc<[Sample]>,
    /// Which of them; always within `all`.
    part: Range<usize>,
}

impl Samples {
    fn new(all: Vec<Sample>) -> Self {
        Self { part: 0..all.len(), all: all.into() }
    }

    fn as_slice(&self) -> &[Sample] {
        &self.all[self.part.clone()]
    }
}

impl PartialEq for Samples {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// Readings that are no series.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidSeries {
    /// Two readings in the wrong order, or at one moment.
    #[error("times of `{signal}` on `{node}` do not increase at {at}")]
    Unsorted {
        /// The node.
        node: NodeId,
        /// The signal.
        signal: SignalName,
        /// The first time that is not after the one before it.
        at: Timestamp,
    },
    /// A value without end.
    #[error("`{signal}` on `{node}` is infinite at {at}")]
    Infinite {
        /// The node.
        node: NodeId,
        /// The signal.
        signal: SignalName,
        /// When.
        at: Timestamp,
    },
}

impl Series {
    /// A series of these readings.
    ///
    /// # Errors
    /// When times do not strictly increase, or a value is infinite.
    pub fn new(key: SeriesKey, samples: Vec<Sample>) -> Result<Self, InvalidSeries> {
        let of = |at| (key.node.clone(), key.signal.clone(), at);
        if let Some(pair) = samples.windows(2).find(|pair| pair[1].at <= pair[0].at) {
            let (node, signal, at) = of(pair[1].at);
            return Err(InvalidSeries::Unsorted { node, signal, at });
        }
        if let Some(sample) = samples.iter().find(|sample| sample.value.is_infinite()) {
            let (node, signal, at) = of(sample.at);
            return Err(InvalidSeries::Infinite { node, signal, at });
        }
        Ok(Self { key: Arc::new(key), query: None, samples: Samples::new(samples) })
    }

    /// The same series, with the query that shows it in the source's own language.
    #[must_use]
    pub fn with_query(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into().into());
        self
    }

    /// Which series.
    pub fn key(&self) -> &SeriesKey {
        &self.key
    }

    /// Which series, to be kept without a copy.
    pub fn shared_key(&self) -> Arc<SeriesKey> {
        self.key.clone()
    }

    /// The node it was measured on.
    pub fn node(&self) -> &NodeId {
        &self.key.node
    }

    /// What was measured.
    pub fn signal(&self) -> &SignalName {
        &self.key.signal
    }

    /// What tells it from its siblings.
    pub fn labels(&self) -> &Labels {
        &self.key.labels
    }

    /// The query that shows it in the source's own language, where the source gave one.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Its readings, in order of time.
    pub fn samples(&self) -> &[Sample] {
        self.samples.as_slice()
    }

    /// The same series with the readings from `start` to `now` alone, both included; `None` when there are none. Copies
    /// nothing.
    ///
    /// ```
    /// # use lagdoctor_model::*;
    /// # let key = SeriesKey { node: NodeId::new("group:g").unwrap(), signal: SignalName::new("x").unwrap(), labels: Labels::new() };
    /// let at = |s| Timestamp::EPOCH + Millis::seconds(s);
    /// let series = Series::new(key, [0, 15, 30].map(|s| Sample { at: at(s), value: 1.0 }).to_vec()).unwrap();
    /// assert_eq!(series.within(at(15), at(29)).unwrap().samples(), [Sample { at: at(15), value: 1.0 }]);
    /// assert_eq!(series.within(at(31), at(60)), None);
    /// ```
    pub fn within(&self, start: Timestamp, now: Timestamp) -> Option<Self> {
        let samples = self.samples();
        let from = samples.partition_point(|sample| sample.at < start);
        let to = samples.partition_point(|sample| sample.at <= now);
        let first = self.samples.part.start;
        let part = Samples { all: self.samples.all.clone(), part: first + from..first + to };
        (from < to).then(|| Self { samples: part, ..self.clone() })
    }

    /// The last reading that is a number.
    pub fn last(&self) -> Option<Sample> {
        self.samples().iter().rev().copied().find(|sample| !sample.value.is_nan())
    }

    /// The readings of both, of which this one's key and query stay. At one moment this one's reading stays, unless it
    /// is missing.
    #[must_use]
    pub fn joined(&self, other: &Series) -> Series {
        let mut samples: BTreeMap<Timestamp, f64> =
            self.samples().iter().map(|sample| (sample.at, sample.value)).collect();
        for sample in other.samples() {
            let value = samples.entry(sample.at).or_insert(sample.value);
            if value.is_nan() {
                *value = sample.value;
            }
        }
        let samples = Samples::new(samples.into_iter().map(|(at, value)| Sample { at, value }).collect());
        Series { key: self.key.clone(), query: self.query.clone(), samples }
    }

    /// The readings on a regular grid of `count` points: point k holds the last reading in
    /// `(start + (k - 1) * step, start + k * step]`, NaN where there is none. A reading is never moved to an earlier time.
    ///
    /// ```
    /// # use lagdoctor_model::*;
    /// # let key = SeriesKey { node: NodeId::new("group:g").unwrap(), signal: SignalName::new("x").unwrap(), labels: Labels::new() };
    /// let at = |s| Timestamp::EPOCH + Millis::seconds(s);
    /// let series = Series::new(key, vec![Sample { at: at(14), value: 1.0 }, Sample { at: at(30), value: 2.0 }]).unwrap();
    /// let grid = series.on_grid(at(0), Millis::seconds(15), 3);
    /// assert!(grid[0].is_nan());
    /// assert_eq!(grid[1..], [1.0, 2.0]);
    /// ```
    pub fn on_grid(&self, start: Timestamp, step: Millis, count: usize) -> Vec<f64> {
        let step_ms = step.as_millis().max(1);
        let mut grid = vec![f64::NAN; count];
        for sample in self.samples() {
            let past_start = sample.at.as_millis() - start.as_millis();
            if past_start <= -step_ms {
                continue;
            }
            let slot = past_start.div_euclid(step_ms) + i64::from(past_start.rem_euclid(step_ms) != 0);
            match usize::try_from(slot) {
                Ok(slot) if slot < count => {
                    if !sample.value.is_nan() {
                        grid[slot] = sample.value;
                    }
                }
                Ok(_) => break,
                Err(_) => {}
            }
        }
        grid
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> SeriesKey {
        SeriesKey {
            node: NodeId::new("group:g").unwrap(),
            signal: SignalName::new("kafka.consumer_group.backlog").unwrap(),
            labels: Labels::new(),
        }
    }

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms).unwrap()
    }

    fn series(readings: &[(i64, f64)]) -> Result<Series, InvalidSeries> {
        Series::new(key(), readings.iter().map(|(at, value)| Sample { at: ms(*at), value: *value }).collect())
    }

    /// Readings at drawn times, each with its own time as its value, so that a grid shows where it came from.
    fn readings() -> impl Strategy<Value = Series> {
        prop::collection::btree_set(-200_i64..400, 0..40).prop_map(|times| {
            let readings: Vec<_> = times.iter().map(|at| (*at, *at as f64)).collect();
            series(&readings).unwrap()
        })
    }

    #[test]
    fn readings_out_of_order_at_one_moment_or_without_end_are_no_series() {
        let check = |readings: &[(i64, f64)], error: &str| {
            assert_eq!(series(readings).unwrap_err().to_string(), error);
        };
        let name = "`kafka.consumer_group.backlog`";
        check(
            &[(2, 1.0), (1, 1.0)],
            &format!("times of {name} on `group:g` do not increase at 1970-01-01T00:00:00.001Z"),
        );
        check(
            &[(1, 1.0), (1, 1.0)],
            &format!("times of {name} on `group:g` do not increase at 1970-01-01T00:00:00.001Z"),
        );
        check(&[(1, f64::NEG_INFINITY)], &format!("{name} on `group:g` is infinite at 1970-01-01T00:00:00.001Z"));
        assert!(series(&[(1, f64::NAN)]).is_ok());
    }

    #[test]
    fn the_last_reading_is_the_last_that_is_a_number() {
        assert_eq!(series(&[(1, 5.0), (2, f64::NAN)]).unwrap().last(), Some(Sample { at: ms(1), value: 5.0 }));
        assert_eq!(series(&[(1, f64::NAN)]).unwrap().last(), None);
    }

    #[test]
    fn a_missing_reading_does_not_wipe_out_an_earlier_one_in_its_slot() {
        let grid = series(&[(12, 7.0), (15, f64::NAN)]).unwrap().on_grid(ms(0), Millis::new(10).unwrap(), 3);
        assert!(grid[1].is_nan());
        assert_eq!(grid[2], 7.0);
    }

    proptest! {
        #[test]
        fn a_point_of_the_grid_holds_the_last_reading_of_its_step(
            series in readings(), start in -50_i64..50, step in 1_i64..40, count in 0_usize..30,
        ) {
            let grid = series.on_grid(ms(start), Millis::new(step).unwrap(), count);
            prop_assert_eq!(grid.len(), count);
            for (point, value) in grid.iter().enumerate() {
                let end = start + i64::try_from(point).unwrap() * step;
                let of_step = |sample: &&Sample| (end - step < sample.at.as_millis()) && (sample.at.as_millis() <= end);
                let last = series.samples().iter().rfind(of_step).map(|sample| sample.value);
                prop_assert_eq!((!value.is_nan()).then_some(*value), last);
            }
        }

        #[test]
        fn a_part_is_the_series_of_the_readings_in_it(series_ in readings(), start in -250_i64..450, length in 0_i64..500, then in 0_i64..500) {
            let inside = |from: i64, to: i64| {
                let read = series_.samples().iter().map(|sample| (sample.at.as_millis(), sample.value));
                let read: Vec<_> = read.filter(|(at, _)| (from..=to).contains(at)).collect();
                (!read.is_empty()).then(|| series(&read).unwrap())
            };
            let part = series_.within(ms(start), ms(start + length));
            prop_assert_eq!(&part, &inside(start, start + length));
            let last = start + length.min(then);
            let part_of_part = part.and_then(|part| part.within(ms(start), ms(last)));
            prop_assert_eq!(part_of_part, inside(start, last));
        }

        #[test]
        fn later_readings_never_change_earlier_points(series_ in readings(), cut in 0_usize..40) {
            let step = Millis::new(10).unwrap();
            let earlier: Vec<_> = series_.samples().iter().take(cut).copied().collect();
            let Some(known) = earlier.last().map(|sample| sample.at.as_millis().max(0)) else { return Ok(()) };
            let part = Series::new(key(), earlier).unwrap();
            let closed = usize::try_from(known / 10).unwrap();
            let bits = |series: &Series| series.on_grid(ms(0), step, closed).iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&part), bits(&series_));
        }
    }
}
