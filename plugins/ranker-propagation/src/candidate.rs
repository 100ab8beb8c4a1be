//! Who could be at fault? Findings are gathered by node and class and weighed by themselves: how much they say, whether they
//! came in time, and whether trouble there shows on the symptom at all.

use std::collections::BTreeMap;

use lagdoctor_sdk::{Finding, Symptom, View, ramp};

use crate::walk::Reach;
use crate::{Config, NORMAL, TELLING};

/// How well one must explain another for it to matter.
pub(crate) const EXPLAINS: f64 = 0.3;
/// What corroboration by a finding without a class counts.
const CORROBORATES: f64 = 0.3;
/// What a class counts that another finding on the same node speaks against.
const CONTRADICTED: f64 = 0.7;
/// What a candidate counts whose beginning is not known.
const UNTIMED: f64 = 0.8;
/// Time over which a late candidate loses its weight.
const LATE_MS: f64 = 240_000.0;
/// Distance of readings where the batch has none.
const USUAL_STEP_MS: i64 = 15_000;

/// How often a class is a cause when it is seen. Most of these follow from something slower: a poll times out because a
/// batch took long, a group rebalances because a member timed out.
fn prior(class: &str) -> f64 {
    match class {
        "consumer.poll-timeout" | "group.rebalance-storm" => 0.6,
        "group.commit-failure" | "broker.down" => 0.75,
        "consumer.too-few" | "threads.exhausted" | "retry.storm" => 0.8,
        "consumer.slow-code" | "consumer.stuck" => 0.9,
        _ => 1.0,
    }
}

/// Whether a class is mostly an effect of something else.
fn is_effect(class: &str) -> bool {
    class.is_empty() || class.starts_with("pool.") || prior(class) < 1.0
}

/// One node and class that findings speak for.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) node: u32,
    pub(crate) class: String,
    /// Findings that speak for it, the weightiest first.
    pub(crate) findings: Vec<u32>,
    pub(crate) onset_ms: Option<i64>,
    /// By itself.
    pub(crate) base: f64,
    /// After what explains it was taken away.
    pub(crate) weight: f64,
    /// What explains it best, by its place among the candidates, and how well.
    pub(crate) explained_by: Option<(usize, f64)>,
    /// Whether it began after the symptom.
    pub(crate) is_late: bool,
}

impl Candidate {
    /// Whether it is mostly an effect of something else, so that what is not measured might explain it.
    pub(crate) fn is_effect(&self) -> bool {
        is_effect(&self.class)
    }
}

/// All candidates, and what is needed to compare them.
pub(crate) struct Candidates {
    pub(crate) all: Vec<Candidate>,
    /// Time by which an effect may be seen before its cause.
    pub(crate) slack_ms: i64,
    pub(crate) symptom: Symptom,
}

impl Candidates {
    /// What explains this candidate and is not itself explained, following explanations down; with how well the first of
    /// them explains it. `None` when nothing does to any extent that matters.
    pub(crate) fn root_of(&self, place: usize) -> Option<(usize, f64)> {
        let next = |place: usize| self.all[place].explained_by.filter(|(_, how_well)| *how_well >= EXPLAINS);
        let (mut root, how_well) = next(place)?;
        // Explanations lie below or before what they explain; the bound only guards against a circle of equals.
        for _ in 0..self.all.len() {
            match next(root) {
                Some((deeper, _)) if deeper != place => root = deeper,
                _ => break,
            }
        }
        Some((root, how_well))
    }

    /// Gathers the findings on nodes that the symptom depends on.
    pub(crate) fn gather(
        config: &Config,
        view: &View<'_>,
        findings: &[Finding],
        symptom: &Symptom,
        reach: &Reach,
    ) -> Self {
        let mut by_class: BTreeMap<(u32, &str), Vec<(u32, &Finding)>> = BTreeMap::new();
        for (handle, finding) in (0..).zip(findings) {
            if finding.score > NORMAL && reach.strength(finding.node) > 0.0 {
                by_class.entry((finding.node, finding.class.as_str())).or_default().push((handle, finding));
            }
        }
        let unusual = |node: u32| by_class.iter().any(|((other, _), _)| *other == node);
        let slack_ms = (step_ms(view) as f64 * config.slack_steps) as i64;
        let mut all = vec![];
        for ((node, class), found) in &by_class {
            // The symptom's own unusual numbers are the symptom, where it is a group's.
            if class.is_empty() && !view.may_cause(symptom, *node) {
                continue;
            }
            let mut found = found.clone();
            found.sort_by(|(a, one), (b, other)| other.score.total_cmp(&one.score).then(a.cmp(b)));
            let mut support = joint(&found);
            if !class.is_empty() {
                let without_class = by_class.get(&(*node, "")).map_or(0.0, |others| joint(others));
                support = 1.0 - (1.0 - support) * (1.0 - CORROBORATES * without_class);
                let against =
                    |finding: &&Finding| finding.node == *node && finding.class == *class && finding.score <= NORMAL;
                if findings.iter().any(|finding| against(&finding)) {
                    support *= CONTRADICTED;
                }
            }
            if !class.is_empty() && is_effect(class) {
                support = 1.0 - (1.0 - support) * (1.0 - config.cleared * cleared(view, findings, *node));
            }
            if support < config.considered {
                continue;
            }
            let onset_ms = found.iter().find_map(|(_, finding)| finding.onset_ms);
            let late_ms = onset_ms.map_or(0, |onset| onset - symptom.onset_ms - slack_ms).max(0);
            let in_time = match onset_ms {
                None => UNTIMED,
                Some(_) => 1.0 - (1.0 - config.too_late) * ramp(late_ms as f64, 0.0, LATE_MS),
            };
            let named = if class.is_empty() { config.unnamed } else { 1.0 };
            let on_path = if path_is_silent(view, reach, *node, unusual) { config.silent_path } else { 1.0 };
            let base = support * named * prior(class) * in_time * reach.strength(*node) * on_path;
            all.push(Candidate {
                node: *node,
                class: (*class).to_owned(),
                findings: found.iter().map(|(handle, _)| *handle).collect(),
                onset_ms,
                base,
                weight: base,
                explained_by: None,
                is_late: late_ms > 0,
            });
        }
        Self { all, slack_ms, symptom: symptom.clone() }
    }
}

/// Which share of what lies below, and could explain this node, was looked at and found normal. An instance of many that
/// is unusual spoils the rest: there is something to explain it.
fn cleared(view: &View<'_>, findings: &[Finding], node: u32) -> f64 {
    let Some(node) = view.node(node) else { return 0.0 };
    let below = Reach::from(view, node);
    let (mut telling, mut normal) = (0_u32, 0_u32);
    for below in below.nodes().filter(|below| *below != node.handle).filter_map(|below| view.node(below)) {
        if !TELLING.contains(&below.kind) {
            continue;
        }
        telling += 1;
        let mut said =
            findings.iter().filter(|finding| finding.node == below.handle && finding.signal != "log").peekable();
        normal += u32::from(said.peek().is_some() && said.all(|finding| finding.score <= NORMAL));
    }
    if telling == 0 { 0.0 } else { f64::from(normal) / f64::from(telling) }
}

/// How much findings of one kind say together. Those of one signal are one witness, not several.
fn joint(found: &[(u32, &Finding)]) -> f64 {
    let mut by_signal: BTreeMap<&str, f64> = BTreeMap::new();
    for (_, finding) in found {
        let best = by_signal.entry(finding.signal.as_str()).or_default();
        *best = best.max(finding.score);
    }
    1.0 - by_signal.values().map(|score| 1.0 - score).product::<f64>()
}

/// Whether something is measured between the symptom and this node, and all of it is as usual.
fn path_is_silent(view: &View<'_>, reach: &Reach, node: u32, unusual: impl Fn(u32) -> bool) -> bool {
    let path = reach.path(node);
    let between = path.get(1..path.len().saturating_sub(1)).unwrap_or(&[]);
    let mut measured =
        between.iter().filter_map(|node| view.node(*node)).filter(|node| view.is_observed(*node)).peekable();
    measured.peek().is_some()
        && measured.all(|node| !unusual(node.handle))
        && !between.iter().any(|node| unusual(*node))
}

/// The distance of readings that most series have.
fn step_ms(view: &View<'_>) -> i64 {
    let mut steps: Vec<i64> = view.all_series().map(|series| series.step_ms).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(USUAL_STEP_MS)
}
