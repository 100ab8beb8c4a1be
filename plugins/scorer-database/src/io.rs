//! Is the storage under the database at its limit? A backup, a checkpoint or a neighbour on the same volume makes every
//! statement wait that must read or write it, whatever the statement is.

use lagdoctor_sdk::stats::{Direction, Rules};
use lagdoctor_sdk::words::percent;
use lagdoctor_sdk::{Change, Finding, NodeRef, View, ramp};

use crate::server::statement_time;

/// Smallest change of the share of time that a disk is at work that is believed.
const FLOOR: f64 = 0.03;
/// Share of time at work from which others wait, and from which they wait beyond doubt.
const BUSY: (f64, f64) = (0.6, 0.9);
/// Growth of the statements' time that shows that they wait.
const SLOWER: f64 = 1.2;
/// What a busy disk counts under statements that are as fast as ever.
const HARMLESS: f64 = 0.3;

/// What is to be said about the busiest disk of this database's host; `None` where none is measured.
pub(crate) fn finding(view: &View<'_>, database: NodeRef<'_>) -> Option<Finding> {
    let hosts = view.dependencies_of_kind(database, "host").into_iter();
    let disks = hosts.flat_map(|host| view.signals(host, "system.disk.utilization").collect::<Vec<_>>());
    let changes = disks.filter_map(|disk| disk.compare(&Rules::default().floor(FLOOR), Direction::Up));
    let busiest = changes.max_by(|a, b| a.level().total_cmp(&b.level()))?;
    let waits = statement_time(view, database).is_some_and(|time| time.rose(SLOWER));
    let score = busiest.score(ramp(busiest.level(), BUSY.0, BUSY.1)) * if waits { 1.0 } else { HARMLESS };
    let (now, was) = (percent(busiest.level()), percent(busiest.past()));
    let disk = busiest.series.label("device").map(|device| format!(" {device}")).unwrap_or_default();
    let statement = match score >= 0.1 {
        true => {
            format!("the disk{disk} of its host is at work {now} of the time, before {was}, and statements wait for it")
        }
        false => format!("the disk{disk} of its host is at work {now} of the time, before {was}"),
    };
    let finding = Finding::on(database, busiest.series.signal).rests_on(&busiest.series).class("db.io").score(score);
    let finding = finding.magnitude(busiest.seen.magnitude).since(Change::onset_ms(&busiest));
    Some(finding.saw(busiest.level(), busiest.past()).says(statement))
}
