//! The way of a plugin's author: a project, a component, and whether it is any good.

mod build;
mod check;
pub mod component;
mod new;
mod test;

use std::path::Path;
use std::process::ExitCode;

use miette::{Result, miette};
use serde_json::Value;

use crate::args::AuthorCommand;
use crate::output::Output;

/// Runs the command.
pub async fn run(command: AuthorCommand, output: &Output) -> Result<ExitCode> {
    match command {
        AuthorCommand::New(args) => new::run(&args, output),
        AuthorCommand::Build(args) => build::run(args, output).await,
        AuthorCommand::Check(args) => check::run(args, output).await,
        AuthorCommand::Test(args) => test::run(args, output).await,
    }
}

/// A configuration of a file.
fn config(file: Option<&Path>) -> Result<Option<Value>> {
    let Some(file) = file else { return Ok(None) };
    let text = std::fs::read_to_string(file)
        .map_err(|error| miette!(help = "check the path and the rights", "cannot read {}: {error}", file.display()))?;
    let wrong = |error| {
        miette!(help = "write an object, such as {\"url\": \"http://a\"}", "{} is no JSON: {error}", file.display())
    };
    serde_json::from_str(&text).map(Some).map_err(wrong)
}
