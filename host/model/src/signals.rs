//! All that is known about one incident window: what was collected, placed on nodes and redacted, and what is missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Event, LogLine, Millis, Node, NodeId, Series, SeriesKey, SignalName, Timestamp, Topology};

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

/// A symptom that somebody named: the group that was complained about, or the service that an alert was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSymptom {
    /// The node that hurts.
    pub node: NodeId,
    /// The signal that shows it.
    pub signal: SignalName,
    /// When it began.
    #[serde(rename = "onset_ms", default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Timestamp>,
}

/// All that is known about one incident window. Collected in any order; [`Signals::normalised`] establishes what is
/// said of the order and uniqueness of its parts, and what judges signals relies on that.
#[derive(Clone, Debug, PartialEq)]
pub struct Signals {
    /// The window.
    pub window: Window,
    /// Nodes and their dependencies.
    pub topology: Topology,
    /// Readings; every node is in the topology, and keys are unique. In order of their keys.
    pub series: Vec<Series>,
    /// The coarse past, for seasonality; may be empty. As `series` in all else.
    pub history: Vec<Series>,
    /// Log lines, in order of time.
    pub logs: Vec<LogLine>,
    /// Events, in order of time.
    pub events: Vec<Event>,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// What somebody complained about, where that is known.
    pub reported: Option<KnownSymptom>,
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
            reported: None,
        }
    }

    /// The same signals in the one order and form that they can have, so that two collections of the same things are
    /// equal, however their sources raced: every node that anything is about is in the topology; series are in order
    /// of their keys, and those of one key are one; logs and events are in order of time, gaps in theirs and each
    /// there once. Of two readings of one series at one moment the first collected one stays, unless it is missing.
    /// Handles into `logs` (of findings) are made after this.
    ///
    /// ```
    /// # use lagdoctor_model::*;
    /// # let at = |s| Timestamp::EPOCH + Millis::seconds(s);
    /// # let key = SeriesKey { node: NodeId::new("group:g").unwrap(), signal: SignalName::new("x").unwrap(), labels: Labels::new() };
    /// # let reading = |s, value| Series::new(key.clone(), vec![Sample { at: at(s), value }]).unwrap();
    /// let mut signals = Signals::empty(Window { start: at(0), now: at(60), step: Millis::seconds(15) });
    /// signals.series = vec![reading(30, 2.0), reading(15, 1.0)];
    /// let signals = signals.normalised();
    /// assert_eq!(signals.series.len(), 1);
    /// assert_eq!(signals.series[0].samples()[0], Sample { at: at(15), value: 1.0 });
    /// assert!(signals.topology.node(&key.node).is_some());
    /// ```
    #[must_use]
    pub fn normalised(mut self) -> Self {
        let named = self.series.iter().chain(&self.history).map(Series::node);
        let named = named.chain(self.logs.iter().map(|line| &line.node));
        let named = named.chain(self.events.iter().map(|event| &event.node));
        for node in named {
            if self.topology.node(node).is_none() {
                self.topology.add_node(Node::new(node.clone()));
            }
        }
        self.series = one_of_each(self.series);
        self.history = one_of_each(self.history);
        self.logs.sort();
        self.events.sort();
        self.gaps.sort();
        self.gaps.dedup();
        self
    }

    /// The series of this node and signal, all labels.
    pub fn series_of<'a>(&'a self, node: &'a NodeId, signal: &'a str) -> impl Iterator<Item = &'a Series> {
        self.series.iter().filter(move |series| series.node() == node && series.signal().as_str() == signal)
    }
}

/// Joins series of one key, and puts all in order of their keys.
fn one_of_each(series: Vec<Series>) -> Vec<Series> {
    let mut joined: BTreeMap<SeriesKey, Series> = BTreeMap::new();
    for series in series {
        match joined.entry(series.key().clone()) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(series);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let both = entry.get().joined(&series);
                entry.insert(both);
            }
        }
    }
    joined.into_values().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Event, GapCause, Labels, Redactor, Sample, Severity, SignalName};

    fn at(s: u32) -> Timestamp {
        Timestamp::EPOCH + Millis::seconds(s)
    }

    fn series(node: u8, label: Option<u8>, readings: &[(u32, i16)]) -> Series {
        let labels: Labels = label.map(|value| ("topic".to_owned(), value.to_string())).into_iter().collect();
        let key = SeriesKey { node: node_id(node), signal: SignalName::new("x").unwrap(), labels };
        let readings: BTreeMap<u32, i16> = readings.iter().copied().collect();
        let samples = readings.into_iter().map(|(s, value)| Sample { at: at(s), value: f64::from(value) });
        Series::new(key, samples.collect()).unwrap()
    }

    fn node_id(number: u8) -> NodeId {
        NodeId::new(format!("group:{number}")).unwrap()
    }

    prop_compose! {
        fn some_signals()(
            found in prop::collection::vec((0_u8..3, prop::option::of(0_u8..2), prop::collection::vec((0_u32..60, any::<i16>()), 0..6)), 0..8),
            lines in prop::collection::vec((0_u32..60, 0_u8..5, "[a-z]{0,3}"), 0..8),
        ) -> Signals {
            let mut redactor = Redactor::default();
            let mut signals = Signals::empty(Window { start: at(0), now: at(60), step: Millis::seconds(15) });
            signals.series = found.iter().map(|(node, label, readings)| series(*node, *label, readings)).collect();
            signals.logs = lines.iter().map(|(s, node, text)| LogLine {
                at: at(*s), node: node_id(*node), severity: Severity::INFO, message: redactor.redact(text),
            }).collect();
            signals.events = lines.iter().map(|(s, node, text)| Event {
                at: at(*s), node: node_id(*node), kind: "deploy".to_owned(), what: redactor.redact(text),
            }).collect();
            signals.gaps = lines.iter().map(|(_, node, text)| Gap {
                source: text.clone(), cause: GapCause::Malformed, node: Some(node_id(*node)), statement: text.clone(),
            }).collect();
            signals
        }
    }

    proptest! {
        #[test]
        fn normalised_signals_hold_what_is_promised_of_them(signals in some_signals()) {
            let normal = signals.clone().normalised();
            prop_assert!(normal.series.windows(2).all(|pair| pair[0].key() < pair[1].key()));
            prop_assert!(normal.logs.is_sorted_by_key(|line| line.at));
            prop_assert!(normal.events.is_sorted_by_key(|event| event.at));
            prop_assert!(normal.series.iter().all(|series| normal.topology.node(series.node()).is_some()));
            prop_assert!(normal.logs.iter().all(|line| normal.topology.node(&line.node).is_some()));
            prop_assert_eq!(normal.logs.len(), signals.logs.len());
            prop_assert_eq!(&normal.clone().normalised(), &normal);
        }

        #[test]
        fn logs_events_and_gaps_do_not_depend_on_who_answered_first(signals in some_signals()) {
            let mut other = signals.clone();
            other.logs.reverse();
            other.events.reverse();
            other.gaps.reverse();
            prop_assert_eq!(other.normalised(), signals.normalised());
        }

        #[test]
        fn no_reading_is_lost_when_series_are_joined(signals in some_signals()) {
            let normal = signals.clone().normalised();
            for series in &signals.series {
                let joined = normal.series.iter().find(|other| other.key() == series.key()).unwrap();
                for sample in series.samples() {
                    prop_assert!(joined.samples().iter().any(|other| other.at == sample.at));
                }
            }
        }
    }

    #[test]
    fn a_missing_reading_gives_way_to_one_that_is_there() {
        let missing =
            Series::new(series(1, None, &[]).key().clone(), vec![Sample { at: at(5), value: f64::NAN }]).unwrap();
        let joined = missing.joined(&series(1, None, &[(5, 7)]));
        assert_eq!(joined.samples(), [Sample { at: at(5), value: 7.0 }]);
    }

    #[test]
    fn a_window_of_one_hour_in_steps_of_fifteen_seconds_has_241_points() {
        let window = |now, step| Window { start: at(0), now: at(now), step: Millis::seconds(step) };
        assert_eq!(window(3600, 15).points(), 241);
        assert_eq!(window(0, 15).points(), 1);
    }
}
