//! Moments and durations. Every time in lagdoctor is one of these two; none of them can read a clock.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment: Unix milliseconds, UTC. Within the years 0001 to 9999, so that arithmetic on it cannot overflow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Timestamp(i64);

/// A duration: milliseconds, never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Millis(i64);

/// A number that is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTime {
    /// Outside the years 0001 to 9999; a source that mixes up seconds, milliseconds and nanoseconds gives such times.
    #[error("{0} is no time in Unix milliseconds: it lies outside the years 0001 to 9999")]
    OutOfRange(i64),
    /// A duration below zero.
    #[error("{0} ms is no duration: it is negative")]
    NegativeDuration(i64),
}

const MIN_MS: i64 = -62_135_596_800_000;
const MAX_MS: i64 = 253_402_300_799_999;
const DAY_MS: i64 = 86_400_000;

impl Timestamp {
    /// The start of 1970. Handy in tests.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// A moment from Unix milliseconds.
    ///
    /// # Errors
    /// When it lies outside the years 0001 to 9999.
    pub fn from_millis(ms: i64) -> Result<Self, InvalidTime> {
        if (MIN_MS..=MAX_MS).contains(&ms) { Ok(Self(ms)) } else { Err(InvalidTime::OutOfRange(ms)) }
    }

    /// Unix milliseconds.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after.
    ///
    /// ```
    /// # use lagdoctor_model::{Timestamp, Millis};
    /// let noon = Timestamp::from_millis(43_200_000).unwrap();
    /// assert_eq!(noon.since(noon + Millis::seconds(5)), Millis::ZERO);
    /// ```
    pub fn since(self, earlier: Timestamp) -> Millis {
        Millis((self.0 - earlier.0).max(0))
    }

    /// Year, month, day, hour, minute, second, millisecond, in UTC, by the proleptic Gregorian calendar.
    /// Days to civil date as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    pub fn civil(self) -> (i64, u8, u8, u8, u8, u8, u16) {
        let days = self.0.div_euclid(DAY_MS);
        let ms = self.0.rem_euclid(DAY_MS);
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        let part = |value: i64| u8::try_from(value).unwrap_or(0);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        (year, part(month), part(day), part(hour), part(minute), part(second), u16::try_from(ms % 1000).unwrap_or(0))
    }

    /// `12:34:56`, the time of day in UTC, as reports show it.
    pub fn clock(self) -> String {
        let (_, _, _, hour, minute, second, _) = self.civil();
        format!("{hour:02}:{minute:02}:{second:02}")
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-03-01T12:34:56.789Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second, ms) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Millis {
    /// No time at all.
    pub const ZERO: Millis = Millis(0);

    /// A duration from milliseconds.
    ///
    /// # Errors
    /// When it is negative, or longer than all of time.
    pub fn new(ms: i64) -> Result<Self, InvalidTime> {
        if ms < 0 {
            Err(InvalidTime::NegativeDuration(ms))
        } else if ms > MAX_MS - MIN_MS {
            Err(InvalidTime::OutOfRange(ms))
        } else {
            Ok(Self(ms))
        }
    }

    /// So many seconds.
    pub const fn seconds(seconds: u32) -> Self {
        Self(seconds as i64 * 1000)
    }

    /// So many minutes.
    pub const fn minutes(minutes: u32) -> Self {
        Self(minutes as i64 * 60_000)
    }

    /// Milliseconds.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds, with their fraction.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

/// For people: `0 s`, `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`; at most two parts.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let two = |f: &mut fmt::Formatter<'_>, a: i64, unit_a: &str, b: i64, unit_b: &str| {
            if b == 0 { write!(f, "{a} {unit_a}") } else { write!(f, "{a} {unit_a} {b} {unit_b}") }
        };
        match seconds {
            0 if self.0 > 0 => write!(f, "{} ms", self.0),
            0..60 => write!(f, "{seconds} s"),
            60..3600 => two(f, seconds / 60, "min", seconds % 60, "s"),
            3600..86_400 => two(f, seconds / 3600, "h", seconds / 60 % 60, "min"),
            _ => two(f, seconds / 86_400, "d", seconds / 3600 % 24, "h"),
        }
    }
}

impl fmt::Debug for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Stops at the year 9999.
impl Add<Millis> for Timestamp {
    type Output = Timestamp;
    fn add(self, rhs: Millis) -> Timestamp {
        Timestamp(self.0.saturating_add(rhs.0).min(MAX_MS))
    }
}

/// Stops at the year 0001.
impl Sub<Millis> for Timestamp {
    type Output = Timestamp;
    fn sub(self, rhs: Millis) -> Timestamp {
        Timestamp(self.0.saturating_sub(rhs.0).max(MIN_MS))
    }
}

impl TryFrom<i64> for Timestamp {
    type Error = InvalidTime;
    fn try_from(ms: i64) -> Result<Self, InvalidTime> {
        Self::from_millis(ms)
    }
}

impl From<Timestamp> for i64 {
    fn from(at: Timestamp) -> i64 {
        at.0
    }
}

impl TryFrom<i64> for Millis {
    type Error = InvalidTime;
    fn try_from(ms: i64) -> Result<Self, InvalidTime> {
        Self::new(ms)
    }
}

impl From<Millis> for i64 {
    fn from(duration: Millis) -> i64 {
        duration.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_and_times_before_1970_print_as_the_calendar_has_them() {
        let print = |ms| Timestamp::from_millis(ms).unwrap().to_string();
        assert_eq!(print(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(print(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(print(1_772_368_496_789), "2026-03-01T12:34:56.789Z");
    }

    #[test]
    fn nanoseconds_mistaken_for_milliseconds_are_refused() {
        assert!(Timestamp::from_millis(1_772_368_496_789_000_000).is_err());
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (ms, text) in [
            (0, "0 s"),
            (400, "400 ms"),
            (59_999, "59 s"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(Millis::new(ms).unwrap().to_string(), text);
        }
    }
}
