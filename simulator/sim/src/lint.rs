//! Is a scenario fit to grade on? It is not when its fault moves nothing, when the label can be read off something other than
//! the fault, or when its truth names what is not there. Start at [`lint`].

use std::collections::BTreeSet;

use lagdoctor_model::{NodeId, Vocabulary};

use crate::fault;
use crate::telemetry::Telemetry;
use crate::topology;
use crate::{Pair, Scenario, Simulation, Truth};

/// A verdict is graded three minutes after the impact, and once more after that.
const TO_GRADE_MS: i64 = 5 * 60_000;

/// What makes a scenario unfit, one sentence each; nothing when it is fit. Runs the pair with and without faults for each
/// seed, some tenths of a second for an hour.
///
/// ```
/// # use lagdoctor_sim::{Scenario, lint};
/// assert_eq!(lint(&Scenario::builtin("quiet").unwrap(), 1..=1), Vec::<String>::new());
/// ```
pub fn lint(scenario: &Scenario, seeds: impl IntoIterator<Item = u64>) -> Vec<String> {
    let mut remarks = vec![];
    let mut onsets = vec![];
    for seed in seeds {
        let pair = Simulation::pair(scenario, seed);
        let truth = pair.truth();
        remarks.extend(unfit(&pair, &truth).into_iter().map(|remark| format!("seed {seed}: {remark}")));
        onsets.extend(truth.onset_ms.map(|onset| onset - pair.run.start().as_millis()));
    }
    if onsets.len() > 1 && onsets.iter().collect::<BTreeSet<_>>().len() == 1 {
        remarks
            .push("the fault begins at the same moment in each run; draw it with `at = { uniform = [..] }`".to_owned());
    }
    remarks
}

impl Pair {
    /// What no run may have, of whatever scenario, one sentence each: a label that can be read off something other than the fault,
    /// a difference before the fault, a truth that names what is not there.
    pub fn unsound(&self) -> Vec<String> {
        let truth = self.truth();
        [leaks(self, &truth), names(self, &truth)].concat()
    }
}

/// The same of one run.
pub(crate) fn unfit(pair: &Pair, truth: &Truth) -> Vec<String> {
    [effect(pair, truth), leaks(pair, truth), names(pair, truth)].concat()
}

/// A fault that nobody could notice, or noticed too late to be judged, is no incident; and a quiet run must hurt nobody.
fn effect(pair: &Pair, truth: &Truth) -> Vec<String> {
    let mut remarks = vec![];
    let warm = pair.run.start().as_millis() + (pair.run.scenario.warmup * 1000.0) as i64;
    match (truth.incident, truth.impact_ms) {
        (true, None) => remarks.push("the fault moves nothing that [impact] looks at".to_owned()),
        (false, Some(_)) => {
            remarks.push("[truth] says that nobody should be woken, and [impact] is reached".to_owned())
        }
        (true, Some(impact)) if pair.run.end().as_millis() - impact < TO_GRADE_MS => {
            remarks.push("it hurts less than 5 minutes before the end, too late for a verdict to settle".to_owned());
        }
        _ => {}
    }
    let some_matter = pair.without.iter().any(|without| without.is_cause && without.matters);
    for idle in pair.without.iter().filter(|without| !without.matters && (some_matter || !without.is_cause)) {
        let role = if idle.is_cause { "cause" } else { "trigger" };
        remarks.push(format!(
            "the fault `{}` is called a {role}, and without it the impact is the same; make it matter, or call it benign",
            idle.fault
        ));
    }
    if truth.onset_ms.is_some_and(|onset| onset < warm) {
        remarks.push(
            "the fault begins before the warm-up is over, so that there is no healthy time to compare with".into(),
        );
    }
    remarks
}

/// What tells of the fault without being its effect: words, and anything that is other than without the fault before it
/// began.
fn leaks(pair: &Pair, truth: &Truth) -> Vec<String> {
    let mut remarks = vec![];
    let scenario = &*pair.run.scenario;
    let slugs = scenario.faults.iter().map(|fault| fault.kind.as_str());
    let words: BTreeSet<&str> = slugs.chain([scenario.id.as_str(), scenario.family.as_str()]).collect();
    for word in words.into_iter().filter(|word| word.contains(['.', '-'])) {
        if let Some(place) = said(pair.run.telemetry(), word) {
            remarks.push(format!("`{word}`, which only the truth should say, stands in {place}"));
        }
    }
    if let Some(onset) = truth.onset_ms
        && let Some(differs) = first_difference(pair.run.telemetry(), pair.twin.telemetry(), onset)
    {
        remarks.push(format!("{differs} is other than without the fault before the fault begins"));
    }
    remarks
}

/// Where a word can be seen.
fn said(telemetry: &Telemetry, word: &str) -> Option<String> {
    let series = telemetry.series.iter().find(|series| {
        series.name.contains(word)
            || series.labels.iter().any(|(name, value)| name.contains(word) || value.contains(word))
    });
    let line = || telemetry.records.iter().find(|record| record.message.contains(word));
    series
        .map(|series| format!("labels of {}", series.name))
        .or_else(|| line().map(|line| format!("a log line of {}", line.instance)))
}

fn first_difference(run: &Telemetry, twin: &Telemetry, onset_ms: i64) -> Option<String> {
    let before = |samples: &[(i64, f64)]| -> Vec<(i64, u64)> {
        let early = samples.iter().take_while(|(at, _)| *at < onset_ms);
        early.map(|(at, value)| (*at, value.to_bits())).collect()
    };
    for series in &run.series {
        let same = twin.named(&series.name).find(|other| other.labels == series.labels);
        let theirs = same.map(|other| before(&other.samples)).unwrap_or_default();
        if before(&series.samples) != theirs {
            return Some(format!("metric {} of {:?}", series.name, series.labels));
        }
    }
    let lines = |telemetry: &Telemetry| -> Vec<(i64, String)> {
        let early = telemetry.records.iter().filter(|record| record.seen_ms < onset_ms);
        early.map(|record| (record.at_ms, record.message.clone())).collect()
    };
    (lines(run) != lines(twin)).then(|| "the log".to_owned())
}

/// Nodes and classes of the truth that nobody could name.
fn names(pair: &Pair, truth: &Truth) -> Vec<String> {
    let mut remarks = vec![];
    let mut whole = topology::whole(&pair.run.scenario, &pair.run.cluster);
    truth.roots.iter().for_each(|root| topology::add_partition(&mut whole, &root.node));
    let is_there = |id: &str| whole.nodes().any(|node| node.id.as_str() == id);
    let vocabulary = Vocabulary::bundled();
    for root in &truth.roots {
        if !is_there(&root.node) {
            remarks.push(format!("the root `{}` is no node of this pipeline", root.node));
        }
        let kind = NodeId::new(&root.node).map(|id| id.kind().to_owned()).unwrap_or_default();
        match vocabulary.class(&root.class) {
            None => remarks.push(format!("the root's class `{}` is none of the vocabulary", root.class)),
            Some(class) if !class.nodes.contains(&kind) => remarks.push(format!(
                "`{}` is a fault of a {}, and the root is `{}`",
                root.class,
                class.nodes.join(" or a "),
                root.node
            )),
            Some(_) => {}
        }
        if root.accept.len() > 2 {
            remarks.push(format!("`{}` accepts {} other answers, two at most", root.node, root.accept.len()));
        }
    }
    for decoy in &truth.decoys {
        if !is_there(decoy) {
            remarks.push(format!("the decoy `{decoy}` is no node of this pipeline"));
        } else if truth.roots.iter().any(|root| root.node == *decoy || root.accept.contains(decoy)) {
            remarks.push(format!("the decoy `{decoy}` is a right answer"));
        }
    }
    remarks
}

/// Kinds of faults that no scenario of these is about, by their slugs.
pub fn unused_kinds<'a>(scenarios: impl IntoIterator<Item = &'a Scenario>) -> Vec<&'static str> {
    let used: BTreeSet<&str> =
        scenarios.into_iter().flat_map(|scenario| scenario.faults.iter().map(|fault| fault.kind.as_str())).collect();
    fault::names().filter(|slug| !used.contains(slug)).collect()
}
