//! What can be seen of a node, and since when not? A signal can be there, can have vanished within the window, or never
//! have been there at all. Start at [`Seen::sight`].

use std::cmp::Ordering;

use lagdoctor_model::{Millis, NodeId, Series, Signals, Timestamp, Vocabulary};

/// A reading older than this says nothing about now; Prometheus looks back as far.
const PATIENCE: Millis = Millis::minutes(5);
/// A series is late when it misses so many of its own steps.
const MISSED: i64 = 4;

/// What is known of one signal of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Never read within the window.
    Absent,
    /// Read within the window, and then no more since this moment.
    Vanished(Timestamp),
    /// Read up to now.
    Fresh,
}

/// The series of the window by node and signal.
pub(crate) struct Seen<'a> {
    now: Timestamp,
    step: Millis,
    /// In order of node and signal, those of one pair as they came.
    series: Vec<&'a Series>,
}

/// What series are looked up by.
fn place(series: &Series) -> (&NodeId, &str) {
    (series.node(), series.signal().as_str())
}

impl<'a> Seen<'a> {
    pub(crate) fn new(signals: &'a Signals) -> Self {
        let mut series: Vec<&Series> = signals.series.iter().collect();
        // Mostly they are in order already, which the sort finds out in one pass.
        series.sort_by(|one, other| place(one).cmp(&place(other)));
        Self { now: signals.window.now, step: signals.window.step, series }
    }

    /// All series of this node and signal.
    pub(crate) fn of(&self, node: &NodeId, signal: &str) -> &[&'a Series] {
        self.part(|series| place(series).cmp(&(node, signal)))
    }

    /// The series that compare as equal; the comparison follows the order of the series.
    fn part(&self, compare: impl Fn(&Series) -> Ordering) -> &[&'a Series] {
        let from = self.series.partition_point(|series| compare(series) == Ordering::Less);
        let length = self.series[from..].partition_point(|series| compare(series) == Ordering::Equal);
        &self.series[from..from + length]
    }

    /// The series of this node and signal without labels.
    pub(crate) fn plain(&self, node: &NodeId, signal: &str) -> Option<&'a Series> {
        self.of(node, signal).iter().copied().find(|series| series.labels().is_empty())
    }

    /// All series of this node.
    pub(crate) fn of_node(&self, node: &NodeId) -> &[&'a Series] {
        self.part(|series| series.node().cmp(node))
    }

    /// All signals of this node, with their series.
    pub(crate) fn signals(&self, node: &NodeId) -> impl Iterator<Item = (&'a str, &[&'a Series])> {
        let by_signal = self.of_node(node).chunk_by(|one, other| one.signal() == other.signal());
        by_signal.filter_map(|series| Some((series.first()?.signal().as_str(), series)))
    }

    /// Whether the signal is there, was there, or was never there. With several series the freshest counts.
    pub(crate) fn sight(&self, node: &NodeId, signal: &str) -> Sight {
        let sights = self.of(node, signal).iter().map(|series| self.sight_of(series));
        sights
            .max_by_key(|sight| match sight {
                Sight::Absent => (0, None),
                Sight::Vanished(since) => (1, Some(*since)),
                Sight::Fresh => (2, None),
            })
            .unwrap_or(Sight::Absent)
    }

    fn sight_of(&self, series: &Series) -> Sight {
        let Some(last) = series.last() else { return Sight::Absent };
        let own_step = typical_step(series).unwrap_or(self.step).as_millis();
        let patience = PATIENCE.as_millis().max(own_step * MISSED).max(self.step.as_millis() * MISSED);
        if self.now.since(last.at).as_millis() > patience { Sight::Vanished(last.at) } else { Sight::Fresh }
    }

    /// Which of the signals that this kind of node is judged by are known up to now, and which are not.
    pub(crate) fn expected(&self, node: &NodeId) -> (Vec<&'static str>, Vec<&'static str>) {
        let Some(spec) = Vocabulary::bundled().node(node.kind()) else { return (vec![], vec![]) };
        spec.expects.iter().map(String::as_str).partition(|signal| self.sight(node, signal) == Sight::Fresh)
    }

    /// Whether there is something to judge this node by, and none of it is known.
    pub(crate) fn is_blind(&self, node: &NodeId) -> bool {
        let (known, unknown) = self.expected(node);
        known.is_empty() && !unknown.is_empty()
    }
}

/// Median distance of the last readings.
fn typical_step(series: &Series) -> Option<Millis> {
    let samples = series.samples();
    let newest = &samples[samples.len().saturating_sub(9)..];
    let mut steps: Vec<Millis> = newest.windows(2).map(|pair| pair[1].at.since(pair[0].at)).collect();
    steps.sort();
    steps.get(steps.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hour, id, key, noon, read};

    /// What is seen of a series that is read every 15 s until second `until`.
    fn check(until: f64, expected: Sight) {
        let mut signals = hour();
        read(&mut signals, key("database:d", "db.server.up"), |s| if s <= until { 1.0 } else { f64::NAN });
        assert_eq!(Seen::new(&signals).sight(&id("database:d"), "db.server.up"), expected);
    }

    #[test]
    fn a_signal_that_was_there_and_is_no_more_has_vanished() {
        check(3_600.0, Sight::Fresh);
        check(3_400.0, Sight::Fresh);
        check(1_800.0, Sight::Vanished(noon(1_800)));
        check(-1.0, Sight::Absent);
    }

    #[test]
    fn a_database_without_its_exporter_is_blind_and_a_host_never_is() {
        let mut signals = hour();
        assert!(Seen::new(&signals).is_blind(&id("database:d")));
        assert!(!Seen::new(&signals).is_blind(&id("host:h")));
        read(&mut signals, key("database:d", "db.server.up"), |_| 1.0);
        assert!(!Seen::new(&signals).is_blind(&id("database:d")));
    }
}
