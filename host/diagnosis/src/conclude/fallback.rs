//! What are the candidates when no ranker answered? The deepest unusual nodes: those of whose dependencies none is
//! unusual. Their confidences stay below what it takes to name a cause. Start at [`ranking`].

use std::collections::BTreeMap;

use lagdoctor_model::{Confidence, Finding, NodeId, RankedCause, Ranking};

use super::sufficiency::CONFIDENT;
use super::{Case, UNUSUAL};

/// The most that a candidate without a ranker is sure.
const MOST: f64 = CONFIDENT * 0.9;

/// Candidates, the most unusual first.
pub(super) fn ranking(case: &Case<'_>) -> Ranking {
    let mut by_node: BTreeMap<&NodeId, Vec<(usize, &Finding)>> = BTreeMap::new();
    for (place, finding) in case.plan.findings.iter().enumerate() {
        if finding.score.get() >= UNUSUAL && finding.node != case.symptom.node {
            by_node.entry(&finding.node).or_default().push((place, finding));
        }
    }
    let is_deepest = |node: &NodeId| {
        let mut below = case.graph.below(node).into_iter();
        !below.any(|other| other != node && case.is_unusual(other) && !case.graph.is_cycle(node, other))
    };
    let mut causes: Vec<RankedCause> = by_node
        .into_iter()
        .filter(|(node, _)| is_deepest(node))
        .filter_map(|(node, findings)| {
            // Findings of a plan are in order, the strongest first.
            let class = findings.iter().find_map(|(_, finding)| finding.class.clone());
            let confidence = Confidence::new(findings.first()?.1.score.get() * MOST).ok()?;
            let because = "it is unusual, and nothing that it depends on is; no ranker weighed it".into();
            let findings = findings.into_iter().map(|(place, _)| place).collect();
            Some(RankedCause { node: node.clone(), class, confidence, path: vec![], findings, because })
        })
        .collect();
    causes.sort_by(|a, b| b.confidence.get().total_cmp(&a.confidence.get()).then_with(|| a.node.cmp(&b.node)));
    Ranking { causes, dismissed: vec![] }
}
