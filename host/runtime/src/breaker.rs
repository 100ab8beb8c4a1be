//! Should this plugin be called now? A plugin that fails again and again costs every diagnosis its time and tells it
//! nothing, so after a few failures it is left alone for a while, tried once, and taken back when it works. A pure state
//! machine: the caller says what time it is. Start at [`Breaker::admit`].
//!
//! ```text
//!            budget used up                    back-off over
//!   ready ──────────────────► quarantined ──────────────────► probing
//!     ▲                           ▲   it failed: twice the back-off │ │
//!     │                           └─────────────────────────────────┘ │
//!     └───────────────────────────────────────────────────────────────┘ it answered
//! ```
//!
//! Whoever comes back is on probation: its next failure quarantines it again at once, for twice as long. The whole budget
//! is back after some time in which it only answered.
//!
//! Time counts forwards only. A clock that is set back makes nothing longer, and one that jumps ahead costs one probe.

use std::collections::VecDeque;

use lagdoctor_model::{Millis, Timestamp};

use crate::error::FailureKind;

/// How patient to be with a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// So many failures within `within` and it is quarantined; 0 counts as 1. Default: 3.
    pub failures: u32,
    /// How long a failure counts. Default: 10 min.
    pub within: Millis,
    /// How long the first quarantine lasts; each further one twice as long. Default: 2 min.
    pub first: Millis,
    /// The longest that a quarantine lasts. Default: 30 min.
    pub longest: Millis,
    /// How long it must do nothing but answer until its failures are forgotten. Default: 10 min.
    pub healthy: Millis,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self {
            failures: 3,
            within: Millis::minutes(10),
            first: Millis::minutes(2),
            longest: Millis::minutes(30),
            healthy: Millis::minutes(10),
        }
    }
}

/// Leave to make one call. It is given back by [`Breaker::settle`], which takes it, so that no call counts twice.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a call that is never settled keeps a probe open for ever"]
pub struct Pass {
    epoch: u64,
    is_probe: bool,
}

impl Pass {
    /// Whether this is the one call that decides about the end of a quarantine.
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }
}

/// How a call ended, as far as the breaker cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It did its job, or said properly why it could not.
    Answered,
    /// It failed, and it is the plugin's own doing: how, and one sentence for people.
    Failed(FailureKind, String),
    /// It never began, which says nothing about the plugin.
    Withdrawn,
}

/// Why a plugin is not called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Since when, by the caller's clock. A failed probe does not change it.
    pub since: Timestamp,
    /// When it will be tried again, by the caller's clock; it has passed while it is being tried.
    pub next_try: Timestamp,
    /// How many failures led here: those that used up the budget, then one for each failed probe.
    pub failures: u32,
    /// How it failed the last time.
    pub kind: FailureKind,
    /// The sentence that was said about it.
    pub reason: String,
}

/// What may happen to the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PluginState {
    /// It is called.
    Ready,
    /// It is left alone.
    Quarantined,
    /// It is being tried, and left alone besides.
    Probing,
}

impl PluginState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ready, Self::Quarantined, Self::Probing];

    /// The word for it in metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Quarantined => "quarantined",
            Self::Probing => "probing",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    /// Until the watch shows `until`.
    Open {
        quarantine: Quarantine,
        until: i64,
    },
    /// One probe is out.
    HalfOpen {
        quarantine: Quarantine,
    },
}

/// Decides about the calls of one plugin.
#[derive(Clone, Debug)]
pub struct Breaker {
    rules: BreakerRules,
    watch: Watch,
    phase: Phase,
    /// Grows with each change of phase, so that calls from before one have no say after it.
    epoch: u64,
    /// When it failed, by the watch: only failures that still count, so never more than the budget.
    failed: VecDeque<i64>,
    /// Quarantines since its failures were forgotten.
    quarantines: u32,
    /// Since when it has done nothing but answer, by the watch.
    well_since: i64,
}

/// Adds up the steps that the caller's clock makes forwards.
#[derive(Clone, Debug, Default)]
struct Watch {
    seen: Option<Timestamp>,
    /// Milliseconds since the first look.
    shows: i64,
}

impl Watch {
    fn look(&mut self, now: Timestamp) {
        let step = self.seen.map_or(Millis::ZERO, |seen| now.since(seen));
        self.shows = self.shows.saturating_add(step.as_millis());
        self.seen = Some(now);
    }
}

impl Breaker {
    /// A plugin that nothing is known against.
    pub fn new(rules: BreakerRules) -> Self {
        Self {
            rules,
            watch: Watch::default(),
            phase: Phase::Closed,
            epoch: 0,
            failed: VecDeque::new(),
            quarantines: 0,
            well_since: 0,
        }
    }

    /// Asks for leave to make a call. After a back-off the first who asks gets the probe.
    ///
    /// # Errors
    /// While the plugin is quarantined, or somebody else is trying whether it works again.
    pub fn admit(&mut self, now: Timestamp) -> Result<Pass, Quarantine> {
        self.watch.look(now);
        let Some(quarantine) = self.quarantine() else { return Ok(Pass { epoch: self.epoch, is_probe: false }) };
        if !matches!(&self.phase, Phase::Open { until, .. } if self.watch.shows >= *until) {
            return Err(quarantine);
        }
        self.enter(Phase::HalfOpen { quarantine });
        Ok(Pass { epoch: self.epoch, is_probe: true })
    }

    /// Says how a call ended. One that began before the plugin was last quarantined or taken back has no say.
    pub fn settle(&mut self, pass: Pass, now: Timestamp, ending: Ending) {
        self.watch.look(now);
        if pass.epoch != self.epoch {
            return;
        }
        match (self.phase.clone(), ending) {
            (Phase::Closed, Ending::Answered) => {
                if self.watch.shows.saturating_sub(self.well_since) >= self.rules.healthy.as_millis() {
                    self.failed.clear();
                    self.quarantines = 0;
                }
            }
            (Phase::Closed, Ending::Failed(kind, reason)) => self.failed(now, kind, reason),
            (Phase::HalfOpen { .. }, Ending::Answered) => {
                self.failed.clear();
                self.well_since = self.watch.shows;
                self.enter(Phase::Closed);
            }
            (Phase::HalfOpen { quarantine }, Ending::Failed(kind, reason)) => {
                let failures = quarantine.failures.saturating_add(1);
                self.quarantine_for(Quarantine { failures, kind, reason, ..quarantine }, now);
            }
            // It was not tried after all, so whoever comes next may.
            (Phase::HalfOpen { quarantine }, Ending::Withdrawn) => {
                self.enter(Phase::Open { quarantine, until: self.watch.shows });
            }
            (Phase::Closed, Ending::Withdrawn) | (Phase::Open { .. }, _) => {}
        }
    }

    /// What may happen to the next call, as of the last that was asked for or settled.
    pub fn state(&self) -> PluginState {
        match &self.phase {
            Phase::Closed => PluginState::Ready,
            Phase::Open { .. } => PluginState::Quarantined,
            Phase::HalfOpen { .. } => PluginState::Probing,
        }
    }

    /// Why it is not called; `None` when it is.
    pub fn quarantine(&self) -> Option<Quarantine> {
        match &self.phase {
            Phase::Closed => None,
            Phase::HalfOpen { quarantine } => Some(quarantine.clone()),
            Phase::Open { quarantine, until } => {
                // The clock may have been set back meanwhile, so the moment follows from what is left.
                let left = until.saturating_sub(self.watch.shows).max(0);
                let seen = self.watch.seen.unwrap_or(quarantine.since);
                Some(Quarantine { next_try: seen + Millis::new(left).unwrap_or(Millis::ZERO), ..quarantine.clone() })
            }
        }
    }

    /// How patient it is.
    pub fn rules(&self) -> &BreakerRules {
        &self.rules
    }

    fn failed(&mut self, now: Timestamp, kind: FailureKind, reason: String) {
        let shows = self.watch.shows;
        self.well_since = shows;
        self.failed.push_back(shows);
        let counts_from = shows.saturating_sub(self.rules.within.as_millis());
        self.failed.retain(|at| *at >= counts_from);
        let failures = u32::try_from(self.failed.len()).unwrap_or(u32::MAX);
        if self.quarantines > 0 || failures >= self.rules.failures {
            self.quarantine_for(Quarantine { since: now, next_try: now, failures, kind, reason }, now);
        }
    }

    fn quarantine_for(&mut self, quarantine: Quarantine, now: Timestamp) {
        let (first, longest) = (self.rules.first.as_millis(), self.rules.longest.as_millis());
        let doubled = 1_i64.checked_shl(self.quarantines.min(62)).unwrap_or(i64::MAX);
        let pause = first.saturating_mul(doubled).min(longest.max(first));
        self.quarantines = self.quarantines.saturating_add(1);
        self.failed.clear();
        let next_try = now + Millis::new(pause).unwrap_or(Millis::ZERO);
        let until = self.watch.shows.saturating_add(pause);
        self.enter(Phase::Open { quarantine: Quarantine { next_try, ..quarantine }, until });
    }

    fn enter(&mut self, phase: Phase) {
        self.epoch += 1;
        self.phase = phase;
    }
}

#[cfg(test)]
mod tests;
