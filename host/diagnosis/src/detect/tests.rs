//! Facts about groups that hurt, and about those that only look so.

use lagdoctor_model::{Event, Labels, Redactor, Sample, SeriesKey, Verdict, Window};
use proptest::prelude::*;

use super::*;
use crate::testing::{hour, id, key, noise, noon, read, topology};

const PACE: f64 = 1_000.0;

/// A group `g` that does 1,000 records/s, with such a backlog, and a time lag to match unless told otherwise.
fn group(backlog: impl Fn(f64) -> f64) -> Signals {
    group_of("group:g", backlog)
}

fn group_of(name: &str, backlog: impl Fn(f64) -> f64) -> Signals {
    let mut signals = hour();
    signals.topology = topology(&[(name, "worked-by", "service:s"), (name, "consumes", "topic:t")]);
    let time_lag = |s: f64| backlog(s) / PACE;
    read(&mut signals, key(name, "kafka.consumer_group.time_lag"), time_lag);
    read(&mut signals, key(name, "kafka.consumer_group.backlog"), &backlog);
    read(&mut signals, key(name, "kafka.consumer_group.commit_rate"), |s| PACE + noise(s, 9) * 50.0);
    signals.normalised()
}

fn calm(s: f64) -> f64 {
    3_000.0 + noise(s, 1) * 1_500.0
}

fn growing(s: f64) -> f64 {
    calm(s) + (s - 1_800.0).max(0.0) * 200.0
}

/// What is detected; whoever is on the lookout is told the same.
fn detected(signals: &Signals) -> Detection {
    let detection = detect(signals, None);
    let hurts = Lookout::over(signals).hurts_at(signals.window);
    assert_eq!(hurts, detection.symptom.is_some(), "{:?}", detection.symptom);
    detection
}

fn check(signals: &Signals, expected: Health) -> GroupHealth {
    let detection = detected(signals);
    let worst = detection.groups[0].clone();
    assert_eq!(worst.health, expected, "{}", worst.statement);
    let hurts = matches!(expected, Health::Hurting | Health::Draining);
    assert_eq!(detection.symptom.is_some(), hurts);
    worst
}

/// The signals as they were known at this second.
fn until(mut signals: Signals, seconds: u32) -> Signals {
    signals.window.now = noon(seconds);
    let cut = |series: &Series| {
        let samples = series.samples().iter().copied().filter(|sample| sample.at <= noon(seconds)).collect();
        Series::new(series.key().clone(), samples).unwrap()
    };
    signals.series = signals.series.iter().map(cut).collect();
    signals
}

use lagdoctor_model::Series;

#[test]
fn a_backlog_that_grows_for_half_an_hour_hurts_since_it_began() {
    let worst = check(&group(growing), Health::Hurting);
    let onset = worst.onset.unwrap();
    assert!(onset >= noon(1_800) && onset <= noon(1_845), "{onset}");
    insta::assert_snapshot!(worst.statement, @"backlog of `g` is 363,473 records (normally 2,404) and grows by 200 records/s, since 12:30:15");
}

#[test]
fn a_slow_consumer_is_noticed_within_three_minutes_of_hurting() {
    // It is 30 s behind after 150 s.
    check(&until(group(growing), 1_800 + 100), Health::Healthy);
    check(&until(group(growing), 1_800 + 240), Health::Hurting);
}

#[test]
fn noise_and_restarts_wake_nobody() {
    check(&group(calm), Health::Healthy);
    let rolling = |s: f64| calm(s) + if (3_000.0..3_600.0).contains(&s) && s % 180.0 < 45.0 { 20_000.0 } else { 0.0 };
    let worst = detected(&group(rolling));
    assert!(worst.symptom.is_none(), "{:?}", worst.groups);
}

#[test]
fn a_rise_with_the_load_that_is_kept_up_with_is_no_incident() {
    check(&group(|s| calm(s) * (1.0 + s / 3_600.0)), Health::Healthy);
}

#[test]
fn what_every_day_brings_at_this_time_is_expected() {
    let mut signals = group(growing);
    for signal in ["kafka.consumer_group.backlog", "kafka.consumer_group.time_lag"] {
        let scale = if signal.ends_with("time_lag") { 1.0 / PACE } else { 1.0 };
        let samples = (0..5 * 288).map(|place| {
            let at = noon(3_600) - Millis::minutes(5 * 24 * 60 - place * 5);
            let before = noon(3_600).since(at).as_millis() % 86_400_000;
            let value = if before <= 1_800_000 { 360_000.0 } else { 3_000.0 };
            Sample { at, value: value * scale }
        });
        signals.history.push(Series::new(key("group:g", signal), samples.collect()).unwrap());
    }
    check(&signals, Health::Expected);
}

#[test]
fn an_announced_batch_that_is_worked_off_at_full_speed_is_expected() {
    let mut signals = group(|s| calm(s) + if s < 1_800.0 { 0.0 } else { 600_000.0 - (s - 1_800.0) * 200.0 });
    check(&signals, Health::Draining);
    let mut redactor = Redactor::default();
    let mut event = |kind: &str| Event {
        at: noon(1_795),
        node: id("topic:t"),
        kind: kind.into(),
        what: redactor.redact("nightly export"),
    };
    signals.events = vec![event("batch")];
    check(&signals, Health::Expected);
    assert_eq!(detect(&signals, Some("g")).symptom, None);
}

#[test]
fn a_backlog_that_shrinks_is_still_told_and_told_so() {
    let drains = group(|s| calm(s) + if s < 1_800.0 { 0.0 } else { (600_000.0 - (s - 1_800.0) * 200.0).max(0.0) });
    let worst = check(&drains, Health::Draining);
    insta::assert_snapshot!(worst.statement, @"backlog of `g` is 243,473 records (normally 2,404) and shrinks by 200 records/s, which takes another 20 min 8 s, since 12:30:00");
    let soon = group(|s| calm(s) + if s < 1_800.0 { 0.0 } else { (380_000.0 - (s - 1_800.0) * 200.0).max(0.0) });
    check(&soon, Health::Raised);
}

#[test]
fn what_has_ended_within_the_window_is_told_and_wakes_nobody() {
    let over = group(|s| calm(s) + if (900.0..1_500.0).contains(&s) { 200_000.0 } else { 0.0 });
    let worst = check(&over, Health::Recovered);
    insta::assert_snapshot!(worst.statement, @"`g` keeps up again; between 12:15:00 and 12:24:45 it was up to 204,365 records behind");
}

/// Twelve partitions of which number 3 stands still from second 1,800 on.
fn one_stuck_partition() -> Signals {
    let mut signals = hour();
    signals.topology = topology(&[("group:g", "worked-by", "service:s")]);
    let stuck = |s: f64| (s - 1_800.0).max(0.0);
    for partition in 0..12 {
        let labels = Labels::from([("topic".into(), "orders".into()), ("partition".into(), partition.to_string())]);
        let of = |signal: &str| SeriesKey { labels: labels.clone(), ..key("group:g", signal) };
        let is_stuck = partition == 3;
        read(&mut signals, of("kafka.consumer_group.lag"), |s| {
            40.0 + noise(s, partition) * 10.0 + if is_stuck { stuck(s) * 10.0 } else { 0.0 }
        });
        read(&mut signals, of("kafka.consumer_group.offset"), |s| {
            5_000.0 + 10.0 * if is_stuck { s.min(1_800.0) } else { s }
        });
    }
    read(&mut signals, key("group:g", "kafka.consumer_group.backlog"), |s| {
        480.0 + noise(s, 3) * 60.0 + stuck(s) * 10.0
    });
    read(&mut signals, key("group:g", "kafka.consumer_group.time_lag"), |s| 4.0 + noise(s, 4) * 2.0 + stuck(s));
    read(&mut signals, key("group:g", "kafka.consumer_group.commit_rate"), |_| 1_200.0);
    signals.normalised()
}

#[test]
fn one_stuck_partition_of_many_hurts_and_no_consumer_added_will_help() {
    let worst = check(&one_stuck_partition(), Health::Hurting);
    assert_eq!(worst.impact.partitions, Some((1, 12)));
    insta::assert_snapshot!(worst.statement, @"`g` is 30 min 5 s behind (normally 3 s), since 12:30:15; only in partition orders/3; orders/3 is stuck at offset 23,000, so that more consumers will not help");
    assert_eq!(detected(&one_stuck_partition()).symptom.unwrap().signal.as_str(), "kafka.consumer_group.time_lag");
}

#[test]
fn the_marker_of_a_transaction_makes_a_time_lag_that_nobody_minds() {
    let mut signals = hour();
    signals.topology = topology(&[("group:g", "worked-by", "service:s")]);
    read(&mut signals, key("group:g", "kafka.consumer_group.backlog"), |_| 4.0);
    read(&mut signals, key("group:g", "kafka.consumer_group.time_lag"), |s| s);
    check(&signals.normalised(), Health::Healthy);
}

#[test]
fn a_group_without_members_and_commits_is_only_a_symptom_when_asked_about() {
    let mut signals = group(|s| 1e6 + s * 100.0);
    signals.series.retain(|series| !series.signal().as_str().ends_with("commit_rate"));
    read(&mut signals, key("group:g", "kafka.consumer_group.commit_rate"), |_| 0.0);
    read(&mut signals, key("group:g", "kafka.consumer_group.members"), |_| 0.0);
    check(&signals, Health::Idle);
    assert!(detect(&signals, Some("g")).symptom.is_some());
}

#[test]
fn a_group_with_members_that_never_commits_is_stuck() {
    let mut signals = group(|s| 1e6 + s * 100.0);
    signals.series.retain(|series| !series.signal().as_str().ends_with("commit_rate"));
    read(&mut signals, key("group:g", "kafka.consumer_group.commit_rate"), |_| 0.0);
    read(&mut signals, key("group:g", "kafka.consumer_group.members"), |_| 4.0);
    check(&signals, Health::Hurting);
}

#[test]
fn a_backlog_that_was_always_there_is_worth_a_word_and_no_alarm() {
    check(&group(|s| 900_000.0 + noise(s, 1) * 1_000.0), Health::Steady);
}

#[test]
fn without_rates_and_times_only_a_large_and_lasting_climb_counts() {
    let bare = |grows: f64| {
        let mut signals = group(|s| calm(s) + (s - 1_800.0).max(0.0) * grows);
        signals.series.retain(|series| series.signal().as_str().ends_with("backlog"));
        signals
    };
    check(&bare(200.0), Health::Hurting);
    check(&until(bare(200.0), 1_800 + 200), Health::Raised);
}

#[test]
fn the_group_that_is_furthest_behind_comes_first_whatever_its_records() {
    let mut signals = group_of("group:small", |s| calm(s) + (s - 900.0).max(0.0) * 150.0);
    let other = group_of("group:large", |s| calm(s) + (s - 3_000.0).max(0.0) * 400.0);
    signals.series.extend(other.series);
    other.topology.edges().for_each(|edge| signals.topology.connect(edge.clone()));
    let detection = detected(&signals.normalised());
    let order: Vec<_> = detection.groups.iter().map(|known| known.group.name()).collect();
    assert_eq!(order, ["small", "large"]);
    assert_eq!(detection.symptom.unwrap().node, id("group:small"));
}

#[test]
fn a_group_that_nobody_knows_is_a_gap_that_names_those_that_are_known() {
    let detection = detect(&group(growing), Some("typo"));
    assert_eq!(detection.symptom, None);
    insta::assert_snapshot!(detection.gaps[0].statement, @"nothing is known of a group `typo`; groups that are known: g");
    insta::assert_snapshot!(detected(&hour()).gaps[0].statement, @"no consumer group is known; what knows them must be named and answer: a Kafka cluster, or a Prometheus that scrapes their lag");
}

#[test]
fn two_readings_are_too_few_to_judge_by() {
    let mut signals = group(growing);
    signals.window = Window { start: noon(3_590), ..signals.window };
    let detection = detected(&signals);
    assert_eq!(detection.groups[0].health, Health::Unknown);
    assert_eq!(detection.gaps.len(), 1);
}

#[test]
fn lag_that_stopped_being_read_while_it_hurt_still_hurts() {
    let signals = group(|s| if s > 3_000.0 { f64::NAN } else { growing(s) });
    let worst = check(&signals, Health::Hurting);
    assert_eq!(worst.as_of, Some(noon(3_000)));
}

#[test]
fn nothing_known_hurts_nobody_and_is_not_called_well() {
    let diagnosis = crate::conclude(&hour(), &detected(&hour()), &crate::Plan::default(), None, None, vec![]);
    assert_eq!((diagnosis.symptom, diagnosis.verdict), (None, Verdict::InsufficientEvidence));
}

proptest! {
    #[test]
    fn whatever_is_read_there_is_a_judgement_and_no_nan(
        values in prop::collection::vec(prop_oneof![Just(f64::NAN), Just(0.0), 0.0..1e9_f64], 241), pace in prop_oneof![Just(0.0), 0.0..1e5_f64],
    ) {
        let mut signals = hour();
        signals.topology = topology(&[("group:g", "worked-by", "service:s")]);
        for signal in ["kafka.consumer_group.backlog", "kafka.consumer_group.time_lag"] {
            read(&mut signals, key("group:g", signal), |s| values[(s / 15.0) as usize]);
        }
        read(&mut signals, key("group:g", "kafka.consumer_group.commit_rate"), |_| pace);
        let detection = detected(&signals);
        prop_assert!(detection.impact.growth_per_s.is_none_or(f64::is_finite));
        if let Some(symptom) = detection.symptom {
            prop_assert!(symptom.observed.is_finite() && symptom.expected.is_finite());
            prop_assert!(symptom.onset >= signals.window.start && symptom.onset <= signals.window.now);
            prop_assert!(!symptom.statement.contains("NaN") && !symptom.statement.contains("inf"));
        }
    }

    #[test]
    fn a_lookout_tells_at_every_moment_what_is_detected_then(
        calm in 0.0..50_000.0_f64, noisy in 0.0..5_000.0_f64, slope in -300.0..300.0_f64, from in 0.0..3_600.0_f64, lasts in 0.0..3_000.0_f64,
        gap in 0.0..3_600.0_f64, salt in 0u64..1_000,
    ) {
        let backlog = |s: f64| {
            let risen = (s.min(from + lasts) - from).max(0.0) * slope;
            if (gap..gap + 300.0).contains(&s) { f64::NAN } else { (calm + noise(s, salt) * noisy + risen).max(0.0) }
        };
        let mut signals = group(backlog);
        let other = group_of("group:aside", |s| backlog(3_600.0 - s));
        signals.series.extend(other.series);
        signals.topology.add_node(lagdoctor_model::Node::new(id("group:aside")));
        let signals = signals.normalised();
        let mut lookout = Lookout::over(&signals);
        for minute in 1..=20 {
            let then = until(signals.clone(), minute * 180);
            prop_assert_eq!(lookout.hurts_at(then.window), detect(&then, None).symptom.is_some(), "{} min", minute * 3);
        }
    }

    #[test]
    fn noise_around_any_level_is_no_incident(level in 0.0..1e6_f64, salt in 0u64..1_000) {
        // Up to eight seconds of work and back.
        let noisy = group(|s| level + 4_000.0 + noise(s, salt) * 4_000.0);
        let detection = detected(&noisy);
        prop_assert!(detection.symptom.is_none(), "{:?}", detection.symptom);
    }

    #[test]
    fn a_healthy_group_beside_it_never_changes_what_hurts(salt in 0u64..1_000) {
        let alone = group(growing);
        let mut with_other = alone.clone();
        let other = group_of("group:aside", |s| 500.0 + noise(s, salt) * 400.0);
        with_other.series.extend(other.series);
        with_other.topology.add_node(lagdoctor_model::Node::new(id("group:aside")));
        prop_assert_eq!(detected(&alone).symptom, detected(&with_other.normalised()).symptom);
    }
}
