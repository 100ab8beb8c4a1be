//! Readings of one metric on the grid of a query, and what is made of several: sums, growth, shares, ratios. A reading
//! that is missing is NaN. Start at [`Series`].

use crate::answer::Labels;
use crate::dialect::Combine;

/// The times of a query: `points` of them from `start_ms`, `step_ms` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) points: usize,
}

impl Grid {
    /// The grid of a window: its times are multiples of the step, so that two questions about one window agree.
    pub(crate) fn of(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        let step_ms = step_ms.max(1);
        let start_ms = start_ms.div_euclid(step_ms) * step_ms;
        let points = usize::try_from((end_ms - start_ms).div_euclid(step_ms) + 1).unwrap_or(0);
        Self { start_ms, step_ms, points }
    }

    /// The time of a place.
    pub(crate) fn at(&self, place: usize) -> i64 {
        self.start_ms + i64::try_from(place).unwrap_or(i64::MAX).saturating_mul(self.step_ms)
    }

    /// The place of a time, if it is one of the grid's.
    pub(crate) fn place(&self, at_ms: i64) -> Option<usize> {
        let past = at_ms.checked_sub(self.start_ms)?;
        let place = usize::try_from(past.div_euclid(self.step_ms)).ok()?;
        (past.rem_euclid(self.step_ms) == 0 && place < self.points).then_some(place)
    }

    /// Seconds from one place to another.
    fn seconds(&self, from: usize, to: usize) -> f64 {
        (self.at(to) - self.at(from)) as f64 / 1000.0
    }
}

/// The series of one metric with its labels, the name aside, in the order of the labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<f64>,
}

/// How a counter grew: at each place that has a reading, by how much and in how many seconds since the one before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Growth {
    pub(crate) by: Vec<f64>,
    pub(crate) seconds: Vec<f64>,
}

/// Growth of a counter. One that shrinks was reset and began again at zero. The first reading has no growth, unless
/// `from_zero` says that it was not there before because it had counted nothing yet.
pub(crate) fn growth(grid: &Grid, values: &[f64], from_zero: bool) -> Growth {
    let mut by = vec![f64::NAN; values.len()];
    let mut seconds = vec![f64::NAN; values.len()];
    let mut before: Option<usize> = None;
    for (place, value) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
        match before {
            Some(last) => {
                by[place] = if *value >= values[last] { value - values[last] } else { *value };
                seconds[place] = grid.seconds(last, place);
            }
            None if from_zero && place > 0 => {
                by[place] = *value;
                seconds[place] = grid.seconds(place - 1, place);
            }
            None => {}
        }
        before = Some(place);
    }
    Growth { by, seconds }
}

/// Whether each of these series was born within the window: it is not there at first, while another one is.
pub(crate) fn born(group: &[&Series]) -> Vec<bool> {
    let first = |series: &Series| series.values.iter().position(|value| !value.is_nan()).unwrap_or(usize::MAX);
    let earliest = group.iter().map(|series| first(series)).min().unwrap_or(0);
    group.iter().map(|series| first(series) != usize::MAX && first(series) > earliest).collect()
}

/// Several become one. A sum or mean of which a part is missing between two of its readings is missing too, because what
/// is left of it would look like a drop; before a part's first reading and after its last the others stand alone.
pub(crate) fn combined(columns: &[Vec<f64>], how: Combine) -> Vec<f64> {
    if let [only] = columns {
        return only.clone();
    }
    let points = columns.first().map_or(0, Vec::len);
    let mut value = vec![f64::NAN; points];
    let mut count = vec![0_u32; points];
    let mut broken = vec![false; points];
    for column in columns {
        let known = |value: &f64| !value.is_nan();
        let (Some(first), Some(last)) = (column.iter().position(known), column.iter().rposition(known)) else {
            continue;
        };
        for place in first..=last {
            let next = column[place];
            if next.is_nan() {
                broken[place] = true;
                continue;
            }
            let so_far = value[place];
            value[place] = match how {
                _ if so_far.is_nan() => next,
                Combine::Sum | Combine::Mean => so_far + next,
                Combine::Max => so_far.max(next),
                Combine::Min => so_far.min(next),
            };
            count[place] += 1;
        }
    }
    for place in 0..points {
        match how {
            Combine::Sum | Combine::Mean if broken[place] => value[place] = f64::NAN,
            Combine::Mean => value[place] /= f64::from(count[place]),
            _ => {}
        }
    }
    value
}

/// What a counter of all that growth would read, from zero. Missing where nothing is known.
pub(crate) fn accumulated(growth: &[f64], present: &[bool]) -> Vec<f64> {
    let mut total = 0.0;
    growth
        .iter()
        .zip(present)
        .map(|(by, present)| {
            total += if by.is_nan() { 0.0 } else { *by };
            if *present { total } else { f64::NAN }
        })
        .collect()
}

/// Adds growths up, place by place; a place without any is missing.
pub(crate) fn total(growths: &[Vec<f64>], points: usize) -> Vec<f64> {
    let mut sum = vec![f64::NAN; points];
    for growth in growths {
        for (place, by) in growth.iter().enumerate().filter(|(_, by)| !by.is_nan()) {
            sum[place] = if sum[place].is_nan() { *by } else { sum[place] + by };
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: f64 = f64::NAN;

    fn grid(points: usize) -> Grid {
        Grid { start_ms: 0, step_ms: 10_000, points }
    }

    fn same(given: &[f64], expected: &[f64]) {
        let shown = |values: &[f64]| values.iter().map(|value| format!("{value}")).collect::<Vec<_>>();
        assert_eq!(shown(given), shown(expected));
    }

    #[test]
    fn two_questions_about_one_window_ask_for_the_same_times() {
        assert_eq!(Grid::of(10_007, 40_000, 10_000), Grid { start_ms: 10_000, step_ms: 10_000, points: 4 });
        assert_eq!(Grid::of(-5, 0, 10), Grid { start_ms: -10, step_ms: 10, points: 2 });
        assert_eq!(Grid::of(100, 50, 10).points, 0);
        let grid = Grid::of(0, 30, 10);
        assert_eq!((grid.place(20), grid.place(25), grid.place(40), grid.place(-10)), (Some(2), None, None, None));
    }

    #[test]
    fn a_counter_that_shrinks_began_again_at_zero() {
        same(&growth(&grid(4), &[5.0, 8.0, 2.0, 2.0], false).by, &[NONE, 3.0, 2.0, 0.0]);
    }

    #[test]
    fn growth_over_a_gap_is_spread_over_the_time_that_it_took() {
        let growth = growth(&grid(4), &[5.0, NONE, NONE, 8.0], false);
        same(&growth.by, &[NONE, NONE, NONE, 3.0]);
        same(&growth.seconds, &[NONE, NONE, NONE, 30.0]);
    }

    #[test]
    fn the_first_full_collection_is_growth_though_its_series_is_new() {
        let young = Series { labels: vec![], values: vec![1.0, 1.0, 1.0] };
        let full = Series { labels: vec![], values: vec![NONE, 4.2, 4.2] };
        let born = born(&[&young, &full]);
        assert_eq!(born, [false, true]);
        same(&growth(&grid(3), &full.values, true).by, &[NONE, 4.2, 0.0]);
    }

    #[test]
    fn part_of_a_sum_is_no_sum_but_part_of_a_maximum_is_one() {
        let columns = [vec![1.0, NONE, 3.0], vec![10.0, 20.0, 30.0]];
        same(&combined(&columns, Combine::Sum), &[11.0, NONE, 33.0]);
        same(&combined(&columns, Combine::Max), &[10.0, 20.0, 30.0]);
        same(&combined(&columns, Combine::Mean), &[5.5, NONE, 16.5]);
    }

    #[test]
    fn one_that_has_gone_does_not_take_the_others_with_it() {
        let columns = [vec![1.0, 1.0, NONE, NONE], vec![NONE, 2.0, 2.0, 2.0]];
        same(&combined(&columns, Combine::Sum), &[1.0, 3.0, 2.0, 2.0]);
    }

    proptest! {
        #[test]
        fn growth_is_never_negative_and_adds_up_without_resets(steps in prop::collection::vec(0.0..1e6_f64, 2..50)) {
            let mut total = 0.0;
            let values: Vec<f64> = steps.iter().map(|step| { total += step; total }).collect();
            let grown = growth(&grid(values.len()), &values, false);
            let sum: f64 = grown.by.iter().filter(|by| !by.is_nan()).sum();
            prop_assert!(grown.by.iter().all(|by| by.is_nan() || *by >= 0.0));
            prop_assert!((sum - (values[values.len() - 1] - values[0])).abs() < 1e-3);
        }

        #[test]
        fn accumulated_growth_never_shrinks(by in prop::collection::vec(prop_oneof![Just(NONE), 0.0..1e6_f64], 0..50)) {
            let present = vec![true; by.len()];
            let counter = accumulated(&by, &present);
            prop_assert!(counter.windows(2).all(|pair| pair[1] >= pair[0]));
        }
    }
}
