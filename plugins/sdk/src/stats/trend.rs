//! Slopes and smoothing.

/// Points from which pairs are taken at most; more are thinned out, which keeps the work bounded.
const PAIRS_FROM: usize = 96;

/// A straight line through readings at 0, 1, 2 ...
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Change for each reading.
    pub slope: f64,
    /// Value at the first reading.
    pub intercept: f64,
}

impl Line {
    /// The value at this place.
    pub fn at(self, place: f64) -> f64 {
        self.intercept + self.slope * place
    }
}

/// The line with the smallest squared error; `None` of fewer than two readings.
pub fn least_squares(values: &[f64]) -> Option<Line> {
    let (mut n, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    for (x, y) in known(values) {
        n += 1.0;
        sum_x += x;
        sum_y += y;
    }
    if n < 2.0 {
        return None;
    }
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (mut xx, mut xy) = (0.0, 0.0);
    for (x, y) in known(values) {
        xx += (x - mean_x) * (x - mean_x);
        xy += (x - mean_x) * (y - mean_y);
    }
    let slope = xy / xx;
    Some(Line { slope, intercept: mean_y - slope * mean_x })
}

/// The line whose slope is the median of the slopes of all pairs: one reading in four may lie anywhere without moving
/// it. `None` of fewer than two readings.
///
/// ```
/// # use lagdoctor_sdk::stats::theil_sen;
/// let line = theil_sen(&[0.0, 2.0, f64::NAN, 6.0, 900.0, 10.0, 12.0]).unwrap();
/// assert_eq!(line.slope, 2.0);
/// ```
pub fn theil_sen(values: &[f64]) -> Option<Line> {
    let all: Vec<(f64, f64)> = known(values).collect();
    let stride = all.len().div_ceil(PAIRS_FROM).max(1);
    let points: Vec<(f64, f64)> = all.iter().copied().step_by(stride).collect();
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (place, (x, y)) in points.iter().enumerate() {
        slopes.extend(points[..place].iter().map(|(before_x, before_y)| (y - before_y) / (x - before_x)));
    }
    if slopes.is_empty() {
        return None;
    }
    let slope = super::median(&slopes);
    let intercepts: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
    Some(Line { slope, intercept: super::median(&intercepts) })
}

/// Exponentially weighted moving average: each reading counts `alpha`, what was before it the rest. A missing reading
/// repeats the average so far; NaN until there is one.
pub fn ewma(values: &[f64], alpha: f64) -> Vec<f64> {
    let mut average = f64::NAN;
    let step = |value: &f64| {
        if average.is_nan() {
            average = *value;
        } else if !value.is_nan() {
            average += alpha * (value - average);
        }
        average
    };
    values.iter().map(step).collect()
}

/// The mean of each reading and those before it, `width` in all, with missing ones left out. A counter that is read on a
/// grid of its own scrape interval gives a rate of nothing and then one twice as high; over a minute it is right.
///
/// ```
/// # use lagdoctor_sdk::stats::rolling_mean;
/// assert_eq!(rolling_mean(&[0.0, 8.0, 0.0, 8.0, f64::NAN], 2), [0.0, 4.0, 4.0, 4.0, 8.0]);
/// ```
pub fn rolling_mean(values: &[f64], width: usize) -> Vec<f64> {
    (0..values.len()).map(|end| super::mean(&values[(end + 1).saturating_sub(width.max(1))..=end])).collect()
}

fn known(values: &[f64]) -> impl Iterator<Item = (f64, f64)> + '_ {
    values.iter().enumerate().filter(|(_, value)| !value.is_nan()).map(|(place, value)| (place as f64, *value))
}
