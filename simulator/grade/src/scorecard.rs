//! Grades of many runs, added up: for each scenario and in all.

use std::collections::BTreeMap;
use std::fmt::Write;

use lagdoctor_model::Gap;
use serde::Serialize;

use crate::Graded;

/// One graded run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The scenario.
    pub scenario: String,
    /// What `lagdoctor simulate` calls it, as a shell reads it: the same name, or a file.
    pub source: String,
    /// Its draw.
    pub seed: u64,
    /// Whether something was broken.
    pub incident: bool,
    /// The grade of the plugins.
    pub grade: Graded,
    /// What they said, in one line.
    pub said: String,
    /// What was so, in one line.
    pub truth: String,
    /// The plugins that failed, with how. What they would have said is missing from the grade.
    pub failures: Vec<Gap>,
    /// The grade of the naive rival, which blames the largest z-score.
    pub rival: Graded,
    /// From signals to verdict, in milliseconds.
    pub took_ms: f64,
}

/// Shares of right answers over runs with an incident, from 0 to 1; `None` where there was no such run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Grade {
    /// How many runs.
    pub n: usize,
    /// Right node first.
    pub ac1: Option<f64>,
    /// Right node among the first three.
    pub ac3: Option<f64>,
    /// Right node and class first.
    pub exact1: Option<f64>,
    /// Right node first, by the naive rival.
    pub rival_ac1: Option<f64>,
    /// A known decoy first.
    pub decoy_blame: Option<f64>,
    /// Incidents on which it abstained.
    pub abstention: Option<f64>,
    /// Fault-free runs in which it saw an incident.
    pub false_alarms: Option<f64>,
    /// From signals to verdict, the median, in milliseconds.
    pub ms_per_diagnosis: Option<f64>,
}

/// A scenario with its grade.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// Its grade.
    #[serde(flatten)]
    pub grade: Grade,
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

/// Graded runs.
#[derive(Clone, Debug, Default)]
pub struct Scorecard {
    runs: Vec<Run>,
    flags: String,
}

impl Scorecard {
    /// A scorecard whose wrong runs are repeated with these flags of `lagdoctor diagnose` besides.
    #[must_use]
    pub fn repeated_with(flags: String) -> Self {
        Self { flags, ..Self::default() }
    }

    /// The plugins that failed, by name.
    pub fn failing(&self) -> Vec<Failing> {
        let mut failing: BTreeMap<&str, Failing> = BTreeMap::new();
        for run in &self.runs {
            let plugins: BTreeMap<&str, &Gap> = run.failures.iter().rev().map(|gap| (&*gap.source, gap)).collect();
            for (plugin, gap) in plugins {
                let first = || Failing { plugin: plugin.to_owned(), runs: 0, first: gap.statement.clone() };
                failing.entry(plugin).or_insert_with(first).runs += 1;
            }
        }
        failing.into_values().collect()
    }

    /// Adds a run.
    pub fn add(&mut self, run: Run) {
        self.runs.push(run);
    }

    /// All runs, in the order in which they were added.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The grade over all runs.
    pub fn overall(&self) -> Grade {
        grade(&self.runs.iter().collect::<Vec<_>>())
    }

    /// The grade of each scenario, in order of their names.
    pub fn rows(&self) -> Vec<Row> {
        let mut scenarios: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
        for run in &self.runs {
            scenarios.entry(&run.scenario).or_default().push(run);
        }
        scenarios
            .into_iter()
            .map(|(scenario, runs)| Row { scenario: scenario.to_owned(), grade: grade(&runs) })
            .collect()
    }

    /// For people: a table, and every run that went wrong with the command that repeats it.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{:20} {:>4} {:>7} {:>7} {:>11} {:>10} {:>8} {:>8} {:>8}\n",
            "scenario", "runs", "AC@1", "AC@3", "node+class", "largest-z", "abstain", "alarms", "ms"
        );
        let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.2}"));
        let mut line = |name: &str, grade: &Grade| {
            let ms = grade.ms_per_diagnosis.map_or("-".to_owned(), |ms| format!("{ms:.0}"));
            let _ = writeln!(
                text,
                "{name:20} {:>4} {:>7} {:>7} {:>11} {:>10} {:>8} {:>8} {ms:>8}",
                grade.n,
                share(grade.ac1),
                share(grade.ac3),
                share(grade.exact1),
                share(grade.rival_ac1),
                share(grade.abstention),
                share(grade.false_alarms),
            );
        };
        for row in self.rows() {
            line(&row.scenario, &row.grade);
        }
        line("all", &self.overall());
        text += "\nAC@k: right node among the first k causes, of runs with an incident. node+class: right node and right class first.\n\
                 largest-z: AC@1 of the naive rival, the node with the largest z-score; a process counts as its JVM.\n\
                 abstain: no cause named. alarms: fault-free runs with an incident reported. ms: median of one diagnosis.\n\
                 The built-in scenarios are what the bundled plugins were made with; grade on others with --scenarios.\n";
        for run in self.runs.iter().filter(|run| !run.is_right()) {
            let Run { scenario, source, seed, said, truth, .. } = run;
            let flags = &self.flags;
            let _ = write!(
                text,
                "\nwrong: {scenario} with seed {seed}\n  said:  {said}\n  truth: {truth}\n  again: lagdoctor simulate {source} --seed {seed} --out incident && lagdoctor diagnose --bundle incident{flags}\n"
            );
        }
        for Failing { plugin, runs, first } in self.failing() {
            let of = self.runs.len();
            let _ = write!(
                text,
                "\nfailed: {plugin} in {runs} of {of} runs, so that this is what the others are worth\n  first: {first}\n"
            );
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> String {
        let runs: Vec<_> = self
            .runs
            .iter()
            .map(|run| {
                serde_json::json!({
                    "scenario": run.scenario, "seed": run.seed, "incident": run.incident, "right": run.is_right(),
                    "rank": run.grade.rank, "exact": run.grade.exact, "abstained": run.grade.abstained,
                    "rival_rank": run.rival.rank, "said": run.said, "truth": run.truth,
                })
            })
            .collect();
        let document = serde_json::json!({
            "schema": 1, "overall": self.overall(), "scenarios": self.rows(), "failing": self.failing(), "runs": runs,
        });
        serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
    }
}

impl Run {
    /// Whether the verdict fits and, of an incident, the right node and class come first.
    pub fn is_right(&self) -> bool {
        self.grade.verdict_fits && (self.grade.exact || !self.incident)
    }
}

fn grade(runs: &[&Run]) -> Grade {
    let share = |among: &dyn Fn(&Run) -> bool, of: &dyn Fn(&Run) -> bool| {
        let all: Vec<&&Run> = runs.iter().filter(|run| among(run)).collect();
        let right = all.iter().filter(|run| of(run)).count();
        (!all.is_empty()).then(|| right as f64 / all.len() as f64)
    };
    let broken = |run: &Run| run.incident;
    let mut times: Vec<f64> = runs.iter().map(|run| run.took_ms).collect();
    times.sort_by(f64::total_cmp);
    Grade {
        n: runs.len(),
        ac1: share(&broken, &|run| run.grade.rank == Some(1)),
        ac3: share(&broken, &|run| run.grade.rank.is_some_and(|rank| rank <= 3)),
        exact1: share(&broken, &|run| run.grade.exact),
        rival_ac1: share(&broken, &|run| run.rival.rank == Some(1)),
        decoy_blame: share(&broken, &|run| run.grade.decoy),
        abstention: share(&broken, &|run| run.grade.abstained),
        false_alarms: share(&|run| !run.incident, &|run| !run.grade.verdict_fits),
        ms_per_diagnosis: times.get(times.len() / 2).copied(),
    }
}

#[cfg(test)]
mod tests {
    use lagdoctor_model::GapCause;

    use super::*;

    fn run(seed: u64, failures: &[&str]) -> Run {
        let grade = Graded { verdict_fits: true, rank: Some(1), exact: seed == 1, decoy: false, abstained: false };
        let gap = |source: &&str| Gap {
            source: (*source).to_owned(),
            cause: GapCause::PluginFailed,
            node: None,
            statement: format!("{source} panicked with seed {seed}"),
        };
        Run {
            scenario: "hot-key".to_owned(),
            source: "hot-key".to_owned(),
            seed,
            incident: true,
            grade,
            said: "nobody".to_owned(),
            truth: "partition:orders/3 (kafka.hot-partition)".to_owned(),
            failures: failures.iter().map(gap).collect(),
            rival: grade,
            took_ms: 1.0,
        }
    }

    #[test]
    fn a_plugin_that_failed_is_named_beside_the_grade_to_which_it_gave_nothing() {
        let mut scorecard = Scorecard::repeated_with(" --plugin mine.wasm".to_owned());
        scorecard.add(run(1, &["mine", "mine"]));
        scorecard.add(run(2, &["mine", "yours"]));
        scorecard.add(run(3, &[]));
        let failing: Vec<_> = scorecard.failing().into_iter().map(|failing| (failing.plugin, failing.runs)).collect();
        assert_eq!(failing, [("mine".to_owned(), 2), ("yours".to_owned(), 1)]);
        let text = scorecard.text();
        assert!(text.contains("failed: mine in 2 of 3 runs"), "{text}");
        assert!(text.contains("first: mine panicked with seed 1"), "{text}");
        assert!(scorecard.json().contains("\"failing\""));
    }

    #[test]
    fn a_wrong_run_is_told_with_the_truth_and_repeated_with_the_same_plugins() {
        let mut scorecard = Scorecard::repeated_with(" --plugin mine.wasm".to_owned());
        scorecard.add(Run { source: "'my scenarios/hot.toml'".to_owned(), ..run(2, &[]) });
        let text = scorecard.text();
        assert!(text.contains("again: lagdoctor simulate 'my scenarios/hot.toml' --seed 2 "), "{text}");
        assert!(text.contains("truth: partition:orders/3 (kafka.hot-partition)"), "{text}");
        assert!(text.contains("lagdoctor diagnose --bundle incident --plugin mine.wasm\n"), "{text}");
    }
}
