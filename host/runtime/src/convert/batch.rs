//! One incident window as plugins see it: regular grids in one column of numbers, handles instead of names. Made once
//! for each diagnosis and shown to every plugin, each with the series that it lists. Start at [`Batch::new`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use lagdoctor_model::{Gap, GapCause, Millis, NodeId, Series, SeriesKey, Signals, Timestamp};

use crate::bindings::types as wit;
use crate::convert::pairs;
use crate::manifest::Manifest;

/// Most points of one series of the coarse past; a longer one gets a wider step.
const MAX_HISTORY_POINTS: i64 = 20_000;

/// What a guest keeps about one node and about one series beside its readings, its own index and what it finds included,
/// in bytes; rather too much than too little.
const NODE_BYTES: usize = 400;
const SERIES_BYTES: usize = 400;

/// All that is known about one incident window, in the form of the contract. Cheap to clone.
#[derive(Clone)]
pub struct Batch {
    pub(crate) wit: Arc<wit::Batch>,
    pub(crate) index: Arc<Index>,
    pub(crate) series: Arc<Handles>,
    /// What matters most; all of it unless somebody said.
    core: Option<Arc<BTreeSet<u32>>>,
    gaps: Arc<Mutex<BTreeSet<Gap>>>,
}

/// Handles that all plugins share.
pub(crate) struct Index {
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) node_handles: BTreeMap<NodeId, u32>,
    /// For each log line of the batch, its place in [`Signals::logs`].
    pub(crate) logs: Vec<usize>,
}

/// Handles of series, which differ with what a plugin lists.
pub(crate) struct Handles {
    pub(crate) keys: Vec<Arc<SeriesKey>>,
    pub(crate) of: BTreeMap<Arc<SeriesKey>, u32>,
}

impl Handles {
    fn new(keys: Vec<Arc<SeriesKey>>) -> Self {
        let of = keys.iter().enumerate().map(|(place, key)| (key.clone(), handle(place))).collect();
        Self { keys, of }
    }
}

/// A place in a list as a handle. Lists of four thousand million entries do not fit into memory.
pub(crate) fn handle(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// A regular grid of times.
struct Grid {
    start: Timestamp,
    step: Millis,
    count: usize,
}

/// Series and the column of their values, as they grow.
#[derive(Default)]
struct Columns {
    keys: Vec<Arc<SeriesKey>>,
    series: Vec<wit::Series>,
    values: Vec<f64>,
}

impl Columns {
    fn push(&mut self, series: &Series, node: u32, grid: &Grid) {
        let values = series.on_grid(grid.start, grid.step, grid.count);
        self.series.push(wit::Series {
            node,
            signal: series.signal().to_string(),
            labels: pairs(series.labels()),
            start_ms: grid.start.as_millis(),
            step_ms: grid.step.as_millis().max(1),
            first: handle(self.values.len()),
            count: handle(values.len()),
            ext: vec![],
        });
        self.keys.push(series.shared_key());
        self.values.extend(values);
    }
}

impl Batch {
    /// The batch of these signals, with all their series. Series, log lines, events and edges of nodes that are not in
    /// the topology have no handle and are left out.
    pub fn new(signals: &Signals) -> Self {
        let nodes: Vec<NodeId> = signals.topology.nodes().map(|node| node.id.clone()).collect();
        let node_handles: BTreeMap<_, _> =
            nodes.iter().enumerate().map(|(place, id)| (id.clone(), handle(place))).collect();
        let of = |node: &NodeId| node_handles.get(node).copied();

        let window = signals.window;
        let grid = Grid { start: window.start, step: window.step, count: window.points() };
        let mut now = Columns::default();
        for series in &signals.series {
            if let Some(node) = of(series.node()) {
                now.push(series, node, &grid);
            }
        }
        let mut past = Columns::default();
        for series in &signals.history {
            if let (Some(node), Some(grid)) = (of(series.node()), history_grid(series)) {
                past.push(series, node, &grid);
            }
        }
        let mut logs = wit::LogColumns { at_ms: vec![], node: vec![], severity: vec![], message: vec![], ext: vec![] };
        let mut log_places = Vec::with_capacity(signals.logs.len());
        for (place, line) in signals.logs.iter().enumerate() {
            if let Some(node) = of(&line.node) {
                logs.at_ms.push(line.at.as_millis());
                logs.node.push(node);
                logs.severity.push(line.severity.number());
                logs.message.push(line.message.as_str().to_owned());
                log_places.push(place);
            }
        }
        let events = signals.events.iter().filter_map(|event| {
            Some(wit::Event {
                at_ms: event.at.as_millis(),
                node: of(&event.node)?,
                kind: event.kind.clone(),
                what: event.what.as_str().to_owned(),
                ext: vec![],
            })
        });
        let edges = signals.topology.edges().filter_map(|edge| {
            let (dependent, dependency) = (of(&edge.dependent)?, of(&edge.dependency)?);
            Some(wit::Edge { dependent, dependency, kind: edge.kind.to_string(), ext: vec![] })
        });
        let wit = wit::Batch {
            now_ms: window.now.as_millis(),
            start_ms: window.start.as_millis(),
            nodes: signals.topology.nodes().map(node).collect(),
            edges: edges.collect(),
            series: now.series,
            values: now.values,
            logs,
            events: events.collect(),
            history: past.series,
            history_values: past.values,
            ext: vec![],
        };
        Self {
            wit: Arc::new(wit),
            series: Arc::new(Handles::new(now.keys)),
            index: Arc::new(Index { nodes, node_handles, logs: log_places }),
            core: None,
            gaps: Arc::default(),
        }
    }

    /// The same batch, of which nobody has got anything wrong yet: for others to judge by.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self { gaps: Arc::default(), ..self.clone() }
    }

    /// The same batch, of which the series of these nodes matter most: a plugin without room for all it lists is shown
    /// those.
    #[must_use]
    pub fn with_core<'n>(self, nodes: impl IntoIterator<Item = &'n NodeId>) -> Self {
        let handles = nodes.into_iter().filter_map(|node| self.index.node_handles.get(node).copied()).collect();
        Self { core: Some(Arc::new(handles)), ..self }
    }

    /// The batch for a plugin with this name, manifest and memory in bytes: only the series that it lists, and where these
    /// are more than its memory holds, only those of the nodes that matter most, which is noted as a gap. Handles of
    /// nodes and log lines stay; gaps are noted in common.
    #[must_use]
    pub(crate) fn for_plugin(&self, name: &str, manifest: &Manifest, memory_bytes: usize) -> Self {
        let listed = |series: &&wit::Series| manifest.lists_signal(&series.signal);
        let all = || self.wit.series.iter().chain(&self.wit.history);
        let core = self.core.as_deref().filter(|_| self.bytes(all().filter(listed)) > memory_bytes);
        let Some(core) = core else {
            return if all().all(|series| listed(&series)) { self.clone() } else { self.with_series(listed) };
        };
        let shown = self.with_series(|series| listed(series) && core.contains(&series.node));
        let count = all().filter(listed).count();
        let left_out = count - shown.wit.series.len() - shown.wit.history.len();
        if left_out > 0 {
            let mib = memory_bytes >> 20;
            let statement = format!(
                "plugin `{name}` has {mib} MiB, too little for {count} series, and was not shown {left_out} of them, all of nodes that do not lead to the symptom; raise `memory_mib` to have it look at those too"
            );
            self.note([Gap { source: name.to_owned(), cause: GapCause::Truncated, node: None, statement }]);
        }
        shown
    }

    /// What a guest needs to take these series in.
    fn bytes<'s>(&self, series: impl Iterator<Item = &'s wit::Series>) -> usize {
        let lines: usize = self.wit.logs.message.iter().map(|message| message.len() + SERIES_BYTES).sum();
        let nodes = self.wit.nodes.len() * NODE_BYTES;
        nodes + lines + series.map(|series| SERIES_BYTES + series.count as usize * size_of::<f64>()).sum::<usize>()
    }

    fn with_series(&self, shows: impl Fn(&&wit::Series) -> bool) -> Self {
        let all = &*self.wit;
        let keys = self.series.keys.iter().zip(&all.series).filter(|(_, series)| shows(series));
        let keys = keys.map(|(key, _)| key.clone()).collect();
        let (series, values) = pack(all.series.iter().filter(&shows), &all.values);
        let (history, history_values) = pack(all.history.iter().filter(&shows), &all.history_values);
        let wit = wit::Batch {
            now_ms: all.now_ms,
            start_ms: all.start_ms,
            nodes: all.nodes.clone(),
            edges: all.edges.clone(),
            series,
            values,
            logs: all.logs.clone(),
            events: all.events.clone(),
            history,
            history_values,
            ext: vec![],
        };
        Self {
            wit: Arc::new(wit),
            series: Arc::new(Handles::new(keys)),
            index: self.index.clone(),
            core: self.core.clone(),
            gaps: self.gaps.clone(),
        }
    }

    /// How many series a plugin sees, the coarse past apart.
    pub fn series_count(&self) -> usize {
        self.wit.series.len()
    }

    /// How many nodes.
    pub fn node_count(&self) -> usize {
        self.index.nodes.len()
    }

    /// What plugins that were given this batch got wrong without failing, such as naming a class that does not exist.
    /// Sorted, each once; ask after the last call.
    pub fn gaps(&self) -> Vec<Gap> {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn note(&self, gaps: impl IntoIterator<Item = Gap>) {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner).extend(gaps);
    }
}

fn node(node: &lagdoctor_model::Node) -> wit::Node {
    wit::Node {
        id: node.id.to_string(),
        kind: node.id.kind().to_owned(),
        name: node.id.name().to_owned(),
        labels: pairs(&node.labels),
        ext: vec![],
    }
}

/// These series with a column that holds only their values.
fn pack<'a>(series: impl Iterator<Item = &'a wit::Series>, values: &[f64]) -> (Vec<wit::Series>, Vec<f64>) {
    let mut packed = Vec::new();
    let mut column = Vec::new();
    for series in series {
        let first = series.first as usize;
        let own = values.get(first..first + series.count as usize).unwrap_or_default();
        packed.push(wit::Series { first: handle(column.len()), ..series.clone() });
        column.extend_from_slice(own);
    }
    (packed, column)
}

/// The grid of a series of the coarse past: from its first to its last reading, by its usual distance. The median is
/// taken because single readings are missing more often than not.
fn history_grid(series: &Series) -> Option<Grid> {
    let samples = series.samples();
    let (first, last) = (samples.first()?.at, samples.last()?.at);
    let mut distances: Vec<i64> = samples.windows(2).map(|two| two[1].at.since(two[0].at).as_millis()).collect();
    distances.sort_unstable();
    let usual = distances.get(distances.len() / 2).copied().unwrap_or(60_000).max(1);
    let span = last.since(first).as_millis();
    let step = usual.max(span / MAX_HISTORY_POINTS + 1);
    let count = usize::try_from(span.div_euclid(step) + i64::from(span % step != 0) + 1).ok()?;
    Some(Grid { start: first, step: Millis::new(step).ok()?, count })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use lagdoctor_model::Sample;

    #[test]
    fn every_series_points_at_its_own_values_and_missing_ones_are_nan() {
        let signals = testing::signals();
        let batch = Batch::new(&signals);
        assert_eq!(batch.wit.series.len(), signals.series.len());
        for (series, handle) in signals.series.iter().zip(&batch.wit.series) {
            let first = handle.first as usize;
            let column = &batch.wit.values[first..first + handle.count as usize];
            let grid = series.on_grid(signals.window.start, signals.window.step, signals.window.points());
            assert_eq!(format!("{column:?}"), format!("{grid:?}"));
            assert_eq!(batch.index.nodes[handle.node as usize], *series.node());
        }
        assert!(batch.wit.values.iter().any(|value| value.is_nan()));
    }

    #[test]
    fn a_plugin_sees_only_the_series_it_lists_and_all_the_nodes() {
        let batch = Batch::new(&testing::signals());
        let shown = batch.for_plugin("jvm", &testing::manifest(&["jvm."]), usize::MAX);
        assert!(shown.series_count() > 0 && shown.series_count() < batch.series_count());
        assert!(shown.wit.series.iter().all(|series| series.signal.starts_with("jvm.")));
        assert_eq!(shown.node_count(), batch.node_count());
        for (key, series) in shown.series.keys.iter().zip(&shown.wit.series) {
            let place = batch.series.of[key] as usize;
            let values = |batch: &Batch, series: &wit::Series| {
                format!("{:?}", &batch.wit.values[series.first as usize..(series.first + series.count) as usize])
            };
            assert_eq!(values(&shown, series), values(&batch, &batch.wit.series[place]));
        }
        assert_eq!(
            batch.for_plugin("all", &testing::manifest(&["*"]), usize::MAX).series_count(),
            batch.series_count()
        );
    }

    #[test]
    fn a_plugin_without_room_sees_what_leads_to_the_symptom_and_the_rest_is_named() {
        let signals = testing::signals();
        let near = signals.series[0].node().clone();
        let (all, manifest) = (Batch::new(&signals).with_core([&near]), testing::manifest(&["*"]));
        assert_eq!(all.for_plugin("z", &manifest, usize::MAX).series_count(), all.series_count());
        assert_eq!(all.gaps(), []);
        let shown = all.for_plugin("z", &manifest, 1 << 10);
        assert!(shown.series_count() > 0 && shown.series_count() < all.series_count());
        assert!(shown.series.keys.iter().all(|key| key.node == near));
        let [gap] = &all.gaps()[..] else { panic!("{:?}", all.gaps()) };
        assert_eq!((gap.cause, gap.source.as_str()), (GapCause::Truncated, "z"));
        assert!(gap.statement.contains("raise `memory_mib`"), "{}", gap.statement);
    }

    #[test]
    fn the_coarse_past_keeps_its_own_step_although_a_reading_is_missing() {
        let mut signals = testing::signals();
        let key = signals.series[0].key().clone();
        let at = |minutes| Timestamp::EPOCH + Millis::minutes(minutes);
        let samples = [0, 5, 10, 20, 25].map(|minutes| Sample { at: at(minutes), value: f64::from(minutes) });
        signals.history = vec![Series::new(key, samples.to_vec()).unwrap()];
        let batch = Batch::new(&signals);
        assert_eq!(batch.wit.history[0].step_ms, 300_000);
        let expected = [0.0, 5.0, 10.0, f64::NAN, 20.0, 25.0];
        assert_eq!(format!("{:?}", batch.wit.history_values), format!("{expected:?}"));
    }

    #[test]
    fn what_one_plugin_got_wrong_is_told_once_by_every_copy() {
        let batch = Batch::new(&testing::signals());
        let gap =
            Gap { source: "a".into(), cause: lagdoctor_model::GapCause::Malformed, node: None, statement: "x".into() };
        batch.for_plugin("jvm", &testing::manifest(&["jvm."]), usize::MAX).note([gap.clone(), gap.clone()]);
        let told = [gap];
        assert_eq!(batch.gaps(), told);
        let others = batch.afresh();
        assert_eq!((others.gaps(), others.series_count()), (vec![], batch.series_count()));
        others.note([Gap { statement: "y".into(), ..told[0].clone() }]);
        assert_eq!(batch.gaps(), told, "what others get wrong is theirs");
    }
}
