//! The nouns of lagdoctor, each with its invariant: what a time, an offset, a series, a log line, a topology, a
//! finding and a diagnosis *are*. Nothing here reads a clock, does I/O or depends on hash order.
//!
//! Start at [`Signals`], which is all that is known about one incident window, and at [`Diagnosis`], which is what
//! lagdoctor makes of it.

mod diagnosis;
mod finding;
mod kafka;
mod logs;
mod names;
mod redact;
mod series;
mod signals;
mod time;
mod topology;
mod vocabulary;

pub use diagnosis::{
    Action, Basis, Cause, Diagnosis, Evidence, Forecast, Impact, Need, Outlook, RuledOut, Unconnected, Verdict,
};
pub use finding::{Confidence, Dismissal, Finding, InvalidFinding, RankedCause, Ranking, Score, Symptom};
pub use kafka::{Commit, GroupStatus, Lag, Offset, PartitionId, lag};
pub use logs::{Event, LogLine, Redacted, Severity};
pub use names::{Class, InvalidName, NodeId, NodeKind, SignalName, is_obeyed, nearest};
pub use redact::{Redactor, Searches};
pub use series::{InvalidSeries, Labels, Sample, Series, SeriesKey};
pub use signals::{Gap, GapCause, KnownSymptom, Signals, Window};
pub use time::{InvalidTime, Millis, Timestamp};
pub use topology::{Edge, EdgeKind, Node, Topology, TopologyError};
pub use vocabulary::{
    ActionSpec, AttributeSpec, ClassSpec, EdgeSpec, NodeSpec, SignalKind, SignalSpec, Vocabulary, Worse,
};
