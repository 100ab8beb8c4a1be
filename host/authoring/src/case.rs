//! What is shown to a plugin that judges: one window, and, for rankers, what others have found in it.

use lagdoctor_model::{Finding, Millis, NodeId, Score, SeriesKey, Signals, Symptom, Timestamp, Vocabulary, Worse};
use lagdoctor_runtime::{ForecastTarget, Manifest};

/// Series that a forecaster is asked about, at most.
const TARGETS: usize = 50;

/// One window for plugins that judge.
#[derive(Clone, Debug)]
pub struct Case {
    /// What people call it.
    pub name: String,
    /// The window.
    pub signals: Signals,
    /// What scorers found in it, for rankers.
    pub findings: Vec<Finding>,
    /// What hurts, for rankers.
    pub symptom: Option<Symptom>,
}

impl Case {
    /// A window about which nothing is known yet.
    pub fn new(name: impl Into<String>, signals: Signals) -> Self {
        Self { name: name.into(), signals, findings: vec![], symptom: None }
    }

    /// The same with findings and a symptom made up where there are none, so that a ranker has something to rank.
    #[must_use]
    pub(crate) fn made_up(mut self) -> Self {
        let window = self.signals.window;
        if self.findings.is_empty() {
            self.findings = self
                .signals
                .series
                .iter()
                .enumerate()
                .map(|(place, series)| invented(place, series.key(), window.start))
                .collect();
        }
        let first = |kind: &str| self.signals.topology.nodes().find(|node| node.id.kind() == kind);
        if let (None, Some(node)) = (&self.symptom, first("group").or_else(|| self.signals.topology.nodes().next())) {
            self.symptom = symptom(&node.id, window.start);
        }
        self
    }

    /// What a forecaster is asked: the series that it lists and of which more is worse.
    pub(crate) fn targets(&self, manifest: &Manifest) -> Vec<ForecastTarget> {
        let is_worse_up =
            |signal: &str| Vocabulary::bundled().signal(signal).is_none_or(|spec| spec.worse == Worse::Up);
        let asked = self.signals.series.iter().filter(|series| {
            let signal = series.signal().as_str();
            manifest.lists_signal(signal) && is_worse_up(signal)
        });
        let target =
            |key: &SeriesKey| ForecastTarget { series: key.clone(), clears_at: Some(0.0), breaches_at: Some(1e6) };
        asked.take(TARGETS).map(|series| target(series.key())).collect()
    }

    /// `62 nodes, 246 series`.
    pub(crate) fn size(&self) -> String {
        format!("{} nodes, {} series", self.signals.topology.len(), self.signals.series.len())
    }
}

/// A finding of any strength that is the same on every machine.
fn invented(place: usize, key: &SeriesKey, at: Timestamp) -> Finding {
    let score = (place * 37 % 101) as f64 / 100.0;
    let class = Vocabulary::bundled().classes().find(|class| class.nodes.iter().any(|kind| kind == key.node.kind()));
    Finding {
        by: "check".to_owned(),
        node: key.node.clone(),
        signal: key.signal.clone(),
        score: Score::new(score).unwrap_or_else(|_| unreachable!("a share of a hundred is a number")),
        magnitude: score * 20.0,
        onset: (score > 0.5).then_some(at + Millis::seconds(60)),
        class: class.and_then(|class| lagdoctor_model::Class::new(class.slug.as_str()).ok()),
        observed: Some(score),
        expected: Some(0.0),
        series: Some(key.clone()),
        log_line: None,
        statement: "made up by `plugin check`".to_owned(),
    }
}

fn symptom(node: &NodeId, onset: Timestamp) -> Option<Symptom> {
    let signal = lagdoctor_model::SignalName::new("kafka.consumer_group.backlog").ok()?;
    let statement = "made up by `plugin check`".to_owned();
    Some(Symptom { node: node.clone(), signal, onset, observed: 1e6, expected: 0.0, statement })
}
