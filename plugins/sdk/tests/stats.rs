//! What no input may break in the statistics, and what they say of series made by hand.

use lagdoctor_sdk::stats::{
    self, Direction, Rules, compare, ewma, least_squares, mad, max, mean, median, min, quantile, sd, sum, theil_sen,
};
use proptest::prelude::*;

/// Readings between minus and plus a million, one in eight of them missing.
fn readings() -> impl Strategy<Value = Vec<f64>> {
    let reading = prop_oneof![7 => -1e6..1e6_f64, 1 => Just(f64::NAN)];
    prop::collection::vec(reading, 0..200)
}

fn known(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|value| !value.is_nan()).collect()
}

/// Equal but for rounding, and missing together.
fn close(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs())) * 1e3
}

proptest! {
    #[test]
    fn eight_lanes_say_what_one_says(values in readings()) {
        let known = known(&values);
        let total: f64 = known.iter().sum();
        prop_assert!(close(sum(&values), total));
        let count = known.len() as f64;
        let expected = if known.is_empty() { f64::NAN } else { total / count };
        prop_assert!(close(mean(&values), expected));
        prop_assert!(close(min(&values), known.iter().copied().fold(f64::NAN, f64::min)));
        prop_assert!(close(max(&values), known.iter().copied().fold(f64::NAN, f64::max)));
        if known.len() > 1 {
            let squares: f64 = known.iter().map(|value| (value - total / count).powi(2)).sum();
            prop_assert!(close(sd(&values), (squares / (count - 1.0)).sqrt()));
        }
    }

    #[test]
    fn quantiles_ascend_and_stay_within_the_readings(values in readings(), a in 0.0..=1.0_f64, b in 0.0..=1.0_f64) {
        let (low, high) = (quantile(&values, a.min(b)), quantile(&values, a.max(b)));
        if known(&values).is_empty() {
            prop_assert!(low.is_nan() && high.is_nan());
        } else {
            prop_assert!(low <= high && min(&values) <= low && high <= max(&values));
        }
    }

    #[test]
    fn the_order_of_readings_moves_neither_median_nor_spread(values in readings()) {
        let mut turned = values.clone();
        turned.reverse();
        prop_assert!(close(median(&values), median(&turned)));
        prop_assert!(close(mad(&values), mad(&turned)));
        prop_assert!(close(stats::spread(&values), stats::spread(&turned)));
    }

    #[test]
    fn a_straight_line_is_found_through_any_gaps(
        slope in -100.0..100.0_f64, start in -1e4..1e4_f64, gaps in prop::collection::vec(any::<bool>(), 4..150),
    ) {
        let line = |(place, gap): (usize, &bool)| if *gap { f64::NAN } else { start + slope * place as f64 };
        let values: Vec<f64> = gaps.iter().enumerate().map(line).collect();
        prop_assume!(known(&values).len() >= 2);
        for found in [least_squares(&values), theil_sen(&values)] {
            let found = found.unwrap();
            prop_assert!((found.slope - slope).abs() < 1e-5 && (found.intercept - start).abs() < 1e-2, "{found:?}");
        }
    }

    #[test]
    fn a_smoothed_series_stays_within_its_readings(values in readings(), alpha in 0.01..=1.0_f64) {
        let smooth = ewma(&values, alpha);
        prop_assert_eq!(smooth.len(), values.len());
        let inside = |value: &f64| value.is_nan() || (min(&values) - 1e-6 <= *value && *value <= max(&values) + 1e-6);
        prop_assert!(smooth.iter().all(inside));
    }

    #[test]
    fn a_comparison_is_made_of_numbers(values in readings()) {
        for direction in [Direction::Up, Direction::Down, Direction::Either] {
            if let Some(seen) = compare(&values, &Rules::default(), direction) {
                prop_assert!(seen.magnitude.is_finite() && seen.deviations.is_finite() && seen.ratio() > 0.0);
                prop_assert!(seen.past.scale > 0.0);
                prop_assert!(seen.onset.is_none_or(|onset| onset < values.len() && !values[onset].is_nan()));
            }
        }
    }

    #[test]
    fn moving_and_stretching_a_series_moves_no_onset(
        at in 34..98_usize, height in 3.0..50.0_f64, scale in 0.01..100.0_f64, lift in 0.0..1e3_f64,
    ) {
        // Noise of one, so that the floor of one hundredth of the centre is never what decides.
        let noise = |place: usize| ((place * 7919) % 13) as f64 / 6.0 - 1.0;
        let step = |place: usize| 20.0 + noise(place) + if place >= at { height * 5.0 } else { 0.0 };
        let values: Vec<f64> = (0..100).map(step).collect();
        let moved: Vec<f64> = values.iter().map(|value| (value + lift / 1e3) * scale).collect();
        let rules = Rules { floor_share: 0.0, ..Rules::default() };
        let onset = |values: &[f64]| compare(values, &rules, Direction::Up).unwrap().onset;
        prop_assert_eq!(onset(&values), Some(at));
        prop_assert_eq!(onset(&moved), Some(at));
    }
}

/// A series of twenty with noise of one, and this from `at` on.
fn series(at: usize, fault: impl Fn(usize) -> f64) -> Vec<f64> {
    let noise = |place: usize| ((place * 7919) % 13) as f64 / 6.0 - 1.0;
    (0..120).map(|place| 20.0 + noise(place) + if place >= at { fault(place - at) } else { 0.0 }).collect()
}

fn check(values: &[f64], direction: Direction, onset: Option<usize>) {
    let seen = compare(values, &Rules::default(), direction).unwrap();
    assert_eq!(seen.onset, onset, "{seen:?}");
}

#[test]
fn a_step_begins_where_it_is_made() {
    check(&series(80, |_| 30.0), Direction::Up, Some(80));
    check(&series(80, |_| -15.0), Direction::Down, Some(80));
    check(&series(80, |_| -15.0), Direction::Up, None);
}

#[test]
fn a_ramp_begins_before_it_is_far() {
    let seen = compare(&series(80, |since| since as f64), &Rules::default(), Direction::Up).unwrap();
    assert!((80..=84).contains(&seen.onset.unwrap()), "{seen:?}");
}

#[test]
fn a_jump_after_a_drift_begins_with_the_jump() {
    let drift = |since: usize| if since < 20 { since as f64 * 0.3 } else { 300.0 };
    check(&series(60, drift), Direction::Up, Some(80));
}

#[test]
fn a_blip_an_hour_ago_is_not_what_hurts_now() {
    let blip = |since: usize| if !(3..40).contains(&since) { 30.0 } else { 0.0 };
    check(&series(60, blip), Direction::Up, Some(100));
}

#[test]
fn two_far_readings_are_no_departure() {
    check(&series(80, |since| if since < 2 { 500.0 } else { 0.0 }), Direction::Up, None);
}

#[test]
fn a_departure_that_is_over_is_told_as_over() {
    let seen =
        compare(&series(60, |since| if since < 20 { 30.0 } else { 0.0 }), &Rules::default(), Direction::Up).unwrap();
    assert_eq!((seen.onset, seen.lasts), (Some(60), false));
    assert!(seen.deviations.abs() < 5.0 && seen.magnitude > 5.0, "{seen:?}");
}

#[test]
fn a_series_that_stands_still_is_not_made_endless_by_a_small_step() {
    let values: Vec<f64> = (0..120).map(|place| if place < 80 { 100.0 } else { 104.0 }).collect();
    check(&values, Direction::Up, None);
}

#[test]
fn too_short_a_past_compares_with_nothing() {
    assert_eq!(compare(&[1.0; 7], &Rules::default(), Direction::Up), None);
    assert_eq!(compare(&[f64::NAN; 100], &Rules::default(), Direction::Up), None);
}

#[test]
fn readings_that_are_missing_at_first_do_not_shorten_the_past() {
    let mut values = vec![f64::NAN; 60];
    values.extend(series(80, |_| 30.0));
    check(&values, Direction::Up, Some(140));
}
