//! Burrow's own rules, in its order and without opinion. Start at [`burrow`].

use lagdoctor_model::{Commit, GroupStatus, Offset, Timestamp, lag};

use super::Rules;

/// The status that Burrow gives: the first rule that applies.
///
/// | # | rule | condition | status |
/// |---|---|---|---|
/// | 0 | too little | no commits, or fewer than a full window | OK |
/// | 1 | allowed lag | the lag of now is allowed | OK |
/// | 2 | stopped | the silence is longer than the first commit is before the last, and rule 3 does not hold | STOP |
/// | 3 | recent zero | some stored log end was not beyond the last committed offset | takes STOP back |
/// | 4 | rewind | some offset is below the one before it, and no later one reaches that again | REWIND |
/// | 5 | ever low | some known lag is allowed | OK |
/// | 6 | stalled | all offsets are equal | STALL |
/// | 7 | not decreasing | no known lag is below the known lag before it | WARN, else OK |
///
/// Of `rules` only `allowed` and `full_window` are used. Where no log end is known, the lag at the last commit is that of now.
pub fn burrow(ring: &[Commit], log_ends: &[Offset], now: Timestamp, rules: &Rules) -> GroupStatus {
    let (Some(first), Some(last)) = (ring.first(), ring.last()) else { return GroupStatus::Ok };
    if ring.len() < rules.full_window {
        return GroupStatus::Ok;
    }
    let current = log_ends.last().map(|end| lag(*end, last.offset)).or(last.lag);
    if current.is_some_and(|lag| lag <= rules.allowed) {
        return GroupStatus::Ok;
    }
    let is_silent = now.since(last.at) > last.at.since(first.at);
    let was_zero = log_ends.iter().any(|end| *end <= last.offset);
    if is_silent && !was_zero {
        return GroupStatus::Stop;
    }
    if rewound(ring) {
        return GroupStatus::Rewind;
    }
    if ring.iter().filter_map(|commit| commit.lag).any(|lag| lag <= rules.allowed) {
        return GroupStatus::Ok;
    }
    if stalled(ring) {
        return GroupStatus::Stall;
    }
    if never_falls(ring) { GroupStatus::Warn } else { GroupStatus::Ok }
}

/// Rule 4.
pub(super) fn rewound(ring: &[Commit]) -> bool {
    ring.windows(2).enumerate().any(|(place, pair)| {
        let later = &ring[place + 1..];
        pair[1].offset < pair[0].offset && later.iter().all(|commit| commit.offset < pair[0].offset)
    })
}

/// Rule 6.
pub(super) fn stalled(ring: &[Commit]) -> bool {
    ring.windows(2).all(|pair| pair[0].offset == pair[1].offset)
}

/// Rule 7.
pub(super) fn never_falls(ring: &[Commit]) -> bool {
    let lags: Vec<_> = ring.iter().filter_map(|commit| commit.lag).collect();
    lags.windows(2).all(|pair| pair[1] >= pair[0])
}
