//! Whether the process of an instance is there. It ends when it is killed, stopped or fails, begins again after a while
//! as its platform lets it, and takes new settings only when it begins. Start at [`Life::turn`].

use super::knobs::{InstanceKnobs, Power, Settings};
use crate::random::Stream;
use crate::units::Micros;

/// The process of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// `None` while it runs.
    pub(crate) down: Option<Down>,
    /// When it began; the first one began before the run.
    pub(crate) began: Micros,
    /// What it was begun with.
    pub(crate) settings: Settings,
    /// Whether it cannot go on, and ends itself.
    pub(crate) must_exit: bool,
    /// Whether it ends where it stands, without a word to anybody.
    pub(crate) must_crash: bool,
    /// Since when Kafka has refused it.
    pub(crate) denied: Option<Micros>,
    /// Its place among the instances of its service: a roll-out goes one by one.
    number: u32,
    rollout: Option<Micros>,
    next_kill: Option<Micros>,
    failures: u32,
    stream: Stream,
}

/// An ended process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Down {
    pub(crate) since: Micros,
    pub(crate) how: End,
    /// When the next one is ready, if that is settled.
    back: Option<Micros>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Without a word.
    Killed,
    /// Asked to, and nobody wants it back.
    Removed,
    /// Asked to, to be begun again.
    Restarted,
    /// By itself, since it could not go on.
    Failed,
    /// The same, where it stood: nobody was told.
    Crashed,
}

impl End {
    /// With which code, where a platform that begins it again writes that down.
    pub(super) fn exit_code(self) -> Option<i32> {
        match self {
            Self::Failed => Some(1),
            // What a JVM gives that is told to exit when its memory is used up.
            Self::Crashed => Some(3),
            Self::Killed | Self::Removed | Self::Restarted => None,
        }
    }
}

/// What happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Ends(End),
    Begins,
}

/// How long a process takes until it is ready.
const START: f64 = 8.0;
/// Distance of the restarts of a roll-out.
const PACE: Micros = Micros::seconds(20);
/// How long a platform waits before it begins a process again that failed; doubled each time, up to a limit.
const BACK_OFF: (f64, f64) = (10.0, 300.0);
/// Who runs for so long is forgiven.
const FORGIVEN: Micros = Micros::seconds(600);

impl Life {
    pub(crate) fn new(number: u32, stream: Stream) -> Self {
        Self {
            down: None,
            began: Micros::ZERO,
            settings: Settings::default(),
            must_exit: false,
            must_crash: false,
            denied: None,
            number,
            rollout: None,
            next_kill: None,
            failures: 0,
            stream,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.down.is_none()
    }

    /// Whether nobody looks for it any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.down.is_some_and(|down| down.how == End::Removed)
    }

    /// Whether its process runs, and nothing will end it unless somebody does something.
    pub(super) fn is_steady(&self) -> bool {
        let ends = self.must_exit || self.must_crash || self.rollout.is_some() || self.next_kill.is_some();
        self.is_up() && !ends && self.denied.is_none() && self.settings == Settings::default()
    }

    /// What this moment brings.
    pub(super) fn turn(&mut self, now: Micros, knobs: &InstanceKnobs) -> Option<Turn> {
        if let Some(down) = &mut self.down {
            if knobs.power != Power::On {
                down.back = None;
                return None;
            }
            let ready = match down.back {
                Some(ready) => ready,
                None => now + Micros::of_seconds(START * self.stream.factor(0.1)),
            };
            down.back = Some(ready);
            return (ready <= now).then_some(Turn::Begins);
        }
        match knobs.power {
            Power::On => {}
            Power::Killed => return Some(Turn::Ends(End::Killed)),
            Power::Stopped => return Some(Turn::Ends(End::Removed)),
        }
        if self.must_crash {
            return Some(Turn::Ends(End::Crashed));
        }
        if self.must_exit {
            return Some(Turn::Ends(End::Failed));
        }
        self.rollout =
            (knobs.settings != self.settings).then(|| self.rollout.unwrap_or(now + PACE.times(f64::from(self.number))));
        if self.rollout.is_some_and(|at| at <= now) {
            return Some(Turn::Ends(End::Restarted));
        }
        self.next_kill = (knobs.flap_s > 0.0).then(|| match self.next_kill {
            Some(at) => at,
            None => now + Micros::of_seconds(knobs.flap_s * self.stream.uniform(0.7, 1.3)),
        });
        self.next_kill.is_some_and(|at| at <= now).then_some(Turn::Ends(End::Killed))
    }

    /// The process is no more.
    pub(super) fn end(&mut self, now: Micros, how: End) {
        if now - self.began > FORGIVEN {
            self.failures = 0;
        }
        let wait = match how {
            End::Failed | End::Crashed => {
                self.failures += 1;
                (BACK_OFF.0 * f64::from(1 << (self.failures - 1).min(10))).min(BACK_OFF.1)
            }
            _ => 0.0,
        };
        let ready = now + Micros::of_seconds(wait + START * self.stream.factor(0.1));
        (self.must_exit, self.must_crash) = (false, false);
        (self.denied, self.rollout, self.next_kill) = (None, None, None);
        self.down = Some(Down { since: now, how, back: (how != End::Removed).then_some(ready) });
    }

    /// There is a new process.
    pub(super) fn begin(&mut self, now: Micros, settings: Settings) {
        self.down = None;
        self.began = now;
        self.settings = settings;
    }

    /// Since when its coordinator has heard nothing of it, apart from pauses.
    pub(crate) fn silent_since(&self) -> Option<Micros> {
        self.down.map(|down| down.since).or(self.denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    /// Seconds at which something happens to the third instance of a service within half an hour.
    fn happens(knobs: impl Fn(i64) -> InstanceKnobs, fails: bool) -> Vec<(i64, Turn)> {
        let mut life = Life::new(2, Streams::new(1).stream("a-2", "life"));
        let mut seen = vec![];
        for second in 0..1800 {
            let (now, knobs) = (Micros::seconds(second), knobs(second));
            life.must_exit |= fails && life.is_up() && now - life.began >= Micros::seconds(2);
            match life.turn(now, &knobs) {
                Some(Turn::Ends(how)) => {
                    life.end(now, how);
                    seen.push((second, Turn::Ends(how)));
                }
                Some(Turn::Begins) => {
                    life.begin(now, knobs.settings);
                    seen.push((second, Turn::Begins));
                }
                None => {}
            }
        }
        seen
    }

    #[test]
    fn a_process_that_is_killed_comes_back_when_it_may() {
        let seen = happens(
            |second| InstanceKnobs {
                power: if (100..400).contains(&second) { Power::Killed } else { Power::On },
                ..InstanceKnobs::default()
            },
            false,
        );
        assert_eq!(seen[0], (100, Turn::Ends(End::Killed)));
        assert!(seen.len() == 2 && (405..415).contains(&seen[1].0) && seen[1].1 == Turn::Begins, "{seen:?}");
    }

    #[test]
    fn new_settings_are_rolled_out_one_by_one() {
        let settings = Settings { poll_records: 0.1, ..Settings::default() };
        let knobs = |second| InstanceKnobs {
            settings: if second >= 100 { settings } else { Settings::default() },
            ..InstanceKnobs::default()
        };
        let seen = happens(knobs, false);
        assert_eq!(seen[0], (140, Turn::Ends(End::Restarted)));
        assert_eq!(seen.len(), 2, "{seen:?}");
    }

    #[test]
    fn a_process_that_fails_is_begun_again_later_and_later() {
        let seen = happens(|_| InstanceKnobs::default(), true);
        let ends: Vec<i64> = seen.iter().filter(|(_, turn)| *turn != Turn::Begins).map(|(at, _)| *at).collect();
        let gaps: Vec<i64> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!((15..30).contains(&gaps[0]) && gaps.windows(2).all(|pair| pair[0] <= pair[1] + 5), "{gaps:?}");
        assert!(gaps.last().is_some_and(|last| (300..320).contains(last)), "{gaps:?}");
    }
}
