//! When is the evidence too thin to name a cause? Naming the wrong one costs an engineer the night; saying "insufficient
//! evidence", with what would settle it, costs a look at two more graphs. So one cause is named only when none of these
//! doubts holds. Start at [`doubt`].
//!
//! | doubt | why it counts |
//! |---|---|
//! | no cause, or the best is less sure than [`CONFIDENT`] | it is more likely wrong than right |
//! | another cause of another class on another node within [`MARGIN`] | to the ranker they are the same, to whoever acts they are not. Two that are both at least [`SURE`] are two causes and no doubt: faults do come in pairs |
//! | the best is an effect that others could explain: what it depends on should be measured, is not, and nothing between them is measured and calm | "the service is slow" is always true when its database is; what hides there would look the same |
//!
//! The last doubt does not hold when all signals that settle the class (`settles` of `classes.toml`) are there: then the
//! alternatives were looked at, in other words than the missing ones.

use std::collections::BTreeSet;

use lagdoctor_model::{Cause, Edge, NodeId, Vocabulary};

use super::Case;
use crate::seen::Sight;

/// A cause that is at least so sure may be named.
pub const CONFIDENT: f64 = 0.5;
/// Two causes whose confidences differ by no more than this are equally likely.
pub const MARGIN: f64 = 0.05;
/// Causes that are at least so sure stand for themselves: one does not speak against the other.
pub const SURE: f64 = 0.75;

/// How many nodes a sentence names.
const MOST_NAMES: usize = 3;

/// Why no cause is named.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Doubt {
    /// Nobody ranked, so that the candidates have no weight.
    NotRanked,
    /// Nothing unusual was found.
    Nothing,
    /// The best is not sure enough.
    Unsure(f64),
    /// These two are equally likely.
    Tie(NodeId, NodeId),
    /// The best would look the same if the real cause were one of these, of which nothing is measured.
    Hidden(Vec<NodeId>),
    /// Nothing unusual is on the way, but this is unusual where no way is known.
    Unconnected(String),
}

impl Doubt {
    /// As part of a sentence, after a colon.
    pub(super) fn words(&self) -> String {
        match self {
            Self::NotRanked => "no ranker answered".into(),
            Self::Nothing => "nothing unusual was found on its way".into(),
            Self::Unsure(best) => format!("the best candidate is only {:.0} % sure", (best * 100.0).floor()),
            Self::Tie(one, other) => format!("{} and {} are equally likely", one.words(), other.words()),
            Self::Hidden(nodes) => {
                let names: Vec<String> = nodes.iter().take(MOST_NAMES).map(NodeId::words).collect();
                format!("the cause may be {}, of which nothing is measured", names.join(" or "))
            }
            Self::Unconnected(what) => format!(
                "nothing unusual was found on its way; {what} is unusual, and whether the group depends on it is not known"
            ),
        }
    }
}

/// The first doubt that holds; `None` when the first cause may be named.
pub(super) fn doubt(case: &Case<'_>, causes: &[Cause]) -> Option<Doubt> {
    let Some(best) = causes.first() else { return Some(Doubt::Nothing) };
    let confidence = best.confidence.get();
    if confidence < CONFIDENT {
        return Some(Doubt::Unsure(confidence));
    }
    let rival = causes[1..].iter().find(|cause| {
        let is_close = confidence - cause.confidence.get() <= MARGIN && cause.confidence.get() < SURE;
        is_close && cause.node != best.node && cause.class != best.class
    });
    if let Some(rival) = rival {
        return Some(Doubt::Tie(best.node.clone(), rival.node.clone()));
    }
    if is_settled(case, best) {
        return None;
    }
    let hidden = hiding_places(case, best);
    if hidden.is_empty() { None } else { Some(Doubt::Hidden(hidden)) }
}

/// Whether every signal that decides for or against this class is there, on this node or on one of its kind nearby.
fn is_settled(case: &Case<'_>, cause: &Cause) -> bool {
    let class = cause.class.as_ref().and_then(|class| Vocabulary::bundled().class(class.as_str()));
    let Some(class) = class.filter(|class| !class.settles.is_empty()) else { return false };
    let reach = case.reach();
    class.settles.iter().all(|signal| {
        let kind = Vocabulary::bundled().signal(signal).map_or("", |spec| spec.node.as_str());
        let is_fresh = |node: &NodeId| case.seen.sight(node, signal) == Sight::Fresh;
        match cause.node.kind() == kind {
            true => is_fresh(&cause.node),
            false => reach.keys().any(|node| node.kind() == kind && is_fresh(node)),
        }
    })
}

/// Nodes that the cause depends on, of which nothing is known that such a node is judged by, and which nothing calm and
/// measured stands in front of.
fn hiding_places(case: &Case<'_>, cause: &Cause) -> Vec<NodeId> {
    let below = case.graph.below(&cause.node);
    let mut visited: BTreeSet<&NodeId> = BTreeSet::new();
    let mut open: Vec<&NodeId> = case.graph.dependencies(&cause.node).collect();
    let mut found: BTreeSet<&NodeId> = BTreeSet::new();
    while let Some(node) = open.pop() {
        // Contention is no dependency, and the cause itself is no hiding place for another.
        if *node == cause.node || !below.contains(node) || !visited.insert(node) {
            continue;
        }
        if case.seen.is_blind(node) {
            if !is_screened(case, &below, node) {
                found.insert(node);
            }
        } else if !case.seen.expected(node).0.is_empty() && !case.is_unusual(node) {
            // It is measured and calm, so nothing comes through it.
            continue;
        }
        open.extend(case.graph.dependencies(node));
    }
    found.into_iter().cloned().collect()
}

/// Whether the pools that lead to this node are measured and calm: then it answers as fast as ever. A replica can do that
/// and be hours behind: its answers are quick and old, so nothing stands in front of it.
fn is_screened(case: &Case<'_>, below: &BTreeSet<&NodeId>, node: &NodeId) -> bool {
    let is_replica = |edge: &Edge| edge.dependent == *node && edge.kind.as_str() == "replicates";
    if case.signals.topology.edges().any(is_replica) {
        return false;
    }
    let mut pools = below.iter().filter(|pool| pool.kind() == "pool" && case.graph.is_step(pool, node)).peekable();
    pools.peek().is_some() && pools.all(|pool| !case.seen.is_blind(pool) && !case.is_unusual(pool))
}
