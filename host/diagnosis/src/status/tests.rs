//! Facts about commits and what they say, first as Burrow has them, then as its users want them.

use lagdoctor_model::{Commit, GroupStatus, Lag, Millis, Offset, Timestamp};
use proptest::prelude::*;

use super::*;

fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(seconds)
}

/// A commit every ten seconds from second 0, as (offset, lag); a lag of -1 is unknown.
fn ring(commits: &[(u64, i64)]) -> Vec<Commit> {
    (0u32..)
        .zip(commits)
        .map(|(place, (offset, lag))| Commit {
            offset: Offset(*offset),
            at: at(place * 10),
            lag: u64::try_from(*lag).ok().map(Lag),
        })
        .collect()
}

/// Ten commits, by their number.
fn ten(commit: impl Fn(u64) -> (u64, i64)) -> Vec<Commit> {
    ring(&(0..10).map(commit).collect::<Vec<_>>())
}

fn ends(log_ends: &[u64]) -> Vec<Offset> {
    log_ends.iter().copied().map(Offset).collect()
}

/// What Burrow says, with a window as long as the ring, and what we say.
fn check(ring: &[Commit], log_ends: &[u64], now_s: u32, by_burrow: GroupStatus, by_us: GroupStatus) {
    let rules = Rules { full_window: ring.len().max(1), ..Rules::default() };
    assert_eq!(burrow(ring, &ends(log_ends), at(now_s), &rules), by_burrow, "Burrow of {ring:?}");
    assert_eq!(judge(ring, &ends(log_ends), at(now_s), &rules).status, by_us, "ours of {ring:?}");
}

use GroupStatus::{Ok, Rewind, Stall, Stop, Unknown, Warn};

#[test]
fn rule_0_a_short_window_is_ok_to_burrow_and_unknown_to_us() {
    let short = ring(&[(100, 500), (110, 600)]);
    let rules = Rules::default();
    assert_eq!(burrow(&short, &ends(&[900]), at(15), &rules), Ok);
    assert_eq!(judge(&short, &ends(&[900]), at(15), &rules), Judged { status: Unknown, judged: false });
    assert_eq!(burrow(&[], &ends(&[900]), at(15), &rules), Ok);
    assert_eq!(judge(&[], &ends(&[900]), at(15), &rules).status, Unknown);
}

#[test]
fn rule_1_who_has_read_everything_is_ok() {
    check(&ten(|k| (100 + k * 100, 700)), &[1_000], 95, Ok, Ok);
    let one_commit_is_enough = judge(&ring(&[(100, 0)]), &ends(&[100]), at(5), &Rules::default());
    assert_eq!(one_commit_is_enough, Judged { status: Ok, judged: true });
}

#[test]
fn a_backlog_that_grows_evenly_warns_however_large_it_is_already() {
    let wobble = [0, 7, -5, 3, -80, 6, -2, 8, -6, 1];
    let growing = ten(|k| (100 + k * 300, 60_000 + 60 * k as i64 + wobble[k as usize]));
    check(&growing, &[63_300 + 600], 95, Ok, Warn);
    let level = ten(|k| (100 + k * 300, 60_000 + 10 * wobble[k as usize]));
    check(&level, &[62_800], 95, Ok, Ok);
}

#[test]
fn rule_2_silence_with_work_waiting_is_stop() {
    check(&ten(|k| (100 + k * 100, 700)), &[90_000], 90 + 91, Stop, Stop);
}

#[test]
fn rule_3_a_partition_that_was_empty_a_moment_ago_is_not_stopped() {
    check(&ten(|k| (100 + k * 100, 700 - k as i64)), &[1_000, 1_400], 90 + 600, Ok, Ok);
}

#[test]
fn rule_4_going_back_for_good_is_rewind() {
    check(&ten(|k| (if k < 5 { 1_000 + k } else { 100 + k }, 700)), &[9_000], 95, Rewind, Rewind);
    check(&ten(|k| (if k == 5 { 100 } else { 1_000 + k * 100 }, 700 - k as i64)), &[2_200], 95, Ok, Ok);
}

#[test]
fn rule_5_who_was_at_the_end_a_few_commits_ago_is_ok() {
    check(&ten(|k| (100 + k * 100, if k == 4 { 0 } else { 80 })), &[1_080], 95, Ok, Ok);
}

#[test]
fn rule_6_commits_that_do_not_move_are_stall() {
    check(&ten(|k| (100, 700 + k as i64)), &[900], 95, Stall, Stall);
}

#[test]
fn rule_7_lag_that_never_falls_is_warn() {
    check(&ten(|k| (100 + k * 10, 700 + k as i64 * 100)), &[1_800], 95, Warn, Warn);
    check(&ten(|k| (100 + k * 10, 1_700 - k as i64 * 100)), &[900], 95, Ok, Ok);
}

#[test]
fn a_lag_that_nobody_knows_is_no_dip() {
    check(&ten(|k| (100 + k * 10, if k % 3 == 0 { -1 } else { 700 + k as i64 * 100 })), &[1_800], 95, Warn, Warn);
}

#[test]
fn one_dip_does_not_hide_a_climb_of_hours() {
    check(&ten(|k| (1_000 + k, if k == 5 { 900 } else { 1_000 + k as i64 * 1_000 })), &[13_000], 95, Ok, Warn);
}

#[test]
fn a_touch_of_zero_at_the_start_does_not_hide_a_climb() {
    check(&ten(|k| (1_000 + k, k as i64 * 1_000)), &[13_000], 95, Ok, Warn);
}

#[test]
fn ten_records_or_five_seconds_of_work_are_no_warning() {
    check(&ten(|k| (k, 1 + k as i64 / 2)), &[15], 95, Warn, Ok);
    check(&ten(|k| (k * 10_000, 1_000 + k as i64)), &[91_009], 95, Warn, Ok);
}

#[test]
fn noise_around_a_level_is_no_warning() {
    check(&ten(|k| (k * 100, if k % 2 == 0 { 5_000 } else { 5_400 })), &[6_300], 95, Ok, Ok);
}

#[test]
fn a_pause_of_seconds_does_not_stop_a_quick_committer() {
    let quick: Vec<Commit> = (0..10u32)
        .map(|k| Commit {
            offset: Offset(u64::from(k) * 10),
            at: Timestamp::EPOCH + Millis::seconds(k),
            lag: Some(Lag(50 - u64::from(k))),
        })
        .collect();
    check(&quick, &[300], 9 + 20, Stop, Ok);
    check(&quick, &[900], 9 + 61, Stop, Stop);
}

#[test]
fn a_slow_committer_is_stopped_after_three_of_its_gaps_and_not_after_ten() {
    let slow: Vec<Commit> = (0..10u32)
        .map(|k| Commit { offset: Offset(u64::from(k) * 1_000), at: at(k * 600), lag: Some(Lag(3_000 - u64::from(k))) })
        .collect();
    check(&slow, &[30_000], 5_400 + 1_790, Ok, Ok);
    check(&slow, &[30_000], 5_400 + 1_810, Ok, Stop);
}

#[test]
fn what_a_transaction_marker_leaves_is_neither_stop_nor_stall() {
    check(&ten(|_| (100, 1)), &[101], 90 + 3_600, Stop, Ok);
    check(&ten(|_| (100, 1)), &[101], 95, Stall, Ok);
}

#[test]
fn lag_grows_against_the_log_end_of_now_once_commits_cease() {
    // Nine commits with a falling lag, then none for 50 s while 9,000 records came.
    check(&ten(|k| (k * 100, 500 - k as i64)), &[10_000], 90 + 50, Ok, Ok);
    check(&ten(|k| (k * 100, 500 - k as i64)), &[10_000], 90 + 65, Ok, Stop);
}

#[test]
fn without_a_log_end_of_now_nothing_is_judged() {
    let judged = judge(&ten(|k| (k, 100)), &[], at(95), &Rules::default());
    assert_eq!(judged, Judged { status: Unknown, judged: false });
}

#[test]
fn a_group_is_as_bad_as_its_worst_partition_and_never_ok_while_one_is_unknown() {
    assert_eq!(of_group([Ok, Warn, Ok]), Warn);
    assert_eq!(of_group([Ok, Unknown]), Unknown);
    assert_eq!(of_group([]), Unknown);
}

prop_compose! {
    fn any_ring()(commits in prop::collection::vec((0u64..1_000, -1i64..1_000), 0..14)) -> Vec<Commit> { ring(&commits) }
}

proptest! {
    #[test]
    fn who_has_read_everything_is_ok_whatever_came_before(ring in any_ring(), now in 0u32..10_000) {
        prop_assume!(!ring.is_empty());
        let end = ring.last().unwrap().offset;
        prop_assert_eq!(judge(&ring, &[end], at(now), &Rules::default()), Judged { status: Ok, judged: true });
    }

    #[test]
    fn what_is_not_judged_is_unknown_and_the_reverse(ring in any_ring(), end in 0u64..3_000, now in 0u32..10_000) {
        let judged = judge(&ring, &[Offset(end)], at(now), &Rules::default());
        prop_assert_eq!(judged.judged, judged.status != Unknown);
    }

    #[test]
    fn a_silence_never_becomes_harmless_by_lasting_longer(ring in any_ring(), end in 0u64..3_000, now in 0u32..5_000, more in 0u32..5_000) {
        let log_ends = [Offset(end)];
        let before = judge(&ring, &log_ends, at(now), &Rules::default()).status;
        let after = judge(&ring, &log_ends, at(now + more), &Rules::default()).status;
        prop_assert!(before != Stop || after == Stop);
    }

    #[test]
    fn a_ring_that_only_moves_forward_is_never_rewind(steps in prop::collection::vec((0u64..50, -1i64..1_000), 10..12), end in 0u64..3_000) {
        let mut offset = 0;
        let commits: Vec<_> = steps.iter().map(|(step, lag)| { offset += step; (offset, *lag) }).collect();
        let ring = ring(&commits);
        prop_assert_ne!(judge(&ring, &[Offset(end)], at(100), &Rules::default()).status, Rewind);
        prop_assert_ne!(burrow(&ring, &[Offset(end)], at(100), &Rules::default()), Rewind);
    }
}
