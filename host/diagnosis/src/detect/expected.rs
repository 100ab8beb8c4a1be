//! Was it to be expected? A rise that comes every day at this time, or that somebody announced and that the consumers work
//! off as fast as ever, wakes nobody. Start at [`is_seasonal`] and [`is_planned`].

use std::collections::BTreeSet;

use lagdoctor_model::{Millis, NodeId, Signals, Timestamp};

use super::track::Track;
use crate::graph::DependencyGraph;
use crate::robust;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How far from the same time of day a reading of the past may lie: jobs do not start to the minute.
const PHASE: Millis = Millis::minutes(30);
/// On how many days something must have been so to be a habit.
const HABIT_DAYS: usize = 3;
/// What is so many times the habit is more than the habit.
const BEYOND_HABIT: f64 = 1.5;
/// Kinds of event that announce work.
const PLANS: [&str; 5] = ["batch", "maintenance", "plan", "planned", "schedule"];
/// An announcement is good for so long.
const PLAN_LASTS: Millis = Millis::minutes(30);
/// Consumers that do at least this share of what they did before keep up with what they were given.
const AS_FAST: f64 = 0.9;

/// What a series was like on other days at this time of day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Habit {
    /// The middle.
    pub(super) usual: f64,
    /// What only one day in ten is above.
    pub(super) high: f64,
}

/// What the coarse past says of this time of day. `None` unless enough days are known.
pub(super) fn habit(signals: &Signals, node: &NodeId, signal: &str, at: Timestamp) -> Option<Habit> {
    let mut days = BTreeSet::new();
    let mut values = vec![];
    let past = signals.history.iter().filter(|series| series.node() == node && series.signal().as_str() == signal);
    for sample in past.filter(|series| series.labels().is_empty()).flat_map(|series| series.samples()) {
        let before = at.as_millis() - sample.at.as_millis();
        let days_ago = (before + DAY_MS / 2).div_euclid(DAY_MS);
        let is_phase = (before - days_ago * DAY_MS).abs() <= PHASE.as_millis();
        if is_phase && days_ago >= 1 && sample.value.is_finite() {
            days.insert(days_ago);
            values.push(sample.value);
        }
    }
    if days.len() < HABIT_DAYS {
        return None;
    }
    Some(Habit { usual: robust::median(&values)?, high: robust::quantile(&values, 0.9)? })
}

/// Whether a value is what this time of day brings.
pub(super) fn is_seasonal(habit: Option<Habit>, value: f64) -> bool {
    habit.is_some_and(|habit| value <= habit.high * BEYOND_HABIT)
}

/// Whether somebody announced work on the group's way shortly before, and the group does as much as it did before that.
pub(super) fn is_planned(signals: &Signals, group: &NodeId, onset: Timestamp, rate: Option<&Track>) -> bool {
    let announced =
        |kind: &str, at: Timestamp| PLANS.contains(&kind) && at + PLAN_LASTS >= onset && at <= signals.window.now;
    let mut plans = signals.events.iter().filter(|event| announced(&event.kind, event.at)).peekable();
    if plans.peek().is_none() {
        return false;
    }
    let graph = DependencyGraph::new(&signals.topology);
    let reach = graph.reach(group);
    let is_ours = plans.any(|event| event.node == *group || reach.contains_key(&event.node));
    let Some(rate) = rate else { return false };
    let (before, after) = (robust::median(&rate.before(onset)), robust::median(&rate.since(onset)));
    is_ours && before.zip(after).is_some_and(|(before, after)| after >= before * AS_FAST)
}
