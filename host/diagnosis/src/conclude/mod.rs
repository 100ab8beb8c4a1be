//! What does it all mean? Ranked causes become causes that a person can act on: with a way from the symptom, what the
//! confidence rests on, evidence to look up, an owner and commands. Then the question whether that is enough to name a
//! cause at all ([`sufficiency`]), and what was ruled out, could not be seen, and would settle it. Start at [`conclude`].

mod actions;
mod causes;
mod evidence;
mod fallback;
mod gaps;
mod headline;
mod needs;
mod ruled_out;
mod sufficiency;
#[cfg(test)]
mod tests;
mod unconnected;

use std::collections::BTreeMap;

use lagdoctor_model::{Diagnosis, Forecast, Gap, NodeId, Ranking, Signals, Symptom, Verdict};

pub use sufficiency::{CONFIDENT, MARGIN, SURE};

use sufficiency::Doubt;

use crate::detect::Detection;
use crate::graph::{DependencyGraph, Distance};
use crate::plan::Plan;
use crate::seen::Seen;

/// From this score on a finding says "this is unusual".
const UNUSUAL: f64 = 0.5;
/// Below this score a finding says "I looked, and it is normal".
const NORMAL: f64 = 0.2;

/// All that the parts of a conclusion look at.
struct Case<'a> {
    signals: &'a Signals,
    symptom: &'a Symptom,
    plan: &'a Plan,
    graph: DependencyGraph,
    seen: Seen<'a>,
    /// The strongest finding of each node.
    strength: BTreeMap<&'a NodeId, f64>,
}

impl<'a> Case<'a> {
    fn new(signals: &'a Signals, symptom: &'a Symptom, plan: &'a Plan) -> Self {
        let mut strength: BTreeMap<&NodeId, f64> = BTreeMap::new();
        for finding in &plan.findings {
            let known = strength.entry(&finding.node).or_default();
            *known = known.max(finding.score.get());
        }
        let (graph, seen) = (DependencyGraph::new(&signals.topology), Seen::new(signals));
        Self { signals, symptom, plan, graph, seen, strength }
    }

    fn strength(&self, node: &NodeId) -> f64 {
        self.strength.get(node).copied().unwrap_or(0.0)
    }

    fn is_unusual(&self, node: &NodeId) -> bool {
        self.strength(node) >= UNUSUAL
    }

    /// Nodes that may be the cause, and how far they are.
    fn reach(&self) -> BTreeMap<&NodeId, Distance> {
        self.graph.reach(&self.symptom.node)
    }

    /// The way to this node that explains most: over nodes that show trouble.
    fn path(&self, node: &NodeId) -> Option<Vec<NodeId>> {
        let calm = |node: &NodeId| ((1.0 - self.strength(node)) * 1_000.0) as u64;
        self.graph.path(&self.symptom.node, node, calm)
    }
}

/// Makes the diagnosis. `ranking` is what the ranker of that name answered to [`Plan::findings`]; without one the deepest
/// unusual nodes are candidates, and none of them an answer. `gaps` are those that came up on the way.
pub fn conclude(
    signals: &Signals,
    detection: &Detection,
    plan: &Plan,
    ranking: Option<(String, Ranking)>,
    forecast: Option<Forecast>,
    gaps: Vec<Gap>,
) -> Diagnosis {
    let mut gaps = gaps;
    gaps.extend(detection.gaps.iter().chain(&plan.gaps).cloned());
    let Some(symptom) = &detection.symptom else {
        // That nothing was seen to hurt says something only where something was seen.
        let verdict = if detection.is_blind() { Verdict::InsufficientEvidence } else { Verdict::NoIncident };
        return Diagnosis {
            window: signals.window,
            verdict,
            headline: headline::no_incident(detection),
            symptom: None,
            impact: detection.impact.clone(),
            time_to_data_loss: None,
            causes: vec![],
            unconnected: vec![],
            ruled_out: vec![],
            gaps: gaps::all(signals, gaps, vec![]),
            needs: needs::of_groups(detection),
            forecast: None,
        };
    };
    let case = Case::new(signals, symptom, plan);
    let weighed = ranking.is_some();
    let ranking = ranking.map_or_else(|| fallback::ranking(&case), |(_, ranking)| ranking);
    let mut causes = causes::causes(&case, &ranking);
    let unconnected = unconnected::unconnected(&case, &causes);
    let doubt = if weighed { sufficiency::doubt(&case, &causes) } else { Some(Doubt::NotRanked) };
    let doubt = doubt.map(|doubt| match (doubt, unconnected.first()) {
        (Doubt::Nothing, Some(first)) => Doubt::Unconnected(unconnected::title(first)),
        (doubt, _) => doubt,
    });
    let verdict = if doubt.is_none() { Verdict::Cause } else { Verdict::InsufficientEvidence };
    if verdict == Verdict::InsufficientEvidence {
        // Nobody should change anything for what is no more than a candidate; looking is free.
        for cause in &mut causes {
            cause.actions.retain(|action| action.command.is_some() || action.is_runbook());
        }
    }
    let mut needs = needs::needs(&case, verdict, &causes);
    if verdict == Verdict::InsufficientEvidence {
        needs.splice(0..0, unconnected::need(&case, &unconnected));
    }
    Diagnosis {
        window: signals.window,
        verdict,
        headline: headline::incident(detection, symptom, &causes, doubt.as_ref()),
        symptom: Some(symptom.clone()),
        impact: detection.impact.clone(),
        time_to_data_loss: detection.time_to_data_loss,
        ruled_out: ruled_out::ruled_out(&case, &ranking, &causes),
        gaps: gaps::all(signals, gaps, gaps::vanished(&case)),
        needs,
        causes,
        unconnected,
        forecast,
    }
}
