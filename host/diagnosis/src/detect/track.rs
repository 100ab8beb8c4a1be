//! When did a series leave its own past behind? Lag has no normal value that fits every group, but each group has a calm
//! stretch to compare with: the stretch of the window whose median is lowest. An incident can begin anywhere in a window,
//! also near its start, so no fixed part of it can be trusted to be healthy. Start at [`Track::departure`].

use lagdoctor_model::{Millis, Series, Timestamp, Window};

use crate::robust::{self, Trend};

/// Share of the readings that makes a stretch, as one of so many, and the fewest readings that do.
const STRETCHES: usize = 6;
const SHORTEST_STRETCH: usize = 8;
/// With fewer readings nothing can be said of the past.
const FEWEST: usize = 6;
/// A reading that is so many deviations above the calm is far from it, and this few is usual.
const FAR: f64 = 5.0;
const USUAL: f64 = 2.0;
/// Share of the smallest distance that matters within which a reading is usual, however still the series was.
const USUAL_SHARE: f64 = 0.2;
/// Between two far readings of one departure may lie this much time: lag that is worked off in gulps is one trouble.
const BRIDGE: Millis = Millis::minutes(2);
/// Within so many readings of the first one, nobody can tell when something began.
const OLDER: usize = 3;
/// A stretch in which so many more pairs of readings rise than fall is a climb.
const CLIMB: f64 = 0.8;
/// How many readings decide what is "now".
const NOW: usize = 3;

/// The known readings of one series within the window, in order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    readings: Vec<(Timestamp, f64)>,
}

/// What a series is like when nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Calm {
    /// Its middle.
    pub(super) centre: f64,
    /// Its deviation.
    pub(super) scale: f64,
}

impl Calm {
    /// From this value on a reading is far; `floor` is the smallest distance that matters.
    fn far(&self, floor: f64) -> f64 {
        self.centre + (self.scale * FAR).max(floor)
    }

    /// How many deviations above the middle this value lies; from [`FAR`] on it is far.
    pub(super) fn deviations(&self, value: f64, floor: f64) -> f64 {
        (value - self.centre) * FAR / (self.far(floor) - self.centre)
    }

    /// Up to this value a reading is usual.
    fn usual(&self, floor: f64) -> f64 {
        self.centre + (self.scale * USUAL).max(floor * USUAL_SHARE)
    }
}

/// A departure that lasts until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Departure {
    /// When the series left what is usual.
    pub(super) onset: Timestamp,
    /// The first reading that was far.
    pub(super) first_far: Timestamp,
    /// How many readings were far.
    pub(super) count: usize,
    /// Whether it began before the first reading.
    pub(super) is_older: bool,
}

/// A departure that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Episode {
    /// The first reading that was far.
    pub(super) from: Timestamp,
    /// The last one.
    pub(super) to: Timestamp,
    /// The highest reading between them.
    pub(super) peak: f64,
}

impl Track {
    /// The readings of this series that lie within the window.
    pub(super) fn of(series: &Series, window: &Window) -> Self {
        let inside = series.samples().iter().filter(|sample| sample.at >= window.start && sample.at <= window.now);
        Self {
            readings: inside
                .filter(|sample| sample.value.is_finite())
                .map(|sample| (sample.at, sample.value))
                .collect(),
        }
    }

    /// The same with each value multiplied by this, such as -1 for a series of which less is worse.
    pub(super) fn times(mut self, factor: f64) -> Self {
        self.readings.iter_mut().for_each(|(_, value)| *value *= factor);
        self
    }

    /// How many readings there are.
    pub(super) fn len(&self) -> usize {
        self.readings.len()
    }

    pub(super) fn last(&self) -> Option<(Timestamp, f64)> {
        self.readings.last().copied()
    }

    pub(super) fn first(&self) -> Option<(Timestamp, f64)> {
        self.readings.first().copied()
    }

    pub(super) fn values(&self) -> Vec<f64> {
        self.readings.iter().map(|(_, value)| *value).collect()
    }

    /// Values read at or after this moment.
    pub(super) fn since(&self, at: Timestamp) -> Vec<f64> {
        self.readings.iter().filter(|(read, _)| *read >= at).map(|(_, value)| *value).collect()
    }

    /// Values read before this moment.
    pub(super) fn before(&self, at: Timestamp) -> Vec<f64> {
        self.readings.iter().filter(|(read, _)| *read < at).map(|(_, value)| *value).collect()
    }

    /// Median of the newest readings.
    pub(super) fn now(&self) -> Option<f64> {
        let newest: Vec<f64> = self.readings.iter().rev().take(NOW).map(|(_, value)| *value).collect();
        robust::median(&newest)
    }

    /// Whether each of so many newest readings is far from `calm`.
    pub(super) fn is_far_now(&self, calm: &Calm, floor: f64, count: usize) -> bool {
        self.readings.iter().rev().take(count).all(|(_, value)| *value > calm.far(floor))
    }

    /// What it is like when nothing is wrong. `None` when there are too few readings to tell.
    pub(super) fn calm(&self) -> Option<Calm> {
        let count = self.readings.len();
        if count < FEWEST {
            return None;
        }
        let length = (count / STRETCHES).max(SHORTEST_STRETCH).min(count);
        let starts = (0..=count - length).step_by((length / 4).max(1));
        let mut values = Vec::with_capacity(length);
        let middle = |start: usize| {
            values.clear();
            values.extend(self.readings[start..start + length].iter().map(|(_, value)| *value));
            Some((robust::quantile_of(&mut values, 0.5)?, start))
        };
        // Of equals the first: what came later may be recovery.
        let (_, start) =
            starts.filter_map(middle).reduce(|calmest, next| if next.0 < calmest.0 { next } else { calmest })?;
        calm_of(&self.readings[start..start + length])
    }

    /// Whether there may be a [`Track::departure`] from a calm that is found nowhere below `lowest`; cheap, and never wrong
    /// when it says no.
    pub(super) fn may_depart(&self, lowest: f64, floor: f64) -> bool {
        let Some((as_of, _)) = self.last() else { return false };
        // No calm is below every reading, no distance is far that is within the floor, and no bridge is longer than this.
        let far = self.readings.iter().map(|(_, value)| *value).fold(lowest, f64::min) + floor;
        let steps = self.readings.windows(3).map(|three| three[2].0.since(three[0].0));
        let bridge = steps.max().unwrap_or(Millis::ZERO).max(BRIDGE);
        self.readings.iter().rev().take_while(|(at, _)| as_of.since(*at) <= bridge).any(|(_, value)| *value > far)
    }

    /// The departure upwards from `calm` that lasts until the last reading; smaller distances than `floor` do not count.
    pub(super) fn departure(&self, calm: &Calm, floor: f64) -> Option<Departure> {
        let (as_of, _) = self.last()?;
        let far = calm.far(floor);
        let bridge = self.bridge();
        let mut first: Option<usize> = None;
        let mut count = 0;
        for (place, (at, value)) in self.readings.iter().enumerate().rev() {
            let later = first.map_or(as_of, |first| self.readings[first].0);
            if later.since(*at) > bridge {
                break;
            }
            if *value > far {
                first = Some(place);
                count += 1;
            }
        }
        let first = first?;
        let before = self.readings[..first].iter().rposition(|(_, value)| *value <= calm.usual(floor));
        let onset = before.map_or(0, |place| place + 1);
        Some(Departure {
            onset: self.readings[onset].0,
            first_far: self.readings[first].0,
            count,
            is_older: onset <= OLDER,
        })
    }

    /// The highest departure of the window, whether it lasts or not.
    pub(super) fn episode(&self, calm: &Calm, floor: f64) -> Option<Episode> {
        let (far, bridge) = (calm.far(floor), self.bridge());
        let mut highest: Option<Episode> = None;
        let mut open: Option<Episode> = None;
        for (at, value) in self.readings.iter().copied().filter(|(_, value)| *value > far) {
            let joined = open.filter(|episode| at.since(episode.to) <= bridge);
            let episode = joined.map_or(Episode { from: at, to: at, peak: value }, |episode| Episode {
                to: at,
                peak: episode.peak.max(value),
                ..episode
            });
            open = Some(episode);
            if highest.is_none_or(|highest| episode.from == highest.from || episode.peak > highest.peak) {
                highest = Some(episode);
            }
        }
        highest
    }

    /// How it moved since this moment, per second.
    pub(super) fn trend_since(&self, since: Timestamp) -> Option<Trend> {
        let newest = self.readings.iter().filter(|(at, _)| *at >= since);
        let points: Vec<(f64, f64)> = newest.map(|(at, value)| (at.since(since).as_seconds(), *value)).collect();
        robust::trend(&points)
    }

    /// The longest time between far readings of one departure: two readings, where they are rare.
    fn bridge(&self) -> Millis {
        let mut steps: Vec<Millis> = self.readings.windows(3).map(|three| three[2].0.since(three[0].0)).collect();
        steps.sort();
        steps.get(steps.len() / 2).copied().unwrap_or(Millis::ZERO).max(BRIDGE)
    }
}

/// Centre and deviation of a stretch. One that climbs all the time is no calm: its start is the nearest to one.
fn calm_of(stretch: &[(Timestamp, f64)]) -> Option<Calm> {
    let (start, _) = *stretch.first()?;
    let points: Vec<(f64, f64)> = stretch.iter().map(|(at, value)| (at.since(start).as_seconds(), *value)).collect();
    let slope = robust::trend(&points).filter(|trend| trend.order > CLIMB).map_or(0.0, |trend| trend.slope);
    let level: Vec<f64> = points.iter().map(|(seconds, value)| value - slope * seconds).collect();
    let middle = robust::median(&level)?;
    let lowest = stretch.iter().map(|(_, value)| *value).fold(f64::MAX, f64::min);
    Some(Calm { centre: middle.max(lowest), scale: robust::spread(&level, middle)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{hour, key, noise, noon, read};

    fn track(value: impl Fn(f64) -> f64) -> Track {
        let mut signals = hour();
        read(&mut signals, key("group:g", "kafka.consumer_group.backlog"), value);
        Track::of(&signals.series[0], &signals.window)
    }

    /// When the departure of such a series begins, in seconds of the window.
    fn check(value: impl Fn(f64) -> f64, expected: Option<u32>) {
        let track = track(value);
        let departure = track.departure(&track.calm().unwrap(), 10.0);
        assert_eq!(departure.map(|departure| departure.onset), expected.map(noon));
    }

    #[test]
    fn a_climb_begins_where_the_usual_was_left() {
        check(|s| 100.0 + noise(s, 1) * 5.0 + (s - 1_800.0).max(0.0) * 10.0, Some(1_815));
    }

    #[test]
    fn an_incident_at_the_start_of_the_window_is_measured_against_the_calm_after_it() {
        check(|s| if s < 900.0 { 9_000.0 } else { 100.0 + noise(s, 1) * 5.0 }, None);
        check(|s| if !(300.0..3_000.0).contains(&s) { 9_000.0 } else { 100.0 + noise(s, 1) * 5.0 }, Some(3_000));
    }

    #[test]
    fn what_grew_all_the_time_is_older_than_the_window() {
        let track = track(|s| s * 10.0);
        let departure = track.departure(&track.calm().unwrap(), 10.0).unwrap();
        assert!(departure.is_older, "{departure:?}");
    }

    #[test]
    fn lag_that_is_worked_off_in_gulps_is_one_departure() {
        check(|s| if s < 1_800.0 || s % 90.0 < 30.0 { 100.0 } else { 5_000.0 }, Some(1_830));
    }

    #[test]
    fn a_spike_that_is_over_is_no_departure() {
        check(|s| if (3_000.0..3_120.0).contains(&s) { 9_000.0 } else { 100.0 }, None);
    }

    #[test]
    fn readings_that_are_missing_are_skipped() {
        check(|s| if s > 3_400.0 { f64::NAN } else { 100.0 + (s - 1_800.0).max(0.0) * 10.0 }, Some(1_815));
    }

    proptest! {
        #[test]
        fn an_onset_is_a_reading_within_the_window_and_not_after_the_first_far_one(
            values in prop::collection::vec(prop_oneof![Just(f64::NAN), 0.0..1e6_f64], 241),
        ) {
            let track = track(|s| values[(s / 15.0) as usize]);
            let Some(calm) = track.calm() else { return Ok(()) };
            if let Some(departure) = track.departure(&calm, 10.0) {
                prop_assert!(departure.onset >= noon(0) && departure.onset <= departure.first_far);
                prop_assert!(departure.first_far <= noon(3_600) && departure.count > 0);
            }
        }
    }
}
