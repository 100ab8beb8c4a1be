//! Is it the broker's disk? One that is slow shows in how long the broker itself takes to write, whatever the others do; one
//! that is full shows in what is left of its volumes, and in log directories that it gave up.

use lagdoctor_sdk::stats::{Direction, Rules, median};
use lagdoctor_sdk::words::{bytes, percent, seconds};
use lagdoctor_sdk::{Finding, NodeRef, View, ramp};

use crate::{Config, EXPLAINED, RECENT_MS};

/// Smallest change of a time that is believed, in seconds: appends go to memory, and take a millisecond or less.
const TIME_FLOOR_S: f64 = 0.002;
/// What a log directory that was given up says.
const OFFLINE: f64 = 0.97;
/// What a volume says that has no room left.
const NO_ROOM: f64 = 0.95;
/// How much of a volume must have gone within the window for it to be news, as a share of its size: some volumes are
/// always nearly full.
const FILLED: (f64, f64) = (0.0, 0.02);

/// What says how long a broker takes to write, in words.
const TIMES: [(&str, &str); 2] = [
    ("kafka.broker.request.local_time", "writing what producers send takes the broker"),
    ("kafka.broker.log_flush.duration", "writing its log through to the disk takes"),
];

/// How long the broker takes to write, by each time that is measured.
pub(crate) fn slow(config: &Config, view: &View<'_>, broker: NodeRef<'_>, is_explained: bool) -> Vec<Finding> {
    let busy = busy(view, broker);
    let time = |(signal, words): &(&str, &str)| {
        let series = view.signal(broker, signal)?;
        let change = series.compare(&Rules::default().floor(TIME_FLOOR_S), Direction::Up)?;
        let score = change.score_of_growth(config.slow_ratio, config.very_slow_ratio);
        let score = score * if is_explained { EXPLAINED } else { 1.0 };
        let (now, was) = (seconds(change.level()), seconds(change.past()));
        let mut statement = match score >= 0.1 {
            true => format!("{words} {now} instead of {was}"),
            false => format!("{words} {now}, as before ({was})"),
        };
        if let Some(busy) = busy.filter(|_| score >= 0.1) {
            statement.push_str(&format!("; a disk of its host is at work {} of the time", percent(busy)));
        }
        let finding = Finding::about(&series).class("broker.disk-slow").score(score).magnitude(change.seen.magnitude);
        Some(finding.since(change.onset_ms()).saw(change.level(), change.past()).says(statement))
    };
    TIMES.iter().filter_map(time).collect()
}

/// The machines that a broker runs on.
fn hosts<'a>(view: &'a View<'a>, broker: NodeRef<'_>) -> impl Iterator<Item = NodeRef<'a>> + 'a {
    view.dependencies(broker).map(|(node, _)| node).filter(|node| node.kind == "host").collect::<Vec<_>>().into_iter()
}

/// How busy the busiest disk of its host has been lately.
fn busy(view: &View<'_>, broker: NodeRef<'_>) -> Option<f64> {
    let disks = hosts(view, broker).flat_map(|host| view.signals(host, "system.disk.utilization").collect::<Vec<_>>());
    disks
        .map(|disk| median(&disk.values[disk.values.len().saturating_sub(5)..]))
        .filter(|busy| busy.is_finite())
        .reduce(f64::max)
}

/// Whether the broker has no room left; `None` where nobody says.
pub(crate) fn full(config: &Config, view: &View<'_>, broker: NodeRef<'_>) -> Option<Finding> {
    offline(view, broker).or_else(|| volume(config, view, broker))
}

/// Log directories that the broker gave up.
fn offline(view: &View<'_>, broker: NodeRef<'_>) -> Option<Finding> {
    let series = view.signal(broker, "kafka.broker.offline_log_dirs")?;
    let first = series.readings().find(|(time, count)| *count > 0.5 && *time >= view.now_ms() - RECENT_MS)?;
    let statement = format!("the broker gave up {:.0} of its log directories", first.1);
    let finding = Finding::about(&series).class("broker.disk-full").score(OFFLINE).magnitude(100.0);
    Some(finding.since(Some(first.0)).saw(first.1, 0.0).says(statement))
}

/// The fullest volume of its host.
fn volume(config: &Config, view: &View<'_>, broker: NodeRef<'_>) -> Option<Finding> {
    let mut fullest: Option<(f64, Finding)> = None;
    for host in hosts(view, broker) {
        for free in view.signals(host, "system.filesystem.available") {
            let place = free.label("mountpoint").unwrap_or("?");
            let size = view
                .signals(host, "system.filesystem.size")
                .find(|size| size.label("mountpoint") == free.label("mountpoint"))
                .and_then(|size| size.last())
                .filter(|size| *size > 0.0);
            let Some((size, left)) = size.zip(free.last()) else { continue };
            let first = free.readings().next().map_or(left, |(_, first)| first);
            let filled = (first - left) / size;
            let share = left / size;
            let is_full = 1.0 - ramp(share, config.full_share * 0.5, config.full_share);
            let score = is_full * ramp(filled, FILLED.0, FILLED.1) * NO_ROOM;
            let limit = size * config.full_share;
            let since = free.readings().find(|(_, left)| *left < limit).map(|(time, _)| time);
            let statement =
                format!("{} of {} ({}) are left on {place} of its host", bytes(left), bytes(size), percent(share));
            let finding = Finding::on(broker, free.signal).rests_on(&free).class("broker.disk-full").score(score);
            let finding = finding.magnitude(-filled * 100.0).since(since.filter(|_| score > 0.0));
            let finding = finding.saw(left, first).says(statement);
            if fullest.as_ref().is_none_or(|(least, _)| share < *least) {
                fullest = Some((share, finding));
            }
        }
    }
    fullest.map(|(_, finding)| finding)
}
