//! Does one candidate explain another? When it lies below it, began no later, and reaches as far as the other does: a
//! pause of one instance does not explain a service that is slow on all of them. A burst explains what fills up behind
//! it, although the two lie on different branches: the group reads the topic and is worked by the service.

use lagdoctor_sdk::{NodeRef, View};

use crate::Config;
use crate::candidate::{Candidate, Candidates};
use crate::walk::Reach;

/// What an explanation counts when one of the two has no beginning.
const UNTIMED: f64 = 0.7;
/// How well a burst explains what fills up behind it.
const FILLS_UP: f64 = 0.8;
/// How many times the usual slack two meters of one flow may be apart.
const ONE_FLOW: i64 = 4;
/// A candidate of the same class on another instance joins in from this base weight on.
const JOINS: f64 = 0.2;

/// What grows full when more has to be done, and is no fault of its own then.
fn fills_up(class: &str) -> bool {
    matches!(
        class,
        "" | "consumer.slow-code"
            | "consumer.too-few"
            | "consumer.poll-timeout"
            | "group.rebalance-storm"
            | "pool.too-small"
            | "threads.exhausted"
            | "db.slow-statement"
            | "host.cpu"
            | "jvm.gc-young"
    )
}

/// Whether a cause shows on what does not depend on it: a cache that no longer answers leaves its work to the databases
/// beside it, a record that is refused as a duplicate is tried again for ever, and records that nobody can read end their
/// readers one after the other.
fn shows_beside(view: &View<'_>, cause: &Candidate, effect: &Candidate) -> bool {
    match cause.class.as_str() {
        "cache.down" | "cache.thrash" => fills_up(&effect.class) && has_common_caller(view, cause.node, effect.node),
        "data.duplicate-key" => effect.class == "data.poison",
        "data.schema-break" => {
            matches!(
                effect.class.as_str(),
                "data.poison" | "consumer.crash" | "consumer.too-few" | "group.rebalance-storm"
            )
        }
        "host.clock" => matches!(effect.class.as_str(), "http.slow" | "security.credentials"),
        "topic.metadata-change" => effect.class == "group.rebalance-storm",
        _ => false,
    }
}

/// Whether somebody who calls the one also waits for the other.
fn has_common_caller(view: &View<'_>, one: u32, other: u32) -> bool {
    let Some(one) = view.node(one) else { return false };
    view.dependents(one).any(|(caller, _)| Reach::from(view, caller).strength(other) > 0.0)
}

/// Takes from each candidate what the best explanation of it takes away.
pub(crate) fn weigh(config: &Config, view: &View<'_>, candidates: &mut Candidates) {
    let explained: Vec<Option<(usize, f64)>> =
        (0..candidates.all.len()).map(|place| best_explanation(view, candidates, place)).collect();
    for (candidate, explained_by) in candidates.all.iter_mut().zip(explained) {
        let taken = explained_by.map_or(0.0, |(_, how_well)| how_well);
        candidate.weight = candidate.base * (1.0 - config.explains * taken);
        candidate.explained_by = explained_by;
    }
}

fn best_explanation(view: &View<'_>, candidates: &Candidates, place: usize) -> Option<(usize, f64)> {
    let effect = &candidates.all[place];
    let node = view.node(effect.node)?;
    let below = Reach::from(view, node);
    let mut best: Option<(usize, f64)> = None;
    for (other, cause) in candidates.all.iter().enumerate() {
        if other == place || cause.node == effect.node {
            continue;
        }
        let how_well = how_well(view, candidates, &below, node, effect, cause);
        if how_well > best.map_or(0.0, |(_, well)| well) {
            best = Some((other, how_well));
        }
    }
    best
}

fn how_well(
    view: &View<'_>,
    candidates: &Candidates,
    below: &Reach,
    node: NodeRef<'_>,
    effect: &Candidate,
    cause: &Candidate,
) -> f64 {
    // A topic and its producer show one flow, each by a meter of its own; which meter moves first says nothing.
    let is_one_flow = effect.class == cause.class && effect.class.starts_with("load.");
    let slack_ms = if is_one_flow { candidates.slack_ms.saturating_mul(ONE_FLOW) } else { candidates.slack_ms };
    let order = match effect.onset_ms.zip(cause.onset_ms) {
        None => UNTIMED,
        Some((effect, cause)) if cause <= effect.saturating_add(slack_ms) => 1.0,
        Some(_) => return 0.0,
    };
    if shows_beside(view, cause, effect) {
        return cause.base * order * FILLS_UP;
    }
    let is_burst = cause.class == "load.burst";
    let travels = below.strength(cause.node);
    if travels == 0.0 || is_burst {
        let is_load = is_burst && !effect.class.starts_with("load.");
        let fills = is_load && fills_up(&effect.class);
        let direct = if travels > 0.0 { travels } else { 0.0 };
        return cause.base * order * if fills { FILLS_UP } else { direct };
    }
    if mutual(view, effect, cause) && !goes_first(effect, cause) {
        return 0.0;
    }
    cause.base * travels * order * coverage(view, candidates, node, cause)
}

/// Whether each lies below the other, as nodes that share something do.
fn mutual(view: &View<'_>, effect: &Candidate, cause: &Candidate) -> bool {
    view.node(cause.node).is_some_and(|node| Reach::from(view, node).strength(effect.node) > 0.0)
}

/// Of two that could explain each other, the earlier does; of two at the same time the heavier.
fn goes_first(effect: &Candidate, cause: &Candidate) -> bool {
    match effect.onset_ms.zip(cause.onset_ms) {
        Some((effect, cause)) if effect != cause => cause < effect,
        _ => cause.base > effect.base,
    }
}

/// Which share of a service's instances the cause, or one of its kind, reaches.
fn coverage(view: &View<'_>, candidates: &Candidates, effect: NodeRef<'_>, cause: &Candidate) -> f64 {
    if effect.kind != "service" {
        return 1.0;
    }
    let alike: Vec<u32> = candidates
        .all
        .iter()
        .filter(|other| other.class == cause.class && other.base >= JOINS)
        .map(|other| other.node)
        .chain([cause.node])
        .collect();
    let (mut instances, mut reached) = (0_u32, 0_u32);
    for (instance, _) in view.dependencies(effect).filter(|(node, _)| node.kind == "instance") {
        let below = Reach::from(view, instance);
        instances += 1;
        reached += u32::from(alike.iter().any(|node| below.strength(*node) > 0.0));
    }
    // Nothing known of its instances, or reached past them, as by a call of the service itself.
    if instances == 0 || reached == 0 { 1.0 } else { f64::from(reached) / f64::from(instances) }
}
