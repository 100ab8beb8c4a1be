//! What does an instance do with its threads? All of them busy while less gets done is one that has none left; very many log
//! lines are work that nobody asked for; and one that was begun again and has been slow since runs something else than
//! before.

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::number;
use lagdoctor_sdk::{Finding, NodeRef, View, ramp};

/// Lines per second below which a change is not believed, and growth that is worth a word, and is a flood.
const LINES_FLOOR: f64 = 2.0;
const FLOOD: (f64, f64) = (4.0, 15.0);
/// What a flood says: it slows down whoever writes it.
const FLOODED: f64 = 0.9;
/// Share of the workers that must be busy for all to be.
const ALL_BUSY: f64 = 0.98;
/// Newest readings of which all must show it.
const NOW: usize = 6;
/// Share of its records that an instance must still do to have workers left, and below which it has none.
const DONE: (f64, f64) = (0.3, 0.85);
/// What an instance says all of whose workers are busy.
const EXHAUSTED: f64 = 0.95;
/// What it says when each record takes longer: then that is why they are busy.
const SLOWER: f64 = 0.4;
/// Share of the instances of a service that may be so, for it to be theirs and not what all wait for.
const FEW: f64 = 0.5;

/// What is to be said about the instances of a service.
pub(crate) fn findings(view: &View<'_>, service: NodeRef<'_>) -> Vec<Finding> {
    let instances: Vec<NodeRef<'_>> = view.dependencies_of_kind(service, "instance");
    let mut findings: Vec<Finding> = instances.iter().filter_map(|instance| flood(view, *instance)).collect();
    let exhausted: Vec<Finding> = instances.iter().filter_map(|instance| exhausted(view, *instance)).collect();
    let few = exhausted.iter().filter(|found| found.score >= 0.3).count() as f64 <= instances.len() as f64 * FEW;
    findings.extend(exhausted.into_iter().map(|found| {
        let score = if few { found.score } else { found.score * SLOWER };
        found.score(score)
    }));
    findings
}

/// Very many log lines.
fn flood(view: &View<'_>, instance: NodeRef<'_>) -> Option<Finding> {
    let series = view.signal(instance, "log.rate")?;
    let change = series.compare(&Rules::default().floor(LINES_FLOOR), Direction::Up)?;
    let score = change.score_of_growth(FLOOD.0, FLOOD.1) * FLOODED;
    let (now, was) = (number(change.level()), number(change.past()));
    let statement = match score >= 0.1 {
        true => format!("writes {now} log lines/s instead of {was}"),
        false => format!("writes {now} log lines/s, before {was}"),
    };
    let finding = Finding::about(&series).class("logs.flood").score(score).magnitude(change.seen.magnitude);
    Some(finding.since(change.onset_ms()).saw(change.level(), change.past()).says(statement))
}

/// No worker left, and less done than before.
fn exhausted(view: &View<'_>, instance: NodeRef<'_>) -> Option<Finding> {
    let active = view.signal(instance, "executor.active_threads")?;
    let most = view.signal(instance, "executor.max_threads")?.last().filter(|most| *most >= 1.0)?;
    let is_full = |value: &f64| *value >= most * ALL_BUSY;
    let newest = &active.values[active.values.len().saturating_sub(NOW)..];
    let known = newest.iter().filter(|value| !value.is_nan()).count();
    let full_now = known >= NOW / 2 && newest.iter().all(|value| value.is_nan() || is_full(value));
    let past = &active.values[..active.values.len() / 3];
    let full_before = past.iter().filter(|value| is_full(value)).count() as f64 / stats::count(past).max(1) as f64;
    // From where on every reading is so.
    let last_free = active.values.iter().rposition(|value| !value.is_nan() && !is_full(value));
    let since = last_free.map_or(0, |place| place + 1).min(active.values.len().saturating_sub(1));
    let done = view
        .signal(instance, "messaging.client.consumed.messages")
        .and_then(|series| series.compare(&Rules::default().floor(0.5), Direction::Down));
    let less = done.as_ref().map_or(0.5, |done| 1.0 - ramp(done.seen.now / done.past().max(1e-9), DONE.0, DONE.1));
    let slower = view
        .signal(instance, "messaging.process.duration")
        .and_then(|series| series.compare(&Rules::default().floor(1e-4), Direction::Up))
        .is_some_and(|time| time.rose(1.5));
    let score = if full_now { (1.0 - full_before) * less * EXHAUSTED } else { 0.0 };
    let score = if slower { score * SLOWER } else { score };
    let busy = active.last().unwrap_or(f64::NAN);
    let mut statement = format!("{} of {} workers are busy", number(busy), number(most));
    if let Some(done) = done.filter(|_| score >= 0.1) {
        let (now, was) = (number(done.seen.now), number(done.past()));
        statement.push_str(&format!(", and {now} records/s are done instead of {was}: they wait for something"));
    }
    let finding = Finding::about(&active).class("threads.exhausted").score(score).magnitude(score * 20.0);
    let onset = (score > 0.0).then(|| active.time(since));
    Some(finding.since(onset).saw(busy, stats::median(past)).says(statement))
}

/// When this instance was begun again within the window, the last time.
pub(crate) fn begun_again(view: &View<'_>, instance: NodeRef<'_>) -> Option<i64> {
    let uptime = view.signal(instance, "process.uptime")?;
    let mut before: Option<f64> = None;
    let mut again = None;
    for (time, seconds) in uptime.readings() {
        if before.is_some_and(|before| seconds < before) {
            again = Some(time - (seconds * 1_000.0) as i64);
        }
        before = Some(seconds);
    }
    again
}
