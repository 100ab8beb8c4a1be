//! Why a group falls behind.

use std::process::ExitCode;
use std::time::Instant;

use lagdoctor_model::Verdict;
use lagdoctor_service::report;
use lagdoctor_service::{Options, diagnose};
use miette::Result;

use crate::args::{DiagnoseArgs, ReportFormat};
use crate::output::{self, Output};
use crate::session::{self, Session};

/// Runs the command. Exit code 1 when something hurts, whether or not its cause was found.
pub async fn run(args: DiagnoseArgs, output: &Output) -> Result<ExitCode> {
    let sources = session::sources(&args.sources)?;
    let session = Session::live(sources, &args.plugins, &session::cluster(&args.sources)).await?;
    let Some(every) = args.watch else { return once(&args, &session, output).await };
    loop {
        let began = tokio::time::Instant::now();
        once(&args, &session, output).await?;
        tokio::select! {
            () = tokio::time::sleep_until(began + every) => {}
            _ = tokio::signal::ctrl_c() => return Ok(output::exit(output::FINE)),
        }
    }
}

async fn once(args: &DiagnoseArgs, session: &Session, output: &Output) -> Result<ExitCode> {
    let began = Instant::now();
    let signals = session.reader().signals(&args.sources, &args.window, args.deadline).await?;
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
    let code = if diagnosis.verdict == Verdict::NoIncident { output::FINE } else { output::FOUND };
    Ok(output::exit(code))
}
