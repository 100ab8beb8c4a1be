//! Which moments of a window are read when it holds more lines than there is room for? Whole short slices, as long as one
//! another and spread over all of the window, so that a rate counted in them stays comparable from one minute to the next
//! and no time is worse off than another. Start at [`Plan::of`]; [`Slices`] says where the slices lie.

use lagdoctor_sdk::Error;

use crate::search::{Search, Stretch, Volume};
use crate::tally::{Count, Tally};

/// Most periods of a window; each holds one slice, in two pieces at most. Elasticsearch allows 1024 conditions in a query.
const MOST_PERIODS: i64 = 240;
/// The shortest period.
const SHORTEST_PERIOD_MS: i64 = 1000;
/// How often narrower slices are tried before lines are counted off.
const TRIES: usize = 4;
/// A sample with less than this share of what there is room for has missed a burst, and tells little of the window.
const LEAST_SHARE: f64 = 0.25;
/// Lines that one page is meant to hold; a page may end earlier where lines are long.
const LINES_PER_PAGE: u64 = 2500;
/// Most parts of a window, each at least one page.
pub(crate) const MOST_PARTS: i64 = 30;

/// Slices of one width, one in each period of a window. A slice that fills its period makes the window whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slices {
    pub(crate) start_ms: i64,
    /// Not included; after the start.
    pub(crate) end_ms: i64,
    /// From 0, which reads nothing.
    pub(crate) width_ms: i64,
}

impl Slices {
    /// The whole window.
    pub(crate) fn whole(start_ms: i64, end_ms: i64) -> Self {
        Self { start_ms, end_ms, width_ms: end_ms - start_ms }
    }

    fn length(self) -> i64 {
        self.end_ms - self.start_ms
    }

    fn periods(self) -> i64 {
        (self.length() / SHORTEST_PERIOD_MS).clamp(1, MOST_PERIODS)
    }

    /// The longest period.
    fn period_ms(self) -> i64 {
        let periods = self.periods();
        (self.length() + periods - 1) / periods
    }

    fn is_whole(self) -> bool {
        self.width_ms >= self.period_ms()
    }

    /// The slices between two moments, the second not included, in order.
    pub(crate) fn between(self, from_ms: i64, to_ms: i64) -> Vec<(i64, i64)> {
        if self.is_whole() {
            return vec![(from_ms, to_ms)];
        }
        let edge = |period: i64| self.start_ms + self.length() * period / self.periods();
        let slices = (0..self.periods()).flat_map(|period| {
            let (start, end) = (edge(period), edge(period + 1));
            let width = self.width_ms.min(end - start);
            // Not at the same place in each period, since much of what programs write comes in step with the clock. What
            // goes beyond the end comes at the start, so that no moment of a period is read more often than another.
            let offset = i64::try_from(scattered(period) % (end - start).unsigned_abs().max(1)).unwrap_or(0);
            let beyond = (start + offset + width - end).max(0);
            [(start, start + beyond), (start + offset, start + offset + width - beyond)]
        });
        let clipped = slices.map(|(start, end)| (start.max(from_ms), end.min(to_ms)));
        clipped.filter(|(start, end)| start < end).collect()
    }
}

/// A number that looks like chance and is always the same.
fn scattered(number: i64) -> u64 {
    let mut bits = number.unsigned_abs().wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// How much of one volume is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Width of its slices.
    pub(crate) width_ms: i64,
    /// Most lines of one part, where no width makes few enough of them: lines of one moment cannot be sliced.
    pub(crate) most: Option<usize>,
}

impl Share {
    /// Nothing.
    pub(crate) const NONE: Self = Self { width_ms: 0, most: None };
}

/// What is read of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Into how many parts of one length it is read.
    pub(crate) parts: i64,
    pub(crate) loud: Share,
    pub(crate) quiet: Share,
}

impl Plan {
    /// Counts what there is, and makes room for warnings and errors first. Notes in `tally` what will not be read. Where
    /// only the quiet lines cannot be counted, they are not read, and the error is given as well.
    pub(crate) fn of(
        search: &mut Search<'_>,
        window: Slices,
        most: usize,
        tally: &mut Tally,
    ) -> Result<(Self, Option<Error>), Error> {
        let (loud, loud_lines) = share(search, Volume::Loud, window, most as u64, &mut tally.loud)?;
        let room = (most as u64).saturating_sub(loud_lines);
        let (quiet, failed) = match share(search, Volume::Quiet, window, room, &mut tally.quiet) {
            Ok(quiet) => (quiet, None),
            Err(error) => ((Share::NONE, 0), Some(error)),
        };
        let (quiet, quiet_lines) = quiet;
        let pages = i64::try_from((loud_lines + quiet_lines).div_ceil(LINES_PER_PAGE)).unwrap_or(MOST_PARTS);
        let is_counted_off = loud.most.is_some() || quiet.most.is_some();
        let parts = if is_counted_off { MOST_PARTS } else { pages.clamp(1, MOST_PARTS) };
        Ok((Self { parts, loud, quiet }, failed))
    }
}

/// How much of a volume fits, and how many lines that will be.
fn share(
    search: &mut Search<'_>,
    volume: Volume,
    window: Slices,
    room: u64,
    count: &mut Count,
) -> Result<(Share, u64), Error> {
    let mut counted = |slices: Slices| {
        let (from_ms, to_ms) = (slices.start_ms, slices.end_ms);
        search.count(volume, &Stretch { from_ms, to_ms, slices: slices.between(from_ms, to_ms) })
    };
    let all = counted(window)?;
    if all == 0 {
        return Ok((Share::NONE, 0));
    }
    if all <= room {
        return Ok((Share { width_ms: window.length(), most: None }, all));
    }
    if room == 0 {
        count.left_out = all;
        return Ok((Share::NONE, 0));
    }
    let period_ms = window.period_ms();
    // A little less than what fits, since a sample is never exactly as large as expected.
    let narrowed = |width_ms: i64, lines: u64| {
        let wanted = width_ms as f64 * 0.95 * room as f64 / lines as f64;
        (wanted as i64).clamp(1, (width_ms - 1).max(1))
    };
    let mut width_ms = narrowed(period_ms, all);
    for _ in 0..TRIES {
        let lines = counted(Slices { width_ms, ..window })?;
        if lines <= room && (lines as f64) < LEAST_SHARE * room as f64 {
            break;
        }
        if lines <= room {
            count.left_out = all - lines.min(all);
            return Ok((Share { width_ms, most: None }, lines));
        }
        if width_ms == 1 {
            break;
        }
        width_ms = narrowed(width_ms, lines);
    }
    // Too much was written at one moment. What is left out is counted while it is read.
    let most = usize::try_from(room / MOST_PARTS as u64).unwrap_or(0).max(1);
    Ok((Share { width_ms: window.length(), most: Some(most) }, room))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn covered(slices: &[(i64, i64)]) -> i64 {
        slices.iter().map(|(start, end)| end - start).sum()
    }

    proptest! {
        #[test]
        fn slices_are_in_order_apart_and_within_the_window(
            start_ms in 0..HOUR_MS, length in 1..30 * HOUR_MS, width_ms in 0..HOUR_MS,
        ) {
            let slices = Slices { start_ms, end_ms: start_ms + length, width_ms };
            let all = slices.between(start_ms, start_ms + length);
            prop_assert!(all.iter().all(|(start, end)| start < end));
            prop_assert!(all.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            prop_assert!(all.iter().all(|(start, end)| *start >= start_ms && *end <= start_ms + length));
        }

        #[test]
        fn two_halves_of_a_window_are_the_whole(length in 2..HOUR_MS, width_ms in 0..20_000_i64, cut in 0.0..1.0_f64) {
            let slices = Slices { start_ms: 0, end_ms: length, width_ms };
            let cut = ((length as f64 * cut) as i64).clamp(1, length - 1);
            let halves = covered(&slices.between(0, cut)) + covered(&slices.between(cut, length));
            prop_assert_eq!(halves, covered(&slices.between(0, length)));
        }

        #[test]
        fn each_minute_of_an_hour_is_read_for_as_long_as_any_other(width_ms in 1..=15_000_i64) {
            let slices = Slices { start_ms: 0, end_ms: HOUR_MS, width_ms };
            for minute in 0..60 {
                prop_assert_eq!(covered(&slices.between(minute * 60_000, (minute + 1) * 60_000)), 4 * width_ms);
            }
        }
    }

    #[test]
    fn slices_do_not_keep_step_with_what_is_written_every_quarter_of_a_minute() {
        let slices = Slices { start_ms: 0, end_ms: HOUR_MS, width_ms: 1500 };
        for second in 0..15 {
            let at = |period: i64| period * 15_000 + second * 1000;
            let all = slices.between(0, HOUR_MS);
            let seen = (0..240).filter(|period| all.iter().any(|(start, end)| (*start..*end).contains(&at(*period))));
            let seen = seen.count();
            assert!((8..=48).contains(&seen), "second {second}: {seen} of 240, of which a tenth is wanted");
        }
    }
}
