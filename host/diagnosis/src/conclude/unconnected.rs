//! What is unusual where nobody knows whether it matters? A node to which no edge leads from any group is not ruled out by
//! that: what is missing may be the edge. Start at [`unconnected`]; [`need`] says which edge would settle it.

use std::collections::BTreeSet;

use lagdoctor_model::{Cause, Finding, Need, NodeId, Unconnected, Vocabulary};

use super::evidence::statement;
use super::{Case, UNUSUAL};
use crate::plan::has_no_service;

/// More than this is not read.
const MOST: usize = 5;

/// The strongest finding of each such node: those first that began nearest to the symptom, of equally strong ones.
pub(super) fn unconnected(case: &Case<'_>, causes: &[Cause]) -> Vec<Unconnected> {
    let off_path = case.plan.off_path.iter().map(|off| &off.finding);
    let all = case.plan.findings.iter().chain(off_path);
    let mut unusual: Vec<&Finding> = all
        .filter(|finding| finding.score.get() >= UNUSUAL && case.plan.unattached.contains(&finding.node))
        .filter(|finding| causes.iter().all(|cause| cause.node != finding.node))
        .collect();
    let distance = |finding: &Finding| {
        let onset = case.symptom.onset;
        finding.onset.map_or(i64::MAX, |at| (at.as_millis() - onset.as_millis()).abs())
    };
    // That something has a name says more than how far it is from its past.
    unusual.sort_by(|a, b| {
        let named = |finding: &Finding| finding.class.is_some();
        let strength = b.score.get().total_cmp(&a.score.get());
        named(b).cmp(&named(a)).then(strength).then(distance(a).cmp(&distance(b))).then_with(|| a.node.cmp(&b.node))
    });
    let mut known: BTreeSet<&NodeId> = BTreeSet::new();
    unusual.retain(|finding| known.insert(&finding.node));
    let told = |finding: &Finding| Unconnected {
        node: finding.node.clone(),
        class: finding.class.clone(),
        statement: statement(finding),
        onset: finding.onset,
    };
    unusual.into_iter().take(MOST).map(told).collect()
}

/// `JVM fulfilment-2 (full garbage collections stop the process for seconds)`.
pub(super) fn title(unconnected: &Unconnected) -> String {
    let spec = unconnected.class.as_ref().and_then(|class| Vocabulary::bundled().class(class.as_str()));
    let words = spec.map(|spec| format!(" ({})", spec.words)).unwrap_or_default();
    format!("{}{words}", unconnected.node.words())
}

/// The edge that is missing, as it would be written.
pub(super) fn need(case: &Case<'_>, unconnected: &[Unconnected]) -> Option<Need> {
    let stranger = &unconnected.first()?.node;
    let group = &case.symptom.node;
    let reach = case.reach();
    // A service that leads to the stranger, or is meant by it: the group's, if it has one.
    let services = || case.signals.topology.nodes().map(|node| &node.id).filter(|id| id.kind() == "service");
    let leads = |service: &&NodeId| *service == stranger || case.graph.below(service).contains(stranger);
    let edges = if has_no_service(reach.keys().copied()) {
        match services().find(leads) {
            Some(service) => vec![(group, service.to_string())],
            None => {
                let name = format!("service:{}", group.name());
                return Some(told(group, stranger, &[(group.to_string(), name.clone()), (name, stranger.to_string())]));
            }
        }
    } else {
        let service = services().find(|service| reach.contains_key(*service))?;
        vec![(service, stranger.to_string())]
    };
    let edges: Vec<(String, String)> = edges.into_iter().map(|(from, to)| (from.to_string(), to)).collect();
    Some(told(group, stranger, &edges))
}

fn told(group: &NodeId, stranger: &NodeId, edges: &[(String, String)]) -> Need {
    let lines: Vec<String> =
        edges.iter().map(|(from, to)| format!("{{ id = \"{from}\", depends = [\"{to}\"] }}")).collect();
    let statement = format!(
        "whether {} depends on {}: if it does, say so in a topology file: node = [{}]",
        group.words(),
        stranger.words(),
        lines.join(", ")
    );
    Need { node: group.clone(), signals: vec![], statement }
}
