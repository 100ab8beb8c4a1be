//! Order statistics: what outliers cannot move.

/// Makes the median absolute deviation of a normal distribution its standard deviation.
const MAD_TO_SD: f64 = 1.4826;
/// Distance of the 5 % and 95 % quantiles of a normal distribution, in standard deviations.
const Q90_WIDTH: f64 = 3.29;

/// The readings that are not missing.
pub fn finite(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|value| value.is_finite()).collect()
}

/// The quantile at `level` between 0 and 1, interpolated; NaN of nothing.
///
/// ```
/// # use lagdoctor_sdk::stats::quantile;
/// assert_eq!(quantile(&[4.0, 1.0, f64::NAN, 2.0, 3.0], 0.5), 2.5);
/// ```
pub fn quantile(values: &[f64], level: f64) -> f64 {
    let mut known = finite(values);
    if known.is_empty() {
        return f64::NAN;
    }
    let place = level.clamp(0.0, 1.0) * (known.len() - 1) as f64;
    let (below, share) = (place as usize, place.fract());
    let (_, low, above) = known.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    if share > 0.0 { low + (high - low) * share } else { low }
}

/// The median; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The median absolute deviation from the median; NaN of nothing.
pub fn mad(values: &[f64]) -> f64 {
    let centre = median(values);
    let apart: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    median(&apart)
}

/// How far readings lie from their median as a rule, on the scale of a standard deviation: the larger of what the median
/// absolute deviation and the middle 90 % say. The first alone is 0 for a series that mostly stands still, and then
/// every small step of it looks endless. NaN of nothing.
pub fn spread(values: &[f64]) -> f64 {
    (mad(values) * MAD_TO_SD).max((quantile(values, 0.95) - quantile(values, 0.05)) / Q90_WIDTH)
}
