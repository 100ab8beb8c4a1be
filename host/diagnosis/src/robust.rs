//! Centre, spread and trend that a few wild readings cannot move: medians, the median absolute deviation and the
//! Theil-Sen slope. All ignore what is not a number, and say `None` where there is nothing to say.

/// Turns a median absolute deviation into what a standard deviation would be for normal noise.
const MAD_TO_SD: f64 = 1.4826;

/// Slopes are taken over at most so many points, evenly thinned: pairs grow with the square.
const MOST_POINTS: usize = 60;

/// The value below which the share `q` of the values lies.
pub(crate) fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    quantile_of(&mut known, q)
}

/// The same of values that are all finite; they lose their order.
pub(crate) fn quantile_of(known: &mut [f64], q: f64) -> Option<f64> {
    let last = known.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    // Only two of them are asked for, so there is no need to bring all into order.
    let (_, low, above) = known.select_nth_unstable_by(place.floor() as usize, f64::total_cmp);
    let low = *low;
    let high = match place.ceil() > place.floor() {
        true => above.iter().copied().min_by(f64::total_cmp).unwrap_or(low),
        false => low,
    };
    Some(low + (high - low) * (place - place.floor()))
}

/// The middle value.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Median distance from `centre`, as a standard deviation.
pub(crate) fn spread(values: &[f64], centre: f64) -> Option<f64> {
    let distances: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    median(&distances).map(|mad| mad * MAD_TO_SD)
}

/// How a few points move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trend {
    /// Median of the slopes of all pairs: change per unit of x.
    pub(crate) slope: f64,
    /// Share of pairs that rise less share that fall, from -1 to 1: Kendall's tau against time.
    pub(crate) order: f64,
}

/// The trend of points in order of x. `None` for fewer than three.
pub(crate) fn trend(points: &[(f64, f64)]) -> Option<Trend> {
    let known: Vec<(f64, f64)> = points.iter().copied().filter(|(_, y)| y.is_finite()).collect();
    if known.len() < 3 {
        return None;
    }
    let every = known.len().div_ceil(MOST_POINTS).max(1);
    // Counted from the newest, which must not be thinned away.
    let mut thin: Vec<(f64, f64)> = known.iter().rev().step_by(every).copied().collect();
    thin.reverse();
    let mut slopes = Vec::with_capacity(thin.len() * (thin.len() - 1) / 2);
    let mut order = 0_i64;
    for (place, (x, y)) in thin.iter().enumerate() {
        for (later, next) in thin[place + 1..].iter().filter(|(later, _)| later > x) {
            slopes.push((next - y) / (later - x));
            order += i64::from(next > y) - i64::from(next < y);
        }
    }
    let slope = median(&slopes)?;
    Some(Trend { slope, order: order as f64 / slopes.len() as f64 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_wild_reading_moves_neither_centre_nor_spread_nor_trend() {
        let mut values: Vec<f64> = (0..21).map(f64::from).collect();
        values[7] = 1e9;
        assert_eq!(median(&values), Some(11.0));
        assert!(spread(&values, 10.0).unwrap() < 10.0);
        let points: Vec<_> = values.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
        let trend = trend(&points).unwrap();
        assert!((trend.slope - 1.0).abs() < 0.1, "{trend:?}");
        assert!(trend.order > 0.8, "{trend:?}");
    }

    #[test]
    fn nothing_known_is_nothing_said() {
        assert_eq!(median(&[]), None);
        assert_eq!(quantile(&[f64::NAN], 0.9), None);
        assert_eq!(trend(&[(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0)]), None);
    }

    proptest! {
        #[test]
        fn order_lies_between_minus_one_and_one(values in prop::collection::vec(-1e6..1e6_f64, 3..100)) {
            let points: Vec<_> = values.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
            let trend = trend(&points).unwrap();
            prop_assert!((-1.0..=1.0).contains(&trend.order) && trend.slope.is_finite());
        }

        #[test]
        fn a_quantile_is_that_of_the_values_in_order(values in prop::collection::vec(-10.0..10.0_f64, 1..40), q in 0.0..=1.0_f64) {
            let values: Vec<f64> = values.iter().map(|value| value.round()).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let place = q * (sorted.len() - 1) as f64;
            let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            prop_assert_eq!(quantile(&values, q), Some(low + (high - low) * (place - place.floor())));
        }

        #[test]
        fn a_quantile_lies_between_the_extremes(values in prop::collection::vec(-1e6..1e6_f64, 1..50), q in 0.0..=1.0_f64) {
            let found = quantile(&values, q).unwrap();
            let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
            prop_assert!(found >= low - 1e-9 && found <= high + 1e-9);
        }
    }
}
