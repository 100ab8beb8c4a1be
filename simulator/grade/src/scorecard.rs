//! Grades of many runs, added up: for each contender, family and scenario, and in all.

use std::collections::BTreeMap;

use lagdoctor_model::{Diagnosis, Gap, Verdict};
use serde::Serialize;

use crate::exam::Sat;
use crate::forecast::Forecasted;
use crate::graded::Graded;
use crate::interval::Estimate;
use crate::measure::waiting::Wait;
use crate::measure::{MEASURES, Measure};
use crate::robust::Curve;

/// One graded run of one contender. Times are seconds since the run began.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The scenario.
    pub scenario: String,
    /// What `lagdoctor simulate` calls it, as a shell reads it: the same name, or a file; of a recorded incident its bundle.
    pub source: String,
    /// Whether it was recorded, and not simulated.
    pub recorded: bool,
    /// Scenarios that are alike.
    pub family: String,
    /// Its draw; 0 for a recorded incident.
    pub seed: u64,
    /// Hash of all that was seen in it: what another simulator or scenario would have made differs.
    pub run_hash: u64,
    /// Whether something was broken.
    pub incident: bool,
    /// Node and class of the first thing that broke; no class where only the place is known.
    pub root: Option<(String, Option<String>)>,
    /// Whether it is known whom a hasty diagnosis blames: of a recorded incident mostly not.
    pub has_decoys: bool,
    /// When it broke.
    pub onset_s: Option<f64>,
    /// When it began to hurt.
    pub impact_s: Option<f64>,
    /// The grade of the last verdict.
    pub grade: Graded,
    /// The grade of the newest verdict that was there three minutes after the impact; `None` where there is none to have,
    /// or the contender was asked at the end alone.
    pub early: Option<Graded>,
    /// What the last verdict said, in one line.
    pub said: String,
    /// What was so, in one line.
    pub truth: String,
    /// What watching showed; `None` where the contender was asked at the end alone.
    pub watched: Option<Watched>,
    /// Every verdict, in order of time.
    pub spoken: Vec<Spoken>,
    /// Backlog of the group that fell furthest behind, by minute, or else what was the symptom; `None` where it was not read.
    /// Empty where the contender was asked at the end alone.
    pub backlog: Vec<Option<f64>>,
    /// How the forecast fared.
    pub forecast: Option<Forecasted>,
    /// The plugins that failed, with how. What they would have said is missing from the grade.
    pub failures: Vec<Gap>,
    /// What each plugin answered, in all verdicts together: findings, causes, forecasts.
    pub heard: BTreeMap<String, usize>,
    /// From signals to verdict, the median of the run, in milliseconds.
    pub took_ms: f64,
}

/// What watching a run showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watched {
    /// From impact to alarm; `None` where nothing broke.
    pub detected: Option<Wait>,
    /// From impact to the first of verdicts that are right from then on; `None` where nothing broke.
    pub right: Option<Wait>,
    /// How often the first cause changed.
    pub flaps: usize,
    /// Incidents that opened while nothing was wrong.
    pub false_alarms: usize,
    /// Hours that were watched while nothing was wrong.
    pub fault_free_h: f64,
}

/// One verdict of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spoken {
    /// Seconds since the run began.
    pub at_s: f64,
    /// `cause`, `no-incident` or `insufficient-evidence`.
    pub verdict: Verdict,
    /// The first cause.
    pub node: Option<String>,
    /// Its class.
    pub class: Option<String>,
    /// How sure, from 0 to 1.
    pub confidence: Option<f64>,
    /// Whether it is the right node.
    pub right: bool,
}

impl Spoken {
    pub(crate) fn new(at_s: f64, diagnosis: &Diagnosis, graded: &Graded) -> Self {
        let first = graded.first.as_ref();
        Self {
            at_s,
            verdict: diagnosis.verdict,
            node: first.map(|first| first.node.to_string()),
            class: first.and_then(|first| first.class.as_ref()).map(ToString::to_string),
            confidence: first.map(|first| first.confidence),
            right: graded.is_right_first(),
        }
    }
}

/// A plugin that failed in some runs: the grade is then that of the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failing {
    /// The plugin.
    pub plugin: String,
    /// In how many runs.
    pub runs: usize,
    /// How, the first time.
    pub first: String,
}

/// What one plugin is worth among the others: the same runs with it and without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Worth {
    /// The plugin.
    pub plugin: String,
    /// What it answered, in all verdicts of all runs.
    pub findings: usize,
    /// Runs in which it answered anything.
    pub heard: usize,
    /// Runs whose last verdict is another without it: another word, node or class.
    pub changed: usize,
    /// Of these, those that only with it are right.
    pub better: usize,
    /// Of these, those that only without it are right.
    pub worse: usize,
}

/// Runs of something, with every figure that they have.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What of: a family, a scenario, a contender.
    pub name: String,
    /// How many runs.
    pub n: usize,
    /// The figures, in the order of [`MEASURES`].
    pub figures: Vec<Option<Estimate>>,
    /// From signals to verdict, the median, in milliseconds. It says something about the machine, too.
    pub ms: Option<f64>,
}

impl Row {
    /// The figure of this name.
    pub fn figure(&self, name: &str) -> Option<Estimate> {
        let place = MEASURES.iter().position(|measure| measure.name == name)?;
        self.figures.get(place).copied().flatten()
    }

    pub(crate) fn of(name: &str, runs: &[&Run]) -> Self {
        let families = by(runs, |run| &run.family).into_values().collect::<Vec<_>>();
        let mut times: Vec<f64> = runs.iter().map(|run| run.took_ms).collect();
        times.sort_by(f64::total_cmp);
        Self {
            name: name.to_owned(),
            n: runs.len(),
            figures: MEASURES.iter().map(|measure| measure.estimate(&families)).collect(),
            ms: times.get(times.len() / 2).copied(),
        }
    }
}

/// Runs by a word.
pub(crate) fn by<'r>(runs: &[&'r Run], word: impl Fn(&'r Run) -> &'r str) -> BTreeMap<&'r str, Vec<&'r Run>> {
    let mut groups: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        groups.entry(word(run)).or_default().push(run);
    }
    groups
}

impl Worth {
    fn of(plugin: &str, with: &[Run], without: &[Run]) -> Self {
        let answers = |run: &Run| run.heard.get(plugin).copied().unwrap_or_default();
        let pairs = || with.iter().zip(without);
        let is_other = |(a, b): &(&Run, &Run)| a.last() != b.last();
        let count = |wanted: fn(bool, bool) -> bool| {
            pairs().filter(is_other).filter(|(a, b)| wanted(a.is_right(), b.is_right())).count()
        };
        Self {
            plugin: plugin.to_owned(),
            findings: with.iter().map(answers).sum(),
            heard: with.iter().filter(|run| answers(run) > 0).count(),
            changed: pairs().filter(is_other).count(),
            better: count(|with, without| with && !without),
            worse: count(|with, without| without && !with),
        }
    }
}

/// Names of contenders that lack a plugin begin with this.
const LACKING: &str = "without ";

/// Graded runs of one or more contenders. Invariants: all contenders have the same runs in the same order; all runs are
/// simulated, or all are recorded, so that no figure is of both.
#[derive(Clone, Debug, Default)]
pub struct Scorecard {
    contenders: Vec<(String, Vec<Run>)>,
    void: Vec<(String, u64)>,
    flags: String,
    recorded: bool,
    pack: Option<String>,
    curves: Vec<Curve>,
    /// What one diagnosis may hold in memory: the most that each plugin of the first contender used, added up.
    pub(crate) bytes: Option<usize>,
}

impl Scorecard {
    /// A scorecard of these contenders, whose wrong runs are repeated with these flags of `lagdoctor diagnose` besides.
    #[must_use]
    pub fn of(contenders: Vec<String>, flags: String) -> Self {
        let contenders = contenders.into_iter().map(|name| (name, vec![])).collect();
        Self { contenders, flags, ..Self::default() }
    }

    /// The same for incidents that were recorded.
    #[must_use]
    pub fn of_recorded(contenders: Vec<String>, flags: String) -> Self {
        Self { recorded: true, ..Self::of(contenders, flags) }
    }

    /// Whether these are incidents that were recorded, and not simulated.
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// Says what the scenarios are called together, such as `builtin:public@1`; nothing where there are none.
    pub fn note_pack(&mut self, pack: Option<String>) {
        self.pack = pack;
    }

    /// What the scenarios are called together; `None` where nobody said it, and of recorded incidents.
    pub fn pack(&self) -> Option<&str> {
        self.pack.as_deref()
    }

    /// Says what becomes of the grades where less is seen.
    pub fn note_curves(&mut self, curves: Vec<Curve>) {
        self.curves = curves;
    }

    /// What becomes of the grades where less is seen; empty where nobody asked.
    pub fn curves(&self) -> &[Curve] {
        &self.curves
    }

    /// Says how much memory one diagnosis takes at most.
    pub fn note_bytes(&mut self, bytes: usize) {
        self.bytes = Some(bytes);
    }

    /// Adds what came of a question about this scenario.
    pub fn add(&mut self, scenario: &str, sat: Sat) {
        self.void.extend(sat.void.into_iter().map(|seed| (scenario.to_owned(), seed)));
        for ((_, runs), run) in
            self.contenders.iter_mut().zip(sat.runs).filter(|(_, run)| run.recorded == self.recorded)
        {
            runs.push(run);
        }
    }

    /// Takes these runs as those of the first contender.
    pub(crate) fn take(&mut self, runs: &[Run]) {
        if let Some((_, own)) = self.contenders.first_mut() {
            own.extend_from_slice(runs);
        }
    }

    /// All runs of the first contender, in the order in which they were added.
    pub fn runs(&self) -> &[Run] {
        self.contenders.first().map_or(&[], |(_, runs)| runs)
    }

    /// All contenders with their runs; the first is what is graded.
    pub fn contenders(&self) -> impl Iterator<Item = (&str, &[Run])> {
        self.contenders.iter().map(|(name, runs)| (name.as_str(), runs.as_slice()))
    }

    /// The runs of a contender.
    pub fn runs_of(&self, contender: &str) -> Option<&[Run]> {
        self.contenders().find(|(name, _)| *name == contender).map(|(_, runs)| runs)
    }

    /// Runs whose fault moved nothing that hurts, and that were replaced: scenario and seed.
    pub fn void(&self) -> &[(String, u64)] {
        &self.void
    }

    /// Flags of `lagdoctor diagnose` with which a run is repeated.
    pub(crate) fn flags(&self) -> &str {
        &self.flags
    }

    /// The plugins that failed, by name.
    pub fn failing(&self) -> Vec<Failing> {
        let mut failing: BTreeMap<&str, Failing> = BTreeMap::new();
        for run in self.runs() {
            let plugins: BTreeMap<&str, &Gap> = run.failures.iter().rev().map(|gap| (&*gap.source, gap)).collect();
            for (plugin, gap) in plugins {
                let first = || Failing { plugin: plugin.to_owned(), runs: 0, first: gap.statement.clone() };
                failing.entry(plugin).or_insert_with(first).runs += 1;
            }
        }
        failing.into_values().collect()
    }

    /// What a contender is called that lacks this plugin, and is otherwise what is graded.
    #[must_use]
    pub fn lacking(plugin: &str) -> String {
        format!("{LACKING}{plugin}")
    }

    /// What the plugins are worth without which somebody was asked, too.
    pub fn worth(&self) -> Vec<Worth> {
        let lacking = self.contenders().filter_map(|(name, runs)| Some((name.strip_prefix(LACKING)?, runs)));
        lacking.map(|(plugin, without)| Worth::of(plugin, self.runs(), without)).collect()
    }

    /// The grade over all runs.
    pub fn overall(&self) -> Row {
        Row::of("all", &self.runs().iter().collect::<Vec<_>>())
    }

    /// The grade of each scenario, in order of their names.
    pub fn scenarios(&self) -> Vec<Row> {
        rows(self.runs(), |run| &run.scenario)
    }

    /// The grade of each family, in order of their names.
    pub fn families(&self) -> Vec<Row> {
        rows(self.runs(), |run| &run.family)
    }

    /// Each contender over all runs, the best first.
    pub fn leaderboard(&self) -> Vec<Row> {
        let mut rows: Vec<Row> =
            self.contenders().map(|(name, runs)| Row::of(name, &runs.iter().collect::<Vec<_>>())).collect();
        let first = |row: &Row| row.figure("ac1").map_or(-1.0, |ac1| ac1.value);
        let next = |row: &Row| row.figure("mrr").map_or(-1.0, |mrr| mrr.value);
        rows.sort_by(|a, b| first(b).total_cmp(&first(a)).then(next(b).total_cmp(&next(a))));
        rows
    }

    /// In how many of how many families with an incident a contender's AC@1 is below a limit.
    pub fn families_below(&self, contender: &str, limit: f64) -> Option<(usize, usize)> {
        let ac1 = Measure::named("ac1")?;
        let runs: Vec<&Run> = self.runs_of(contender)?.iter().collect();
        let values: Vec<f64> = by(&runs, |run| &run.family).into_values().filter_map(|runs| ac1.value(&runs)).collect();
        Some((values.iter().filter(|value| **value < limit).count(), values.len()))
    }
}

fn rows(runs: &[Run], word: impl Fn(&Run) -> &str + Copy) -> Vec<Row> {
    by(&runs.iter().collect::<Vec<_>>(), word).into_iter().map(|(name, runs)| Row::of(name, &runs)).collect()
}

impl Run {
    /// Whether the verdict fits and, of an incident, the right node and class come first.
    pub fn is_right(&self) -> bool {
        let is_there = || self.grade.exact.unwrap_or_else(|| self.grade.is_right_first());
        self.grade.verdict_fits && (!self.incident || is_there())
    }

    /// Which run, as people say it: `hot-key with seed 3`; a recorded incident has its name alone.
    pub fn title(&self) -> String {
        match self.recorded {
            true => self.scenario.clone(),
            false => format!("{} with seed {}", self.scenario, self.seed),
        }
    }

    /// What the last verdict comes to: a word, a node, a class.
    fn last(&self) -> Option<(Verdict, Option<&str>, Option<&str>)> {
        let said = self.spoken.last()?;
        Some((said.verdict, said.node.as_deref(), said.class.as_deref()))
    }

    /// AC@k of the last verdict; `None` where nothing broke.
    pub fn accuracy(&self, k: usize) -> Option<f64> {
        self.grade.accuracy.get(k - 1).copied().filter(|_| self.incident)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A run of an incident whose root is at this place.
    pub(crate) fn run(family: &str, seed: u64, rank: Option<usize>) -> Run {
        let accuracy = std::array::from_fn(|place| f64::from(u8::from(rank.is_some_and(|rank| rank <= place + 1))));
        let reciprocal = rank.map_or(0.0, |rank| 1.0 / rank as f64);
        let grade = Graded {
            verdict_fits: true,
            rank,
            exact: Some(rank == Some(1)),
            accuracy,
            reciprocal,
            ..Graded::default()
        };
        Run {
            scenario: format!("{family}-s"),
            source: format!("{family}-s"),
            recorded: false,
            family: family.to_owned(),
            seed,
            run_hash: seed,
            incident: true,
            root: Some(("partition:orders/3".to_owned(), Some("load.hot-key".to_owned()))),
            has_decoys: false,
            onset_s: Some(100.0),
            impact_s: Some(120.0),
            early: Some(grade.clone()),
            grade,
            said: "nobody".to_owned(),
            truth: "partition:orders/3 (load.hot-key)".to_owned(),
            watched: None,
            spoken: vec![],
            backlog: vec![],
            forecast: None,
            failures: vec![],
            heard: BTreeMap::new(),
            took_ms: 1.0,
        }
    }
}
