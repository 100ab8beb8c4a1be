//! Compares what a plugin says of its cases with what it said before.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lagdoctor_authoring::build::Project;
use lagdoctor_authoring::golden::{
    Answers, EXPECTED, FOLDER, GoldenError, Outcome, Rig, RigError, Shown, Trial, folders, mark,
};
use lagdoctor_authoring::{Case, Subject};
use lagdoctor_diagnosis::detect;
use lagdoctor_grade::sources;
use lagdoctor_model::{Millis, Signals};
use lagdoctor_runtime::{Batch, Network, World};
use lagdoctor_service::config::HostSection;
use lagdoctor_service::notify::renderings;
use lagdoctor_service::report::{self, Envelope};
use lagdoctor_service::{Options, diagnose};
use miette::{IntoDiagnostic, Result, miette};

use super::component;
use crate::args::TestArgs;
use crate::host::cache;
use crate::output::{self, Output, counted};
use crate::session::{self, Session};

/// Runs the command.
pub async fn run(args: TestArgs, output: &Output) -> Result<ExitCode> {
    let path = match &args.component {
        Some(file) => file.clone(),
        None => Project::open(&args.folder).map_err(super::build::explained)?.component(),
    };
    let wasm = component::read(&path)?;
    if let Some(words) = component::outdated(&path) {
        output.note(&format!("warn  {words}"));
    }
    let config = super::config(args.config.as_deref())?;
    let (source, cache) = (path.display().to_string(), cache(&HostSection::default())?);
    let rig = Rig::open(Subject { source: &source, wasm: &wasm, config, cache }).await.map_err(unusable)?;
    let world = rig.world();
    let cases = folders(&args.folder, world).map_err(explained)?;
    if cases.is_empty() {
        return Err(nothing_to_show(&args.folder, world));
    }
    let helpers = match world {
        World::Ranker | World::Notifier => {
            Some(Session::open(sources(), &[], "recorded", Arc::new(Network::new())).await?)
        }
        _ => None,
    };
    let (mut text, mut wrong, mut is_broken) = (String::new(), 0, false);
    for folder in &cases {
        let shown = shown(folder, world, helpers.as_ref()).await?;
        let trial = rig.show(folder, &shown).await.map_err(explained)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let found = found(&trial, world);
        match &trial.outcome {
            Outcome::Same => text += &format!("ok    {name}: {found}, as expected\n"),
            Outcome::Broken => {
                wrong += 1;
                is_broken = true;
                text += &format!(
                    "FAIL  {name}: it fell or broke its contract, which cannot be expected of it\n{}",
                    trial.said
                );
            }
            Outcome::New | Outcome::Differs(_) if args.update => {
                trial.keep().map_err(explained)?;
                text += &format!("kept  {name}: {found}; read {}\n", folder.join(EXPECTED).display());
            }
            Outcome::New => {
                wrong += 1;
                text += &format!("NEW   {name}: nothing is expected yet; it says\n{}", trial.said);
            }
            Outcome::Differs(difference) => {
                wrong += 1;
                text += &format!("FAIL  {name}: it says (+) other than expected (-)\n{difference}");
            }
        }
    }
    if wrong > 0 && !is_broken {
        text += "\nIf that is as it should be: lagdoctor plugin test --update\n";
    }
    output.say(&text);
    Ok(output::exit(if wrong > 0 { output::FOUND } else { output::FINE }))
}

/// `3 things said`.
fn found(trial: &Trial, world: World) -> String {
    let verb = match world {
        World::Collector => "given",
        World::Notifier => "sent",
        _ => "said",
    };
    format!("{} {verb}", counted(trial.found(), "thing"))
}

/// The case in a folder, with what others make of it where the plugin needs that.
async fn shown(folder: &Path, world: World, helpers: Option<&Session>) -> Result<Shown> {
    if world == World::Collector {
        let explained = |error: lagdoctor_authoring::golden::AnswersError| {
            let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            miette!(help = error.help(), "{error}{cause}")
        };
        return Ok(Shown::Answers(Answers::read(folder).map_err(explained)?));
    }
    let signals = session::recorded(folder)?;
    match (world, helpers) {
        (World::Notifier, Some(session)) => Ok(incident(&signals, session).await),
        (World::Ranker, Some(session)) => Ok(Shown::Window(Box::new(judged(folder, signals, session).await?))),
        _ => Ok(Shown::Window(Box::new(Case::new(name(folder), signals)))),
    }
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What hurts, and what the bundled scorers find.
async fn judged(folder: &Path, signals: Signals, session: &Session) -> Result<Case> {
    let mut case = Case::new(name(folder), signals);
    case.symptom = detect(&case.signals, None).symptom;
    let batch = Batch::new(&case.signals);
    for scorer in &session.loaded.plugins.scorers {
        case.findings.extend(scorer.score(&batch).await.into_diagnostic()?);
    }
    Ok(case)
}

/// The diagnosis of the bundled plugins, as notifiers are given it.
async fn incident(signals: &Signals, session: &Session) -> Shown {
    let diagnosis = diagnose(signals, &session.loaded.plugins, &Options::default()).await;
    let links = session.links();
    // Neither time nor build stands in it, so that the same recording makes the same document.
    let envelope = Envelope { took: Millis::ZERO, cluster: session.cluster.clone(), plugins: vec![] };
    let document = report::json(&diagnosis, &links, &envelope);
    Shown::Incident { at: signals.window.now, document, renderings: renderings(&diagnosis, &links) }
}

fn nothing_to_show(project: &Path, world: World) -> miette::Report {
    let help = match world {
        World::Collector => format!(
            "write {FOLDER}/NAME/{} with [[answer]], status = 200 and body = '...': what the far side answers",
            mark(world)
        ),
        _ => format!("lagdoctor simulate slow-consumer --out {FOLDER}/slow-consumer"),
    };
    let what = if world == World::Collector { "no answers" } else { "no recording" };
    miette!(help = help, "there is {what} below {}", project.join(FOLDER).display())
}

fn unusable(error: RigError) -> miette::Report {
    let help = match &error {
        RigError::Bind(_) => "give a configuration that fits with --config FILE",
        _ => "`lagdoctor plugin build` makes it, and `lagdoctor plugin check` says what is wrong with it",
    };
    miette!(help = help, "{error}")
}

fn explained(error: GoldenError) -> miette::Report {
    let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    miette!(help = "check the path, the rights and the free space", "{error}{cause}")
}
