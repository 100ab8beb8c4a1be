//! May a plugin log one more line now? Each call has its own allowance, but a plugin that is called a hundred times a
//! minute would fill the log nevertheless, so all its calls share one bucket that fills up again with time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A bucket of log lines: holds those of a minute, and gets as many back in each.
#[derive(Debug)]
struct Bucket {
    per_minute: u32,
    /// Sixty thousandths of a line, because a line is worth that many of the milliseconds below.
    level: u64,
    filled_at: Duration,
}

/// What a line is worth: the milliseconds of a minute, so that no fraction is ever lost.
const LINE: u64 = 60_000;

impl Bucket {
    fn new(per_minute: u32) -> Self {
        Self { per_minute, level: u64::from(per_minute) * LINE, filled_at: Duration::ZERO }
    }

    /// Takes one line out, if there is one. `now` never goes back.
    fn take(&mut self, now: Duration) -> bool {
        let passed_ms = u64::try_from(now.saturating_sub(self.filled_at).as_millis()).unwrap_or(u64::MAX);
        let per_minute = u64::from(self.per_minute);
        self.level = self.level.saturating_add(passed_ms.saturating_mul(per_minute)).min(per_minute * LINE);
        self.filled_at += Duration::from_millis(passed_ms);
        match self.level.checked_sub(LINE) {
            Some(level) => {
                self.level = level;
                true
            }
            None => false,
        }
    }
}

/// The bucket of one plugin, shared by its calls.
#[derive(Debug)]
pub(crate) struct LogRate {
    since: Instant,
    bucket: Mutex<Bucket>,
}

impl LogRate {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { since: Instant::now(), bucket: Mutex::new(Bucket::new(per_minute)) }
    }

    /// Whether one more line may be written.
    pub(crate) fn admits(&self) -> bool {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(self.since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How many of so many lines come through at this second.
    fn through(bucket: &mut Bucket, lines: usize, second: u64) -> usize {
        (0..lines).filter(|_| bucket.take(Duration::from_secs(second))).count()
    }

    #[test]
    fn a_burst_of_a_minutes_worth_comes_through_and_then_as_much_as_time_gives_back() {
        let mut bucket = Bucket::new(60);
        assert_eq!(through(&mut bucket, 100, 0), 60);
        assert_eq!(through(&mut bucket, 100, 0), 0);
        assert_eq!(through(&mut bucket, 100, 10), 10);
        assert_eq!(through(&mut bucket, 100, 10_000), 60);
    }

    #[test]
    fn parts_of_a_line_are_not_lost() {
        let mut bucket = Bucket::new(1);
        assert_eq!(through(&mut bucket, 1, 0), 1);
        assert_eq!((1..=300).map(|second| through(&mut bucket, 1, second)).sum::<usize>(), 5);
    }

    #[test]
    fn none_a_minute_is_none_ever() {
        assert_eq!(through(&mut Bucket::new(0), 10, 1_000_000), 0);
    }

    proptest! {
        #[test]
        fn no_minute_has_more_than_a_burst_and_what_comes_back(per_minute in 0u32..50, gaps in prop::collection::vec(0u64..3_000, 0..200)) {
            let mut bucket = Bucket::new(per_minute);
            let (mut now, mut taken) = (Duration::ZERO, vec![]);
            for gap in gaps {
                now += Duration::from_millis(gap);
                if bucket.take(now) {
                    taken.push(now);
                }
            }
            for (place, first) in taken.iter().enumerate() {
                let within = taken[place..].iter().take_while(|at| **at - *first < Duration::from_secs(60)).count();
                prop_assert!(within <= 2 * per_minute as usize);
            }
        }
    }
}
