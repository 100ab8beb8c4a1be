//! From a ranker's answer to causes that a person can act on. A ranker is a guest: what it says of places, ways and findings
//! is checked against what is known. Start at [`causes`].

use std::collections::BTreeSet;

use lagdoctor_model::{Basis, Cause, Finding, NodeId, RankedCause, Ranking, Vocabulary};

use super::actions::actions;
use super::evidence::evidence;
use super::sufficiency::CONFIDENT;
use super::{Case, NORMAL};

/// A cause without a class that is less sure than this is not worth a line beside one that may be named.
const FAINT: f64 = 0.25;
/// More causes than this are no answer.
const MOST_CAUSES: usize = 10;
/// More pieces of evidence than this are not read.
const MOST_EVIDENCE: usize = 12;

/// The causes, the surest first; of equals the one that the ranker put first.
pub(super) fn causes(case: &Case<'_>, ranking: &Ranking) -> Vec<Cause> {
    let mut known = BTreeSet::new();
    let is_group = case.symptom.node.kind() == "group";
    let mut ranked: Vec<&RankedCause> = ranking
        .causes
        .iter()
        .filter(|cause| case.graph.contains(&cause.node))
        // "The group hurts because the group hurts" is what was asked. A service may well be at fault itself.
        .filter(|cause| cause.class.is_some() || cause.node != case.symptom.node || !is_group)
        .collect();
    ranked.sort_by(|a, b| b.confidence.get().total_cmp(&a.confidence.get()));
    ranked.retain(|cause| known.insert((&cause.node, &cause.class)));
    // Beside an answer, "something is wrong here, perhaps" is noise.
    let is_answered = ranked.first().is_some_and(|best| best.confidence.get() >= CONFIDENT);
    ranked.retain(|cause| !is_answered || cause.class.is_some() || cause.confidence.get() >= FAINT);
    ranked.into_iter().take(MOST_CAUSES).map(|ranked| cause(case, ranked)).collect()
}

fn cause(case: &Case<'_>, ranked: &RankedCause) -> Cause {
    let mut places = BTreeSet::new();
    let once = ranked.findings.iter().filter(|place| places.insert(**place));
    let findings: Vec<&Finding> = once.filter_map(|place| case.plan.findings.get(*place)).collect();
    let given = Some(&ranked.path).filter(|path| is_way(case, path, &ranked.node)).cloned();
    let path = given.or_else(|| case.path(&ranked.node));
    let spec = ranked.class.as_ref().and_then(|class| Vocabulary::bundled().class(class.as_str()));
    let words = match (spec, &ranked.class) {
        (Some(spec), _) => spec.words.clone(),
        (None, Some(class)) => class.to_string(),
        (None, None) => "something is wrong here".into(),
    };
    Cause {
        actions: actions(case, &ranked.node, spec, &findings),
        evidence: findings.iter().take(MOST_EVIDENCE).map(|finding| evidence(case, finding)).collect(),
        basis: basis(case, &ranked.node, &findings, path.as_deref()),
        owner: owner(case, &ranked.node, path.as_deref()),
        path: path.unwrap_or_else(|| vec![ranked.node.clone()]),
        node: ranked.node.clone(),
        class: ranked.class.clone(),
        words,
        confidence: ranked.confidence,
        because: ranked.because.clone(),
    }
}

/// Whether this is a way from the symptom to the node, of steps that exist.
fn is_way(case: &Case<'_>, path: &[NodeId], node: &NodeId) -> bool {
    path.first() == Some(&case.symptom.node)
        && path.last() == Some(node)
        && path.windows(2).all(|pair| case.graph.is_step(&pair[0], &pair[1]))
}

/// What the confidence rests on: the node's own findings, and whether the nodes between could be seen at all.
fn basis(case: &Case<'_>, node: &NodeId, findings: &[&Finding], path: Option<&[NodeId]>) -> Basis {
    let own = findings.iter().any(|finding| finding.node == *node && finding.score.get() >= NORMAL);
    if !own {
        return Basis::Inferred;
    }
    let between = path.map(|path| path.get(1..path.len().saturating_sub(1)).unwrap_or_default());
    let all_seen = between.is_some_and(|between| between.iter().all(|node| !case.seen.is_blind(node)));
    let is_sure = path.is_some_and(|path| path.windows(2).all(|pair| !is_guessed(case, &pair[0], &pair[1])));
    if all_seen && is_sure { Basis::Direct } else { Basis::PartlySeen }
}

/// Whether nobody said that one depends on the other: their names suggested it.
fn is_guessed(case: &Case<'_>, node: &NodeId, next: &NodeId) -> bool {
    let guessed = case.signals.topology.node(node).and_then(|node| node.labels.get("guessed"));
    guessed.is_some_and(|guessed| guessed.split([' ', ',']).any(|word| word == next.as_str()))
}

/// Who owns the node, or else the nearest node on the way back to the symptom that somebody owns.
fn owner(case: &Case<'_>, node: &NodeId, path: Option<&[NodeId]>) -> Option<String> {
    let label = |node: &NodeId| case.signals.topology.node(node)?.labels.get("owner").cloned();
    label(node).or_else(|| path?.iter().rev().find_map(label))
}
