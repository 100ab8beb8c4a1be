//! An incident of any size: so many simulated pipelines side by side, all with the simulator's physics, of which one has a
//! fault and the others are well. Start at [`Fleet::of`].

use lagdoctor_model::{Edge, Event, LogLine, Node, NodeId, Sample, Series, SeriesKey, Signals};

use crate::Bench;

/// Log lines that a live diagnosis takes in at most.
const MOST_LINES: usize = 20_000;

/// Pipelines side by side, and what is wrong with the first of them.
pub struct Fleet {
    /// All that is known of all pipelines.
    pub signals: Signals,
    /// The node that is at fault, when the first pipeline is diagnosed alone.
    pub culprit: String,
}

impl Fleet {
    /// So many pipelines at least that there are so many nodes and so many series.
    ///
    /// # Panics
    /// When the faulty pipeline alone has no cause.
    pub async fn of(bench: &Bench, nodes: usize, series: usize) -> Self {
        let (ill, well) = (bench.signals("replication-delay").await, bench.signals("quiet").await);
        let diagnosis = lagdoctor_service::diagnose(&ill, &bench.plugins, &Default::default()).await;
        let cause = diagnosis.causes.first().expect("the simulated incident has a cause");
        let mut signals = Signals::empty(ill.window);
        let culprit = moved(&cause.node, 0).to_string();
        for place in 0.. {
            if signals.topology.len() >= nodes && signals.series.len() >= series {
                break;
            }
            add(&mut signals, if place == 0 { &ill } else { &well }, place);
        }
        signals.logs.truncate(MOST_LINES);
        Self { signals: signals.normalised(), culprit }
    }
}

/// The name of a node in the pipeline at this place.
fn moved(node: &NodeId, place: usize) -> NodeId {
    NodeId::new(format!("{}:p{place}-{}", node.kind(), node.name())).expect("a longer name is a name")
}

/// Adds a pipeline, brought to the time of the others.
fn add(signals: &mut Signals, pipeline: &Signals, place: usize) {
    let later = signals.window.now.since(pipeline.window.now);
    let id = |node: &NodeId| moved(node, place);
    let series = |series: &Series| {
        let mut labels = series.labels().clone();
        labels.entry("topic".to_owned()).and_modify(|topic| *topic = format!("p{place}-{topic}"));
        let key = SeriesKey { node: id(series.node()), signal: series.signal().clone(), labels };
        let samples = series.samples().iter().map(|sample| Sample { at: sample.at + later, ..*sample });
        let moved = Series::new(key, samples.collect()).expect("the same readings at other times");
        match series.query() {
            Some(query) => moved.with_query(query),
            None => moved,
        }
    };
    for node in pipeline.topology.nodes() {
        signals.topology.add_node(Node { id: id(&node.id), labels: node.labels.clone() });
    }
    for edge in pipeline.topology.edges() {
        let (dependent, dependency) = (id(&edge.dependent), id(&edge.dependency));
        signals.topology.connect(Edge { dependent, dependency, kind: edge.kind.clone() });
    }
    signals.series.extend(pipeline.series.iter().map(series));
    signals.history.extend(pipeline.history.iter().map(series));
    let line = |line: &LogLine| LogLine { at: line.at + later, node: id(&line.node), ..line.clone() };
    signals.logs.extend(pipeline.logs.iter().map(line));
    let event = |event: &Event| Event { at: event.at + later, node: id(&event.node), ..event.clone() };
    signals.events.extend(pipeline.events.iter().map(event));
}
