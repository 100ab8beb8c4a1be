//! Looks at a batch without copying it: nodes by kind and id, series as slices with times, dependencies both ways.
//! Handles that point nowhere are skipped, so that a reader needs no bounds check of its own. Start at [`View::new`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::{Batch, Edge, Event, Node, Series, Symptom};

/// Edges of this kind join two nodes that share something and have no direction.
const CONTENDS: &str = "contends";

/// A node of the batch.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'a> {
    /// Its place in the batch.
    pub handle: u32,
    /// `kind:name`.
    pub id: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// What people call it.
    pub name: &'a str,
    labels: &'a [(String, String)],
}

impl<'a> NodeRef<'a> {
    /// The label of this name.
    pub fn label(&self, name: &str) -> Option<&'a str> {
        label(self.labels, name)
    }
}

impl PartialEq for NodeRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.handle == other.handle
    }
}

/// One series of the batch: a regular grid of readings, NaN where one is missing.
#[derive(Clone, Copy, Debug)]
pub struct SeriesRef<'a> {
    /// Its place in the batch (in the history, for a series of the history).
    pub handle: u32,
    /// The node it was measured on.
    pub node: NodeRef<'a>,
    /// The signal.
    pub signal: &'a str,
    /// Time of the first reading.
    pub start_ms: i64,
    /// Distance of readings, at least 1.
    pub step_ms: i64,
    /// The readings.
    pub values: &'a [f64],
    labels: &'a [(String, String)],
}

impl<'a> SeriesRef<'a> {
    /// The label of this name, such as `partition`.
    pub fn label(&self, name: &str) -> Option<&'a str> {
        label(self.labels, name)
    }

    /// The same series with other readings on its grid, such as a running minimum of them.
    ///
    /// ```
    /// # use lagdoctor_sdk::SeriesRef;
    /// fn capped<'a>(series: SeriesRef<'a>, values: &'a mut [f64]) -> SeriesRef<'a> {
    ///     values.copy_from_slice(series.values);
    ///     values.iter_mut().for_each(|value| *value = value.min(1.0));
    ///     series.with_values(values)
    /// }
    /// ```
    pub fn with_values<'b>(self, values: &'b [f64]) -> SeriesRef<'b>
    where
        'a: 'b,
    {
        SeriesRef { values, ..self }
    }

    /// The time of this reading.
    pub fn time(&self, index: usize) -> i64 {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(self.step_ms.saturating_mul(index))
    }

    /// The readings with their times, missing ones left out.
    pub fn readings(&self) -> impl Iterator<Item = (i64, f64)> + use<'a> {
        let this = *self;
        let known = this.values.iter().enumerate().filter(|(_, value)| !value.is_nan());
        known.map(move |(index, value)| (this.time(index), *value))
    }

    /// The newest reading that is not missing.
    pub fn last(&self) -> Option<f64> {
        self.values.iter().rev().copied().find(|value| !value.is_nan())
    }

    /// When the newest reading that is not missing was taken.
    pub fn last_ms(&self) -> Option<i64> {
        self.values.iter().rposition(|value| !value.is_nan()).map(|index| self.time(index))
    }

    /// The places of the readings from `from_ms` to `to_ms`, both included.
    pub fn range(&self, from_ms: i64, to_ms: i64) -> Range<usize> {
        let place = |ms: i64| {
            let steps = ms.saturating_sub(self.start_ms);
            // Rounded up: the first reading that is not before `ms`.
            let index = steps.div_euclid(self.step_ms) + i64::from(steps.rem_euclid(self.step_ms) != 0);
            usize::try_from(index.max(0)).unwrap_or(usize::MAX).min(self.values.len())
        };
        let (from, to) = (place(from_ms), place(to_ms.saturating_add(1)));
        from..to.max(from)
    }

    /// The readings from `from_ms` to `to_ms`, both included.
    pub fn between(&self, from_ms: i64, to_ms: i64) -> &'a [f64] {
        &self.values[self.range(from_ms, to_ms)]
    }

    /// The readings of the last `span_ms` before `now_ms`.
    pub fn recent(&self, now_ms: i64, span_ms: i64) -> &'a [f64] {
        self.between(now_ms.saturating_sub(span_ms), now_ms)
    }

    /// How many readings lie in this span; at least 1.
    pub fn steps(&self, span_ms: i64) -> usize {
        usize::try_from(span_ms / self.step_ms).unwrap_or(1).max(1)
    }
}

/// One log line of the batch.
#[derive(Clone, Copy, Debug)]
pub struct LogRef<'a> {
    /// Its place in the batch.
    pub handle: u32,
    /// When it says it was written.
    pub at_ms: i64,
    /// Who wrote it.
    pub node: NodeRef<'a>,
    /// OpenTelemetry SeverityNumber: 13 to 16 warn, 17 and more error; 0 unknown.
    pub severity: u8,
    /// The text, redacted.
    pub message: &'a str,
}

/// A batch, indexed.
#[derive(Debug)]
pub struct View<'a> {
    batch: &'a Batch,
    ids: BTreeMap<&'a str, u32>,
    series_of: BTreeMap<(u32, &'a str), Vec<u32>>,
    dependencies: Vec<Vec<(u32, &'a str)>>,
    dependents: Vec<Vec<(u32, &'a str)>>,
}

impl<'a> View<'a> {
    /// Indexes a batch.
    pub fn new(batch: &'a Batch) -> Self {
        let count = batch.nodes.len();
        let mut series_of: BTreeMap<(u32, &str), Vec<u32>> = BTreeMap::new();
        for (handle, series) in numbered(&batch.series) {
            series_of.entry((series.node, series.signal.as_str())).or_default().push(handle);
        }
        let mut dependencies = vec![vec![]; count];
        let mut dependents = vec![vec![]; count];
        for Edge { dependent, dependency, kind, .. } in &batch.edges {
            let (from, to) = (*dependent as usize, *dependency as usize);
            if from >= count || to >= count || from == to {
                continue;
            }
            dependencies[from].push((*dependency, kind.as_str()));
            dependents[to].push((*dependent, kind.as_str()));
            if kind == CONTENDS {
                dependencies[to].push((*dependent, kind.as_str()));
                dependents[from].push((*dependency, kind.as_str()));
            }
        }
        let ids = numbered(&batch.nodes).map(|(handle, node)| (node.id.as_str(), handle)).collect();
        Self { batch, ids, series_of, dependencies, dependents }
    }

    /// The batch itself.
    pub fn batch(&self) -> &'a Batch {
        self.batch
    }

    /// The moment of the diagnosis. There is no other clock.
    pub fn now_ms(&self) -> i64 {
        self.batch.now_ms
    }

    /// Whether this node could be the cause of a symptom without a class saying why: any other node, and itself when it is no
    /// consumer group. That a group falls behind because it falls behind is no answer; a service that answers late may
    /// well be the one at fault.
    pub fn may_cause(&self, symptom: &Symptom, node: u32) -> bool {
        node != symptom.node || self.node(node).is_some_and(|node| node.kind != "group")
    }

    /// First moment of the window.
    pub fn start_ms(&self) -> i64 {
        self.batch.start_ms
    }

    /// The node with this handle.
    pub fn node(&self, handle: u32) -> Option<NodeRef<'a>> {
        let Node { id, kind, name, labels, .. } = self.batch.nodes.get(handle as usize)?;
        Some(NodeRef { handle, id, kind, name, labels })
    }

    /// The node with this id, `kind:name`.
    pub fn find(&self, id: &str) -> Option<NodeRef<'a>> {
        self.node(*self.ids.get(id)?)
    }

    /// All nodes, in the order of the batch.
    pub fn nodes(&self) -> impl Iterator<Item = NodeRef<'a>> + '_ {
        (0..).map_while(|handle| self.node(handle))
    }

    /// The nodes of this kind, in the order of the batch.
    pub fn of_kind<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = NodeRef<'a>> + 's {
        self.nodes().filter(move |node| node.kind == kind)
    }

    /// What this node depends on, with the kind of each edge. `contends` counts both ways.
    pub fn dependencies(&self, node: NodeRef<'_>) -> impl Iterator<Item = (NodeRef<'a>, &'a str)> + '_ {
        self.neighbours(&self.dependencies, node)
    }

    /// What depends on this node, with the kind of each edge. `contends` counts both ways.
    pub fn dependents(&self, node: NodeRef<'_>) -> impl Iterator<Item = (NodeRef<'a>, &'a str)> + '_ {
        self.neighbours(&self.dependents, node)
    }

    /// Those nodes of one kind that this node depends on, such as the instances of a service.
    pub fn dependencies_of_kind(&self, node: NodeRef<'_>, kind: &str) -> Vec<NodeRef<'a>> {
        self.dependencies(node).map(|(dependency, _)| dependency).filter(|dependency| dependency.kind == kind).collect()
    }

    /// Those nodes of one kind that depend on this node, such as the service of an instance.
    pub fn dependents_of_kind(&self, node: NodeRef<'_>, kind: &str) -> Vec<NodeRef<'a>> {
        self.dependents(node).map(|(dependent, _)| dependent).filter(|dependent| dependent.kind == kind).collect()
    }

    /// What this node depends on, directly or not: each once, the nearest first, with how many edges away it is. The node
    /// itself comes first, 0 away.
    pub fn reached(&self, from: u32) -> Vec<(NodeRef<'a>, u32)> {
        let mut reached: Vec<(NodeRef<'a>, u32)> = self.node(from).map(|node| (node, 0)).into_iter().collect();
        let mut known = BTreeSet::from([from]);
        let mut next = 0;
        while let Some((node, distance)) = reached.get(next).copied() {
            next += 1;
            let dependencies = self.dependencies(node).map(|(dependency, _)| dependency);
            reached.extend(dependencies.filter(|new| known.insert(new.handle)).map(|new| (new, distance + 1)));
        }
        reached
    }

    fn neighbours<'s>(
        &'s self,
        edges: &'s [Vec<(u32, &'a str)>],
        node: NodeRef<'_>,
    ) -> impl Iterator<Item = (NodeRef<'a>, &'a str)> + 's {
        let edges = edges.get(node.handle as usize).map_or(&[][..], Vec::as_slice);
        edges.iter().filter_map(|(handle, kind)| Some((self.node(*handle)?, *kind)))
    }

    /// The series with this handle.
    pub fn series(&self, handle: u32) -> Option<SeriesRef<'a>> {
        self.resolve(handle, self.batch.series.get(handle as usize)?, &self.batch.values)
    }

    fn resolve(&self, handle: u32, series: &'a Series, column: &'a [f64]) -> Option<SeriesRef<'a>> {
        let first = series.first as usize;
        let values = column.get(first..first.checked_add(series.count as usize)?)?;
        Some(SeriesRef {
            handle,
            node: self.node(series.node)?,
            signal: &series.signal,
            start_ms: series.start_ms,
            step_ms: series.step_ms.max(1),
            values,
            labels: &series.labels,
        })
    }

    /// All series, in the order of the batch.
    pub fn all_series(&self) -> impl Iterator<Item = SeriesRef<'a>> + '_ {
        numbered(&self.batch.series).filter_map(|(handle, _)| self.series(handle))
    }

    /// The first series of this node and signal: all there is for a signal without labels.
    pub fn signal(&self, node: NodeRef<'_>, signal: &str) -> Option<SeriesRef<'a>> {
        self.signals(node, signal).next()
    }

    /// All series of this node and signal, one for each set of labels.
    pub fn signals<'s>(&'s self, node: NodeRef<'_>, signal: &'s str) -> impl Iterator<Item = SeriesRef<'a>> + 's {
        let handles = self.series_of.get(&(node.handle, signal)).map_or(&[][..], Vec::as_slice);
        handles.iter().filter_map(|handle| self.series(*handle))
    }

    /// The series of this signal on all nodes.
    pub fn of_signal<'s>(&'s self, signal: &'s str) -> impl Iterator<Item = SeriesRef<'a>> + 's {
        self.all_series().filter(move |series| series.signal == signal)
    }

    /// Whether anything at all was measured on this node, as far as this plugin may see.
    pub fn is_observed(&self, node: NodeRef<'_>) -> bool {
        let of_node = self.series_of.range((node.handle, "")..).next();
        of_node.is_some_and(|((handle, _), _)| *handle == node.handle)
    }

    /// The coarse past of this node and signal, all labels; empty where nobody recorded it.
    pub fn history<'s>(
        &'s self,
        node: NodeRef<'_>,
        signal: &'s str,
    ) -> impl Iterator<Item = SeriesRef<'a>> + use<'a, 's> {
        let of_node = node.handle;
        let wanted = move |series: &&Series| series.node == of_node && series.signal == signal;
        let found = numbered(&self.batch.history).filter(move |(_, series)| wanted(series));
        found.filter_map(|(handle, series)| self.resolve(handle, series, &self.batch.history_values))
    }

    /// The readings of the coarse past at the same time of day as `at_ms`, give or take `tolerance_ms`, on days before.
    pub fn same_time_of_day(&self, node: NodeRef<'_>, signal: &str, at_ms: i64, tolerance_ms: i64) -> Vec<f64> {
        const DAY_MS: i64 = 86_400_000;
        let near = |time: i64| {
            let apart = at_ms.saturating_sub(time);
            let phase = apart.rem_euclid(DAY_MS);
            apart > DAY_MS / 2 && phase.min(DAY_MS - phase) <= tolerance_ms
        };
        let past = self.history(node, signal).flat_map(|series| series.readings());
        past.filter(|(time, _)| near(*time)).map(|(_, value)| value).collect()
    }

    /// Log lines, in order of time.
    pub fn logs(&self) -> impl Iterator<Item = LogRef<'a>> + '_ {
        let logs = &self.batch.logs;
        numbered(&logs.message).filter_map(|(handle, message)| {
            let index = handle as usize;
            Some(LogRef {
                handle,
                at_ms: *logs.at_ms.get(index)?,
                node: self.node(*logs.node.get(index)?)?,
                severity: *logs.severity.get(index)?,
                message,
            })
        })
    }

    /// Events with the nodes they happened to, in order of time.
    pub fn events(&self) -> impl Iterator<Item = (NodeRef<'a>, &'a Event)> + '_ {
        self.batch.events.iter().filter_map(|event| Some((self.node(event.node)?, event)))
    }
}

fn numbered<T>(items: &[T]) -> impl Iterator<Item = (u32, &T)> {
    (0..).zip(items)
}

fn label<'a>(labels: &'a [(String, String)], name: &str) -> Option<&'a str> {
    labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::BatchBuilder;

    #[test]
    fn a_range_holds_readings_inside_it_only() {
        let batch = BatchBuilder::minutes(10).series("jvm:a", "jvm.gc.count", |minute| minute).build();
        let view = View::new(&batch);
        let series = view.of_signal("jvm.gc.count").next().unwrap();
        let at = |index| series.time(index);
        assert_eq!(series.between(at(2), at(4)), &series.values[2..=4]);
        assert_eq!(series.between(at(2) + 1, at(4) - 1), &series.values[3..=3]);
        assert_eq!(series.between(at(0) - 100_000, at(1)), &series.values[..=1]);
        assert!(series.between(at(4), at(2)).is_empty());
        assert!(series.between(i64::MIN, i64::MIN).is_empty());
        assert_eq!(series.between(i64::MIN, i64::MAX).len(), series.values.len());
    }

    #[test]
    fn handles_that_point_nowhere_are_skipped() {
        let mut batch = BatchBuilder::minutes(3).series("jvm:a", "jvm.gc.count", |_| 1.0).build();
        batch.series[0].first = u32::MAX;
        batch.edges.push(Edge { dependent: 0, dependency: 9, kind: "calls".to_owned(), ext: vec![] });
        let view = View::new(&batch);
        assert_eq!(view.all_series().count(), 0);
        assert_eq!(view.dependencies(view.node(0).unwrap()).count(), 0);
    }

    #[test]
    fn what_is_reached_by_two_ways_counts_once_by_the_shorter() {
        let batch = BatchBuilder::minutes(3)
            .edge("group:g", "worked-by", "service:s")
            .edge("service:s", "calls", "cache:c")
            .edge("service:s", "calls", "database:d")
            .edge("cache:c", "calls", "database:d")
            .edge("database:d", "calls", "service:s")
            .with_node("broker:1")
            .build();
        let view = View::new(&batch);
        let reached = view.reached(view.find("group:g").unwrap().handle);
        let found: Vec<(&str, u32)> = reached.iter().map(|(node, distance)| (node.id, *distance)).collect();
        assert_eq!(found, [("group:g", 0), ("service:s", 1), ("cache:c", 2), ("database:d", 2)]);
        assert!(view.reached(99).is_empty());
    }

    #[test]
    fn contention_is_seen_from_both_ends() {
        let batch = BatchBuilder::minutes(3).edge("pool:a/db", "contends", "pool:b/db").build();
        let view = View::new(&batch);
        for (from, to) in [("pool:a/db", "pool:b/db"), ("pool:b/db", "pool:a/db")] {
            let found: Vec<_> = view.dependencies(view.find(from).unwrap()).map(|(node, _)| node.id).collect();
            assert_eq!(found, [to]);
        }
    }

    #[test]
    fn yesterday_at_this_time_is_found_and_today_is_not() {
        let batch = BatchBuilder::minutes(3)
            .history("topic:orders", "kafka.topic.append_rate", 48, |hours_ago| hours_ago)
            .build();
        let view = View::new(&batch);
        let topic = view.find("topic:orders").unwrap();
        let mut past = view.same_time_of_day(topic, "kafka.topic.append_rate", view.now_ms(), 3_600_000);
        past.sort_by(f64::total_cmp);
        assert_eq!(past, [23.0, 24.0, 25.0, 47.0, 48.0]);
    }
}
