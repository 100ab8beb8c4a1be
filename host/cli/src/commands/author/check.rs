//! Says whether a host would want a component.

use std::process::ExitCode;
use std::sync::Arc;

use lagdoctor_authoring::check::{Outcome, check};
use lagdoctor_authoring::{Case, Subject};
use lagdoctor_service::config::HostSection;
use lagdoctor_service::derive;
use lagdoctor_sim::Simulation;
use miette::{IntoDiagnostic, Result};

use super::component;
use crate::args::CheckArgs;
use crate::commands::simulate;
use crate::host::cache;
use crate::output::{self, Output};
use crate::scenarios;

/// The draw of the usual window.
const SEED: u64 = 1;

/// Runs the command.
pub async fn run(args: CheckArgs, output: &Output) -> Result<ExitCode> {
    let path = component::meant(&args.plugin)?;
    let wasm = component::read(&path)?;
    let config = super::config(args.config.as_deref())?;
    let scenario = scenarios::one(&args.scenario)?;
    let bar = output.progress(2, "simulating an hour");
    let run = tokio::task::spawn_blocking(move || Simulation::pair(&scenario, SEED).run).await.into_diagnostic()?;
    bar.inc(1);
    bar.set_message("checking");
    let mut signals = simulate::seen(&Arc::new(run)).await?;
    derive::derive(&mut signals);
    let usual = Case::new("a simulated hour", signals.normalised());
    let cache = cache(&HostSection::default())?;
    let source = path.display().to_string();
    let mut report = check(Subject { source: &source, wasm: &wasm, config, cache }, usual).await.into_diagnostic()?;
    bar.finish_and_clear();
    if let Some(words) = component::outdated(&path) {
        report.warn_first("age", words);
    }
    output.say(&report.text());
    Ok(output::exit(if report.count(Outcome::Fail) > 0 { output::FOUND } else { output::FINE }))
}
