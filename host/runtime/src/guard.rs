//! Keeps count of one plugin's calls, and lets none pass while it is quarantined. The clock is the `now` that each call
//! has anyway, so a recorded incident gives what it gave. Without a guard each call is made, whatever came of the last:
//! so it is for whatever calls a plugin once. Start at [`Bound::guarded`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lagdoctor_model::Timestamp;
use tokio::time::Instant;

use crate::breaker::{Breaker, BreakerRules, Ending, Pass, PluginState, Quarantine};
use crate::error::{CallError, FailureKind};
use crate::plugin::Bound;

/// What stands between a plugin and its callers.
pub(crate) struct Guard {
    book: Mutex<Book>,
}

struct Book {
    breaker: Breaker,
    tally: Tally,
}

/// What has come of the calls of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that began.
    pub calls: u64,
    /// Calls that were not made, because it was quarantined.
    pub refused: u64,
    /// Calls that failed, each kind that came up.
    pub failures: BTreeMap<FailureKind, u64>,
    /// How often it was quarantined; a failed probe counts again.
    pub quarantines: u64,
    /// Units of fuel that its calls used up.
    pub fuel: u64,
    /// Wall-clock time of its calls, waiting for the network included.
    pub busy: Duration,
    /// The last failure.
    pub last_failure: Option<Failure>,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The `now` of the call.
    pub at: Timestamp,
    /// How it failed.
    pub kind: FailureKind,
    /// The sentence that was said about it.
    pub statement: String,
}

/// How a plugin stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What may happen to its next call.
    pub state: PluginState,
    /// Why it is not called.
    pub quarantine: Option<Quarantine>,
    /// What has come of its calls.
    pub tally: Tally,
}

impl Bound {
    /// The same plugin behind a guard: one that fails too often is not called for a while, and its calls fail with
    /// [`FailureKind::Quarantined`] at once. Clones share the guard.
    #[must_use]
    pub fn guarded(&self, rules: BreakerRules) -> Self {
        let book = Book { breaker: Breaker::new(rules), tally: Tally::default() };
        Self { guard: Some(Arc::new(Guard { book: Mutex::new(book) })), ..self.clone() }
    }

    /// How it stands; `None` without a guard.
    pub fn standing(&self) -> Option<Standing> {
        let book = self.guard.as_deref()?.book();
        let (state, quarantine) = (book.breaker.state(), book.breaker.quarantine());
        Some(Standing { state, quarantine, tally: book.tally.clone() })
    }

    /// Asks for leave to make a call.
    pub(crate) fn watch(&self, now: Timestamp) -> Result<Watch, CallError> {
        let refused = |quarantine| CallError {
            plugin: self.name().to_owned(),
            kind: FailureKind::Quarantined,
            statement: statement(self.name(), &quarantine),
        };
        let guarded = match &self.guard {
            None => None,
            Some(guard) => {
                let mut book = guard.book();
                let pass = book.breaker.admit(now).map_err(|quarantine| {
                    book.tally.refused += 1;
                    refused(quarantine)
                })?;
                drop(book);
                Some(Guarded { guard: guard.clone(), pass, name: self.name().to_owned() })
            }
        };
        Ok(Watch { guarded, now, since: Instant::now(), has_begun: AtomicBool::new(false), fuel: AtomicU64::new(0) })
    }
}

fn statement(name: &str, quarantine: &Quarantine) -> String {
    let Quarantine { since, next_try, failures, reason, .. } = quarantine;
    let times = if *failures == 1 { "once".to_owned() } else { format!("{failures} times") };
    format!(
        "plugin `{name}` is quarantined since {since} and will be tried again at {next_try}, so what it knows is missing; \
         it failed {times}, the last time so: {reason}"
    )
}

impl Guard {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call under way. Dropped before its end, as when its caller has no more time, it counts as late.
pub(crate) struct Watch {
    guarded: Option<Guarded>,
    now: Timestamp,
    since: Instant,
    has_begun: AtomicBool,
    fuel: AtomicU64,
}

struct Guarded {
    guard: Arc<Guard>,
    pass: Pass,
    name: String,
}

impl Watch {
    /// There was a free instance, so from now on it is the plugin's time.
    pub(crate) fn begin(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// The call took so much fuel.
    pub(crate) fn took(&self, fuel: u64) {
        self.fuel.fetch_add(fuel, Ordering::Relaxed);
    }

    /// The call is over, and this came of it.
    pub(crate) fn leave<T>(mut self, outcome: Result<T, CallError>) -> Result<T, CallError> {
        self.settle(outcome.as_ref().err().map(|error| (error.kind, error.statement.clone())));
        outcome
    }

    fn settle(&mut self, failure: Option<(FailureKind, String)>) {
        let Some(Guarded { guard, pass, .. }) = self.guarded.take() else { return };
        let mut book = guard.book();
        let has_begun = *self.has_begun.get_mut();
        let tally = &mut book.tally;
        tally.calls += u64::from(has_begun);
        tally.fuel = tally.fuel.saturating_add(*self.fuel.get_mut());
        tally.busy = tally.busy.saturating_add(self.since.elapsed());
        if let Some((kind, statement)) = &failure {
            *tally.failures.entry(*kind).or_default() += 1;
            tally.last_failure = Some(Failure { at: self.now, kind: *kind, statement: statement.clone() });
        }
        let ending = match failure {
            Some((FailureKind::Busy, _)) => Ending::Withdrawn,
            _ if !has_begun => Ending::Withdrawn,
            Some((kind, statement)) if kind.is_fault() => Ending::Failed(kind, statement),
            _ => Ending::Answered,
        };
        let before = book.breaker.state();
        book.breaker.settle(pass, self.now, ending);
        if before != PluginState::Quarantined && book.breaker.state() == PluginState::Quarantined {
            book.tally.quarantines += u64::from(has_begun);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(Guarded { name, .. }) = &self.guarded else { return };
        let failure = self.has_begun.get_mut().then(|| {
            let what = "was not done in the time that its caller had; give more time with a longer deadline, or look at the system that it talks to";
            (FailureKind::Deadline, format!("plugin `{name}` {what}"))
        });
        self.settle(failure);
    }
}
