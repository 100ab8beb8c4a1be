//! Why a group falls behind.

use std::process::ExitCode;
use std::time::Instant;

use lagdoctor_model::{Diagnosis, Signals, Verdict};
use lagdoctor_runtime::BreakerRules;
use lagdoctor_service::report;
use lagdoctor_service::{Options, traced};
use miette::Result;

use crate::args::{DiagnoseArgs, ReportFormat};
use crate::commands::author::component;
use crate::output::{self, Output};
use crate::recorder::{Done, Recorder};
use crate::session::{self, Session};

/// Runs the command. Exit code 1 when something hurts, whether or not its cause was found; 2 when too little could be
/// seen to say even that.
pub async fn run(args: DiagnoseArgs, output: &Output) -> Result<ExitCode> {
    // A bundle that cannot be read is found before the plugins are compiled, which takes seconds.
    let recorded = args.sources.bundle.as_deref().map(session::recorded).transpose()?;
    let sources = session::sources(&args.sources)?;
    for words in args.plugins.iter().filter_map(|file| component::outdated(file)) {
        output.note(&format!("warn  {words}"));
    }
    let mut session = Session::live(sources, &args.plugins, &session::cluster(&args.sources)).await?;
    session.leave_out(&args.without)?;
    let mut recorder = recorder(&args, output)?;
    let Some(every) = args.watch else { return once(&args, &session, recorded, &mut recorder, output).await };
    let session = session.guarded(&BreakerRules::default());
    output::until_stopped(Box::pin(async {
        loop {
            let began = tokio::time::Instant::now();
            once(&args, &session, None, &mut recorder, output).await?;
            tokio::time::sleep_until(began + every).await;
        }
    }))
    .await
}

/// Where the record goes: as the flags say, else the configuration, else to the user's own audit.
fn recorder(args: &DiagnoseArgs, output: &Output) -> Result<Recorder> {
    if args.no_audit {
        return Ok(Recorder::off());
    }
    let config = args.sources.config.as_deref().map(session::config).transpose()?;
    Ok(Recorder::new(args.audit.as_deref(), config.as_ref(), output))
}

async fn once(
    args: &DiagnoseArgs,
    session: &Session,
    recorded: Option<Signals>,
    recorder: &mut Recorder,
    output: &Output,
) -> Result<ExitCode> {
    let began = Instant::now();
    let (signals, readings) = match recorded {
        Some(signals) => (signals, vec![]),
        None => session.reader().read(&args.sources, &args.window, args.deadline).await?,
    };
    if let Some(group) = &args.group {
        session::known_group(group, &signals)?;
    }
    let left = args.deadline.saturating_sub(began.elapsed());
    let options = Options { group: args.group.clone(), deadline: session::millis(left), ..Options::default() };
    let (diagnosis, trace) = traced(&signals, &session.loaded.plugins, &options).await;
    let took = began.elapsed();
    let links = session.links();
    output.say(&match args.format {
        ReportFormat::Text => report::text(&diagnosis, output.style()),
        ReportFormat::Json => report::json(&diagnosis, &links, &session.envelope(took)),
        ReportFormat::Markdown => report::markdown(&diagnosis, &links),
        ReportFormat::Html => report::html(&diagnosis, &signals, &links, &session.envelope(took)),
    });
    let done = Done { signals: &signals, readings: &readings, options: &options, diagnosis: &diagnosis, trace: &trace };
    // A bundle has been read by somebody else.
    let collectors = if args.sources.bundle.is_some() { &[][..] } else { &session.loaded.collectors };
    recorder.keep(done, collectors, &session.cluster, session::millis(took), session, output);
    Ok(output::exit(code(&diagnosis)))
}

fn code(diagnosis: &Diagnosis) -> u8 {
    match diagnosis.verdict {
        Verdict::NoIncident => output::FINE,
        Verdict::InsufficientEvidence if diagnosis.symptom.is_none() => output::COULD_NOT,
        Verdict::Cause | Verdict::InsufficientEvidence => output::FOUND,
    }
}
