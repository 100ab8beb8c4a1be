//! From what sources say to [`Signals`]: every reading, line and event is placed on a node of one topology, counters become
//! rates, duplicates become one, and all text is redacted. What cannot be placed or is too much is left out and named as
//! a gap. Start at [`Resolver`]; [`NodeResolver`] is the part that knows which labels name which node.

mod implied;
mod merge;
mod names;
mod readings;
mod text;

use std::collections::BTreeMap;

use lagdoctor_model::{
    Edge, EdgeKind, Gap, GapCause, Labels, LogLine, Node, NodeId, Redactor, Searches, Series, SeriesKey, Signals,
    Topology, Vocabulary, Window,
};
use lagdoctor_runtime::{CollectedPage, RawEdge, RawSeries, Temporality};

use crate::collect::history::View;
use merge::{Apart, NATIVE, Part};
use readings::{Shape, readings};
use text::Texts;

pub use names::{Attributes, NodeResolver};

/// How much is taken in; the rest is left out and named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Series, all sources together.
    pub series: usize,
    /// Log lines; warnings and worse go first, then the newest.
    pub logs: usize,
    /// Events, the newest first.
    pub events: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { series: 200_000, logs: 20_000, events: 5_000 }
    }
}

/// Labels of nodes that a collector may set; all others are dropped, so that no source fills reports with its own.
const NODE_LABELS: [&str; 9] = ["owner", "pager", "tier", "runbook", "rack", "zone", "role", "version", "address"];

/// Takes in what sources give, and gives signals.
pub struct Resolver {
    window: Window,
    caps: Caps,
    nodes: NodeResolver,
    series: BTreeMap<SeriesKey, Vec<Part>>,
    count: usize,
    texts: Texts,
    members: Vec<(String, String, String)>,
    gaps: Vec<Gap>,
    dropped: BTreeMap<(String, GapCause, String), usize>,
}

impl Resolver {
    /// A resolver for this window that prefers the nodes of this topology.
    pub fn new(window: Window, topology: Topology, caps: Caps) -> Self {
        Self {
            window,
            caps,
            nodes: NodeResolver::new(topology),
            series: BTreeMap::new(),
            count: 0,
            texts: Texts::default(),
            members: vec![],
            gaps: vec![],
            dropped: BTreeMap::new(),
        }
    }

    /// Takes in what was read from Kafka itself, which beats what others say of it.
    pub(crate) fn add_kafka(&mut self, view: View) {
        for node in view.topology.nodes() {
            self.nodes.add_node(node.clone());
        }
        for edge in view.topology.edges() {
            self.nodes.topology_mut().connect(edge.clone());
        }
        for series in view.series {
            let part = Part {
                rank: NATIVE,
                samples: series.samples().to_vec(),
                query: series.query().map(str::to_owned),
                apart: Apart::default(),
            };
            self.nodes.add_node(Node::new(series.node().clone()));
            self.push("kafka", series.key().clone(), part);
        }
        for event in view.events {
            self.texts.add_event(event.at, event.node, event.kind.to_owned(), event.what);
        }
        self.members.extend(view.members);
    }

    /// Takes in nodes and edges that a collector knows of. Before its series and logs, and best before those of all
    /// collectors, so that these find the nodes.
    pub fn add_nodes(&mut self, source: &str, page: &CollectedPage) {
        for raw in &page.nodes {
            let known = |name: &str| {
                NODE_LABELS.contains(&name)
                    || Vocabulary::bundled()
                        .attributes()
                        .iter()
                        .any(|spec| spec.aliases.iter().any(|alias| alias == name))
            };
            let labels: Labels = raw
                .attributes
                .iter()
                .filter(|(name, _)| known(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            self.nodes.add_node(Node { id: raw.id.clone(), labels });
        }
        for raw in &page.edges {
            match allowed(raw) {
                true => self.nodes.topology_mut().connect(Edge {
                    dependent: raw.dependent.clone(),
                    dependency: raw.dependency.clone(),
                    kind: raw.kind.clone(),
                }),
                false => {
                    let what = format!("edges of kind `{}` between kinds of node that it does not join", raw.kind);
                    self.drop(source, GapCause::Malformed, what);
                }
            }
        }
    }

    /// Takes in the series, log lines, events and gaps of a collector. `place` is its place in the configuration: where
    /// two say the same, the first counts.
    pub fn add_page(&mut self, source: &str, place: usize, page: CollectedPage) {
        for raw in page.series {
            self.add_series(source, NATIVE + 1 + place, raw);
        }
        for raw in page.logs {
            if raw.at < self.window.start || raw.at > self.window.now {
                continue;
            }
            let attributes = attributes(&raw.attributes);
            match text::place(&mut self.nodes, &attributes) {
                Some(node) => self.texts.add_log(raw.at, node, raw.severity, raw.message),
                None => self.unplaced(source, "log lines", &attributes),
            }
        }
        for raw in page.events {
            if raw.at < self.window.start || raw.at > self.window.now {
                continue;
            }
            let attributes = attributes(&raw.attributes);
            match text::place(&mut self.nodes, &attributes) {
                Some(node) => self.texts.add_event(raw.at, node, raw.kind, raw.what),
                None => self.unplaced(source, "events", &attributes),
            }
        }
        self.gaps.extend(page.gaps);
    }

    /// Notes something that is missing.
    pub fn add_gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }

    fn add_series(&mut self, source: &str, rank: usize, raw: RawSeries) {
        let Some(spec) = Vocabulary::bundled().signal(raw.signal.as_str()) else {
            self.drop(source, GapCause::Malformed, format!("series of `{}`, which is no known signal", raw.signal));
            return;
        };
        let attributes = attributes(&raw.attributes);
        let Some(node) = self.nodes.place(&spec.node, &attributes) else {
            let what = format!("series of `{}` (labels: {}) that name no {}", spec.name, attributes.names(), spec.node);
            self.drop(source, GapCause::Malformed, what);
            return;
        };
        let labels = self.nodes.labels(spec, &attributes);
        let shape = match raw.temporality {
            Temporality::Gauge => Shape::Gauge,
            Temporality::Counter => Shape::Counter,
        };
        let samples = readings(spec, shape, &raw.samples, &self.window);
        if samples.is_empty() {
            return;
        }
        let apart = Apart::of(spec, &attributes);
        self.push(
            source,
            SeriesKey { node, signal: raw.signal, labels },
            Part { rank, samples, query: raw.query, apart },
        );
    }

    fn push(&mut self, source: &str, key: SeriesKey, part: Part) {
        if self.count >= self.caps.series {
            let what = format!("series beyond the first {}; narrow what is collected", self.caps.series);
            self.drop(source, GapCause::Truncated, what);
            return;
        }
        self.count += 1;
        self.series.entry(key).or_default().push(part);
    }

    fn unplaced(&mut self, source: &str, what: &str, attributes: &Attributes) {
        let what = format!("{what} that name no node (labels: {})", attributes.names());
        self.drop(source, GapCause::Malformed, what);
    }

    fn drop(&mut self, source: &str, cause: GapCause, what: String) {
        // A source that is wrong in a thousand ways must not fill the report.
        if self.dropped.len() < 20 || self.dropped.contains_key(&(source.to_owned(), cause, what.clone())) {
            *self.dropped.entry((source.to_owned(), cause, what)).or_default() += 1;
        }
    }

    /// All that was taken in, in its place.
    pub fn finish(self) -> Signals {
        self.finish_after(&mut Searches::default())
    }

    /// The same, where texts were read before: those of this time are remembered, too.
    pub fn finish_after(mut self, searches: &mut Searches) -> Signals {
        let mut signals = Signals::empty(self.window);
        let series = self.placed();
        for (key, parts) in series {
            let Some(spec) = Vocabulary::bundled().signal(key.signal.as_str()) else { continue };
            let (samples, query) = merge::merged(spec, parts, &self.window);
            if samples.iter().all(|sample| sample.value.is_nan()) {
                continue;
            }
            // Parts are sorted and finite, so a refusal would be a fault of ours; the series is then better missing.
            if let Ok(series) = Series::new(key, samples) {
                signals.series.push(match query {
                    Some(query) => series.with_query(query),
                    None => series,
                });
            }
        }
        let refused = self.nodes.refused();
        signals.topology = self.nodes.into_topology();
        let mut redactor = redactor(&signals.topology, searches);
        let (logs, events, mut gaps) = self.texts.redacted(&mut redactor, self.caps);
        signals.logs = logs;
        signals.events = events;
        for ((source, cause, what), count) in self.dropped {
            let statement = format!("left out {count} {what}");
            gaps.push(Gap { source, cause, node: None, statement });
        }
        if refused > 0 {
            let statement = format!("left out what was said about {refused} nodes too many; narrow what is collected");
            gaps.push(Gap { source: "resolve".into(), cause: GapCause::Truncated, node: None, statement });
        }
        gaps.extend(self.gaps);
        // Gaps hold words of plugins and far sides; queries are the operator's own labels.
        for gap in &mut gaps {
            gap.statement = redactor.redact(&gap.statement).as_str().to_owned();
        }
        gaps.sort();
        gaps.dedup();
        signals.gaps = gaps;
        *searches = redactor.into_searches();
        signals
    }

    /// The log lines of what was taken in, in the order of normalised signals, for whoever needs nothing else.
    pub(crate) fn lines_after(mut self, searches: &mut Searches) -> Vec<LogLine> {
        drop(self.placed());
        let mut redactor = redactor(self.nodes.topology(), searches);
        let (mut lines, _, _) = self.texts.redacted(&mut redactor, self.caps);
        *searches = redactor.into_searches();
        lines.sort();
        lines
    }

    /// Draws the edges that are implied, after which every node is known, and gives the series.
    fn placed(&mut self) -> BTreeMap<SeriesKey, Vec<Part>> {
        implied::add_edges(&mut self.nodes, self.series.keys(), &self.members);
        std::mem::take(&mut self.series)
    }
}

/// A redactor that keeps the names of these nodes, and takes over what was searched.
fn redactor(topology: &Topology, searches: &mut Searches) -> Redactor {
    Redactor::for_topology(topology).remembering(std::mem::take(searches))
}

fn attributes(raw: &BTreeMap<String, String>) -> Attributes {
    Attributes::new(raw.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Whether the vocabulary lets an edge of this kind join nodes of these kinds.
fn allowed(edge: &RawEdge) -> bool {
    fits(&edge.dependent, &edge.kind, &edge.dependency)
}

fn fits(dependent: &NodeId, kind: &EdgeKind, dependency: &NodeId) -> bool {
    let words = Vocabulary::bundled();
    let Some(spec) = words.edge(kind.as_str()) else { return false };
    let end = |ends: &[String], node: &NodeId| {
        words.node(node.kind()).is_some() && ends.iter().any(|kind| kind == "*" || kind == node.kind())
    };
    end(&spec.dependent, dependent) && end(&spec.dependency, dependency)
}

#[cfg(test)]
mod tests;
