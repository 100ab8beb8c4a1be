//! From weights to an answer: how sure, on which way, why; and what was considered and set aside, with the reason.

use std::collections::BTreeSet;

use lagdoctor_sdk::words::seconds;
use lagdoctor_sdk::{Cause, Dismissal, Finding, NodeRef, Ranking, View};

use crate::candidate::{Candidate, Candidates};
use crate::walk::Reach;
use crate::{Config, NORMAL, TELLING};

/// A score from which a finding on no path to the symptom is worth a dismissal.
const LOUD: f64 = 0.4;
/// What is explained this well, and has less confidence than this left, is set aside.
const EXPLAINED: (f64, f64) = (0.5, 0.3);
/// The answer.
pub(crate) fn ranking(
    config: &Config,
    view: &View<'_>,
    findings: &[Finding],
    candidates: &Candidates,
    reach: &Reach,
) -> Ranking {
    let mut causes: Vec<(Cause, f64)> = vec![];
    let mut dismissed: Vec<(Dismissal, f64)> = vec![];
    let mut settled: BTreeSet<(u32, String)> = BTreeSet::new();
    for (place, candidate) in candidates.all.iter().enumerate() {
        let Some(node) = view.node(candidate.node) else { continue };
        settled.insert((candidate.node, candidate.class.clone()));
        let unseen = unseen_below(view, findings, candidate, node);
        let confidence = confidence(config, candidates, place, !unseen.is_empty());
        let heavier = heavier_on_same_node(candidates, place);
        let root = candidates.root_of(place);
        let is_explained = root.is_some_and(|(_, how_well)| how_well >= EXPLAINED.0) && confidence < EXPLAINED.1;
        if confidence < config.set_aside || is_explained || heavier.is_some() {
            let why = why_not(view, candidates, candidate, root, heavier);
            let dismissal = Dismissal::new(candidate.node, &candidate.class, candidate.findings.clone(), why);
            dismissed.push((dismissal, candidate.base));
            continue;
        }
        let because = why(view, findings, candidates, place, &unseen);
        let cause = Cause::new(candidate.node, &candidate.class, confidence, because);
        let cause = Cause { path: reach.path(candidate.node), findings: candidate.findings.clone(), ..cause };
        causes.push((cause, candidate.weight));
    }
    causes
        .sort_by(|(a, x), (b, y)| b.confidence.total_cmp(&a.confidence).then(y.total_cmp(x)).then(a.node.cmp(&b.node)));
    dismissed.sort_by(|(a, x), (b, y)| y.total_cmp(x).then((a.node, &a.class).cmp(&(b.node, &b.class))));
    let mut dismissed: Vec<Dismissal> = dismissed.into_iter().map(|(dismissal, _)| dismissal).collect();
    dismissed.extend(off_path(findings, reach));
    dismissed.extend(looked_normal(findings, reach, &settled));
    Ranking { causes: causes.into_iter().map(|(cause, _)| cause).collect(), dismissed, ext: vec![] }
}

/// See the module documentation of the crate for the formula.
fn confidence(config: &Config, candidates: &Candidates, place: usize, is_unseen: bool) -> f64 {
    let candidate = &candidates.all[place];
    let explains = |cause: usize, effect: usize| candidates.root_of(effect).is_some_and(|(root, _)| root == cause);
    let rivals =
        candidates.all.iter().enumerate().filter(|(other, rival)| {
            rival.node != candidate.node && !explains(place, *other) && !explains(*other, place)
        });
    let heaviest = rivals.map(|(_, rival)| rival.weight).fold(0.0, f64::max);
    let weight = candidate.weight;
    let sure = if weight > 0.0 { weight * weight / (weight + config.rivalry * heaviest) } else { 0.0 };
    let sure = sure.min(config.ceiling);
    if is_unseen { sure.min(config.unseen_cap) } else { sure }
}

/// Another class of the same node that weighs more; of equals the first.
fn heavier_on_same_node(candidates: &Candidates, place: usize) -> Option<&Candidate> {
    let candidate = &candidates.all[place];
    let same_node =
        candidates.all.iter().enumerate().filter(|(other, rival)| *other != place && rival.node == candidate.node);
    same_node
        .filter(|(other, rival)| {
            rival.weight > candidate.weight || (rival.weight == candidate.weight && *other < place)
        })
        .map(|(_, rival)| rival)
        .max_by(|a, b| a.weight.total_cmp(&b.weight))
}

/// What lies below an effect and on which nothing at all is measured.
fn unseen_below<'a>(
    view: &View<'a>,
    findings: &[Finding],
    candidate: &Candidate,
    node: NodeRef<'a>,
) -> Vec<NodeRef<'a>> {
    if !candidate.is_effect() {
        return vec![];
    }
    let below = Reach::from(view, node);
    let spoken_of = |handle: u32| findings.iter().any(|finding| finding.node == handle && finding.signal != "log");
    below
        .nodes()
        .filter(|handle| *handle != node.handle)
        .filter_map(|handle| view.node(handle))
        .filter(|node| TELLING.contains(&node.kind) && !view.is_observed(*node) && !spoken_of(node.handle))
        .collect()
}

fn why(view: &View<'_>, findings: &[Finding], candidates: &Candidates, place: usize, unseen: &[NodeRef<'_>]) -> String {
    let candidate = &candidates.all[place];
    let mut parts = vec![];
    if let Some(finding) = candidate.findings.first().and_then(|handle| findings.get(*handle as usize)) {
        parts.push(finding.statement.clone());
    }
    if let Some(onset) = candidate.onset_ms {
        let before = (candidates.symptom.onset_ms - onset) as f64 / 1_000.0;
        parts.push(match before {
            before if candidate.is_late => format!("began {} after the symptom", seconds(-before)),
            before if before > candidates.slack_ms as f64 / 1_000.0 => {
                format!("began {} before the symptom", seconds(before))
            }
            _ => "began together with the symptom".to_owned(),
        });
    }
    let effects =
        (0..candidates.all.len()).filter(|other| candidates.root_of(*other).is_some_and(|(by, _)| by == place));
    let explained: BTreeSet<u32> = effects.map(|effect| candidates.all[effect].node).collect();
    let explained: Vec<&str> = explained.into_iter().filter_map(|node| view.node(node)).map(|node| node.id).collect();
    match explained[..] {
        [] => {}
        [one] => parts.push(format!("explains {one}")),
        [one, other] => parts.push(format!("explains {one} and {other}")),
        [one, other, ..] => parts.push(format!("explains {one}, {other} and {} more", explained.len() - 2)),
    }
    if let Some((by, how_well)) = candidates.root_of(place) {
        let by = name(view, &candidates.all[by]);
        parts.push(format!("{} of it is explained by {by}", lagdoctor_sdk::words::percent(how_well)));
    }
    match unseen {
        [] => {}
        [one] => parts.push(format!("nothing is measured on {}, which could explain it", one.id)),
        [one, other] => {
            parts.push(format!("nothing is measured on {} and {}, which could explain it", one.id, other.id))
        }
        [one, other, ..] => parts.push(format!(
            "nothing is measured on {}, {} and {} more, which could explain it",
            one.id,
            other.id,
            unseen.len() - 2
        )),
    }
    parts.join("; ")
}

fn name(view: &View<'_>, candidate: &Candidate) -> String {
    let node = view.node(candidate.node).map_or("?", |node| node.id);
    if candidate.class.is_empty() { node.to_owned() } else { format!("{node} ({})", candidate.class) }
}

fn why_not(
    view: &View<'_>,
    candidates: &Candidates,
    candidate: &Candidate,
    root: Option<(usize, f64)>,
    heavier: Option<&Candidate>,
) -> String {
    if let Some((by, _)) = root {
        let cause = &candidates.all[by];
        let order = match candidate.onset_ms.zip(cause.onset_ms) {
            Some((effect, cause)) if cause < effect => {
                format!(", which began {} earlier", seconds((effect - cause) as f64 / 1_000.0))
            }
            Some(_) => ", which began at the same time".to_owned(),
            None => String::new(),
        };
        return format!("explained by {}{order}", name(view, cause));
    }
    if let Some(heavier) = heavier.filter(|heavier| !heavier.class.is_empty()) {
        return format!("{} fits what is seen here better", heavier.class);
    }
    if candidate.is_late {
        return "it began after the symptom".to_owned();
    }
    "there is too little to speak for it".to_owned()
}

/// Loud findings on nodes that the symptom does not depend on.
fn off_path(findings: &[Finding], reach: &Reach) -> Vec<Dismissal> {
    let loud = |finding: &&Finding| finding.score >= LOUD && reach.strength(finding.node) == 0.0;
    let mut by_node: Vec<Dismissal> = vec![];
    for (handle, finding) in (0..).zip(findings).filter(|(_, finding)| loud(finding)) {
        let known = by_node.iter_mut().find(|known| known.node == finding.node && known.class == finding.class);
        match known {
            Some(known) => known.findings.push(handle),
            None => {
                let because = "unusual, but the symptom does not depend on it";
                by_node.push(Dismissal::new(finding.node, &finding.class, vec![handle], because));
            }
        }
    }
    by_node
}

/// What was looked at and found normal: the finding says so itself.
fn looked_normal(findings: &[Finding], reach: &Reach, settled: &BTreeSet<(u32, String)>) -> Vec<Dismissal> {
    let mut dismissed: Vec<Dismissal> = vec![];
    let mut known: BTreeSet<(u32, &str)> = BTreeSet::new();
    for (handle, finding) in (0..).zip(findings) {
        let is_normal = finding.score <= NORMAL && !finding.class.is_empty() && reach.strength(finding.node) > 0.0;
        let is_new = !settled.contains(&(finding.node, finding.class.clone()));
        if is_normal && is_new && known.insert((finding.node, finding.class.as_str())) {
            dismissed.push(Dismissal::new(finding.node, &finding.class, vec![handle], finding.statement.clone()));
        }
    }
    dismissed
}
