//! Which findings matter? Those about nodes from which trouble can travel to the symptom, one for each node, class and
//! signal, in an order that does not depend on who spoke first. The rest is kept apart: "unusual, but not on the way" is
//! a reason to rule something out. Start at [`plan`].

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::{Class, Finding, Gap, GapCause, NodeId, SignalName, Signals, Symptom};

use crate::detect::Detection;
use crate::graph::DependencyGraph;

/// Kinds of node by which Kafka itself knows a group; all else is known from elsewhere.
const OF_KAFKA: [&str; 5] = ["group", "partition", "topic", "broker", "producer"];

/// A finding about a node that is not on the symptom's way.
#[derive(Clone, Debug, PartialEq)]
pub struct OffPath {
    /// The finding.
    pub finding: Finding,
    /// Why it does not matter to this symptom.
    pub because: String,
}

/// What the ranker gets, and what it does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Findings about nodes on or near the symptom's way, the strongest first. What a ranker's answer points into.
    pub findings: Vec<Finding>,
    /// Findings about all other nodes, in the same order.
    pub off_path: Vec<OffPath>,
    /// Nodes that no group is known to depend on, so that nobody can say whether the symptom does.
    pub unattached: BTreeSet<NodeId>,
    /// What could not be decided for want of edges.
    pub gaps: Vec<Gap>,
}

/// Sorts out what the scorers said. Empty when nothing hurts.
pub fn plan(signals: &Signals, detection: &Detection, findings: Vec<Finding>) -> Plan {
    let Some(symptom) = &detection.symptom else { return Plan::default() };
    let Way { near, unattached, gaps } = way(signals, symptom);
    let mut strongest: BTreeMap<(NodeId, Option<Class>, SignalName), Finding> = BTreeMap::new();
    for finding in findings.into_iter().map(|finding| clamped(signals, finding)) {
        let key = (finding.node.clone(), finding.class.clone(), finding.signal.clone());
        match strongest.get(&key) {
            Some(known) if order(known, &finding).is_le() => {}
            _ => {
                strongest.insert(key, finding);
            }
        }
    }
    let mut kept: Vec<Finding> = strongest.into_values().collect();
    kept.sort_by(order);
    let (findings, rest): (Vec<_>, Vec<_>) = kept.into_iter().partition(|finding| near.contains(&finding.node));
    let because = format!("no dependency and nothing shared leads from {} to it", symptom.node.words());
    let off_path = rest.into_iter().map(|finding| OffPath { finding, because: because.clone() }).collect();
    Plan { findings, off_path, unattached, gaps }
}

/// Nodes from which trouble can travel to the symptom, itself included.
pub fn on_the_way(signals: &Signals, symptom: &Symptom) -> BTreeSet<NodeId> {
    way(signals, symptom).near
}

struct Way {
    near: BTreeSet<NodeId>,
    unattached: BTreeSet<NodeId>,
    gaps: Vec<Gap>,
}

fn way(signals: &Signals, symptom: &Symptom) -> Way {
    let graph = DependencyGraph::new(&signals.topology);
    let mut near: BTreeSet<NodeId> = graph.reach(&symptom.node).into_keys().cloned().collect();
    near.insert(symptom.node.clone());
    let mut gaps = vec![];
    let unattached = unattached(signals, &graph, symptom);
    if symptom.node.kind() != "group" && signals.topology.edges().next().is_none() {
        gaps.push(no_edges(&symptom.node));
        near.extend(unattached.iter().cloned());
    }
    if !unattached.is_empty() && has_no_service(&near) {
        gaps.push(no_service(&symptom.node));
        near.extend(unattached.iter().cloned());
    }
    Way { near, unattached, gaps }
}

/// Whether nothing but Kafka itself is known to work for a group that reaches these nodes.
pub(crate) fn has_no_service<'a>(reach: impl IntoIterator<Item = &'a NodeId>) -> bool {
    reach.into_iter().all(|node| OF_KAFKA.contains(&node.kind()))
}

/// Nodes that no group is known to depend on, nor the symptom. When nobody said who works for the symptom's group, it may
/// be these.
fn unattached(signals: &Signals, graph: &DependencyGraph, symptom: &Symptom) -> BTreeSet<NodeId> {
    let groups = signals.topology.nodes().map(|node| &node.id).filter(|id| id.kind() == "group");
    let attached = graph.reach_of_any(groups.chain([&symptom.node]));
    let all = signals.topology.nodes().map(|node| &node.id).filter(|id| !OF_KAFKA.contains(&id.kind()));
    all.filter(|id| !attached.contains(id)).cloned().collect()
}

fn no_edges(service: &NodeId) -> Gap {
    let statement = format!(
        "who calls whom is not known, so that every service was considered and no way from {} to a cause can be told; give \
         a topology",
        service.words()
    );
    Gap { source: "topology".into(), cause: GapCause::NotConfigured, node: Some(service.clone()), statement }
}

fn no_service(group: &NodeId) -> Gap {
    let statement = format!(
        "which service works for {} is not known, so that every service without a known group was considered; name it in \
         the topology with an edge `worked-by`",
        group.words()
    );
    Gap { source: "topology".into(), cause: GapCause::NotConfigured, node: Some(group.clone()), statement }
}

/// Numbers that are numbers, and an onset within the window.
fn clamped(signals: &Signals, finding: Finding) -> Finding {
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    let window = &signals.window;
    Finding {
        magnitude: if finding.magnitude.is_finite() { finding.magnitude } else { 0.0 },
        observed: finite(finding.observed),
        expected: finite(finding.expected),
        onset: finding.onset.map(|onset| onset.clamp(window.start, window.now.max(window.start))),
        log_line: finding.log_line.filter(|line| *line < signals.logs.len()),
        ..finding
    }
}

/// The stronger first; equal ones by what they are about and who says it, so that no two different findings are equal.
fn order(a: &Finding, b: &Finding) -> Ordering {
    let number = |value: Option<f64>| value.unwrap_or(f64::MIN);
    b.score
        .get()
        .total_cmp(&a.score.get())
        .then(b.magnitude.abs().total_cmp(&a.magnitude.abs()))
        .then_with(|| (&a.node, &a.class, &a.signal, a.onset).cmp(&(&b.node, &b.class, &b.signal, b.onset)))
        .then_with(|| (&a.by, &a.statement, &a.series, a.log_line).cmp(&(&b.by, &b.statement, &b.series, b.log_line)))
        .then(a.magnitude.total_cmp(&b.magnitude))
        .then(number(a.observed).total_cmp(&number(b.observed)))
        .then(number(a.expected).total_cmp(&number(b.expected)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{any_finding, connected, edges, finding, hour, id, noon, symptomatic, topology};

    const SHOP: &[(&str, &str, &str)] = &[
        ("group:g", "worked-by", "service:s"),
        ("service:s", "calls", "database:d"),
        ("service:other", "calls", "cache:c"),
    ];

    /// Which of these findings the ranker gets, and which are off the path, as `node score`.
    fn check(edges: &[(&str, &str, &str)], findings: &[Finding], near: &[&str], off: &[&str]) {
        let mut signals = hour();
        signals.topology = topology(edges);
        let plan = plan(&signals, &symptomatic("group:g"), findings.to_vec());
        let say = |finding: &Finding| format!("{} {}", finding.node, finding.score.get());
        assert_eq!(plan.findings.iter().map(say).collect::<Vec<_>>(), near);
        assert_eq!(plan.off_path.iter().map(|off| say(&off.finding)).collect::<Vec<_>>(), off);
    }

    #[test]
    fn what_no_dependency_leads_to_is_set_aside() {
        let findings = [
            finding("cache:c", "cache.hit_ratio", "cache.thrash", 0.9),
            finding("database:d", "db.server.up", "db.down", 0.5),
        ];
        check(SHOP, &findings, &["database:d 0.5"], &["cache:c 0.9"]);
    }

    #[test]
    fn of_two_findings_about_the_same_the_stronger_stays() {
        let findings = [
            finding("database:d", "db.server.up", "db.down", 0.2),
            finding("database:d", "db.server.up", "db.down", 0.7),
            finding("database:d", "db.server.up", "", 0.4),
        ];
        check(SHOP, &findings, &["database:d 0.7", "database:d 0.4"], &[]);
    }

    #[test]
    fn when_nobody_said_who_works_for_the_group_every_service_without_a_group_is_looked_at() {
        let edges = [
            ("group:g", "consumes", "topic:t"),
            ("group:h", "worked-by", "service:of-h"),
            ("service:lost", "calls", "database:d"),
        ];
        let findings = [
            finding("database:d", "db.server.up", "db.down", 0.7),
            finding("service:of-h", "event", "deploy.bad-version", 0.6),
        ];
        check(&edges, &findings, &["database:d 0.7"], &["service:of-h 0.6"]);
        let mut signals = hour();
        signals.topology = topology(&edges);
        insta::assert_snapshot!(plan(&signals, &symptomatic("group:g"), vec![]).gaps[0].statement, @"which service works for group g is not known, so that every service without a known group was considered; name it in the topology with an edge `worked-by`");
    }

    #[test]
    fn numbers_that_are_none_and_onsets_outside_the_window_are_mended() {
        let mut odd = finding("database:d", "db.server.up", "db.down", 0.7);
        odd.magnitude = f64::NAN;
        odd.observed = Some(f64::INFINITY);
        odd.onset = Some(noon(9_999));
        odd.log_line = Some(3);
        let mut signals = hour();
        signals.topology = topology(SHOP);
        let found = plan(&signals, &symptomatic("group:g"), vec![odd]).findings.remove(0);
        assert_eq!(
            (found.magnitude, found.observed, found.onset, found.log_line),
            (0.0, None, Some(noon(3_600)), None)
        );
    }

    #[test]
    fn nothing_is_planned_where_nothing_hurts() {
        let detection = Detection { symptom: None, ..symptomatic("group:g") };
        assert_eq!(plan(&hour(), &detection, vec![finding("database:d", "log", "", 1.0)]), Plan::default());
    }

    proptest! {
        #[test]
        fn the_order_of_findings_never_matters(
            edges in edges(), findings in prop::collection::vec(any_finding(), 0..20), turn in 0usize..20,
        ) {
            let mut signals = hour();
            signals.topology = connected(&edges);
            signals.topology.add_node(lagdoctor_model::Node::new(id("group:0")));
            let mut other = findings.clone();
            if !other.is_empty() {
                let middle = turn % other.len();
                other.rotate_left(middle);
                other[..middle.max(1)].reverse();
            }
            let detection = symptomatic("group:0");
            let one = plan(&signals, &detection, findings.clone());
            prop_assert_eq!(&one, &plan(&signals, &detection, other));
            prop_assert!(one.findings.len() + one.off_path.len() <= findings.len());
        }
    }
}
