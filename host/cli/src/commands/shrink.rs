//! Which little of a wrong run is it that the plugins get wrong? Makes scenarios smaller as long as they are wrong in the same
//! way, and still a fair question. Start at [`wrong`].

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use lagdoctor_grade::{Asked, Cadence, Contender, Exam, Question, Run, Sat, Scorecard, Stage, Subject, sources};
use lagdoctor_model::Verdict;
use lagdoctor_runtime::Bound;
use lagdoctor_service::Watched;
use lagdoctor_sim::{Scenario, Shrunk, shrink};
use miette::{IntoDiagnostic, Result, miette};
use tokio::runtime::Handle;

use crate::args::GradedArgs;
use crate::commands::evaluate;
use crate::host::host;
use crate::output::{Output, counted, quoted};
use crate::scenarios::{self, Named};

/// How many wrong runs are made smaller; each takes as long as some hundred runs.
const MOST: usize = 3;
/// How long after the impact a run goes on, so that a verdict can settle.
const TO_SETTLE_S: f64 = 300.0;

/// In which way a run is wrong. What is smaller must be wrong in the same way: anything fails once nothing of it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// Something is reported where nothing is wrong.
    Alarm,
    /// No cause is named.
    Silence(Verdict),
    /// The first cause is a wrong node.
    Node,
    /// The first cause is the right node with a wrong class.
    Class,
}

/// What about a wrong run must stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failure {
    wrong: Wrong,
    /// Whether somebody who sees the same run without its faults finds the cause.
    can_be_found: bool,
    /// Whether it hurts for long enough to be judged.
    is_in_time: bool,
}

impl Failure {
    /// `None` where there is no run of this seed that means anything, or it is right.
    fn of(sat: &Sat, scenario: &Scenario) -> Option<Self> {
        let [run, oracle] = sat.runs.as_slice() else { return None };
        // Another seed would be another run.
        if !sat.void.is_empty() || run.is_right() {
            return None;
        }
        let said = run.spoken.last().map(|said| said.verdict);
        let wrong = match said {
            _ if !run.incident => Wrong::Alarm,
            Some(Verdict::Cause) if run.grade.is_right_first() => Wrong::Class,
            Some(Verdict::Cause) => Wrong::Node,
            Some(verdict) => Wrong::Silence(verdict),
            None => Wrong::Silence(Verdict::NoIncident),
        };
        let left_s = scenario.duration().as_seconds() - run.impact_s.or(run.onset_s).unwrap_or_default();
        Some(Self { wrong, can_be_found: oracle.is_right(), is_in_time: left_s >= TO_SETTLE_S })
    }

    /// Whether this is the same failure, and no less fair a question.
    fn is_still(self, before: Self) -> bool {
        self.wrong == before.wrong
            && (self.can_be_found || !before.can_be_found)
            && (self.is_in_time || !before.is_in_time)
    }

    /// For people.
    fn told(self) -> &'static str {
        match self.wrong {
            Wrong::Alarm => "a false alarm",
            Wrong::Silence(_) => "no cause is named",
            Wrong::Node => "the wrong node comes first",
            Wrong::Class => "the right node comes first, with a wrong class",
        }
    }
}

/// Makes the first wrong run of each scenario smaller, and writes it to the folder; says how to have it again.
///
/// # Errors
/// When a scenario cannot be read again, or a file cannot be written.
pub async fn wrong(args: &GradedArgs, scorecard: &Scorecard, folder: &Path, tries: u32, output: &Output) -> Result<()> {
    let mut seen = BTreeSet::new();
    let all: Vec<&Run> = scorecard.runs().iter().filter(|run| !run.is_right()).collect();
    let first: Vec<&&Run> = all.iter().filter(|run| seen.insert(&run.scenario)).take(MOST).collect();
    if first.is_empty() {
        output.note("nothing to shrink: no simulated run is wrong");
        return Ok(());
    }
    let bench = Bench::new(args).await?;
    let pack = scenarios::all(args.scenarios.as_deref().unwrap_or(scenarios::PUBLIC))?.scenarios;
    for run in &first {
        let Some(named) = pack.iter().find(|named| named.name == run.scenario) else { continue };
        bench.make_smaller(named, run.seed, folder, tries, output)?;
    }
    if all.len() > first.len() {
        output.note(&format!(
            "{} of {} were shrunk; choose others with --scenarios and --seeds",
            first.len(),
            counted(all.len(), "wrong run")
        ));
    }
    Ok(())
}

/// What is graded, and where.
struct Bench {
    exam: Exam,
    stage: Arc<Stage>,
    collectors: Vec<Bound>,
    flags: String,
}

impl Bench {
    async fn new(args: &GradedArgs) -> Result<Self> {
        let stage = Arc::new(Stage::default());
        let host = host(Arc::new(Watched::new(stage.clone())), &sources())?;
        let plugins = evaluate::judges(&host, &args.plugins, &args.without).await?;
        // The last verdict decides what is wrong, and the others cost as much.
        let contenders = vec![Contender { name: evaluate::GRADED.to_owned(), plugins, asked: Asked::AtTheEnd }];
        let exam = Exam { contenders, cadence: Cadence::default(), has_oracle: true };
        let collectors = evaluate::lanes(&host, Some(1)).await?.into_iter().next().unwrap_or_default();
        Ok(Self { exam, stage, collectors, flags: evaluate::flags(args) })
    }

    /// How a run of this scenario fails, if it does.
    fn failure(&self, scenario: &Scenario, seed: u64) -> Option<Failure> {
        let question = Question {
            name: "shrunk".to_owned(),
            source: String::new(),
            subject: Subject::Simulated { scenario: Arc::new(scenario.clone()), seed },
        };
        let sat = Handle::current().block_on(self.exam.sit(&self.stage, 0, &self.collectors, &question));
        Failure::of(&sat.ok()?, scenario)
    }

    fn make_smaller(&self, named: &Named, seed: u64, folder: &Path, tries: u32, output: &Output) -> Result<()> {
        let name = &named.name;
        let bar = output.progress(tries.into(), &format!("shrinking {name} {seed}"));
        let written = scenarios::written(&named.place)?;
        let (found, before) = tokio::task::block_in_place(|| {
            let before = self.failure(&named.scenario, seed);
            let still = |scenario: &Scenario, seed| {
                bar.inc(1);
                before.zip(self.failure(scenario, seed)).is_some_and(|(before, now)| now.is_still(before))
            };
            (shrink(&written.text, seed, |used| written.used(used), tries, still), before)
        });
        bar.finish_and_clear();
        let Some((shrunk, before)) = found.into_diagnostic()?.zip(before) else {
            output.note(&format!("not shrunk: {name} with seed {seed} is right when it is asked again at its end"));
            return Ok(());
        };
        let file = folder.join(format!("{name}-{seed}.toml"));
        let path = quoted(&file.to_string_lossy());
        let again = format!("lagdoctor evaluate --scenarios {path} --seeds {seed}{}", self.flags);
        let text = format!("# What is left of {name} with seed {seed}: {}.\n# {again}\n{}", before.told(), shrunk.text);
        let write = || std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, text));
        write().map_err(|error| {
            miette!(help = "check the folder, rights and free space", "cannot write {}: {error}", file.display())
        })?;
        output.note(&told(named, seed, before, &shrunk, &again));
        Ok(())
    }
}

/// What was left out, what is left, and the command.
fn told(named: &Named, seed: u64, failure: Failure, shrunk: &Shrunk, again: &str) -> String {
    let changes = if shrunk.changes.is_empty() { "nothing".to_owned() } else { shrunk.changes.join(", ") };
    let left = |list: &str, what: &str| counted(shrunk.text.matches(list).count(), what);
    let unfair = if failure.can_be_found { "" } else { " (the oracle does not find it either)" };
    format!(
        "shrunk: {} with seed {seed}, {}{unfair}; {} tried\n  changed: {changes}\n  left:    {} and {}\n  again:   {again}",
        named.name,
        failure.told(),
        counted(shrunk.tried as usize, "smaller run"),
        left("[[fault]]", "fault"),
        left("[[node]]", "node"),
    )
}
