//! What a broker does beside its work: its virtual machine collects garbage, and its log cleaner keeps compacted topics
//! small. One that pauses for long is taken for dead by the others; one whose cleaner died is found out when somebody must
//! read all that was not cleaned.

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::percent;
use lagdoctor_sdk::{Finding, NodeRef, View, ramp};

use crate::Config;

/// Pauses come as pulses, and while one lasts nobody answers the scrape: two within four minutes belong together.
const PULSES: Rules = Rules {
    past_share: 1.0 / 3.0,
    past_min: 8,
    floor: 0.005,
    floor_share: 0.05,
    far: 5.0,
    usual: 2.0,
    sustained: 2,
    bridge: 16,
    now: 5,
};
/// What a cleaner says that died within the window; one that has been dead for longer hurts nobody new.
const DIED: f64 = 0.85;
/// What one says that has been dead for the whole window.
const LONG_DEAD: f64 = 0.5;

/// How much time the broker loses to collections; `None` where it is not measured.
pub(crate) fn pauses(config: &Config, view: &View<'_>, broker: NodeRef<'_>) -> Option<Finding> {
    let series = view.signal(broker, "kafka.broker.gc.overhead")?;
    let change = series.compare(&PULSES, Direction::Up)?;
    // Pulses count with the quiet between them.
    let share = match change.onset_ms() {
        Some(onset) => stats::mean(series.between(onset, i64::MAX)),
        None => change.level(),
    };
    let lost =
        0.5 * ramp(share, 0.0, config.pause_share) + 0.5 * ramp(share, config.pause_share, config.long_pause_share);
    let score = change.score(lost);
    let (now, was) = (percent(share), percent(change.past()));
    let statement = match score >= 0.1 {
        true => format!("the broker stands still for collections {now} of the time, before {was}"),
        false => format!("collections take {now} of the broker's time, as before ({was})"),
    };
    let finding = Finding::about(&series).class("broker.gc").score(score).magnitude(change.seen.magnitude);
    Some(finding.since(change.onset_ms()).saw(share, change.past()).says(statement))
}

/// Whether the log cleaner has died; `None` where nobody says.
pub(crate) fn cleaner(view: &View<'_>, broker: NodeRef<'_>) -> Option<Finding> {
    let series = view.signal(broker, "kafka.broker.dead_cleaners")?;
    let (_, was) = series.readings().next()?;
    let dead = series.last()?;
    let first = series.readings().find(|(_, count)| *count > 0.5).map(|(time, _)| time);
    let score = match (dead > 0.5, was > 0.5) {
        (false, _) => 0.0,
        (true, false) => DIED,
        (true, true) => LONG_DEAD,
    };
    let statement = match (dead > 0.5, was > 0.5) {
        (false, _) => "the log cleaner is alive",
        (true, false) => "the log cleaner died: compacted topics, committed offsets among them, grow without end",
        (true, true) => "the log cleaner has been dead for longer than can be seen: compacted topics grow without end",
    };
    let finding = Finding::about(&series).class("broker.log-cleaner").score(score).magnitude(dead);
    Some(finding.since(first.filter(|_| was < 0.5)).saw(dead, 0.0).says(statement))
}
