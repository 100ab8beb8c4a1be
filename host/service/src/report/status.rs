//! Every group at a glance: state, backlog, time lag, trend and status. Made from [`Signals`], so that live sources, a
//! Prometheus and a recorded incident are told alike. Start at [`StatusReport::of`].

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::{GroupStatus, Millis, Node, NodeId, PartitionId, Sample, Series, Signals, Timestamp};
use serde::Serialize;

use super::json::{GapJson, finite, pretty};
use crate::derive;

/// Over how long the trend of a backlog is taken.
const TREND: Millis = Millis::minutes(5);

/// The status of all groups at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatusReport {
    schema: u32,
    at_ms: i64,
    /// By cluster and name.
    pub groups: Vec<GroupReport>,
    pub(super) gaps: Vec<GapJson>,
}

/// One consumer group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupReport {
    /// Its cluster; empty when the source does not say.
    pub cluster: String,
    /// Its name.
    pub group: String,
    /// `stable`, `rebalancing`, `empty`, `dead`, `unknown`.
    pub state: String,
    /// That of its worst partition; never OK while a partition could not be judged.
    pub status: GroupStatus,
    /// Whether every partition could be judged.
    pub judged: bool,
    /// How much of the past the judgement rests on, in milliseconds.
    pub window_ms: i64,
    /// How many members it has.
    pub members: Option<u64>,
    /// Records behind, all partitions.
    pub backlog: Option<u64>,
    /// Change of the backlog, records per second.
    pub growth_per_s: Option<f64>,
    /// Age of the oldest record not committed, in milliseconds.
    pub time_lag_ms: Option<i64>,
    /// By topic and number.
    pub partitions: Vec<PartitionReport>,
}

/// One partition of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartitionReport {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: u32,
    /// The next offset that the group will read.
    pub committed: Option<u64>,
    /// Log end offset.
    pub log_end: Option<u64>,
    /// Records behind.
    pub lag: Option<u64>,
    /// Age of the oldest record not committed, in milliseconds.
    pub time_lag_ms: Option<i64>,
    /// Burrow's word, `UNKNOWN` where it cannot be judged.
    pub status: GroupStatus,
}

impl StatusReport {
    /// The status of every group in these signals, whose derived series are there (see [`derive::derive`]).
    pub fn of(signals: &Signals) -> Self {
        let index = Index::of(signals);
        let groups = signals.topology.nodes().filter(|node| node.id.kind() == "group");
        let mut groups: Vec<_> = groups.map(|node| group(&index, node)).collect();
        groups.sort_by(|a, b| (&a.cluster, &a.group).cmp(&(&b.cluster, &b.group)));
        Self {
            schema: 1,
            at_ms: signals.window.now.as_millis(),
            groups,
            gaps: signals.gaps.iter().map(GapJson::of).collect(),
        }
    }

    /// The same with this group alone; with none when there is no such group.
    #[must_use]
    pub fn only(mut self, group: &str) -> Self {
        self.groups.retain(|known| known.group == group);
        self
    }

    /// The same without what could not be seen, for where a diagnosis that says it follows.
    #[must_use]
    pub fn without_gaps(mut self) -> Self {
        self.gaps.clear();
        self
    }

    /// As programs read it, by `schema/status.schema.json`.
    pub fn json(&self) -> String {
        pretty(self)
    }
}

/// Series by node, signal and, for those of a group, partition.
struct Index<'a> {
    now: Timestamp,
    series: BTreeMap<(&'a NodeId, &'a str, Option<PartitionId>), &'a Series>,
}

impl<'a> Index<'a> {
    fn of(signals: &'a Signals) -> Self {
        let key = |series: &'a Series| (series.node(), series.signal().as_str(), derive::partition_of(series));
        let series = signals.series.iter().map(|series| (key(series), series)).collect();
        Self { now: signals.window.now, series }
    }

    fn get(&self, node: &'a NodeId, signal: &'a str, partition: Option<&PartitionId>) -> Option<&'a Series> {
        self.series.get(&(node, signal, partition.cloned())).copied()
    }

    fn log_end(&self, partition: &NodeId) -> Option<&'a Series> {
        self.series.get(&(partition, "kafka.partition.current_offset", None)).copied()
    }

    /// All series of one signal of a group, by partition.
    fn partitions(&self, node: &'a NodeId, signal: &'a str) -> impl Iterator<Item = (&PartitionId, &'a Series)> {
        let from = (node, signal, None);
        self.series
            .range(from..)
            .take_while(move |((of, named, _), _)| *of == node && *named == signal)
            .filter_map(|((_, _, partition), series)| Some((partition.as_ref()?, *series)))
    }
}

fn group<'a>(index: &Index<'a>, node: &'a Node) -> GroupReport {
    let label = |name: &str| node.labels.get(name).cloned().unwrap_or_default();
    let single = |signal: &'static str| index.get(&node.id, signal, None);
    let mut seen: BTreeSet<&PartitionId> = BTreeSet::new();
    let mut span: Option<(Timestamp, Timestamp)> = None;
    for signal in ["kafka.consumer_group.lag", "kafka.consumer_group.offset"] {
        for (id, series) in index.partitions(&node.id, signal) {
            seen.insert(id);
            if let (Some(first), Some(last)) = (series.samples().first(), series.samples().last()) {
                let (from, to) = span.unwrap_or((first.at, last.at));
                span = Some((from.min(first.at), to.max(last.at)));
            }
        }
    }
    let partitions: Vec<_> = seen.into_iter().map(|id| partition(index, &node.id, id)).collect();
    let status = partitions.iter().map(|partition| partition.status).max().unwrap_or(GroupStatus::Unknown);
    let judged = !partitions.is_empty() && partitions.iter().all(|known| known.status != GroupStatus::Unknown);
    let backlog = single("kafka.consumer_group.backlog");
    let state = label("state");
    GroupReport {
        cluster: label("cluster"),
        group: node.id.name().to_owned(),
        state: if state.is_empty() { "unknown".into() } else { state },
        status,
        judged,
        window_ms: span.map_or(0, |(from, to)| to.since(from).as_millis()),
        members: single("kafka.consumer_group.members").and_then(Series::last).and_then(count),
        backlog: backlog.and_then(Series::last).and_then(count),
        growth_per_s: backlog.and_then(growth),
        time_lag_ms: single("kafka.consumer_group.time_lag").and_then(Series::last).map(|sample| millis(sample.value)),
        partitions,
    }
}

fn partition<'a>(index: &Index<'a>, group: &'a NodeId, id: &PartitionId) -> PartitionReport {
    let of_group = |signal: &'static str| index.get(group, signal, Some(id));
    let node = id.node().ok();
    let log_end = node.as_ref().and_then(|node| index.log_end(node));
    let committed = of_group("kafka.consumer_group.offset");
    let time_lag =
        committed.zip(log_end).and_then(|(committed, log_end)| derive::time_lag_at(committed, log_end, index.now));
    // The newest judgement counts, also when it says "cannot be judged"; so `last`, which skips those, will not do.
    let status = of_group("kafka.consumer_group.status").and_then(|series| series.samples().last().copied());
    PartitionReport {
        topic: id.topic.clone(),
        partition: id.partition,
        committed: committed.and_then(Series::last).and_then(count),
        log_end: log_end.and_then(Series::last).and_then(count),
        lag: of_group("kafka.consumer_group.lag").and_then(Series::last).and_then(count),
        time_lag_ms: time_lag.map(Millis::as_millis),
        status: status.map_or(GroupStatus::Unknown, |sample| derive::status_of(sample.value)),
    }
}

fn count(sample: Sample) -> Option<u64> {
    // Above 2^53 neighbouring offsets can no longer be told apart in a float, but the cast stays in range.
    (sample.value.is_finite() && sample.value >= 0.0).then_some(sample.value.round() as u64)
}

fn millis(seconds: f64) -> i64 {
    (seconds.max(0.0) * 1000.0).round() as i64
}

/// Change per second over the last minutes; `None` when less than two readings lie in them.
fn growth(series: &Series) -> Option<f64> {
    let last = series.last()?;
    let first = series.samples().iter().find(|sample| sample.at >= last.at - TREND && !sample.value.is_nan())?;
    let seconds = last.at.since(first.at).as_seconds();
    if seconds > 0.0 { finite((last.value - first.value) / seconds) } else { None }
}
