//! Which past commits of a partition are worth keeping? The last ten, as Burrow's status rules want them, but not
//! closer than a second: a consumer that commits each record would else fill the ring within milliseconds, and look
//! stopped at its first pause. Start at [`Ring::insert`].

use lagdoctor_model::{Commit, Lag, Millis, Offset, Timestamp, lag};

use crate::PartitionLag;

/// Commits closer than this to one another count as one: the newest is kept.
const DISTANCE: Millis = Millis::seconds(1);

/// A commit and its place in `__consumer_offsets`, which tells the order in which commits were made.
#[derive(Clone, Copy, Debug)]
struct Entry {
    sequence: i64,
    /// The first of the commits that this one stands for.
    first: i64,
    commit: Commit,
}

/// The last commits of one group for one partition. Invariant: sequences and times strictly increase.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    entries: Vec<Entry>,
}

/// Where a partition's log ended at two moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// The reading before this one, if there was one.
    pub(crate) before: Option<(Timestamp, Offset)>,
    /// This reading.
    pub(crate) now: (Timestamp, Offset),
}

impl Growth {
    /// The lag that `commit` left, if that can be told.
    fn lag_at(self, commit: Commit) -> Option<Lag> {
        let (now, end) = self.now;
        if commit.offset >= end {
            return Some(Lag(0));
        }
        let (before, start) = self.before?;
        if commit.at < before {
            return None;
        }
        // Between two readings the log is taken to grow evenly; a commit from the future means that clocks differ.
        let whole = now.since(before).as_millis().max(1);
        let part = commit.at.since(before).as_millis().min(whole);
        let grown = i128::from(end.0.saturating_sub(start.0)) * i128::from(part) / i128::from(whole);
        Some(lag(Offset(start.0.saturating_add(u64::try_from(grown).unwrap_or(0))), commit.offset))
    }
}

impl Ring {
    /// Adds a commit in its place. Old ones may come after young ones, as the past is read last, and any may come twice.
    pub(crate) fn insert(&mut self, sequence: i64, offset: Offset, at: Timestamp) {
        let place = self.entries.partition_point(|entry| entry.sequence < sequence);
        let (older, younger) = self.entries.split_at(place);
        if younger.first().is_some_and(|next| next.first <= sequence || next.commit.at <= at) {
            return;
        }
        let mut entry = Entry { sequence, first: sequence, commit: Commit { offset, at, lag: None } };
        match older {
            // A coordinator whose clock is behind its predecessor's: the offset is news, its time is not.
            [.., last] if at <= last.commit.at => {
                if younger.is_empty() {
                    entry.commit.at = last.commit.at;
                    entry.first = last.first;
                    self.entries[place - 1] = entry;
                }
                return;
            }
            // It would have given way to the next one, had both come in order.
            [.., last] if !younger.is_empty() && at.since(last.commit.at) < DISTANCE => return,
            [.., before, last] if last.commit.at.since(before.commit.at) < DISTANCE => {
                entry.first = last.first;
                self.entries[place - 1] = entry;
            }
            _ => self.entries.insert(place, entry),
        }
        if self.entries.len() > PartitionLag::RING {
            self.entries.remove(0);
        }
    }

    /// Forgets commits made before this place.
    pub(crate) fn forget_before(&mut self, sequence: i64) {
        self.entries.retain(|entry| entry.sequence > sequence);
    }

    /// Says how far behind each commit was that nobody has said it of, where it can be told.
    pub(crate) fn measure(&mut self, growth: Growth) {
        for entry in self.entries.iter_mut().filter(|entry| entry.commit.lag.is_none()) {
            entry.commit.lag = growth.lag_at(entry.commit);
        }
    }

    /// The commits, oldest first.
    pub(crate) fn commits(&self) -> Vec<Commit> {
        self.entries.iter().map(|entry| entry.commit).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms).unwrap()
    }

    /// Inserts (sequence, offset, time in ms) and says what is kept as (offset, time in ms).
    fn check(commits: &[(i64, u64, i64)], expected: &[(u64, i64)]) {
        let mut ring = Ring::default();
        for (sequence, offset, ms) in commits {
            ring.insert(*sequence, Offset(*offset), at(*ms));
        }
        let kept: Vec<_> = ring.commits().iter().map(|commit| (commit.offset.0, commit.at.as_millis())).collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_consumer_that_commits_every_millisecond_keeps_a_ring_of_seconds() {
        let commits: Vec<_> = (0..20_000).map(|n| (n, n as u64, n)).collect();
        let mut ring = Ring::default();
        for (sequence, offset, ms) in commits {
            ring.insert(sequence, Offset(offset), at(ms));
        }
        let kept = ring.commits();
        assert_eq!(kept.len(), PartitionLag::RING);
        assert!(kept.last().unwrap().at.since(kept[0].at) >= Millis::seconds(8));
        assert_eq!(kept.last().unwrap().offset, Offset(19_999));
    }

    #[test]
    fn the_past_may_be_read_after_the_present() {
        check(
            &[(8, 80, 8000), (9, 90, 9000), (1, 10, 1000), (2, 20, 2000)],
            &[(10, 1000), (20, 2000), (80, 8000), (90, 9000)],
        );
    }

    #[test]
    fn a_commit_read_twice_counts_once() {
        check(&[(1, 10, 1000), (2, 20, 2000), (1, 10, 1000), (2, 20, 2000)], &[(10, 1000), (20, 2000)]);
    }

    #[test]
    fn a_coordinator_with_a_slow_clock_cannot_turn_back_time() {
        check(&[(1, 10, 5000), (2, 20, 4000)], &[(20, 5000)]);
    }

    #[test]
    fn lag_at_a_commit_is_read_off_the_growth_of_the_log() {
        let growth = Growth { before: Some((at(10_000), Offset(1000))), now: (at(20_000), Offset(2000)) };
        let lag_of = |offset, ms| growth.lag_at(Commit { offset: Offset(offset), at: at(ms), lag: None });
        assert_eq!(lag_of(1400, 15_000), Some(Lag(100)));
        assert_eq!(lag_of(900, 10_000), Some(Lag(100)));
        assert_eq!(lag_of(1900, 12_000), Some(Lag(0)), "a stale log end gives zero, never less");
        assert_eq!(lag_of(500, 9000), None, "how long the log was then is not known");
        assert_eq!(lag_of(2000, 9000), Some(Lag(0)), "who stands at the end now stood there then");
        assert_eq!(lag_of(1500, 30_000), Some(Lag(500)), "a clock ahead of ours");
    }

    proptest! {
        #[test]
        fn times_strictly_increase_whatever_order_commits_come_in(commits in prop::collection::vec((0i64..50, 0u64..100, 0i64..30_000), 0..60)) {
            let mut ring = Ring::default();
            for (sequence, offset, ms) in commits {
                ring.insert(sequence, Offset(offset), at(ms));
                let kept = ring.commits();
                prop_assert!(kept.len() <= PartitionLag::RING);
                prop_assert!(kept.windows(2).all(|pair| pair[0].at < pair[1].at));
                prop_assert!(ring.entries.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
            }
        }
    }
}
