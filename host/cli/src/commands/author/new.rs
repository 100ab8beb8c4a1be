//! Begins a plugin.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lagdoctor_authoring::new::{Language, Name, NewError, project, write};
use lagdoctor_runtime::World;
use miette::{Result, miette};

use crate::args::{Language as Chosen, NewArgs};
use crate::output::{self, Output};

/// Runs the command.
pub fn run(args: &NewArgs, output: &Output) -> Result<ExitCode> {
    let world = World::from(args.world);
    let name = Name::new(&args.name)
        .map_err(|error| miette!(help = format!("lagdoctor plugin new {world} {}", error.try_this), "{error}"))?;
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    let language = match args.language {
        Chosen::Rust => Language::Rust,
        Chosen::Javascript => Language::JavaScript,
        Chosen::Python => Language::Python,
    };
    project(world, &name, language).and_then(|files| write(&folder, &files)).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        let help = match &error {
            NewError::Exists(_) | NewError::NotEmpty { .. } => "`--folder DIR` makes it elsewhere",
            NewError::Read { .. } => "check the path and the rights",
            NewError::NoTemplate { .. } => "leave --language out, or begin with a scorer and read wit/README.md",
            NewError::Write { .. } => "check the path, the rights and the free space",
        };
        miette!(help = help, "{error}{cause}")
    })?;
    let (what, first) = match language {
        Language::Rust => ("src/lib.rs is yours, lagdoctor-sdk/ and wit/ are what it builds on", "cargo test"),
        Language::JavaScript => ("plugin.js is yours, wit/ is the contract", "npm install && npm test"),
        Language::Python => (
            "plugin.py is yours, wit/ is the contract",
            "python3 -m venv .venv && .venv/bin/pip install componentize-py",
        ),
    };
    let (shown, enter) = if folder == Path::new(".") {
        ("this folder".to_owned(), String::new())
    } else {
        (folder.display().to_string(), format!("  cd {}\n", folder.display()))
    };
    output.say(&format!(
        "{shown} is a project of its own: {what}\n\nnext:\n{enter}  {first}\n  lagdoctor plugin build\n"
    ));
    Ok(output::exit(output::FINE))
}
