//! A window of live sources, as a bundle.

use std::process::ExitCode;
use std::time::Duration;

use lagdoctor_bundle::Meta;
use miette::{IntoDiagnostic, Result, miette};

use crate::args::RecordArgs;
use crate::output::{self, Output, counted};
use crate::session::{self, Reader};

/// Nobody waits for a recording as for a diagnosis.
const DEADLINE: Duration = Duration::from_secs(120);

/// Runs the command.
pub async fn run(args: RecordArgs, output: &Output) -> Result<ExitCode> {
    if args.out.join("bundle.toml").exists() {
        return Err(miette!(
            help = "give another folder with --out, or remove this one if nobody needs it any more",
            "`{}` holds a bundle already, and what was recorded once cannot be recorded again",
            args.out.display()
        ));
    }
    let sources = session::sources(&args.sources)?;
    let signals = Reader::live(&sources).await?.signals(&args.sources, &args.window, DEADLINE).await?;
    lagdoctor_bundle::write(&args.out, &signals, &Meta { source: "lagdoctor record".into() }).into_diagnostic()?;
    output.note(&format!(
        "recorded {} series, {} and {} to {}{}",
        signals.series.len(),
        counted(signals.logs.len(), "log line"),
        counted(signals.topology.len(), "node"),
        args.out.display(),
        match signals.gaps.len() {
            0 => String::new(),
            gaps => format!("; {} named in its bundle.toml", counted(gaps, "gap")),
        }
    ));
    Ok(output::exit(output::FINE))
}
