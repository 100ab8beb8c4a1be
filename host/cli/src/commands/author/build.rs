//! Makes a component of a project.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use lagdoctor_authoring::build::{BuildError, Built, Project};
use lagdoctor_guest_build::{Choice, Consent, Console, TARGET, Toolchain};
use lagdoctor_runtime::{Network, Plugin};
use lagdoctor_service::Sources;
use miette::{IntoDiagnostic, Result, miette};

use crate::args::{BuildArgs, Compiler};
use crate::host::host;
use crate::output::{self, Output};

/// Runs the command.
pub async fn run(args: BuildArgs, output: &Output) -> Result<ExitCode> {
    let project = Project::open(&args.folder).map_err(explained)?;
    let choice = match args.toolchain {
        Compiler::First => Choice::First,
        Compiler::Rustup => Choice::Rustup,
        Compiler::Debian => Choice::Debian,
    };
    let consent = if args.yes { Consent::Given } else { Consent::Ask };
    let steps = Arc::new(output.steps());
    let told = steps.clone();
    let built = tokio::task::spawn_blocking(move || {
        project.build(|| Toolchain::find(choice, consent, &Terminal), &|what| told.now(what))
    });
    let built = match built.await.into_diagnostic()? {
        Ok(built) => built,
        Err(error) => {
            drop(steps);
            match &error {
                // Where the fault was found, the way to it is for whoever asks.
                BuildError::Fault { said, .. } => aside(said),
                BuildError::Failed { said, .. } if !said.is_empty() => output.note(said.trim_end()),
                _ => {}
            }
            return Err(explained(error));
        }
    };
    let path = built.path.display().to_string();
    // What `describe` gets wrong is seen here first.
    steps.now(&format!("loading {} as a host does", built.path.file_name().unwrap_or_default().to_string_lossy()));
    let loaded = host(Arc::new(Network::new()), &Sources::default())?.load(&path, &built.bytes).await;
    drop(steps);
    aside(&built.said);
    let loaded = loaded.into_diagnostic()?;
    output.say(&page(&loaded, &built));
    Ok(output::exit(output::FINE))
}

fn page(plugin: &Plugin, built: &Built) -> String {
    let manifest = plugin.manifest();
    let file = built.path.file_name().unwrap_or_default().to_string_lossy();
    let or_none = |words: Vec<String>| if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
    let asks = manifest.grants.iter().map(|ask| format!("{} {}", ask.kind, ask.value)).collect();
    format!(
        "built {}, a {} of {} KiB\n\
         sha256   {}\n\
         imports  {}\n\
         asks for {}\n\n\
         next:\n  lagdoctor plugin check {file}\n",
        built.path.display(),
        plugin.world(),
        plugin.size().div_ceil(1024),
        plugin.digest(),
        or_none(plugin.imports().to_vec()),
        or_none(asks),
    )
}

/// What a tool says of itself, for whoever asks for more with `-v`.
fn aside(said: &str) {
    for line in said.lines() {
        tracing::info!("{line}");
    }
}

pub(super) fn explained(error: BuildError) -> miette::Report {
    let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    miette!(help = error.help(), "{error}{cause}")
}

/// The person who builds.
struct Terminal;

impl Console for Terminal {
    fn say(&self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    fn agrees(&self, command: &str) -> bool {
        if !io::stderr().is_terminal() {
            return false;
        }
        let mut errors = io::stderr();
        let _ = write!(errors, "Plugins need a compiler for {TARGET}. Install it with\n  {command}\n? [y/N] ");
        let _ = errors.flush();
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }
}
