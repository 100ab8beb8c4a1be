//! Records in and records out: lag of each partition, backlog of each group, and how fast both ends of the log move.

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::{Labels, Millis, NodeId, PartitionId, Sample, Series, Signals, Window};

use super::readings::{PATIENCE, grid, known_at, summed};
use super::{by_node, common_query, labels_of, log_ends, partition_of, series};

/// Over how long a rate is taken, at least: consumers commit every few seconds, so that shorter rates are noise.
const RATE_OVER: Millis = Millis::seconds(60);

/// Lag of each partition of each group that no source gave: `max(0, log end - committed)`.
pub(super) fn lags(signals: &Signals) -> Vec<Series> {
    let ends = log_ends(signals);
    let told = by_node(signals, "kafka.consumer_group.lag");
    let mut made = vec![];
    for (group, committed) in by_node(signals, "kafka.consumer_group.offset") {
        let given: BTreeSet<PartitionId> =
            told.get(group).into_iter().flatten().filter_map(|series| partition_of(series)).collect();
        for committed in committed {
            let Some(id) = partition_of(committed).filter(|id| !given.contains(id)) else { continue };
            let Some(end) = id.node().ok().and_then(|node| ends.get(&node)) else { continue };
            let samples = committed.samples().iter().filter_map(|sample| {
                // Not `log_end - committed` of one scrape: the two may be read a moment apart, and lag is never negative.
                let end = known_at(end.samples(), sample.at, PATIENCE)?;
                let value = if sample.value.is_nan() { f64::NAN } else { (end.value - sample.value).max(0.0) };
                Some(Sample { at: sample.at, value })
            });
            let query = committed.query().map(str::to_owned);
            made.extend(series(group, "kafka.consumer_group.lag", labels_of(&id), samples.collect(), query));
        }
    }
    made
}

/// Backlog of each group.
pub(super) fn backlogs(signals: &Signals) -> Vec<Series> {
    let sum = |(group, lags): (&NodeId, Vec<&Series>)| {
        let parts: Vec<_> = lags.iter().map(|lag| lag.samples().to_vec()).collect();
        let query = common_query(lags.iter().map(|lag| lag.query()));
        let samples = summed(&parts, &signals.window, PATIENCE);
        series(group, "kafka.consumer_group.backlog", Labels::new(), samples, query)
    };
    by_node(signals, "kafka.consumer_group.lag").into_iter().filter_map(sum).collect()
}

/// How fast each group gets records done.
pub(super) fn commit_rates(signals: &Signals) -> Vec<Series> {
    by_node(signals, "kafka.consumer_group.offset")
        .into_iter()
        .filter_map(|(group, offsets)| total_rate(group, "kafka.consumer_group.commit_rate", &offsets, &signals.window))
        .collect()
}

/// How fast each topic grows.
pub(super) fn append_rates(signals: &Signals) -> Vec<Series> {
    let mut by_topic: BTreeMap<NodeId, Vec<&Series>> = BTreeMap::new();
    for (partition, end) in log_ends(signals) {
        let topic = partition.name().rsplit_once('/').and_then(|(topic, _)| NodeId::new(format!("topic:{topic}")).ok());
        if let Some(topic) = topic {
            by_topic.entry(topic).or_default().push(end);
        }
    }
    by_topic
        .iter()
        .filter_map(|(topic, ends)| total_rate(topic, "kafka.topic.append_rate", ends, &signals.window))
        .collect()
}

fn total_rate(node: &NodeId, signal: &str, offsets: &[&Series], window: &Window) -> Option<Series> {
    let parts: Vec<_> = offsets.iter().map(|offsets| rate(offsets.samples(), window)).collect();
    let query = common_query(offsets.iter().map(|offsets| offsets.query()));
    let query = query.map(|query| if super::is_command(&query) { query } else { format!("rate({query}[1m])") });
    series(node, signal, Labels::new(), summed(&parts, window, RATE_OVER), query)
}

/// Records per second at each time of the grid, over the last minute. Offsets that go backwards (a rewind, a topic made
/// anew) are no negative work, so that they count as none.
fn rate(samples: &[Sample], window: &Window) -> Vec<Sample> {
    let over = RATE_OVER.max(window.step);
    grid(window)
        .filter_map(|at| {
            let now = known_at(samples, at, over)?;
            // After a hole the rate spans it; where the window begins there is less than a minute to look back on.
            let before = known_at(samples, now.at - over, window.now.since(window.start))
                .or_else(|| samples.iter().find(|sample| !sample.value.is_nan() && sample.at < now.at).copied())?;
            let seconds = now.at.since(before.at).as_seconds();
            let value = if seconds > 0.0 { (now.value - before.value).max(0.0) / seconds } else { f64::NAN };
            Some(Sample { at, value })
        })
        .collect()
}
