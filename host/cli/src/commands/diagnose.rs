//! Why a group falls behind.

use std::process::ExitCode;
use std::time::Instant;

use lagdoctor_model::{Diagnosis, Signals, Verdict};
use lagdoctor_service::report;
use lagdoctor_service::{Options, diagnose};
use miette::Result;

use crate::args::{DiagnoseArgs, ReportFormat};
use crate::output::{self, Output};
use crate::session::{self, Session};

/// Runs the command. Exit code 1 when something hurts, whether or not its cause was found; 2 when too little could be
/// seen to say even that.
pub async fn run(args: DiagnoseArgs, output: &Output) -> Result<ExitCode> {
    // A bundle that cannot be read is found before the plugins are compiled, which takes seconds.
    let recorded = args.sources.bundle.as_deref().map(session::recorded).transpose()?;
    let sources = session::sources(&args.sources)?;
    let session = Session::live(sources, &args.plugins, &session::cluster(&args.sources)).await?;
    let Some(every) = args.watch else { return once(&args, &session, recorded, output).await };
    output::until_stopped(Box::pin(async {
        loop {
            let began = tokio::time::Instant::now();
            once(&args, &session, None, output).await?;
            tokio::time::sleep_until(began + every).await;
        }
    }))
    .await
}

async fn once(args: &DiagnoseArgs, session: &Session, recorded: Option<Signals>, output: &Output) -> Result<ExitCode> {
    let began = Instant::now();
    let signals = match recorded {
        Some(signals) => signals,
        None => session.reader().signals(&args.sources, &args.window, args.deadline).await?,
    };
    if let Some(group) = &args.group {
        session::known_group(group, &signals)?;
    }
    let left = args.deadline.saturating_sub(began.elapsed());
    let options = Options { group: args.group.clone(), deadline: session::millis(left), ..Options::default() };
    let diagnosis = diagnose(&signals, &session.loaded.plugins, &options).await;
    let links = session.links();
    output.say(&match args.format {
        ReportFormat::Text => report::text(&diagnosis, output.style()),
        ReportFormat::Json => report::json(&diagnosis, &links, &session.envelope(began.elapsed())),
        ReportFormat::Markdown => report::markdown(&diagnosis, &links),
        ReportFormat::Html => report::html(&diagnosis, &signals, &links, &session.envelope(began.elapsed())),
    });
    Ok(output::exit(code(&diagnosis)))
}

fn code(diagnosis: &Diagnosis) -> u8 {
    match diagnosis.verdict {
        Verdict::NoIncident => output::FINE,
        Verdict::InsufficientEvidence if diagnosis.symptom.is_none() => output::COULD_NOT,
        Verdict::Cause | Verdict::InsufficientEvidence => output::FOUND,
    }
}
