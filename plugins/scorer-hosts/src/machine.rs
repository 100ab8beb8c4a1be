//! What a machine has left to give: processor time, room on its volumes, and the right time.

use lagdoctor_sdk::stats::{Direction, Rules, median};
use lagdoctor_sdk::words::{percent, seconds};
use lagdoctor_sdk::{Finding, NodeRef, View, ramp};

use crate::Config;

/// Smallest change of the share of processors in use that is believed.
const USE_FLOOR: f64 = 0.02;
/// Growth of a process's own use that explains that its machine is busy.
const OWN_GROWTH: f64 = 1.15;
/// Kinds of node that do not say how much of their machine they use.
const SERVERS: [&str; 4] = ["broker", "cache", "database", "producer"];
/// What a busy machine counts whose own processes took the time, or may have.
const OWN: f64 = 0.4;
/// Times `clock_s` from which a clock is wrong beyond doubt.
const VERY_WRONG: f64 = 3.0;
/// What a clock says that is wrong, and a volume that is full.
const WRONG: f64 = 0.97;
const NO_ROOM: f64 = 0.97;

/// Whether work waits for a processor there; `None` where that is not measured.
pub(crate) fn processor(config: &Config, view: &View<'_>, host: NodeRef<'_>) -> Option<Finding> {
    let series = view.signal(host, "system.cpu.utilization")?;
    let change = series.compare(&Rules::default().floor(USE_FLOOR), Direction::Up)?;
    let grew = change.onset_ms().is_some();
    // What runs there may have taken it: then the machine only shows what its own processes do.
    let taker = view.dependents(host).map(|(node, _)| node).find(|node| {
        let own = view.signal(*node, "process.cpu.utilization");
        let own = own.and_then(|own| own.compare(&Rules::default().floor(USE_FLOOR), Direction::Up));
        own.is_some_and(|own| own.rose(OWN_GROWTH))
    });
    // Servers do not say what they use: one that has more to do is as busy as a neighbour would make its machine.
    let server = view.dependents(host).map(|(node, _)| node).find(|node| SERVERS.contains(&node.kind));
    let score = change.score(ramp(change.level(), config.busy, config.very_busy));
    let score = if taker.or(server).is_some() { score * OWN } else { score };
    let (now, was) = (percent(change.level()), percent(change.past()));
    let mut statement = match grew {
        true => format!("{now} of its processors are in use, before {was}"),
        false => format!("{now} of its processors are in use, as before"),
    };
    match taker.filter(|_| grew) {
        Some(taker) => statement.push_str(&format!("; {} takes more than before", taker.id)),
        None if server.is_some() && grew => {
            let server = server.map_or("?", |server| server.id);
            statement.push_str(&format!("; how much of it is that of {server} is not measured"));
        }
        None if score >= 0.1 => statement.push_str("; no process that is known there takes more than before"),
        None => {}
    }
    let finding = Finding::about(&series).class("host.cpu").score(score).magnitude(change.seen.magnitude);
    Some(finding.since(change.onset_ms()).saw(change.level(), change.past()).says(statement))
}

/// Whether its clock is wrong; `None` where nobody compares it.
pub(crate) fn clock(config: &Config, view: &View<'_>, host: NodeRef<'_>) -> Option<Finding> {
    let series = view.signal(host, "system.clock.offset")?;
    let newest: Vec<f64> = series.readings().map(|(_, offset)| offset).collect();
    let offset = median(&newest[newest.len().saturating_sub(3)..]);
    let size = offset.abs();
    let score = ramp(size, config.clock_s, config.clock_s * VERY_WRONG) * WRONG;
    // From the last time that it was right; wrong all the time, nobody knows since when.
    let right = series.readings().filter(|(_, offset)| offset.abs() < config.clock_s).map(|(time, _)| time).last();
    let side = if offset > 0.0 { "ahead" } else { "behind" };
    let statement = match score > 0.0 {
        true => format!("its clock is {} {side} of its time servers", seconds(size)),
        false => format!("its clock is right within {}", seconds(size)),
    };
    let finding = Finding::about(&series).class("host.clock").score(score).magnitude(offset / config.clock_s);
    let since = right.filter(|_| score > 0.0).map(|right| right + series.step_ms);
    Some(finding.since(since).saw(offset, 0.0).says(statement))
}

/// Its fullest volume; `None` where none is measured, and where a broker runs, whose volume is its own.
pub(crate) fn room(config: &Config, view: &View<'_>, host: NodeRef<'_>) -> Option<Finding> {
    if !view.dependents_of_kind(host, "broker").is_empty() {
        return None;
    }
    let volume = view.fullest_volume(host)?;
    let score = volume.has_filled_up(config.full_share) * NO_ROOM;
    let since = volume.full_since(config.full_share).filter(|_| score > 0.0);
    let finding = Finding::about(&volume.free).class("host.disk-full").score(score);
    let finding = finding.magnitude(-volume.filled() * 100.0).since(since);
    Some(finding.saw(volume.left, volume.first).says(volume.words()))
}
