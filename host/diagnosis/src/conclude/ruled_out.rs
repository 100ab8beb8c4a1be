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

/// What the ranker dismissed, then what scorers looked at and found normal, then what is unusual but not on the way. Of
/// nodes of one kind and class the first speaks for all.
pub(super) fn ruled_out(case: &Case<'_>, ranking: &Ranking, causes: &[Cause]) -> Vec<RuledOut> {
    let mut known: BTreeSet<(NodeId, Option<Class>)> =
        causes.iter().map(|cause| (cause.node.clone(), cause.class.clone())).collect();
    let mut is_new = |out: &RuledOut| known.insert((out.node.clone(), out.class.clone()));
    // What is unusual where no way is known was not ruled out by that.
    let is_open = |dismissal: &&Dismissal| {
        let mut findings = dismissal.findings.iter().filter_map(|place| case.plan.findings.get(*place));
        case.plan.unattached.contains(&dismissal.node) && findings.any(|finding| finding.score.get() >= UNUSUAL)
    };
    let dismissed = ranking.dismissed.iter().filter(|dismissal| case.graph.contains(&dismissal.node));
    let dismissed = dismissed.filter(|dismissal| !is_open(dismissal));
    let mut found: Vec<RuledOut> = dismissed
        .map(|dismissal| RuledOut {
            node: dismissal.node.clone(),
            class: dismissal.class.clone(),
            because: because(case, dismissal),
        })
        .chain(normal(case))
        .filter(&mut is_new)
        .collect();
    found = together(found);
    let off_path = case.plan.off_path.iter().filter(|off| off.finding.score.get() >= UNUSUAL);
    let off_path = off_path.filter(|off| !case.plan.unattached.contains(&off.finding.node));
    let off_path = off_path.take(MOST_OFF_PATH).map(|off| RuledOut {
        node: off.finding.node.clone(),
        class: off.finding.class.clone(),
        because: format!("{}, but {}", statement(&off.finding), off.because),
    });
    found.truncate(MOST);
    found.extend(off_path.filter(is_new));
    found
}

/// One for each kind of node and class.
fn together(all: Vec<RuledOut>) -> Vec<RuledOut> {
    let mut places: BTreeMap<(String, Class), usize> = BTreeMap::new();
    let mut kept: Vec<(RuledOut, usize)> = vec![];
    for out in all {
        let key = out.class.as_ref().map(|class| (out.node.kind().to_owned(), class.clone()));
        match key.as_ref().and_then(|key| places.get(key)) {
            Some(place) => kept[*place].1 += 1,
            None => {
                places.extend(key.map(|key| (key, kept.len())));
                kept.push((out, 0));
            }
        }
    }
    let say = |(mut out, more): (RuledOut, usize)| {
        match more {
            0 => {}
            1 => out.because.push_str("; ruled out for one other of this kind, too"),
            more => out.because.push_str(&format!("; ruled out for {more} others of this kind, too")),
        }
        out
    };
    kept.into_iter().map(say).collect()
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
        (reason, Some(seen)) if seen.contains(reason) => seen,
        (reason, Some(seen)) => format!("{reason} ({seen})"),
    }
}

/// Classes that a scorer looked for and did not find: those that came nearest first.
fn normal(case: &Case<'_>) -> Vec<RuledOut> {
    let mut strongest: BTreeMap<(&NodeId, &Class), &Finding> = BTreeMap::new();
    // Findings of a plan are in order, the strongest first.
    for finding in &case.plan.findings {
        if let Some(class) = &finding.class {
            strongest.entry((&finding.node, class)).or_insert(finding);
        }
    }
    let mut found: Vec<(&Finding, RuledOut)> = strongest
        .into_iter()
        .filter(|(_, finding)| finding.score.get() < NORMAL)
        .map(|((node, class), finding)| {
            (finding, RuledOut { node: node.clone(), class: Some(class.clone()), because: statement(finding) })
        })
        .collect();
    found.sort_by(|(a, _), (b, _)| b.score.get().total_cmp(&a.score.get()));
    found.into_iter().map(|(_, out)| out).collect()
}
