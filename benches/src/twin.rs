//! The `database` scorer as it is when nothing confines it: the same source, compiled for this machine. Start at
//! [`Twin::score`].

use lagdoctor_model::{Labels, Millis, NodeId, Sample, Series, SeriesKey, SignalName, Signals, Timestamp, Window};
use lagdoctor_model::{Node as ModelNode, Topology};
use lagdoctor_sdk::{Batch, Finding, LogColumns, Node, Plugin, Scorer, Series as GuestSeries, View};
use scorer_database::Database;

/// What the scorer reads of one database and of one pool.
const OF_DATABASE: [&str; 10] = [
    "db.server.up",
    "db.server.statement.duration",
    "db.server.statement.rate",
    "db.server.threads_running",
    "db.server.lock_time",
    "db.replication.delay",
    "db.replication.apply_running",
    "db.replication.receive_running",
    "db.replication.received_position",
    "db.replication.applied_position",
];
const OF_POOL: [&str; 6] = [
    "db.client.connection.used",
    "db.client.connection.max",
    "db.client.connection.pending_requests",
    "db.client.connection.timeouts",
    "db.client.connection.wait_time",
    "db.client.connection.use_time",
];
const STEP: Millis = Millis::seconds(15);

/// The scorer and what it is shown.
pub struct Twin {
    scorer: Database,
    batch: Batch,
}

impl Twin {
    /// The scorer with its default configuration, and these signals in the form that a guest gets.
    ///
    /// # Panics
    /// When a series is about a node that is not in the topology.
    pub fn new(signals: &Signals) -> Self {
        let scorer = Database::from_json("{}").expect("the default configuration");
        Self { scorer, batch: batch(signals) }
    }

    /// What the scorer finds.
    ///
    /// # Panics
    /// When it fails.
    pub fn score(&self) -> Vec<Finding> {
        self.scorer.score(&View::new(&self.batch)).expect("the scorer accepts the batch")
    }
}

/// So many series of so many points, all of which the scorer reads: databases and the pools in front of them. Readings
/// wander around a level, and every third database becomes slow half-way.
///
/// # Panics
/// Never: names and times are made here.
pub fn databases(series: usize, points: u32) -> Signals {
    let at = |point: u32| Timestamp::EPOCH + Millis::new(STEP.as_millis() * i64::from(point)).expect("small");
    let mut signals = Signals::empty(Window { start: at(0), now: at(points - 1), step: STEP });
    let mut topology = Topology::new();
    let owners = (0_u32..).flat_map(|number| {
        let database = OF_DATABASE.map(|signal| (format!("database:d{number}"), signal, number));
        let pools = OF_POOL.map(|signal| (format!("pool:i{number}/d{number}"), signal, number));
        database.into_iter().chain(pools)
    });
    for (node, signal, number) in owners.take(series) {
        let node = NodeId::new(node).expect("a name");
        topology.add_node(ModelNode::new(node.clone()));
        let signal = SignalName::new(signal).expect("a signal");
        let level = if signal.as_str().ends_with("up") || signal.as_str().ends_with("running") { 1.0 } else { 20.0 };
        let slow = number % 3 == 0 && signal.as_str().ends_with("duration");
        let value = |point: u32| {
            let wander = f64::from(point.wrapping_add(number).wrapping_mul(2_654_435_761) >> 22) / 1024.0 - 0.5;
            let growth = if slow && point > points / 2 { 4.0 } else { 1.0 };
            level * growth * (1.0 + if level > 1.0 { wander * 0.2 } else { 0.0 })
        };
        let samples = (0..points).map(|point| Sample { at: at(point), value: value(point) }).collect();
        let key = SeriesKey { node, signal, labels: Labels::new() };
        signals.series.push(Series::new(key, samples).expect("times increase"));
    }
    signals.topology = topology;
    signals.normalised()
}

fn batch(signals: &Signals) -> Batch {
    let Window { start, now, step } = signals.window;
    let node = |node: &ModelNode| Node {
        id: node.id.to_string(),
        kind: node.id.kind().to_owned(),
        name: node.id.name().to_owned(),
        labels: vec![],
        ext: vec![],
    };
    let handles: Vec<&NodeId> = signals.topology.nodes().map(|node| &node.id).collect();
    let count = signals.window.points();
    let place = |place: usize| u32::try_from(place).expect("few");
    let series = signals.series.iter().enumerate().map(|(number, series)| GuestSeries {
        node: place(handles.binary_search(&series.node()).expect("a node of the topology")),
        signal: series.signal().to_string(),
        labels: vec![],
        start_ms: start.as_millis(),
        step_ms: step.as_millis(),
        first: place(number * count),
        count: place(count),
        ext: vec![],
    });
    Batch {
        now_ms: now.as_millis(),
        start_ms: start.as_millis(),
        nodes: signals.topology.nodes().map(node).collect(),
        edges: vec![],
        series: series.collect(),
        values: signals.series.iter().flat_map(|series| series.on_grid(start, step, count)).collect(),
        logs: LogColumns { at_ms: vec![], node: vec![], severity: vec![], message: vec![], ext: vec![] },
        events: vec![],
        history: vec![],
        history_values: vec![],
        ext: vec![],
    }
}
