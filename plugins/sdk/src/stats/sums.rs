//! Sums and extremes in eight lanes. Missing readings are left out.

/// Readings handled side by side.
const LANES: usize = 8;

/// Folds all readings in eight lanes, then the lanes into one.
fn fold(values: &[f64], zero: f64, step: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [zero; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, *value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, *value);
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    step(step(step(a, b), step(c, d)), step(step(e, f), step(g, h)))
}

/// How many readings are not missing.
pub fn count(values: &[f64]) -> usize {
    values.iter().map(|value| usize::from(!value.is_nan())).sum()
}

/// The sum; 0 of nothing.
///
/// ```
/// # use lagdoctor_sdk::stats::sum;
/// assert_eq!(sum(&[1.0, f64::NAN, 2.0]), 3.0);
/// ```
pub fn sum(values: &[f64]) -> f64 {
    fold(values, 0.0, |total, value| total + if value.is_nan() { 0.0 } else { value })
}

/// The mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    let known = count(values);
    if known == 0 { f64::NAN } else { sum(values) / known as f64 }
}

/// The standard deviation (of a sample); NaN of fewer than two readings.
pub fn sd(values: &[f64]) -> f64 {
    let (known, centre) = (count(values), mean(values));
    if known < 2 {
        return f64::NAN;
    }
    let mut squares = [0.0; LANES];
    for chunk in values.chunks(LANES) {
        for (lane, value) in squares.iter_mut().zip(chunk) {
            let apart = if value.is_nan() { 0.0 } else { value - centre };
            *lane += apart * apart;
        }
    }
    (sum(&squares) / (known - 1) as f64).sqrt()
}

/// The smallest reading; NaN of nothing.
pub fn min(values: &[f64]) -> f64 {
    // `f64::min` gives the other operand when one is missing.
    fold(values, f64::NAN, f64::min)
}

/// The largest reading; NaN of nothing.
pub fn max(values: &[f64]) -> f64 {
    fold(values, f64::NAN, f64::max)
}
