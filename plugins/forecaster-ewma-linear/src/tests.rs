use lagdoctor_sdk::Batch;
use lagdoctor_sdk::testing::{BatchBuilder, NOW_MS, check_manifest, wobble};

use super::*;

const HOUR_MS: i64 = 3_600_000;
/// What counts as cleared, and as breached, in these tests.
const CLEARS_AT: f64 = 100.0;
const BREACHES_AT: f64 = 1e6;

fn backlog(value: impl Fn(f64) -> f64) -> Batch {
    BatchBuilder::minutes(10).series("group:orders", "kafka.consumer_group.backlog", value).build()
}

fn project(batch: &Batch, horizon_ms: i64) -> Option<Projection> {
    let target = Target { series: 0, clears_at: CLEARS_AT, breaches_at: BREACHES_AT, ext: vec![] };
    let forecaster = EwmaLinear::from_json("{}").unwrap();
    let projected = forecaster.forecast(&View::new(batch), &[target], horizon_ms).unwrap();
    for projection in &projected {
        let points = projection.values.len() / projection.levels.len();
        let level = |place: usize| &projection.values[place * points..(place + 1) * points];
        assert!(projection.values.iter().all(|value| value.is_finite() && *value >= 0.0), "{projection:?}");
        assert!(level(0).iter().zip(level(1)).all(|(low, middle)| low <= middle), "{projection:?}");
        assert!(level(1).iter().zip(level(2)).all(|(middle, high)| middle <= high), "{projection:?}");
        assert!(projection.start_ms > NOW_MS - 60_000 && projection.step_ms >= 1, "{projection:?}");
    }
    projected.into_iter().next()
}

/// Where the statement and times of a backlog with this course agree with it.
fn check(value: impl Fn(f64) -> f64, statement: &str, clears_in_s: Option<f64>, breaches_in_s: Option<f64>) {
    let projection = project(&backlog(value), HOUR_MS).unwrap();
    assert_eq!(projection.statement, statement);
    let close = |found: Option<i64>, expected: Option<f64>| match (found, expected) {
        (None, None) => true,
        (Some(found), Some(expected)) => ((found - NOW_MS) as f64 / 1_000.0 - expected).abs() <= 2.0,
        _ => false,
    };
    assert!(close(projection.clears_ms, clears_in_s), "{projection:?}");
    assert!(close(projection.breaches_ms, breaches_in_s), "{projection:?}");
}

#[test]
fn the_manifest_keeps_the_contract() {
    check_manifest::<EwmaLinear>();
}

#[test]
fn a_backlog_that_shrinks_clears_when_the_line_says() {
    check(|minute| 60_100.0 - minute * 60.0 * 50.0, "shrinks by 50/s and clears in 10 min", Some(600.0), None);
}

#[test]
fn a_backlog_that_grows_breaches_when_the_line_says() {
    check(
        |minute| 400_000.0 + minute * 60.0 * 500.0,
        "grows by 500/s and reaches its limit in 10 min",
        None,
        Some(600.0),
    );
}

#[test]
fn a_backlog_that_grows_slowly_has_no_end_in_sight() {
    check(|minute| 5_000.0 + minute * 60.0, "grows by 1/s of late, with no end within 60 min", None, None);
}

#[test]
fn a_small_backlog_is_clear_now() {
    check(|_| 40.0, "is clear", Some(0.0), None);
}

#[test]
fn the_newest_slope_counts_and_not_that_of_the_whole_window() {
    let turned = |minute: f64| if minute < 5.0 { 20_000.0 + minute * 6_000.0 } else { 80_000.0 - minute * 6_000.0 };
    let projection = project(&backlog(turned), HOUR_MS).unwrap();
    assert!((projection.slope_per_s + 100.0).abs() < 1.0, "{projection:?}");
}

#[test]
fn the_band_widens_with_noise_and_with_time() {
    let width = |noise: f64| {
        let projection = project(&backlog(|minute| 50_000.0 + noise * wobble(minute, 1)), HOUR_MS).unwrap();
        let points = projection.values.len() / 3;
        let at = |place: usize| projection.values[2 * points + place] - projection.values[place];
        (at(0), at(points - 1))
    };
    let (calm, noisy) = (width(10.0), width(1_000.0));
    assert!(noisy.0 > calm.0 * 10.0 && noisy.1 > noisy.0 * 2.0, "{calm:?} {noisy:?}");
}

#[test]
fn missing_newest_readings_are_not_taken_for_new_ones() {
    let gap = |minute: f64| if minute > 9.0 { f64::NAN } else { 60_100.0 - minute * 3_000.0 };
    let projection = project(&backlog(gap), HOUR_MS).unwrap();
    assert_eq!(projection.start_ms, NOW_MS - 60_000 + projection.step_ms);
}

#[test]
fn too_few_readings_give_no_forecast() {
    assert_eq!(project(&backlog(|minute| if minute < 9.6 { f64::NAN } else { 1.0 }), HOUR_MS), None);
    assert_eq!(project(&backlog(|_| f64::NAN), HOUR_MS), None);
}

#[test]
fn a_long_horizon_gets_a_coarser_step_and_not_more_values() {
    let projection = project(&backlog(|minute| 5_000.0 + minute), 7 * 24 * HOUR_MS).unwrap();
    assert!(projection.values.len() <= 3 * VALUES as usize, "{}", projection.values.len());
}

#[test]
fn a_horizon_in_the_past_is_refused() {
    let batch = backlog(|_| 1.0);
    let error = EwmaLinear::from_json("{}").unwrap().forecast(&View::new(&batch), &[], 0).err().unwrap();
    assert_eq!(error.code, "bad-input");
}
