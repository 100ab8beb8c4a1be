//! The status of each partition of each group over the window, by the rules of `diagnosis`. Commits are taken from the
//! committed offset and, where a source gives it, the time of the commit; else each change of the offset is a commit.
//! Start at [`statuses`].

use std::collections::{BTreeMap, VecDeque};

use lagdoctor_diagnosis::status::{Rules, judge};
use lagdoctor_model::{Commit, GroupStatus, Labels, Millis, Offset, Sample, Series, Signals, Timestamp, lag};

use super::readings::{PATIENCE, grid, known_at};
use super::{by_node, log_ends, partition_of, series};

/// How many commits the rules look at.
const RING: usize = 10;
/// Commits closer than this to one another count as one, so that ten of them show more than the last seconds.
const DISTANCE: Millis = Millis::seconds(15);
/// Above so many judgements only the moment of the diagnosis is judged: scorers lose the history of the status, and a
/// cluster of 10,000 partitions still takes a second and not a minute.
const MOST_JUDGEMENTS: usize = 200_000;

/// The number that stands for a status in `kafka.consumer_group.status`; NaN for unknown.
pub fn status_number(status: GroupStatus) -> f64 {
    match status {
        GroupStatus::Ok => 0.0,
        GroupStatus::Warn => 1.0,
        GroupStatus::Err => 2.0,
        GroupStatus::Stop => 3.0,
        GroupStatus::Stall => 4.0,
        GroupStatus::Rewind => 5.0,
        GroupStatus::Unknown => f64::NAN,
    }
}

/// The status that a number of `kafka.consumer_group.status` stands for.
pub fn status_of(number: f64) -> GroupStatus {
    match number {
        0.0 => GroupStatus::Ok,
        1.0 => GroupStatus::Warn,
        2.0 => GroupStatus::Err,
        3.0 => GroupStatus::Stop,
        4.0 => GroupStatus::Stall,
        5.0 => GroupStatus::Rewind,
        _ => GroupStatus::Unknown,
    }
}

/// Status of each partition of each group.
pub(super) fn statuses(signals: &Signals) -> Vec<Series> {
    let ends = log_ends(signals);
    let groups = by_node(signals, "kafka.consumer_group.offset");
    let partitions: usize = groups.values().map(Vec::len).sum();
    let mut times: Vec<Timestamp> = grid(&signals.window).collect();
    if partitions.saturating_mul(times.len()) > MOST_JUDGEMENTS {
        times.clear();
    }
    // The last time of the grid may lie before the moment of the diagnosis, and that moment is what matters.
    if times.last() != Some(&signals.window.now) {
        times.push(signals.window.now);
    }
    let told = by_node(signals, "kafka.consumer_group.commit_time");
    let mut made = vec![];
    for (group, committed) in groups {
        let times_of = told.get(group).into_iter().flatten();
        let commit_times: BTreeMap<&Labels, &Series> = times_of.map(|series| (series.labels(), *series)).collect();
        for committed in committed {
            let Some(id) = partition_of(committed) else { continue };
            let Some(end) = id.node().ok().and_then(|node| ends.get(&node).copied()) else { continue };
            let when = commit_times.get(committed.labels());
            let commits = commits(committed.samples(), when.map(|series| series.samples()), end.samples());
            let samples = judged(&commits, end.samples(), &times);
            let labels: Labels = committed.labels().clone();
            made.extend(series(group, "kafka.consumer_group.status", labels, samples, None));
        }
    }
    made
}

/// A commit, and when it was seen. Nobody may judge by what was not yet known.
struct Seen {
    commit: Commit,
    at: Timestamp,
}

fn commits(offsets: &[Sample], when: Option<&[Sample]>, ends: &[Sample]) -> Vec<Seen> {
    let mut commits: Vec<Seen> = vec![];
    for sample in offsets.iter().filter(|sample| !sample.value.is_nan()) {
        let offset = Offset(sample.value.max(0.0) as u64);
        let time = when.and_then(|when| known_at(when, sample.at, PATIENCE));
        let told = time.and_then(|time| Timestamp::from_millis(time.value as i64).ok());
        let at = told.unwrap_or(sample.at);
        if let Some(last) = commits.last()
            && (at <= last.commit.at || (told.is_none() && offset == last.commit.offset))
        {
            continue;
        }
        let end = end_at(ends, at);
        let lag = end.map(|end| lag(Offset(end.value.max(0.0) as u64), offset));
        let seen = Seen { commit: Commit { offset, at, lag }, at: end.map_or(sample.at, |end| end.at.max(sample.at)) };
        // As in Burrow: of commits that are close together the newest stands for all.
        match commits.as_slice() {
            [.., before, last] if last.commit.at.since(before.commit.at) < DISTANCE => {
                let place = commits.len() - 1;
                commits[place] = seen;
            }
            _ => commits.push(seen),
        }
    }
    commits
}

/// Where the log ended at `at`, on the line between the readings around it, and when that could be known: the last
/// reading alone is up to a scrape old, and would make every commit since look like progress.
fn end_at(ends: &[Sample], at: Timestamp) -> Option<Sample> {
    let before = known_at(ends, at, PATIENCE)?;
    let after = ends[ends.partition_point(|sample| sample.at <= at)..].iter().find(|sample| !sample.value.is_nan());
    let Some(after) = after.filter(|after| after.at.since(at) <= PATIENCE) else {
        return Some(Sample { at, value: before.value });
    };
    let part = at.since(before.at).as_seconds() / after.at.since(before.at).as_seconds();
    Some(Sample { at: after.at, value: before.value + (after.value - before.value) * part })
}

fn judged(commits: &[Seen], ends: &[Sample], times: &[Timestamp]) -> Vec<Sample> {
    let mut ring: VecDeque<Commit> = VecDeque::with_capacity(RING + 1);
    let mut next = commits.iter().peekable();
    let mut samples = Vec::with_capacity(times.len());
    for &now in times {
        while let Some(seen) = next.next_if(|seen| seen.at <= now) {
            ring.push_back(seen.commit);
            if ring.len() > RING {
                ring.pop_front();
            }
        }
        let judged = judge(ring.make_contiguous(), &last_ends(ends, now), now, &Rules::default());
        let value = if judged.judged { status_number(judged.status) } else { f64::NAN };
        samples.push(Sample { at: now, value });
    }
    samples
}

/// The last log ends that were read by then, oldest first; none when the newest is too old to say anything about now.
fn last_ends(ends: &[Sample], now: Timestamp) -> Vec<Offset> {
    if known_at(ends, now, PATIENCE).is_none() {
        return vec![];
    }
    let read = &ends[..ends.partition_point(|sample| sample.at <= now)];
    let numbers = read.iter().rev().filter(|sample| !sample.value.is_nan());
    let mut last: Vec<_> = numbers.take(RING).map(|sample| Offset(sample.value.max(0.0) as u64)).collect();
    last.reverse();
    last
}
