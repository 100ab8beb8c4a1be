//! What would settle it? Where a node that may matter is not measured, or a class cannot be told from its alternatives for
//! want of a signal, the report says which question stays open and where an answer would come from. Start at [`needs`].

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::{Cause, Need, NodeId, SignalName, Verdict, Vocabulary};

use super::Case;
use crate::detect::{Detection, Health};
use crate::seen::Sight;

/// What a group is judged by.
const LAG: &str = "kafka.consumer_group.lag";
/// More than this nobody will set up tonight.
const MOST: usize = 8;
/// How many exporters are named for a signal.
const MOST_SOURCES: usize = 3;
/// Of how many candidates the open questions are told, when no cause is named.
const CANDIDATES: usize = 3;

/// Data that would settle the question: about the first cause when one is named, else about all that could be the cause.
pub(super) fn needs(case: &Case<'_>, verdict: Verdict, causes: &[Cause]) -> Vec<Need> {
    let reach = case.reach();
    let is_named = verdict == Verdict::Cause;
    let candidates = &causes[..causes.len().min(if is_named { 1 } else { CANDIDATES })];
    let near: Vec<&NodeId> = reach.keys().copied().collect();
    let mut needs: Vec<Need> = candidates.iter().filter_map(|cause| unsettled(case, &near, cause)).collect();
    let asked: BTreeSet<(NodeId, SignalName)> =
        needs.iter().flat_map(|need| need.signals.iter().map(|signal| (need.node.clone(), signal.clone()))).collect();
    let on_way = |node: &NodeId| candidates.iter().any(|cause| cause.path.contains(node));
    let mut nodes: Vec<(u64, &NodeId)> = reach
        .iter()
        .filter(|(node, distance)| if is_named { on_way(node) } else { !distance.is_sharer })
        .map(|(node, distance)| (distance.cost, *node))
        .collect();
    nodes.sort();
    needs.extend(unmeasured(case, nodes.into_iter().map(|(_, node)| node), &asked));
    needs.truncate(MOST);
    needs
}

/// The lag of groups that could not be judged, when nothing else is to be explained.
pub(super) fn of_groups(detection: &Detection) -> Vec<Need> {
    let mut unknown = detection.groups.iter().filter(|known| known.health == Health::Unknown).map(|known| &known.group);
    let Some(first) = unknown.next() else { return vec![] };
    let others = others("group", unknown.count());
    let statement = format!("whether {} keeps up: too little of its lag is known{others}{}", first.words(), hint(LAG));
    vec![Need { node: first.clone(), signals: SignalName::new(LAG).into_iter().collect(), statement }]
}

/// Signals that decide about this candidate's class and are missing.
fn unsettled(case: &Case<'_>, near: &[&NodeId], cause: &Cause) -> Option<Need> {
    let class = Vocabulary::bundled().class(cause.class.as_ref()?.as_str())?;
    let is_missing = |signal: &&String| {
        let kind = Vocabulary::bundled().signal(signal).map_or("", |spec| spec.node.as_str());
        let is_fresh = |node: &NodeId| case.seen.sight(node, signal) == Sight::Fresh;
        if cause.node.kind() == kind {
            // What vanished was measured: its end is a trace of the trouble, not an exporter that nobody set up.
            return case.seen.sight(&cause.node, signal) == Sight::Absent;
        }
        // A program without a pool or a JVM has none to measure.
        let mut nodes = near.iter().filter(|node| node.kind() == kind).peekable();
        nodes.peek().is_some() && !nodes.any(|node| is_fresh(node))
    };
    let missing: Vec<&str> = class.settles.iter().filter(is_missing).map(String::as_str).collect();
    need(&cause.node, &missing, &format!("whether {} ({})", class.words, cause.node.words()), 0)
}

/// Nodes of which something is missing that their kind is judged by; alike ones together, the nearest first.
fn unmeasured<'a>(
    case: &Case<'_>,
    nodes: impl Iterator<Item = &'a NodeId>,
    asked: &BTreeSet<(NodeId, SignalName)>,
) -> Vec<Need> {
    let mut places: BTreeMap<(&str, Vec<&'static str>), usize> = BTreeMap::new();
    let mut alike: Vec<(Vec<&'static str>, Vec<&NodeId>)> = vec![];
    for node in nodes {
        let (_, mut missing) = case.seen.expected(node);
        let is_asked = |signal: &str| SignalName::new(signal).is_ok_and(|name| asked.contains(&(node.clone(), name)));
        missing.retain(|signal| !is_asked(signal));
        if missing.is_empty() {
            continue;
        }
        let place = *places.entry((node.kind(), missing.clone())).or_insert(alike.len());
        if place == alike.len() {
            alike.push((missing, vec![]));
        }
        alike[place].1.push(node);
    }
    let needs = alike.into_iter().filter_map(|(missing, nodes)| {
        let first = nodes.first()?;
        need(first, &missing, &format!("whether {} is well", first.words()), nodes.len() - 1)
    });
    needs.collect()
}

/// `None` when nothing is missing.
fn need(node: &NodeId, missing: &[&str], question: &str, more: usize) -> Option<Need> {
    let hint = hint(missing.first()?);
    let names: Vec<String> = missing.iter().map(|signal| format!("`{signal}`")).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    let others = others(node.kind(), more);
    let statement = format!("{question}: {} {are} missing{others}{hint}", joined(&names));
    let signals = missing.iter().filter_map(|signal| SignalName::new(*signal).ok()).collect();
    Some(Need { node: node.clone(), signals, statement })
}

/// For how many more nodes of this kind the same holds.
fn others(kind: &str, more: usize) -> String {
    match more {
        0 => String::new(),
        1 => format!(", and of another {kind}"),
        more => format!(", and of {more} others of this kind"),
    }
}

/// Where such a signal comes from.
fn hint(signal: &str) -> String {
    let sources = Vocabulary::bundled().sources(signal);
    let names: Vec<&str> = sources.iter().take(MOST_SOURCES).map(String::as_str).collect();
    match (names.is_empty(), signal.starts_with("kafka.")) {
        (true, true) => "; reading Kafka itself gives it".into(),
        (true, false) => String::new(),
        (false, _) => format!("; {} gives it", names.join(" or ")),
    }
}

/// `a, b and c`.
fn joined(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
