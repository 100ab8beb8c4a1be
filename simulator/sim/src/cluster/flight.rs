//! Records that threads of one instance are working on. Those that began together travel together, so that their latency
//! is known exactly when they are done, and not before.

use super::knobs::MOST_STATEMENTS;
use super::plan::Visit;
use super::topic::Bad;
use crate::units::Micros;

/// Some records on their way through one instance; each holds a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    /// Order in which they set out, to break ties.
    pub(crate) id: u64,
    pub(crate) count: u32,
    pub(crate) began: Micros,
    /// Place in the plan.
    pub(crate) step: u32,
    pub(crate) state: State,
    /// When their row was written.
    pub(crate) wrote: Micros,
    /// Times that they read for their row in vain.
    pub(crate) reads: u32,
    /// Times that they waited for a connection in vain.
    pub(crate) waits: u16,
    pub(crate) has_stalled: bool,
    /// Why they will fail.
    pub(crate) fails: Option<Bad>,
    /// Times that they called over HTTP in vain, in this step.
    pub(crate) tries: u32,
    /// Why they failed last.
    pub(crate) failed: Exception,
}

/// All of an instance. When something happens to whom next is kept apart from the rest, since nothing is asked as often.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights {
    all: Vec<Flight>,
    /// When something happens to each of them next, and its id.
    due: Vec<(Micros, u64)>,
    /// Place of the one to which something happens first, where that is known.
    first: Option<usize>,
}

impl Flights {
    pub(super) fn push(&mut self, flight: Flight) {
        let due = (flight.state.due(), flight.id);
        if self.all.is_empty() || self.first.is_some_and(|first| due < self.due[first]) {
            self.first = Some(self.all.len());
        }
        self.due.push(due);
        self.all.push(flight);
    }

    /// When something happens next, and to which; of those that are due together, to the one that set out first.
    pub(super) fn next(&mut self) -> Option<(Micros, usize)> {
        if self.first.is_none() {
            self.first = (0..self.due.len()).min_by_key(|place| self.due[*place]);
        }
        self.first.map(|place| (self.due[place].0, place))
    }

    /// Takes one out.
    pub(super) fn swap_remove(&mut self, place: usize) -> Flight {
        // The last one comes to this place.
        self.first = self.first.filter(|first| *first != place && *first + 1 != self.all.len());
        self.due.swap_remove(place);
        self.all.swap_remove(place)
    }

    /// Takes so many records of one out and gives it as it was before; it stays with the others.
    pub(super) fn take(&mut self, place: usize, count: u32) -> Flight {
        let flight = self.all[place];
        if count == flight.count {
            return self.swap_remove(place);
        }
        self.all[place].count -= count;
        flight
    }

    /// Takes out those that fit.
    pub(super) fn extract(&mut self, fits: impl Fn(&Flight) -> bool) -> Vec<Flight> {
        let (out, rest) = std::mem::take(&mut self.all).into_iter().partition(|flight| fits(flight));
        self.all = rest;
        self.each(|_| {});
        out
    }

    /// Changes what they do.
    pub(super) fn each(&mut self, mut change: impl FnMut(&mut Flight)) {
        self.all.iter_mut().for_each(&mut change);
        self.first = None;
        self.due.clear();
        self.due.extend(self.all.iter().map(|flight| (flight.state.due(), flight.id)));
    }

    /// The whole process stands from `from` to `until`.
    pub(super) fn pause(&mut self, from: Micros, until: Micros) {
        self.each(|flight| flight.state.pause(from, until));
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.due.clear();
        self.first = None;
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Flight> {
        self.all.iter()
    }
}

/// What they do at the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    /// Use a processor.
    Cpu { due: Micros },
    /// Wait for nothing that can be seen from outside.
    Stall { due: Micros },
    /// Wait for an answer of a cache or an endpoint.
    Away { due: Micros, since: Micros, from: Away },
    /// Sleep before they ask a database again.
    Sleep { due: Micros, pool: usize, visit: Visit },
    /// Wait in line for a connection.
    Line { give_up: Micros, since: Micros, pool: usize, visit: Visit },
    /// Hold a connection.
    Hold { due: Micros, since: Micros, pool: usize, visit: Visit, execs: Execs, phase: Phase },
}

/// How long each statement of a transaction executes, in microseconds: more than an hour is an hour and some.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Execs([u32; MOST_STATEMENTS]);

impl Execs {
    /// One more execution of a statement.
    pub(super) fn add(&mut self, statement: usize, exec: Micros) {
        self.0[statement] = self.0[statement].saturating_add(u32::try_from(exec.0).unwrap_or(u32::MAX));
    }

    /// Those that are executed, by their places, and how long each takes.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, Micros)> + '_ {
        let all = self.0.iter().map(|exec| Micros(i64::from(*exec)));
        all.enumerate().filter(|(_, exec)| *exec > Micros::ZERO)
    }

    /// All of them together.
    pub(super) fn whole(self) -> Micros {
        self.each().fold(Micros::ZERO, |whole, (_, exec)| whole + exec)
    }
}

/// What happens on a connection that is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Phase {
    /// A server executes statements; it waits for what the network brings of so many of them, on average.
    Execute(f64),
    /// It waits for a lock, since then.
    Lock(Micros),
    /// It makes the transaction durable, which takes the server so long.
    Commit(Micros),
    /// Nobody is at the other end, and the driver does not know.
    Dead,
}

/// Who is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Away {
    Cache {
        miss: Option<usize>,
    },
    /// An endpoint, by its place among those that the service calls, and what will come of it.
    Client(usize, Outcome),
}

/// Why work on records failed, as a framework names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exception {
    NoConnection,
    NoLock,
    NoLink,
    NoAnswer,
    Unavailable,
    NotPermitted,
    Unauthorized,
}

impl Exception {
    pub(crate) const ALL: [Self; 7] = [
        Self::NoConnection,
        Self::NoLock,
        Self::NoLink,
        Self::NoAnswer,
        Self::Unavailable,
        Self::NotPermitted,
        Self::Unauthorized,
    ];

    /// Its class.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoConnection => "CannotGetJdbcConnectionException",
            Self::NoLock => "CannotAcquireLockException",
            Self::NoLink => "RecoverableDataAccessException",
            Self::NoAnswer => "ResourceAccessException",
            Self::Unavailable => "ServiceUnavailable",
            Self::NotPermitted => "CallNotPermittedException",
            Self::Unauthorized => "Unauthorized",
        }
    }
}

/// How a call over HTTP ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    /// With an error of the server.
    Refused,
    /// With an error of the client: its signature is of another time.
    Unsigned,
    TimedOut,
    /// Its name could not be resolved.
    Nameless,
}

impl State {
    /// When something happens next.
    pub(crate) fn due(&self) -> Micros {
        match self {
            Self::Cpu { due } | Self::Stall { due } => *due,
            Self::Away { due, .. } | Self::Sleep { due, .. } | Self::Hold { due, .. } => *due,
            Self::Line { give_up, .. } => *give_up,
        }
    }

    /// The whole process stands from `from` to `until`. What it does itself takes so much longer; what others do for it
    /// goes on, and is noticed late.
    pub(crate) fn pause(&mut self, from: Micros, until: Micros) {
        match self {
            Self::Cpu { due } => *due += until - from,
            Self::Stall { due } | Self::Away { due, .. } | Self::Sleep { due, .. } | Self::Hold { due, .. } => {
                *due = (*due).max(until);
            }
            Self::Line { give_up, .. } => *give_up = (*give_up).max(until),
        }
    }
}
