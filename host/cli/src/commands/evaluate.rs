//! Grades the plugins on simulated incidents.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use lagdoctor_bundle::Truth;
use lagdoctor_grade::{Graded, Run, Scorecard, Stage, look, sources, truth};
use lagdoctor_model::{Diagnosis, Gap, GapCause, Millis};
use lagdoctor_runtime::{Network, World};
use lagdoctor_service::config::PluginSection;
use lagdoctor_service::{Options, Sources, diagnose};
use lagdoctor_service::{Plugins, report};
use lagdoctor_sim::{Scenario, Simulation, builtin_names};
use miette::{IntoDiagnostic, Result, miette};

use crate::args::{EvaluateArgs, Format};
use crate::commands::author::component;
use crate::commands::simulate;
use crate::host::host;
use crate::output::{self, Output, quoted};
use crate::session::Session;

/// Runs the command.
pub async fn run(args: EvaluateArgs, output: &Output) -> Result<ExitCode> {
    let scenarios = scenarios(&args.scenarios)?;
    let stage = Arc::new(Stage::default());
    for file in &args.plugins {
        component::found(file)?;
        if let Some(words) = component::outdated(file) {
            output.note(&format!("warn  {words}"));
        }
        is_graded(file).await?;
    }
    let mut session = Session::open(sources(), &args.plugins, "simulated", stage.clone()).await?;
    session.leave_out(&args.without)?;
    let rival = rival(stage.clone()).await?;
    let (first, last) = args.seeds;
    let bar = output.progress(scenarios.len() as u64 * (last - first + 1), "grading");
    let mut scorecard = Scorecard::repeated_with(flags(&args));
    let names: Vec<String> = session.loaded.plugins.uses().into_iter().map(|used| used.name).collect();
    for (name, source, scenario) in &scenarios {
        for seed in first..=last {
            let made = scenario.clone();
            let pair = tokio::task::spawn_blocking(move || Simulation::pair(&made, seed)).await.into_diagnostic()?;
            let truth = truth(&pair.truth()).into_diagnostic()?;
            let run = Arc::new(pair.run);
            stage.put_on(run.clone());
            let signals = look(&run, &session.loaded.collectors).await;
            let options = Options { deadline: Millis::minutes(10), ..Options::default() };
            let clock = Instant::now();
            let diagnosis = diagnose(&signals, &session.loaded.plugins, &options).await;
            let took_ms = clock.elapsed().as_secs_f64() * 1000.0;
            let naive = diagnose(&signals, &rival, &options).await;
            scorecard.add(Run {
                scenario: name.clone(),
                source: source.clone(),
                seed,
                incident: truth.incident,
                grade: Graded::of(&diagnosis, &truth),
                said: report::headline(&diagnosis),
                truth: told(&truth),
                failures: failures(&diagnosis, &names),
                rival: Graded::of(&naive, &truth),
                took_ms,
            });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    output.say(&match args.format {
        Format::Json => scorecard.json(),
        Format::Text => scorecard.text(),
        Format::Markdown => format!("```\n{}```\n", scorecard.text()),
    });
    Ok(output::exit(if scorecard.failing().is_empty() { output::FINE } else { output::FOUND }))
}

/// What was so, in one line.
fn told(truth: &Truth) -> String {
    let roots: Vec<String> = truth.roots.iter().map(|root| format!("{} ({})", root.node, root.class)).collect();
    if roots.is_empty() { "no incident".to_owned() } else { roots.join(", ") }
}

/// Which of these plugins failed, and how.
fn failures(diagnosis: &Diagnosis, names: &[String]) -> Vec<Gap> {
    let is_one = |gap: &&Gap| gap.cause == GapCause::PluginFailed && names.contains(&gap.source);
    diagnosis.gaps.iter().filter(is_one).cloned().collect()
}

/// Refuses a plugin that has no part in a diagnosis.
async fn is_graded(file: &Path) -> Result<()> {
    let plugin = host(Arc::new(Network::new()), &Sources::default())?.load_file(file).await.into_diagnostic()?;
    match plugin.world() {
        World::Scorer | World::Ranker | World::Forecaster => Ok(()),
        world => Err(miette!(
            help = "`lagdoctor plugin check` and `lagdoctor plugin test` say how it does",
            "{} is a {world}, and only scorers, rankers and forecasters have a part in what is graded",
            file.display()
        )),
    }
}

/// What `lagdoctor diagnose` is told to judge by the same plugins.
fn flags(args: &EvaluateArgs) -> String {
    let plugins = args.plugins.iter().map(|file| format!(" --plugin {}", quoted(&file.to_string_lossy())));
    plugins.chain(args.without.iter().map(|name| format!(" --without {}", quoted(name)))).collect()
}

/// The naive rival: the largest z-score, nothing else.
pub async fn rival(stage: Arc<Stage>) -> Result<Plugins> {
    let mut naive = sources();
    naive.plugins.extend(["scorer-largest-z", "ranker-largest-z"].map(PluginSection::bundled));
    let mut plugins = Session::open(naive, &[], "simulated", stage).await?.loaded.plugins;
    plugins.scorers.retain(|scorer| scorer.name() == "scorer-largest-z");
    plugins.forecaster = None;
    Ok(plugins)
}

/// The scenarios that were asked for: name, what `lagdoctor simulate` calls it, and what it says.
fn scenarios(what: &str) -> Result<Vec<(String, String, Scenario)>> {
    if let Some(name) = what.strip_prefix("builtin:") {
        let names: Vec<&str> = builtin_names().filter(|known| name == "public" || *known == name).collect();
        if names.is_empty() {
            let known: Vec<&str> = builtin_names().collect();
            return Err(miette!(
                help = format!("write builtin:public for all, or one of {}", known.join(", ")),
                "no scenario called `{name}` is built in"
            ));
        }
        let one = |name: &str| Ok((name.to_owned(), name.to_owned(), simulate::scenario(name)?));
        return names.into_iter().map(one).collect();
    }
    let entries = std::fs::read_dir(Path::new(what)).map_err(|error| {
        miette!(help = "name a folder of scenario files, or builtin:public", "cannot read `{what}`: {error}")
    })?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(miette!("`{what}` holds no scenario files (*.toml)"));
    }
    let named = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let one = |path: &PathBuf| {
        let file = path.to_string_lossy();
        Ok((named(path), quoted(&file), simulate::scenario(&file)?))
    };
    files.iter().map(one).collect()
}
