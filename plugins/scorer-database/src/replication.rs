//! Is the replica behind? The delay that it reports has two ways to lie: it vanishes while the apply thread is stopped,
//! and it can read 0 while one huge transaction is being applied. So threads and positions are looked at first.

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::{bytes, seconds};
use lagdoctor_sdk::{Finding, NodeRef, SeriesRef, View, ramp, score_of};

use crate::Config;

/// Newest readings that decide whether a thread runs or a metric is still there.
const NEWEST: usize = 4;
/// Bytes of log not yet applied from which positions alone are worth a word, and from which they are far apart.
const APART: (f64, f64) = (262_144.0, 4_194_304.0);
/// The most that positions alone say, without a delay and with both threads running.
const APART_SCORE: f64 = 0.8;
/// What a stopped thread says: nothing is as sure.
const STOPPED_SCORE: f64 = 0.98;
/// What a vanished delay says, with the server up and positions apart.
const VANISHED_SCORE: f64 = 0.9;

/// What the replica shows of itself.
struct Replica<'a> {
    delay: Option<SeriesRef<'a>>,
    configured: f64,
    applying: Option<SeriesRef<'a>>,
    receiving: Option<SeriesRef<'a>>,
    /// Bytes received and not yet applied, one for each reading of the received position.
    apart: Option<(SeriesRef<'a>, Vec<f64>)>,
    is_up: bool,
}

impl<'a> Replica<'a> {
    /// `None` for a server that replicates from nobody.
    fn of(view: &View<'a>, database: NodeRef<'_>) -> Option<Self> {
        let signal = |name: &str| view.signal(database, name);
        let delay = signal("db.replication.delay");
        let applying = signal("db.replication.apply_running");
        let receiving = signal("db.replication.receive_running");
        let received = signal("db.replication.received_position");
        let applied = signal("db.replication.applied_position");
        let apart = received.zip(applied).map(|(received, applied)| {
            let gap = |(index, value): (usize, &f64)| {
                let there = applied.between(received.time(index), received.time(index)).first();
                value - there.copied().unwrap_or(f64::NAN)
            };
            (received, received.values.iter().enumerate().map(gap).collect())
        });
        let known = [&delay, &applying, &receiving].into_iter().any(Option::is_some) || apart.is_some();
        let up = signal("db.server.up");
        known.then(|| Self {
            delay,
            configured: signal("db.replication.configured_delay").and_then(|series| series.last()).unwrap_or(0.0),
            applying,
            receiving,
            apart,
            is_up: up.is_none_or(|up| up.last().is_none_or(|last| last >= 0.5)),
        })
    }

    /// Bytes not yet applied at the newest known reading, and by how much they grow each second.
    fn behind(&self) -> Option<(f64, f64)> {
        let (received, apart) = self.apart.as_ref()?;
        let now = apart.iter().rev().copied().find(|bytes| !bytes.is_nan())?;
        let newest = &apart[apart.len().saturating_sub(20)..];
        let slope = stats::theil_sen(newest).map_or(0.0, |line| line.slope) * 1_000.0 / received.step_ms as f64;
        Some((now.max(0.0), slope))
    }

    fn behind_in_words(&self) -> String {
        match self.behind() {
            Some((now, slope)) if slope > 1.0 => format!(", {} behind and growing by {}/s", bytes(now), bytes(slope)),
            Some((now, _)) => format!(", {} behind", bytes(now)),
            None => String::new(),
        }
    }
}

/// The finding about this replica; `None` when it is none, or nothing is known of its replication.
pub(crate) fn finding(config: &Config, view: &View<'_>, database: NodeRef<'_>) -> Option<Finding> {
    let replica = Replica::of(view, database)?;
    let all = [stopped(&replica), vanished(&replica), delayed(config, &replica), far_apart(&replica)];
    let worst = all.into_iter().flatten().reduce(|best, next| if next.score > best.score { next } else { best });
    worst.map(|finding| finding.class("db.replication-lag"))
}

/// A thread that does not run.
fn stopped(replica: &Replica<'_>) -> Option<Finding> {
    let threads = [("apply", replica.applying), ("receive", replica.receiving)];
    threads.into_iter().find_map(|(name, running)| {
        let running = running?;
        let newest = &running.values[running.values.len().saturating_sub(NEWEST)..];
        let is_stopped = stats::count(newest) > 0 && stats::max(newest) < 0.5;
        let since = is_stopped.then(|| since_when(&running, |value| value < 0.5)).flatten();
        is_stopped.then(|| {
            let vanished = replica.delay.is_some_and(|delay| is_gone(&delay));
            let hint = if vanished && replica.is_up { "; the reported delay has vanished with it" } else { "" };
            let statement = format!("the {name} thread is stopped{}{hint}", replica.behind_in_words());
            let deviations = -1.0 / 0.01;
            let finding = Finding::about(&running).score(STOPPED_SCORE).magnitude(deviations);
            finding.since(since).saw(0.0, 1.0).says(statement)
        })
    })
}

/// The beginning of the last stretch in which every known reading is so.
fn since_when(series: &SeriesRef<'_>, is_so: impl Fn(f64) -> bool) -> Option<i64> {
    let readings: Vec<(i64, f64)> = series.readings().collect();
    readings.iter().rev().take_while(|(_, value)| is_so(*value)).last().map(|(time, _)| *time)
}

/// Whether a series that was there before has no newest readings.
fn is_gone(series: &SeriesRef<'_>) -> bool {
    let (before, newest) = series.values.split_at(series.values.len().saturating_sub(NEWEST));
    stats::count(newest) == 0 && stats::count(before) > 0
}

/// A delay that is no longer reported, although the server is up.
fn vanished(replica: &Replica<'_>) -> Option<Finding> {
    let delay = replica.delay.filter(|delay| is_gone(delay) && replica.is_up)?;
    let last_seen = delay.last_ms()?;
    let grows = replica.behind().is_some_and(|(now, slope)| now >= APART.0 || slope > 1.0);
    // An exporter that is gone takes all its metrics along; then this proves nothing.
    let others_are_there = [replica.applying, replica.receiving].into_iter().flatten().any(|series| !is_gone(&series))
        || replica.behind().is_some();
    let score = match (grows, others_are_there) {
        (true, _) => VANISHED_SCORE,
        (false, true) => VANISHED_SCORE * 0.5,
        (false, false) => 0.0,
    };
    let words = replica.behind_in_words();
    let statement =
        format!("the reported delay has vanished while the server is up{words}: its apply thread does not run");
    let finding = Finding::about(&delay).score(score).magnitude(if score > 0.0 { 20.0 } else { 0.0 });
    Some(finding.since(Some(last_seen + delay.step_ms)).saw(f64::NAN, delay.last()?).says(statement))
}

/// A delay that is reported.
fn delayed(config: &Config, replica: &Replica<'_>) -> Option<Finding> {
    let delay = replica.delay?;
    let change = delay.compare(&Rules::default().floor(0.5), Direction::Up)?;
    let newest = stats::quantile(&delay.values[delay.values.len().saturating_sub(NEWEST)..], 1.0);
    let worst = newest.max(change.level());
    let beyond = worst - replica.configured;
    let score =
        score_of(change.seen.past.deviations(worst)) * ramp(beyond, config.delay_s * 0.5, config.long_delay_s).sqrt();
    let climb = stats::theil_sen(&delay.values[delay.values.len().saturating_sub(20)..])
        .map_or(0.0, |line| line.slope * 1_000.0 / delay.step_ms as f64);
    let mut statement = format!("{} behind its primary (before: {})", seconds(worst.max(0.0)), seconds(change.past()));
    if beyond < worst {
        statement.push_str(&format!(", of which it is told to keep {}", seconds(replica.configured)));
    }
    if score >= 0.1 && climb > 0.05 {
        statement.push_str(&format!(", growing by {climb:.1} s each second"));
    }
    let magnitude = change.seen.past.deviations(worst);
    let finding = Finding::about(&delay).score(score).magnitude(magnitude).since(change.onset_ms());
    Some(finding.saw(worst, change.past()).says(statement))
}

/// Much that is received and not yet applied, whatever the delay says.
fn far_apart(replica: &Replica<'_>) -> Option<Finding> {
    let (received, apart) = replica.apart.as_ref()?;
    let seen = stats::compare(apart, &Rules::default().floor(APART.0 / 8.0), Direction::Up)?;
    let (now, _) = replica.behind()?;
    let score = score_of(seen.past.deviations(now)) * ramp(now, APART.0, APART.1) * APART_SCORE;
    let statement = if score >= 0.1 {
        format!("received but not applied: {}", replica.behind_in_words().trim_start_matches(", "))
    } else {
        format!("{} received and not yet applied", bytes(now))
    };
    let finding = Finding::about(received).score(score).magnitude(seen.past.deviations(now));
    Some(finding.since(seen.onset.map(|onset| received.time(onset))).saw(f64::NAN, f64::NAN).says(statement))
}
