//! Grades the plugins on simulated incidents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use lagdoctor_grade::{
    Asked, Cadence, Comparison, Contender, Exam, ORACLE, Question, Scorecard, Stage, lane_sources, report, sit_all,
    sources,
};
use lagdoctor_runtime::{Bound, Host, Network, World};
use lagdoctor_service::config::PluginSection;
use lagdoctor_service::{Plugins, Sources, Watched, plugins};
use miette::{IntoDiagnostic, Result, miette};

use crate::args::{EvaluateArgs, GradeFormat, GradedArgs};
use crate::commands::author::component;
use crate::commands::baseline;
use crate::host::host;
use crate::output::{self, Output, quoted};
use crate::scenarios::{self, Named};
use crate::session::{Session, bundled};

/// What is graded, in results.
const GRADED: &str = "plugins";
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
    let Graded { scorecard, missing, .. } = graded(&args.graded, &args.against, Rivals::Besides, output).await?;
    let paired = scorecard.runs_of(OTHER).map(|other| Comparison::of(other, scorecard.runs()));
    for (format, file) in &args.write {
        let text = told(&scorecard, paired.as_ref(), *format, &args.graded.scenarios);
        std::fs::write(file, text).map_err(|error| {
            miette!(help = "check the folder and its rights", "cannot write {}: {error}", file.display())
        })?;
    }
    output.say(&told(&scorecard, paired.as_ref(), args.format, &args.graded.scenarios));
    let mut code = if scorecard.failing().is_empty() { output::FINE } else { output::FOUND };
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
    for (scenario, seed) in &missing {
        output
            .note(&format!("invalid: {scenario} with seed {seed}: its fault moves nothing, with other seeds neither"));
    }
    Ok(output::exit(if missing.is_empty() { code } else { output::INVALID }))
}

/// A report in one format.
fn told(scorecard: &Scorecard, paired: Option<&Comparison>, format: GradeFormat, scenarios: &str) -> String {
    match format {
        GradeFormat::Json => report::json::json(scorecard, paired),
        GradeFormat::Text => report::text::text(scorecard) + &paired.map(report::paired::text).unwrap_or_default(),
        GradeFormat::Markdown => {
            let paired = paired.map(|paired| format!("\n```\n{}```\n", report::paired::text(paired)));
            report::markdown::markdown(scorecard) + &paired.unwrap_or_default()
        }
        GradeFormat::Junit => report::junit::junit(scorecard),
        GradeFormat::Html => report::html::html(scorecard),
        GradeFormat::Annotations => report::annotations::annotations(scorecard, |scenario| {
            let file = Path::new(scenarios).join(format!("{scenario}.toml"));
            let text = std::fs::read_to_string(&file).ok()?;
            let line = text.lines().position(|line| line.starts_with("[expect]")).map_or(1, |line| line + 1);
            Some((file.to_string_lossy().into_owned(), line))
        }),
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

/// What came of grading.
pub struct Graded {
    /// The grades.
    pub scorecard: Scorecard,
    /// Scenarios and seeds of which no run could be made that means anything.
    pub missing: Vec<(String, u64)>,
    /// Names of the plugins that judge, with the digests of their components.
    pub plugins: BTreeMap<String, String>,
}

/// Grades what the flags say. `against` are plugins that take part on the other side in place of those of the flags.
pub async fn graded(args: &GradedArgs, against: &[PathBuf], rivals: Rivals, output: &Output) -> Result<Graded> {
    let questions = questions(args)?;
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
    let names = contenders.iter().map(|contender| contender.name.clone()).chain(oracle).collect();
    let mut scorecard = Scorecard::of(names, flags(args));
    let bar = output.progress(questions.len() as u64, "grading");
    let (exam, tick) = (Arc::new(Exam { contenders, cadence: Cadence::default(), has_oracle }), bar.clone());
    let asked = questions.clone();
    let sat = sit_all(exam, stage, lanes(&host, args.threads).await?, questions, move || tick.inc(1)).await;
    bar.finish_and_clear();
    let mut missing = vec![];
    for (question, sat) in asked.iter().zip(sat.into_diagnostic()?) {
        if sat.runs.is_empty() {
            missing.push((question.name.clone(), question.seed));
        }
        scorecard.add(&question.name, sat);
    }
    scorecard.note_bytes(judges.judges().map(|plugin| plugin.usage().memory_bytes).sum());
    let plugins = judges.uses().into_iter().map(|used| (used.name, used.sha256)).collect();
    Ok(Graded { scorecard, missing, plugins })
}

/// The plugins that judge, with these files among them.
async fn judges(host: &Host, files: &[PathBuf], without: &[String]) -> Result<Plugins> {
    let mut session = Session::on(host, sources(), files, "simulated").await?;
    session.leave_out(without)?;
    Ok(session.loaded.plugins)
}

/// All runs that were asked for, scenario by scenario.
fn questions(args: &GradedArgs) -> Result<Vec<Question>> {
    let (first, last) = args.seeds;
    let each = |Named { name, source, scenario }: Named| {
        let scenario = Arc::new(scenario);
        let one = move |seed| Question { name: name.clone(), source: source.clone(), scenario: scenario.clone(), seed };
        (first..=last).map(one)
    };
    Ok(scenarios::all(&args.scenarios)?.into_iter().flat_map(each).collect())
}

/// Collectors for as many lanes as there are threads to run them.
async fn lanes(host: &Host, threads: Option<u16>) -> Result<Vec<Vec<Bound>>> {
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
fn flags(args: &GradedArgs) -> String {
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
