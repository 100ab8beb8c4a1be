//! Does a partition's consumer keep up, judged by its last commits? Two layers. [`burrow`] is what LinkedIn's Burrow says,
//! rule by rule, so that whoever comes from there finds what they know. [`judge`] is what lagdoctor says: the same words,
//! with what Burrow's users keep asking for.
//!
//! | Burrow | here |
//! |---|---|
//! | a window that is too short is OK | it is `UNKNOWN` and not judged; OK only when everything has been read |
//! | STOP when the silence is longer than all ten commits took: minutes late for slow committers, false after a pause of seconds for quick ones | STOP when the silence is longer than three of the longest gaps between commits, and than a minute |
//! | a partition that has just begun to commit is never STOP | silence of five minutes with records waiting is STOP, however few commits there are |
//! | WARN at any lag | none while the lag is tiny: ten records, or five seconds of the consumer's own pace |
//! | one dip defeats "not decreasing" | the trend counts: most pairs of lags rise, by more than is tiny and more than they stray from their line |
//! | lag is that of the last commit, frozen once commits cease | the lag of now, against the log end of now, is one more reading |
//! | a lag of 1 that a transaction marker left is STOP or STALL | a lag of 1 is neither |
//!
//! Start at [`judge`].

mod burrow;
#[cfg(test)]
mod tests;

use lagdoctor_model::{Commit, GroupStatus, Lag, Millis, Offset, Timestamp, lag};

pub use burrow::burrow;

use crate::robust;

/// Share by which rising pairs of lags must outnumber falling ones. A single dip turns at most nine of the 45 pairs of ten
/// commits, which leaves 0.6.
const RISING: f64 = 0.5;
/// How many times the median distance from their line a climb must exceed.
const STRAYS: f64 = 4.0;

/// What to judge by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Lag that is always allowed, in records.
    pub allowed: Lag,
    /// How many commits make a full window.
    pub full_window: usize,
    /// Lag that is no reason to call a partition stopped or stalled: a transaction's marker is never read.
    pub marker: Lag,
    /// Lag that is no reason to warn.
    pub tiny: Lag,
    /// Lag that the consumer's own pace works off within this time is no reason to warn either.
    pub tiny_time: Millis,
    /// How many of the longest gaps between commits a silence lasts before it is a stop.
    pub stop_gaps: f64,
    /// No shorter silence is a stop.
    pub stop_after: Millis,
    /// So long a silence with records waiting is a stop, even when the window is not full.
    pub stop_at_last: Millis,
}

impl Default for Rules {
    /// Burrow's window and allowed lag, and the table above.
    fn default() -> Self {
        Self {
            allowed: Lag(0),
            full_window: 10,
            marker: Lag(1),
            tiny: Lag(10),
            tiny_time: Millis::seconds(5),
            stop_gaps: 3.0,
            stop_after: Millis::minutes(1),
            stop_at_last: Millis::minutes(5),
        }
    }
}

/// A status, and whether there was enough to judge by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The status; `Unknown` exactly when not judged.
    pub status: GroupStatus,
    /// Whether there was enough to judge by.
    pub judged: bool,
}

impl Judged {
    const UNKNOWN: Judged = Judged { status: GroupStatus::Unknown, judged: false };

    fn sure(status: GroupStatus) -> Self {
        Self { status, judged: true }
    }
}

/// The status of one partition. `ring` is its last commits, oldest first; `log_ends` the last readings of the log end, the
/// newest last, none when the newest is too old to say anything about `now`.
///
/// ```
/// # use lagdoctor_diagnosis::status::{judge, Rules};
/// # use lagdoctor_model::{Commit, GroupStatus, Lag, Millis, Offset, Timestamp};
/// let at = |s| Timestamp::EPOCH + Millis::seconds(s);
/// let commit = |s, offset| Commit { offset: Offset(offset), at: at(s), lag: Some(Lag(100)) };
/// let young = judge(&[commit(0, 50)], &[Offset(150)], at(5), &Rules::default());
/// assert_eq!((young.status, young.judged), (GroupStatus::Unknown, false));
/// let ceased = judge(&[commit(0, 50)], &[Offset(900)], at(400), &Rules::default());
/// assert_eq!((ceased.status, ceased.judged), (GroupStatus::Stop, true));
/// ```
pub fn judge(ring: &[Commit], log_ends: &[Offset], now: Timestamp, rules: &Rules) -> Judged {
    let Some(last) = ring.last() else { return Judged::UNKNOWN };
    let Some(current) = log_ends.last().map(|end| lag(*end, last.offset)) else { return Judged::UNKNOWN };
    if current <= rules.allowed {
        return Judged::sure(GroupStatus::Ok);
    }
    if stopped(ring, log_ends, current, now, rules) {
        return Judged::sure(GroupStatus::Stop);
    }
    if ring.len() < rules.full_window {
        return Judged::UNKNOWN;
    }
    if burrow::rewound(ring) {
        return Judged::sure(GroupStatus::Rewind);
    }
    if ring.iter().filter_map(|commit| commit.lag).any(|lag| lag <= rules.allowed) {
        // Whoever had read everything a few commits ago keeps up, unless most of it has piled up since.
        return Judged::sure(if climbs(ring, current, now, rules) { GroupStatus::Warn } else { GroupStatus::Ok });
    }
    if burrow::stalled(ring) && current > rules.marker {
        return Judged::sure(GroupStatus::Stall);
    }
    let warns = climbs(ring, current, now, rules) || (burrow::never_falls(ring) && !is_tiny(ring, current, rules));
    Judged::sure(if warns { GroupStatus::Warn } else { GroupStatus::Ok })
}

/// Whether commits have ceased although there is work. A partition that was read to its end when one of the last log ends
/// was read has waited for records and not for its consumer.
fn stopped(ring: &[Commit], log_ends: &[Offset], current: Lag, now: Timestamp, rules: &Rules) -> bool {
    let Some(last) = ring.last() else { return false };
    if current <= rules.marker || log_ends.iter().any(|end| *end <= last.offset) {
        return false;
    }
    let longest = ring.windows(2).map(|pair| pair[1].at.since(pair[0].at)).max().unwrap_or(Millis::ZERO);
    let least = if ring.len() >= rules.full_window { rules.stop_after } else { rules.stop_at_last };
    now.since(last.at).as_seconds() > least.as_seconds().max(longest.as_seconds() * rules.stop_gaps)
}

/// Whether so little is left that nobody should be woken.
fn is_tiny(ring: &[Commit], current: Lag, rules: &Rules) -> bool {
    let [first, .., last] = ring else { return current <= rules.tiny };
    let seconds = last.at.since(first.at).as_seconds();
    let pace = if seconds > 0.0 { last.offset.0.saturating_sub(first.offset.0) as f64 / seconds } else { 0.0 };
    current <= rules.tiny || current.0 as f64 <= pace * rules.tiny_time.as_seconds()
}

/// Whether the lag climbs in spite of dips, and by more than is tiny.
fn climbs(ring: &[Commit], current: Lag, now: Timestamp, rules: &Rules) -> bool {
    let Some(start) = ring.first().map(|commit| commit.at).filter(|_| !is_tiny(ring, current, rules)) else {
        return false;
    };
    let at_commits = ring.iter().filter_map(|commit| Some((commit.at, commit.lag?)));
    let points: Vec<(f64, f64)> =
        at_commits.chain([(now, current)]).map(|(at, lag)| (at.since(start).as_seconds(), lag.0 as f64)).collect();
    let Some(trend) = robust::trend(&points) else { return false };
    let rise = trend.slope * points.last().map_or(0.0, |(seconds, _)| *seconds);
    if trend.order < RISING || rise <= rules.tiny.0 as f64 {
        return false;
    }
    // Noise around a level has a slope too; a climb goes further than the readings stray from it.
    let from_line = |values: &mut dyn Iterator<Item = f64>| robust::median(&values.collect::<Vec<_>>()).unwrap_or(0.0);
    let start = from_line(&mut points.iter().map(|(seconds, lag)| lag - trend.slope * seconds));
    let stray = from_line(&mut points.iter().map(|(seconds, lag)| (lag - trend.slope * seconds - start).abs()));
    rise > stray * STRAYS
}

/// The status of a group: that of its worst partition, never OK while one is unknown.
pub fn of_group(partitions: impl IntoIterator<Item = GroupStatus>) -> GroupStatus {
    partitions.into_iter().max().unwrap_or(GroupStatus::Unknown)
}
