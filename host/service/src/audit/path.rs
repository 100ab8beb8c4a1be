//! The decision path as it is kept: what scorers said and what the ranker made of it.

use lagdoctor_model::{Finding, Ranking};
use serde::{Deserialize, Serialize};

use crate::diagnose::Trace;

/// How the verdict came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DecisionPath {
    /// What scorers said, in the order in which it was ranked.
    pub findings: Vec<FindingRecord>,
    /// What the ranker answered; nothing when nobody was asked, or it failed.
    pub ranking: Option<RankingRecord>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// The plugin that said it.
    pub by: String,
    /// About whom.
    pub node: String,
    /// Which signal.
    pub signal: String,
    /// How unusual, from 0 to 1.
    pub score: f64,
    /// Signed size in robust standard deviations.
    pub magnitude: f64,
    /// When it began, in Unix milliseconds.
    pub onset_ms: Option<i64>,
    /// The class it speaks for.
    pub class: Option<String>,
    /// In words.
    pub statement: String,
}

/// What a ranker answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankingRecord {
    /// Best first.
    pub causes: Vec<RankedRecord>,
    /// What was set aside.
    pub dismissed: Vec<RankedRecord>,
}

/// A cause, or what was set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankedRecord {
    /// Where.
    pub node: String,
    /// What.
    pub class: Option<String>,
    /// How sure, from 0 to 1; none for what was set aside.
    pub confidence: Option<f64>,
    /// From the symptom to here; empty for what was set aside.
    pub path: Vec<String>,
    /// Findings that it rests on, by their place in [`DecisionPath::findings`].
    pub findings: Vec<usize>,
    /// Why.
    pub because: String,
}

impl DecisionPath {
    pub(super) fn of(trace: &Trace) -> Self {
        let findings = trace.findings.iter().map(finding).collect();
        Self { findings, ranking: trace.ranking.as_ref().map(ranking) }
    }
}

fn finding(finding: &Finding) -> FindingRecord {
    FindingRecord {
        by: finding.by.clone(),
        node: finding.node.to_string(),
        signal: finding.signal.to_string(),
        score: finding.score.get(),
        magnitude: finding.magnitude,
        onset_ms: finding.onset.map(|onset| onset.as_millis()),
        class: finding.class.as_ref().map(ToString::to_string),
        statement: finding.statement.clone(),
    }
}

fn ranking(ranking: &Ranking) -> RankingRecord {
    let causes = ranking.causes.iter().map(|cause| RankedRecord {
        node: cause.node.to_string(),
        class: cause.class.as_ref().map(ToString::to_string),
        confidence: Some(cause.confidence.get()),
        path: cause.path.iter().map(ToString::to_string).collect(),
        findings: cause.findings.clone(),
        because: cause.because.clone(),
    });
    let dismissed = ranking.dismissed.iter().map(|out| RankedRecord {
        node: out.node.to_string(),
        class: out.class.as_ref().map(ToString::to_string),
        confidence: None,
        path: vec![],
        findings: out.findings.clone(),
        because: out.because.clone(),
    });
    RankingRecord { causes: causes.collect(), dismissed: dismissed.collect() }
}
