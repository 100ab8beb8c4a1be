//! A circuit breaker like Resilience4j's: when too many of the last calls failed, it lets none through for a while, then
//! a few, and opens again or closes by how those end.

use crate::scenario::node::BreakerSpec;
use crate::units::Micros;

/// The breaker of one client.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    failure_rate: f64,
    window: f64,
    open_for: Micros,
    pub(crate) state: State,
    /// Calls in the window, and those of them that failed.
    calls: f64,
    failed: f64,
    pub(crate) not_permitted: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    /// Since then.
    Open(Micros),
    /// It still lets so many through.
    HalfOpen(u32),
}

/// Calls that are let through to see whether the far side is well again.
const PROBES: u32 = 10;

impl Breaker {
    pub(crate) fn new(spec: &BreakerSpec) -> Self {
        Self {
            failure_rate: spec.failure_rate,
            window: f64::from(spec.window),
            open_for: Micros::of_seconds(spec.open.log_normal().0),
            state: State::Closed,
            calls: 0.0,
            failed: 0.0,
            not_permitted: 0,
        }
    }

    /// How many of so many calls may be made.
    pub(crate) fn permits(&mut self, now: Micros, count: u32) -> u32 {
        if matches!(self.state, State::Open(since) if now - since >= self.open_for) {
            self.turn(State::HalfOpen(PROBES));
        }
        let may = match &mut self.state {
            State::Closed => count,
            State::Open(_) => 0,
            State::HalfOpen(left) => {
                let may = count.min(*left);
                *left -= may;
                may
            }
        };
        self.not_permitted += u64::from(count - may);
        may
    }

    /// Calls have ended. Says whether it has changed its state.
    pub(crate) fn note(&mut self, now: Micros, count: u32, is_good: bool) -> bool {
        // A window of the last calls, forgotten evenly rather than one by one.
        let kept = (1.0 - f64::from(count) / self.window).max(0.0);
        if self.calls + f64::from(count) > self.window {
            (self.calls, self.failed) = (self.calls * kept, self.failed * kept);
        }
        self.calls += f64::from(count);
        self.failed += if is_good { 0.0 } else { f64::from(count) };
        let enough = if self.state == State::Closed { self.window * 0.99 } else { f64::from(PROBES) };
        if self.calls < enough.min(self.window * 0.99) {
            return false;
        }
        let is_bad = self.failed >= self.failure_rate * self.calls;
        match (self.state, is_bad) {
            (State::Closed | State::HalfOpen(_), true) => self.turn(State::Open(now)),
            (State::HalfOpen(_), false) => self.turn(State::Closed),
            _ => return false,
        }
        true
    }

    fn turn(&mut self, state: State) {
        (self.state, self.calls, self.failed) = (state, 0.0, 0.0);
    }
}

impl State {
    /// Resilience4j's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Open(_) => "OPEN",
            Self::HalfOpen(_) => "HALF_OPEN",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::value::Number;

    fn breaker() -> Breaker {
        Breaker::new(&BreakerSpec { failure_rate: 0.5, window: 100, open: Number::Fixed(60.0) })
    }

    #[test]
    fn it_opens_when_half_of_a_full_window_failed_and_not_before() {
        let mut breaker = breaker();
        for call in 0..90 {
            assert!(!breaker.note(Micros(call), 1, call % 3 != 0));
        }
        for call in 90..300 {
            breaker.note(Micros(call), 1, false);
        }
        assert!(matches!(breaker.state, State::Open(since) if (Micros(100)..Micros(200)).contains(&since)));
        assert_eq!(breaker.permits(Micros::SECOND, 7), 0);
        assert_eq!(breaker.not_permitted, 7);
    }

    #[test]
    fn after_its_time_some_calls_decide_whether_it_closes() {
        for is_good in [true, false] {
            let mut breaker = breaker();
            breaker.note(Micros::ZERO, 100, false);
            assert_eq!(breaker.permits(Micros::seconds(59), 20), 0);
            assert_eq!(breaker.permits(Micros::seconds(61), 20), 10);
            assert!(breaker.note(Micros::seconds(62), 10, is_good));
            assert_eq!(breaker.permits(Micros::seconds(62), 20), if is_good { 20 } else { 0 });
        }
    }
}
