//! What measuring libraries keep of durations. All of them learn of a piece of work only when it is done.

use crate::units::Micros;

/// Micrometer's timer: how many, how long together, and the longest of the last two minutes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timer {
    pub(crate) count: u64,
    pub(crate) sum: Micros,
    /// Longest since each of the last three turns; the oldest is shown and forgotten at the next turn.
    longest: [Micros; 3],
    shown: usize,
    turned: Micros,
}

const TURN: Micros = Micros::seconds(40);

impl Timer {
    pub(crate) fn record(&mut self, now: Micros, count: u32, each: Micros) {
        self.turn(now);
        self.count += u64::from(count);
        self.sum += Micros(each.0 * i64::from(count));
        for longest in &mut self.longest {
            *longest = (*longest).max(each);
        }
    }

    pub(crate) fn max(&mut self, now: Micros) -> Micros {
        self.turn(now);
        self.longest[self.shown]
    }

    fn turn(&mut self, now: Micros) {
        let mut turns = (now - self.turned).0 / TURN.0;
        if turns > 0 {
            self.turned += Micros(turns * TURN.0);
        }
        while turns > 0 {
            self.longest[self.shown] = Micros::ZERO;
            self.shown = (self.shown + 1) % 3;
            turns = if turns > 3 { 3 } else { turns } - 1;
        }
    }
}

/// The Kafka client's sensor: mean and greatest of two windows of 30 seconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sensor {
    windows: [(u64, i64, Micros); 2],
    began: Micros,
}

const WINDOW: Micros = Micros::seconds(30);

impl Sensor {
    pub(crate) fn record(&mut self, now: Micros, count: u32, each: Micros) {
        self.turn(now);
        let window = &mut self.windows[0];
        *window = (window.0 + u64::from(count), window.1 + each.0 * i64::from(count), window.2.max(each));
    }

    /// Seconds; `None` while nothing was recorded, which the client shows as NaN.
    pub(crate) fn mean(&mut self, now: Micros) -> Option<f64> {
        self.turn(now);
        let (count, sum) = (self.windows[0].0 + self.windows[1].0, self.windows[0].1 + self.windows[1].1);
        (count > 0).then(|| Micros(sum).as_seconds() / count as f64)
    }

    pub(crate) fn max(&mut self, now: Micros) -> Option<f64> {
        self.turn(now);
        (self.windows[0].0 + self.windows[1].0 > 0).then(|| self.windows[0].2.max(self.windows[1].2).as_seconds())
    }

    fn turn(&mut self, now: Micros) {
        match (now - self.began).0 / WINDOW.0 {
            ..=0 => return,
            1 => self.windows[1] = self.windows[0],
            _ => self.windows[1] = <_>::default(),
        }
        self.windows[0] = <_>::default();
        self.began = Micros(now.0 - now.0.rem_euclid(WINDOW.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_is_forgotten_after_two_minutes() {
        let mut timer = Timer::default();
        let at = Micros::seconds;
        timer.record(at(10), 1, Micros::millis(900));
        timer.record(at(60), 2, Micros::millis(30));
        assert_eq!((timer.count, timer.sum), (3, Micros::millis(960)));
        assert_eq!(timer.max(at(70)), Micros::millis(900));
        assert_eq!(timer.max(at(150)), Micros::millis(30));
        assert_eq!(timer.max(at(1000)), Micros::ZERO);
    }

    #[test]
    fn a_client_sensor_shows_nothing_when_nothing_happens() {
        let mut sensor = Sensor::default();
        sensor.record(Micros::seconds(5), 1, Micros::SECOND);
        assert_eq!(sensor.mean(Micros::seconds(40)), Some(1.0));
        assert_eq!(sensor.max(Micros::seconds(100)), None);
    }
}
