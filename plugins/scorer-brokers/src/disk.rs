//! Is it the broker's disk? One that is slow shows in how long the broker itself takes to write, whatever the others do; one
//! that is full shows in what is left of its volumes, and in log directories that it gave up.

use lagdoctor_sdk::stats::{Direction, Rules, median};
use lagdoctor_sdk::words::{percent, seconds};
use lagdoctor_sdk::{Finding, NodeRef, View};

use crate::{Config, EXPLAINED, RECENT_MS};

/// Smallest change of a time that is believed, in seconds: appends go to memory, and take a millisecond or less.
const TIME_FLOOR_S: f64 = 0.002;
/// What a log directory that was given up says.
const OFFLINE: f64 = 0.97;
/// What a volume says that has no room left.
const NO_ROOM: f64 = 0.95;

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

/// How busy the busiest disk of its host has been lately.
fn busy(view: &View<'_>, broker: NodeRef<'_>) -> Option<f64> {
    let hosts = view.dependencies_of_kind(broker, "host").into_iter();
    let disks = hosts.flat_map(|host| view.signals(host, "system.disk.utilization").collect::<Vec<_>>());
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
    let volumes = view.dependencies_of_kind(broker, "host").into_iter().filter_map(|host| view.fullest_volume(host));
    let volume = volumes.min_by(|a, b| a.share().total_cmp(&b.share()))?;
    let score = volume.has_filled_up(config.full_share) * NO_ROOM;
    let since = volume.full_since(config.full_share).filter(|_| score > 0.0);
    let finding = Finding::on(broker, volume.free.signal).rests_on(&volume.free).class("broker.disk-full").score(score);
    let finding = finding.magnitude(-volume.filled() * 100.0).since(since).saw(volume.left, volume.first);
    Some(finding.says(format!("{} of its host", volume.words())))
}
