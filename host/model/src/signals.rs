//! All that is known about one incident window: what was collected, placed on nodes and redacted, and what is missing.

use serde::{Deserialize, Serialize};

use crate::{Event, LogLine, Millis, NodeId, Series, Timestamp, Topology};

/// From when to when, and how densely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First moment, included.
    pub start: Timestamp,
    /// The moment of the diagnosis; last moment, included.
    pub now: Timestamp,
    /// Distance of readings.
    pub step: Millis,
}

impl Window {
    /// How many points of the grid lie in the window.
    pub fn points(&self) -> usize {
        let step = self.step.as_millis().max(1);
        usize::try_from(self.now.since(self.start).as_millis() / step + 1).unwrap_or(usize::MAX)
    }
}

/// Why something is missing. Serialised as a word: part of the promised JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapCause {
    /// A source could not be reached, or did not answer in time.
    Unreachable,
    /// A source refused: credentials or rights.
    Refused,
    /// A source answered, but part of its answer makes no sense or is cut short.
    Malformed,
    /// Nothing was configured that could give it.
    NotConfigured,
    /// A plugin trapped, ran out of fuel, memory or time, or broke its contract.
    PluginFailed,
    /// A plugin asked for what it was not granted.
    NotGranted,
    /// More than the limits allow was given, and the rest was left out.
    Truncated,
}

/// Something that the diagnosis would have liked to know and does not. Always named in the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Who should have given it: a source, a file, a plugin.
    pub source: String,
    /// Why it is missing.
    pub cause: GapCause,
    /// The node that it is about, if it is about one.
    pub node: Option<NodeId>,
    /// One sentence: what is missing, why, and what to do next. Free of secrets and control characters.
    pub statement: String,
}

/// All that is known about one incident window.
#[derive(Clone, Debug, PartialEq)]
pub struct Signals {
    /// The window.
    pub window: Window,
    /// Nodes and their dependencies.
    pub topology: Topology,
    /// Readings; every node is in the topology, and keys are unique. In order of their keys.
    pub series: Vec<Series>,
    /// The coarse past, for seasonality; may be empty.
    pub history: Vec<Series>,
    /// Log lines, in order of time.
    pub logs: Vec<LogLine>,
    /// Events, in order of time.
    pub events: Vec<Event>,
    /// What is missing.
    pub gaps: Vec<Gap>,
}

impl Signals {
    /// Nothing known yet.
    pub fn empty(window: Window) -> Self {
        Self {
            window,
            topology: Topology::new(),
            series: vec![],
            history: vec![],
            logs: vec![],
            events: vec![],
            gaps: vec![],
        }
    }

    /// The series of this node and signal, all labels.
    pub fn series_of<'a>(&'a self, node: &'a NodeId, signal: &'a str) -> impl Iterator<Item = &'a Series> {
        self.series.iter().filter(move |series| series.node() == node && series.signal().as_str() == signal)
    }
}
