//! A window of live sources, as a bundle.

use std::process::ExitCode;
use std::time::Duration;

use lagdoctor_bundle::Meta;
use miette::{IntoDiagnostic, Result};

use crate::args::RecordArgs;
use crate::output::{self, Output};
use crate::session::{self, Reader};

/// Nobody waits for a recording as for a diagnosis.
const DEADLINE: Duration = Duration::from_secs(120);

/// Runs the command.
pub async fn run(args: RecordArgs, output: &Output) -> Result<ExitCode> {
    let sources = session::sources(&args.sources)?;
    let signals = Reader::live(&sources).await?.signals(&args.sources, &args.window, DEADLINE).await?;
    lagdoctor_bundle::write(&args.out, &signals, &Meta { source: "lagdoctor record".into(), symptom: None })
        .into_diagnostic()?;
    output.note(&format!(
        "recorded {} series, {} log lines and {} nodes to {}; {} things are missing and named in its bundle.toml",
        signals.series.len(),
        signals.logs.len(),
        signals.topology.len(),
        args.out.display(),
        signals.gaps.len()
    ));
    Ok(output::exit(output::FINE))
}
