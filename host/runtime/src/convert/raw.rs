//! What a collector reads, as plain Rust: its own words, not yet placed on nodes, not yet redacted.

use std::collections::BTreeMap;

use lagdoctor_model::{EdgeKind, Gap, Millis, NodeId, Sample, Severity, SignalName, Timestamp};

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectQuery {
    /// First moment wanted, included.
    pub start: Timestamp,
    /// Last moment wanted, included.
    pub end: Timestamp,
    /// Distance of readings wanted; the source may be coarser.
    pub step: Millis,
    /// Nodes of interest. Empty: all that the source has.
    pub targets: Vec<NodeId>,
    /// Empty for the first page, else [`CollectedPage::next`] of the page before.
    pub page: String,
}

impl CollectQuery {
    /// The first page of everything in a window.
    pub fn all(start: Timestamp, end: Timestamp, step: Millis) -> Self {
        Self { start, end, step, targets: vec![], page: String::new() }
    }
}

/// What kind of number a source gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// A level.
    Gauge,
    /// It only grows, until it is reset; still to be made a rate.
    Counter,
}

/// Names and values that a source attaches, in its own words.
pub type Attributes = BTreeMap<String, String>;

/// Readings as the source gave them. Times strictly increase, values are finite or NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct RawSeries {
    /// What was measured; one of the collector's granted signals.
    pub signal: SignalName,
    /// The source's own labels.
    pub attributes: Attributes,
    /// What kind of number.
    pub temporality: Temporality,
    /// The readings.
    pub samples: Vec<Sample>,
    /// The query that shows them in the source's own language.
    pub query: Option<String>,
}

/// A log line as the source gave it. Not redacted: nobody but the redactor may read `message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLog {
    /// When it says it was written.
    pub at: Timestamp,
    /// How bad its writer thought it.
    pub severity: Severity,
    /// What it says, with its line breaks.
    pub message: String,
    /// The source's own labels.
    pub attributes: Attributes,
}

/// An event as the source gave it. Not redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// When.
    pub at: Timestamp,
    /// `deploy`, `config`, `scaling` and the like.
    pub kind: String,
    /// What happened, on one line.
    pub what: String,
    /// The source's own labels.
    pub attributes: Attributes,
}

/// A node that the source knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawNode {
    /// Its id, made of kind and name.
    pub id: NodeId,
    /// The source's own labels.
    pub attributes: Attributes,
}

/// An edge that the source knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEdge {
    /// The node that needs the other.
    pub dependent: NodeId,
    /// The node that is needed.
    pub dependency: NodeId,
    /// How.
    pub kind: EdgeKind,
}

/// What one call of a collector gave, or several when they were joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CollectedPage {
    /// Readings.
    pub series: Vec<RawSeries>,
    /// Log lines, in the order of the source.
    pub logs: Vec<RawLog>,
    /// Events.
    pub events: Vec<RawEvent>,
    /// Nodes.
    pub nodes: Vec<RawNode>,
    /// Edges.
    pub edges: Vec<RawEdge>,
    /// What the collector could not read, and what of its answer was refused. Redacted.
    pub gaps: Vec<Gap>,
    /// What to pass as `page` for the next page; `None` after the last one.
    pub next: Option<String>,
}

impl CollectedPage {
    /// Appends another page.
    pub fn append(&mut self, mut other: CollectedPage) {
        self.series.append(&mut other.series);
        self.logs.append(&mut other.logs);
        self.events.append(&mut other.events);
        self.nodes.append(&mut other.nodes);
        self.edges.append(&mut other.edges);
        self.gaps.append(&mut other.gaps);
        self.next = other.next;
    }
}
