//! The way of a plugin's author: a project, a component, and whether it is any good.

mod build;
mod check;
mod new;
mod test;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lagdoctor_authoring::build::Project;
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

/// The component that is meant by a file, or by the folder of a project.
pub(super) fn component(what: &Path) -> Result<PathBuf> {
    if what.is_dir() { Ok(Project::open(what).map_err(build::explained)?.component()) } else { Ok(what.to_path_buf()) }
}

/// The bytes of a component.
pub(super) fn read(component: &Path) -> Result<Vec<u8>> {
    std::fs::read(component).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "`lagdoctor plugin build` makes it",
            _ => "check the path and the rights",
        };
        miette!(help = help, "cannot read component {}: {error}", component.display())
    })
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
