//! What the server itself says: does it answer, how long do its statements take, and do its sessions wait for locks?

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::{number, percent, seconds};
use lagdoctor_sdk::{Change, Finding, NodeRef, View, ramp};

use crate::Config;

/// Smallest change of a statement's time that is believed, in seconds.
const TIME_FLOOR_S: f64 = 1e-4;
/// What slowness counts that a rise of the load, which came first, explains.
const BY_LOAD: f64 = 0.6;
/// Growth of the load that can explain slowness.
const MORE_LOAD: f64 = 1.5;
/// What slowness counts that lock waits explain.
const BY_LOCKS: f64 = 0.4;
/// What slowness counts that busy storage explains, and from which score on it does.
const BY_IO: f64 = 0.4;
const CLEAR_IO: f64 = 0.4;
/// Lock waits, in waiting sessions, from which they are worth a word and from which they are many.
const LOCK_WAITS: (f64, f64) = (0.2, 2.0);
/// A share of readings that says "down" from which a server is down beyond doubt.
const DOWN_SHARE: f64 = 0.3;
/// Sessions that pile up while fewer statements complete: growth from which that is worth a word, and is clear.
const PILE_UP: (f64, f64) = (2.0, 5.0);
/// The most that piled up sessions alone say about a lock.
const PILE_UP_SCORE: f64 = 0.7;

/// The statement time of this database against its own past.
pub(crate) fn statement_time<'a>(view: &View<'a>, database: NodeRef<'_>) -> Option<Change<'a>> {
    let series = view.signal(database, "db.server.statement.duration")?;
    series.compare(&Rules::default().floor(TIME_FLOOR_S), Direction::Up)
}

/// The statement rate of this database against its own past.
pub(crate) fn statement_rate<'a>(view: &View<'a>, database: NodeRef<'_>) -> Option<Change<'a>> {
    let series = view.signal(database, "db.server.statement.rate")?;
    series.compare(&Rules::default().floor(0.1), Direction::Either)
}

/// What is to be said about this server.
pub(crate) fn findings(config: &Config, view: &View<'_>, database: NodeRef<'_>, io: Option<&Finding>) -> Vec<Finding> {
    let time = statement_time(view, database);
    let rate = statement_rate(view, database);
    let locks = view
        .signal(database, "db.server.lock_time")
        .and_then(|series| series.compare(&Rules::default().floor(0.02), Direction::Up));
    let lock_share = lock_share(time.as_ref(), rate.as_ref(), locks.as_ref());
    let mut findings = vec![];
    findings.extend(down(view, database));
    let by_io = io.is_some_and(|io| io.score >= CLEAR_IO);
    findings.extend(time.as_ref().map(|time| {
        let slow = slow(config, time, rate.as_ref(), lock_share);
        let score = if by_io { slow.score * BY_IO } else { slow.score };
        slow.score(score)
    }));
    findings.extend(lock(config, view, database, locks.as_ref(), lock_share, rate.as_ref()));
    findings
}

fn down(view: &View<'_>, database: NodeRef<'_>) -> Option<Finding> {
    let up = view.signal(database, "db.server.up")?;
    let is_down = |value: f64| value < 0.5;
    let newest = &up.values[up.values.len().saturating_sub(up.steps(600_000))..];
    let known = stats::count(newest);
    let down = newest.iter().filter(|value| is_down(**value)).count();
    let first = up.readings().find(|(time, value)| is_down(*value) && *time >= up.time(up.values.len() - newest.len()));
    let score = ramp(down as f64, 0.0, (known as f64 * DOWN_SHARE).max(3.0)) * 0.98;
    let statement = if down > 0 {
        format!("the server did not answer {down} of {known} times")
    } else {
        "the server answers".to_owned()
    };
    let finding = Finding::about(&up).class("db.down").score(score).since(first.map(|(time, _)| time));
    Some(finding.magnitude(-(down as f64)).saw(up.last().unwrap_or(f64::NAN), 1.0).says(statement))
}

fn slow(config: &Config, time: &Change<'_>, rate: Option<&Change<'_>>, lock_share: f64) -> Finding {
    let mut score = time.score_of_growth(config.slow_ratio, config.very_slow_ratio);
    let (now, was) = (seconds(time.level()), seconds(time.past()));
    let mut statement = if score < 0.1 {
        format!("statements take {now} on the server, as before ({was})")
    } else {
        format!("statements take {now} on the server instead of {was}")
    };
    let load_came_first = rate.is_some_and(|rate| {
        let before = rate.onset_ms().zip(time.onset_ms()).is_some_and(|(load, slow)| load < slow);
        rate.rose(MORE_LOAD) && before
    });
    if load_came_first {
        score *= BY_LOAD;
        statement.push_str(", after the number of statements had grown");
    } else if let Some(rate) = rate.filter(|_| score >= 0.1) {
        let (now, was) = (number(rate.level()), number(rate.past()));
        statement.push_str(&format!("; {now} statements/s, before {was}"));
    }
    if lock_share >= config.lock_share {
        score *= BY_LOCKS;
        statement.push_str(&format!("; {} of that time is waiting for locks", percent(lock_share)));
    }
    let finding = Finding::about(&time.series).class("db.slow-statement").score(score);
    finding.magnitude(time.seen.magnitude).since(time.onset_ms()).saw(time.level(), time.past()).says(statement)
}

/// Which share of the statement time that was added is waiting for locks; NaN where one of the three is not known.
fn lock_share(time: Option<&Change<'_>>, rate: Option<&Change<'_>>, locks: Option<&Change<'_>>) -> f64 {
    let (Some(time), Some(rate), Some(locks)) = (time, rate, locks) else { return f64::NAN };
    let busy_sessions = time.level() * rate.level();
    let waiting_sessions = locks.level() - locks.past();
    if busy_sessions > 0.0 { (waiting_sessions / busy_sessions).clamp(0.0, 1.0) } else { f64::NAN }
}

fn lock(
    config: &Config,
    view: &View<'_>,
    database: NodeRef<'_>,
    locks: Option<&Change<'_>>,
    lock_share: f64,
    rate: Option<&Change<'_>>,
) -> Option<Finding> {
    // A statement that never completes is in no mean of completed ones, but its session is there.
    let running = view
        .signal(database, "db.server.threads_running")
        .and_then(|series| series.compare(&Rules::default().floor(1.0), Direction::Up));
    let completes_less = rate.is_some_and(|rate| rate.fell(0.8));
    let piled_up = running.as_ref().filter(|_| completes_less).map_or(0.0, |running| {
        let growth = running.score_of_growth(PILE_UP.0, PILE_UP.1);
        // Where lock waits are counted, they decide.
        if locks.is_some() { 0.0 } else { growth * PILE_UP_SCORE }
    });
    if let Some(locks) = locks {
        let share =
            if lock_share.is_nan() { 1.0 } else { ramp(lock_share, config.lock_share * 0.4, config.lock_share) };
        let score = locks.score(ramp(locks.level(), LOCK_WAITS.0, LOCK_WAITS.1)) * share;
        let (now, was) = (number(locks.level()), number(locks.past()));
        let statement = format!("{now} sessions wait for row locks on average, before {was}");
        let finding = Finding::about(&locks.series).class("db.lock").score(score).magnitude(locks.seen.magnitude);
        return Some(finding.since(locks.onset_ms()).saw(locks.level(), locks.past()).says(statement));
    }
    let running = running?;
    let (now, was) = (number(running.level()), number(running.past()));
    let statement = if piled_up > 0.0 {
        format!("{now} sessions execute something instead of {was}, and fewer statements complete")
    } else {
        format!("{now} sessions execute something (before: {was}); lock waits are not measured")
    };
    let finding = Finding::about(&running.series).class("db.lock").score(piled_up).magnitude(running.seen.magnitude);
    Some(finding.since(running.onset_ms()).saw(running.level(), running.past()).says(statement))
}
