//! What became of one series, with times: [`stats::compare`] brought to a [`SeriesRef`]. Start at
//! [`SeriesRef::compare`].

use crate::stats::{self, Comparison, Direction, Rules};
use crate::{SeriesRef, score_of};

/// What a departure that is over still counts: it may have left a backlog behind, but it no longer adds to it.
const OVER: f64 = 0.8;

/// What became of one series.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The series.
    pub series: SeriesRef<'a>,
    /// How it compares with its own past.
    pub seen: Comparison,
}

impl<'a> SeriesRef<'a> {
    /// Compares this series with its own past. `None` when too little is known of it.
    pub fn compare(&self, rules: &Rules, direction: Direction) -> Option<Change<'a>> {
        Some(Change { series: *self, seen: stats::compare(self.values, rules, direction)? })
    }
}

impl Change<'_> {
    /// When the departure began; `None` when there was none.
    pub fn onset_ms(&self) -> Option<i64> {
        self.seen.onset.map(|onset| self.series.time(onset))
    }

    /// What it was like before.
    pub fn past(&self) -> f64 {
        self.seen.past.centre
    }

    /// What it has been like since it departed, or is now.
    pub fn level(&self) -> f64 {
        self.seen.level
    }

    /// `level` over `past`: 2 is twice as much.
    pub fn ratio(&self) -> f64 {
        self.seen.ratio()
    }

    /// Whether it departed, and grew at least so many times.
    pub fn rose(&self, times: f64) -> bool {
        self.seen.onset.is_some() && self.ratio() >= times
    }

    /// Whether it departed, and shrank to at most this share.
    pub fn fell(&self, share: f64) -> bool {
        self.seen.onset.is_some() && self.ratio() <= share
    }

    /// How unusual its growth is, from 0 to 1: as far as it lies outside its past, when it grew `worth` times or more,
    /// in full from `full` times on.
    pub fn score_of_growth(&self, worth: f64, full: f64) -> f64 {
        self.score(ramp(self.ratio(), worth, full))
    }

    /// How unusual it is, from 0 to 1, weighed by how much it matters, also from 0 to 1.
    pub fn score(&self, matters: f64) -> f64 {
        let lasting = if self.seen.onset.is_none() || self.seen.lasts { 1.0 } else { OVER };
        score_of(self.seen.magnitude) * matters * lasting
    }
}

/// 0 up to `low`, 1 from `high` on, straight between; 0 for what is no number.
///
/// ```
/// # use lagdoctor_sdk::ramp;
/// assert_eq!((ramp(1.0, 2.0, 4.0), ramp(3.0, 2.0, 4.0), ramp(9.0, 2.0, 4.0)), (0.0, 0.5, 1.0));
/// ```
pub fn ramp(value: f64, low: f64, high: f64) -> f64 {
    let share = (value - low) / (high - low);
    if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
}
