//! What was considered and set aside, and by which numbers? An engineer who suspects the pool wants to read that the pool is
//! fine and why, before believing that it is the database. Start at [`ruled_out`].

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::{Cause, Class, Dismissal, Finding, NodeId, Ranking, RuledOut};

use super::evidence::statement;
use super::{Case, NORMAL, UNUSUAL};

/// More than this is not read.
const MOST: usize = 20;
/// Unusual things elsewhere, of which there is always something.
const MOST_OFF_PATH: usize = 5;

/// What the ranker dismissed, then what scorers looked at and found normal, then what is unusual but not on the way.
pub(super) fn ruled_out(case: &Case<'_>, ranking: &Ranking, causes: &[Cause]) -> Vec<RuledOut> {
    let mut known: BTreeSet<(NodeId, Option<Class>)> =
        causes.iter().map(|cause| (cause.node.clone(), cause.class.clone())).collect();
    let mut found = vec![];
    let mut add = |out: RuledOut| {
        if known.insert((out.node.clone(), out.class.clone())) {
            found.push(out);
        }
    };
    for dismissal in ranking.dismissed.iter().filter(|dismissal| case.graph.contains(&dismissal.node)) {
        let because = because(case, dismissal);
        add(RuledOut { node: dismissal.node.clone(), class: dismissal.class.clone(), because });
    }
    normal(case).into_iter().for_each(&mut add);
    let off_path = case.plan.off_path.iter().filter(|off| off.finding.score.get() >= UNUSUAL);
    for off in off_path.take(MOST_OFF_PATH) {
        let because = format!("{}, but {}", statement(&off.finding), off.because);
        add(RuledOut { node: off.finding.node.clone(), class: off.finding.class.clone(), because });
    }
    found.truncate(MOST);
    found
}

/// The ranker's reason; with what was seen, where it gives no number itself.
fn because(case: &Case<'_>, dismissal: &Dismissal) -> String {
    let reason = dismissal.because.trim();
    if reason.bytes().any(|b| b.is_ascii_digit()) {
        return reason.to_owned();
    }
    let seen = dismissal.findings.iter().find_map(|place| case.plan.findings.get(*place)).map(statement);
    match (reason, seen) {
        ("", None) => "the ranker set it aside and gave no reason".into(),
        (reason, None) => reason.to_owned(),
        ("", Some(seen)) => seen,
        (reason, Some(seen)) => format!("{reason} ({seen})"),
    }
}

/// Classes that a scorer looked for and did not find, one for each class and kind of node: the one that came nearest.
fn normal(case: &Case<'_>) -> Vec<RuledOut> {
    let mut strongest: BTreeMap<(&NodeId, &Class), &Finding> = BTreeMap::new();
    // Findings of a plan are in order, the strongest first.
    for finding in &case.plan.findings {
        if let Some(class) = &finding.class {
            strongest.entry((&finding.node, class)).or_insert(finding);
        }
    }
    let mut alike: BTreeMap<(&Class, &str), Vec<&Finding>> = BTreeMap::new();
    for ((node, class), finding) in strongest.into_iter().filter(|(_, finding)| finding.score.get() < NORMAL) {
        alike.entry((class, node.kind())).or_default().push(finding);
    }
    let reach = case.reach();
    let distance = |node: &NodeId| reach.get(node).map_or(u64::MAX, |distance| distance.cost);
    let mut found: Vec<(u64, RuledOut)> = alike
        .into_iter()
        .filter_map(|((class, kind), findings)| {
            let nearest = findings.iter().copied().reduce(|a, b| if b.score.get() > a.score.get() { b } else { a })?;
            let mut because = statement(nearest);
            match findings.len() - 1 {
                0 => {}
                1 => because.push_str(&format!("; the same holds for another {kind}")),
                more => because.push_str(&format!("; the same holds for {more} others of this kind")),
            }
            let out = RuledOut { node: nearest.node.clone(), class: Some(class.clone()), because };
            Some((distance(&nearest.node), out))
        })
        .collect();
    found.sort_by(|(a, one), (b, two)| a.cmp(b).then_with(|| (&one.node, &one.class).cmp(&(&two.node, &two.class))));
    found.into_iter().map(|(_, out)| out).collect()
}
