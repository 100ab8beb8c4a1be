//! Grades the plugins on simulated and on recorded incidents, each for themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use lagdoctor_grade::{
    Asked, Cadence, Comparison, Contender, Curve, Exam, ORACLE, Question, Recording, Run, Scorecard, Stage, Subject,
    lane_sources, report, sit_all, sources,
};
use lagdoctor_runtime::{Bound, Host, Network, World};
use lagdoctor_service::config::PluginSection;
use lagdoctor_service::{Plugins, Sources, Watched, plugins};
use lagdoctor_sim::Blur;
use miette::{IntoDiagnostic, Result, miette};

use crate::args::{EvaluateArgs, GradeFormat, GradedArgs};
use crate::commands::author::component;
use crate::commands::{baseline, shrink};
use crate::host::host;
use crate::output::{self, Output, quoted};
use crate::scenarios::{self, Named, Pack};
use crate::session::{Session, bundled};

/// What is graded, in results.
pub const GRADED: &str = "plugins";
/// What it is compared with.
const OTHER: &str = "against";

/// Those that know nothing and are there to be beaten: name, scorers, ranker.
const RIVALS: [(&str, &[&str], &str); 5] = [
    ("largest-z", &["scorer-largest-z"], "ranker-largest-z"),
    ("first-anomaly", &[], "ranker-first-anomaly"),
    ("most-errors", &[], "ranker-most-errors"),
    ("farthest-anomaly", &["scorer-largest-z"], "ranker-farthest-anomaly"),
    ("class-prior", &[], "ranker-class-prior"),
];

/// Runs the command.
pub async fn run(args: EvaluateArgs, output: &Output) -> Result<ExitCode> {
    let before = args.baseline.as_deref().map(baseline::read).transpose();
    let before = match before {
        Ok(before) => before,
        Err(error) => {
            output.error(&error);
            return Ok(output::exit(output::NO_BASELINE));
        }
    };
    let Graded { scorecard, recorded, missing, .. } =
        graded(&args.graded, args.bundles.as_deref(), &args.against, Rivals::Besides, args.curves(), output).await?;
    let compared = |scorecard: &Scorecard| {
        scorecard.runs_of(OTHER).filter(|other| !other.is_empty()).map(|other| Comparison::of(other, scorecard.runs()))
    };
    let paired = compared(&scorecard);
    let recorded = recorded.map(|recorded| (compared(&recorded), recorded));
    let of_recorded = recorded.as_ref().map(|(paired, scorecard)| (scorecard, paired.as_ref()));
    let is_simulated = args.is_simulated();
    let folder = args.graded.scenarios.clone().unwrap_or_default();
    let told = |format| told((&scorecard, paired.as_ref()), of_recorded, is_simulated, format, &folder);
    for (format, file) in &args.write {
        std::fs::write(file, told(*format)).map_err(|error| {
            miette!(help = "check the folder and its rights", "cannot write {}: {error}", file.display())
        })?;
    }
    output.say(&told(args.format));
    let fails =
        !scorecard.failing().is_empty() || of_recorded.is_some_and(|(recorded, _)| !recorded.failing().is_empty());
    let mut code = if fails { output::FOUND } else { output::FINE };
    if let Some(before) = before {
        match before.judge(&scorecard, &baseline::today()?) {
            Ok(judged) => {
                output.note(&report::gate::text(&judged));
                code = if judged.passes() { code } else { output::FOUND };
            }
            Err(error) => {
                output.note(&format!("{error}; `lagdoctor baseline update` writes one of these runs"));
                return Ok(output::exit(output::NO_BASELINE));
            }
        }
    }
    if let Some(folder) = &args.shrink {
        shrink::wrong(&args.graded, &scorecard, folder, args.shrink_tries, output).await?;
    }
    for (scenario, seed) in &missing {
        output
            .note(&format!("invalid: {scenario} with seed {seed}: its fault moves nothing, with other seeds neither"));
    }
    Ok(output::exit(if missing.is_empty() { code } else { output::INVALID }))
}

/// Runs of a kind, and how they compare with those of the other side.
type Part<'a> = (&'a Scorecard, Option<&'a Comparison>);

/// A report in one format.
fn told(
    simulated: Part<'_>,
    recorded: Option<Part<'_>>,
    is_simulated: bool,
    format: GradeFormat,
    scenarios: &str,
) -> String {
    let parts: Vec<Part<'_>> = is_simulated.then_some(simulated).into_iter().chain(recorded).collect();
    let all: Vec<&Scorecard> = parts.iter().map(|(scorecard, _)| *scorecard).collect();
    match format {
        GradeFormat::Json => report::json::json(simulated.0, simulated.1, recorded),
        GradeFormat::Text => {
            let each = |(scorecard, paired): &Part<'_>| {
                report::text::text(scorecard) + &paired.map(report::paired::text).unwrap_or_default()
            };
            parts.iter().map(each).collect::<Vec<_>>().join("\n\n")
        }
        GradeFormat::Markdown => {
            let each = |(scorecard, paired): &Part<'_>| {
                let paired = paired.map(|paired| format!("\n```\n{}```\n", report::paired::text(paired)));
                report::markdown::markdown(scorecard) + &paired.unwrap_or_default()
            };
            parts.iter().map(each).collect::<Vec<_>>().join("\n")
        }
        GradeFormat::Junit => report::junit::junit(&all),
        GradeFormat::Html => report::html::html(&all),
        GradeFormat::Annotations => {
            let line_of = |scenario: &str| {
                let file = Path::new(scenarios).join(format!("{scenario}.toml"));
                let text = std::fs::read_to_string(&file).ok()?;
                let line = text.lines().position(|line| line.starts_with("[expect]")).map_or(1, |line| line + 1);
                Some((file.to_string_lossy().into_owned(), line))
            };
            all.iter().map(|scorecard| report::annotations::annotations(scorecard, line_of)).collect()
        }
    }
}

/// Whether the rivals are asked, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rivals {
    /// Besides what is graded.
    Besides,
    /// Not at all.
    None,
}

/// Whether the same runs are graded again with less of them to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curves {
    /// At each level of each kind, which takes nine times as long again.
    Drawn,
    /// Not at all.
    None,
}

/// What came of grading.
pub struct Graded {
    /// The grades of simulated runs.
    pub scorecard: Scorecard,
    /// Those of recorded incidents, where some were given.
    pub recorded: Option<Scorecard>,
    /// Scenarios and seeds of which no run could be made that means anything.
    pub missing: Vec<(String, u64)>,
    /// Names of the plugins that judge, with the digests of their components.
    pub plugins: BTreeMap<String, String>,
}

/// Grades what the flags say: simulated runs, unless `bundles` are given and no scenarios. `against` are plugins that take part on the other side in place of those of the flags.
pub async fn graded(
    args: &GradedArgs,
    bundles: Option<&Path>,
    against: &[PathBuf],
    rivals: Rivals,
    curves: Curves,
    output: &Output,
) -> Result<Graded> {
    let incidents = bundles.map(|folder| recordings(folder, output)).transpose()?;
    let (pack, questions) = match incidents.is_some() && args.scenarios.is_none() {
        true => (None, vec![]),
        false => questions(args).map(|(pack, questions)| (Some(pack), questions))?,
    };
    let stage = Arc::new(Stage::default());
    let mut scorers = vec![];
    for file in args.plugins.iter().chain(against) {
        component::found(file)?;
        if let Some(words) = component::outdated(file) {
            output.note(&format!("warn  {words}"));
        }
        let (name, world) = is_graded(file).await?;
        if world == World::Scorer && args.plugins.contains(file) {
            scorers.push(name);
        }
    }
    let host = host(Arc::new(Watched::new(stage.clone())), &sources())?;
    let judges = judges(&host, &args.plugins, &args.without).await?;
    let mut contenders = vec![Contender { name: GRADED.to_owned(), plugins: judges.clone(), asked: Asked::Throughout }];
    if !against.is_empty() {
        let plugins = self::judges(&host, against, &args.without).await?;
        contenders.push(Contender { name: OTHER.to_owned(), plugins, asked: Asked::Throughout });
    }
    for name in &scorers {
        let mut plugins = judges.clone();
        plugins.scorers.retain(|scorer| scorer.name() != name);
        contenders.push(Contender { name: Scorecard::lacking(name), plugins, asked: Asked::AtTheEnd });
    }
    for (name, scorers, ranker) in RIVALS.iter().filter(|_| rivals == Rivals::Besides) {
        if let Some(plugins) = rival_on(&host, scorers, ranker).await? {
            contenders.push(Contender { name: (*name).to_owned(), plugins, asked: Asked::AtTheEnd });
        }
    }
    let has_oracle = rivals == Rivals::Besides;
    let oracle = has_oracle.then(|| ORACLE.to_owned());
    let names: Vec<String> = contenders.iter().map(|contender| contender.name.clone()).collect();
    let lanes = lanes(&host, args.threads).await?;
    let exam = Exam { contenders, cadence: Cadence::default(), has_oracle };
    let mut scorecard = Scorecard::of(names.iter().cloned().chain(oracle).collect(), flags(args));
    scorecard.note_pack(pack);
    let missing = answered(&exam, &stage, &lanes, questions.clone(), &mut scorecard, "grading", output).await?;
    if curves == Curves::Drawn {
        let curves = drawn(&exam, &stage, &lanes, &questions, scorecard.runs(), output).await?;
        scorecard.note_curves(curves);
    }
    let mut recorded = None;
    if let Some(incidents) = incidents {
        let mut scorecard = Scorecard::of_recorded(names, flags(args));
        answered(&exam, &stage, &lanes, incidents, &mut scorecard, "grading recordings", output).await?;
        scorecard.note_bytes(judges.judges().map(|plugin| plugin.usage().memory_bytes).sum());
        recorded = Some(scorecard);
    }
    scorecard.note_bytes(judges.judges().map(|plugin| plugin.usage().memory_bytes).sum());
    let plugins = judges.uses().into_iter().map(|used| (used.name, used.sha256)).collect();
    Ok(Graded { scorecard, recorded, missing, plugins })
}

/// Answers all questions and adds up what came of them; returns those of which no run could be made.
async fn answered(
    exam: &Exam,
    stage: &Arc<Stage>,
    lanes: &[Vec<Bound>],
    questions: Vec<Question>,
    scorecard: &mut Scorecard,
    what: &str,
    output: &Output,
) -> Result<Vec<(String, u64)>> {
    let bar = output.progress(questions.len() as u64, what);
    let (tick, asked) = (bar.clone(), questions.clone());
    let sat = sit_all(Arc::new(exam.clone()), stage.clone(), lanes.to_vec(), questions, move || tick.inc(1)).await;
    bar.finish_and_clear();
    let mut missing = vec![];
    for (question, sat) in asked.iter().zip(sat.into_diagnostic()?) {
        if sat.runs.is_empty() {
            missing.push((question.name.clone(), question.seed()));
        }
        scorecard.add(&question.name, sat);
    }
    Ok(missing)
}

/// Grades the runs again, `clear` as they are, with less and less of them to see.
async fn drawn(
    exam: &Exam,
    stage: &Arc<Stage>,
    lanes: &[Vec<Bound>],
    questions: &[Question],
    clear: &[Run],
    output: &Output,
) -> Result<Vec<Curve>> {
    // Only what is graded; the others are there to be compared with on the runs as they are.
    let exam =
        Exam { contenders: exam.contenders.iter().take(1).cloned().collect(), has_oracle: false, ..exam.clone() };
    let mut curves = vec![];
    for blur in Blur::ALL {
        let mut curve = Curve::new(blur, clear);
        for level in Curve::levels(blur) {
            let dim = questions.iter().map(|question| question.blurred(blur, level)).collect();
            let mut scorecard = Scorecard::of(vec![GRADED.to_owned()], String::new());
            let what = format!("{} {level}", curve.title());
            answered(&exam, stage, lanes, dim, &mut scorecard, &what, output).await?;
            curve.add(level, clear, scorecard.runs());
        }
        curves.push(curve);
    }
    Ok(curves)
}

/// All recorded incidents of a folder.
fn recordings(folder: &Path, output: &Output) -> Result<Vec<Question>> {
    let (all, unlabelled) = Recording::all(folder).into_diagnostic()?;
    if let Some(first) = unlabelled.first() {
        let more = if unlabelled.len() > 1 { format!(" and {} more", unlabelled.len() - 1) } else { String::new() };
        output.note(&format!("warn  {}{more} has no label beside it, and is not graded", first.display()));
    }
    let question = |recording: Recording| Question {
        name: recording.name.clone(),
        source: quoted(&recording.folder.to_string_lossy()),
        subject: Subject::Recorded(Arc::new(recording)),
    };
    Ok(all.into_iter().map(question).collect())
}

/// The plugins that judge, with these files among them.
pub async fn judges(host: &Host, files: &[PathBuf], without: &[String]) -> Result<Plugins> {
    let mut session = Session::on(host, sources(), files, "simulated").await?;
    session.leave_out(without)?;
    Ok(session.loaded.plugins)
}

/// The pack that was asked for, and all its runs, scenario by scenario.
fn questions(args: &GradedArgs) -> Result<(String, Vec<Question>)> {
    let (first, last) = args.seeds;
    let each = |named: Named| {
        let source = named.source();
        let Named { name, scenario, .. } = named;
        let scenario = Arc::new(scenario);
        let one = move |seed| Question {
            name: name.clone(),
            source: source.clone(),
            subject: Subject::Simulated { scenario: scenario.clone(), seed },
        };
        (first..=last).map(one)
    };
    let Pack { name, scenarios } = scenarios::all(args.scenarios.as_deref().unwrap_or(scenarios::PUBLIC))?;
    Ok((name, scenarios.into_iter().flat_map(each).collect()))
}

/// Collectors for as many lanes as there are threads to run them.
pub async fn lanes(host: &Host, threads: Option<u16>) -> Result<Vec<Vec<Bound>>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut lanes = vec![];
    for lane in 0..threads.map_or(cores, usize::from).max(1) {
        lanes.push(plugins::collectors(host, &lane_sources(lane), &bundled()).await.into_diagnostic()?);
    }
    Ok(lanes)
}

/// What a plugin is called and does. Refuses one that has no part in a diagnosis.
async fn is_graded(file: &Path) -> Result<(String, World)> {
    let plugin = host(Arc::new(Network::new()), &Sources::default())?.load_file(file).await.into_diagnostic()?;
    match plugin.world() {
        world @ (World::Scorer | World::Ranker | World::Forecaster) => Ok((plugin.manifest().name.clone(), world)),
        world => Err(miette!(
            help = "`lagdoctor plugin check` and `lagdoctor plugin test` say how it does",
            "{} is a {world}, and only scorers, rankers and forecasters have a part in what is graded",
            file.display()
        )),
    }
}

/// What `lagdoctor diagnose` is told to judge by the same plugins.
pub fn flags(args: &GradedArgs) -> String {
    let plugins = args.plugins.iter().map(|file| format!(" --plugin {}", quoted(&file.to_string_lossy())));
    plugins.chain(args.without.iter().map(|name| format!(" --without {}", quoted(name)))).collect()
}

/// A rival of these plugins alone; `None` where the program was built without them.
async fn rival_on(host: &Host, scorers: &[&str], ranker: &str) -> Result<Option<Plugins>> {
    let is_there = |name: &str| bundled().iter().any(|plugin| plugin.name == name);
    if !scorers.iter().chain([&ranker]).all(|name| is_there(name)) {
        return Ok(None);
    }
    let mut naive = sources();
    naive.plugins.extend(scorers.iter().chain([&ranker]).map(|name| PluginSection::bundled(*name)));
    let mut plugins = Session::on(host, naive, &[], "simulated").await?.loaded.plugins;
    plugins.scorers.retain(|scorer| scorers.contains(&scorer.name()));
    plugins.forecaster = None;
    Ok(Some(plugins))
}
