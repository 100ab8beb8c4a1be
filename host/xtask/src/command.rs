//! What was asked for, and what does it do? A few commands, few options; `USAGE` is all there is.

use std::process::{Command as Process, ExitCode};

use lagdoctor_guest_build::{Choice, Consent};

use crate::guests::{self, Selection};
use crate::layout::Layout;
use crate::run::{Failure, run};
use crate::stage::Stages;
use crate::{bench, check, museum, prerequisites};

const USAGE: &str = "\
cargo xtask build [--guests-only] [--plugin NAME]...   the plugins, then the release binary target/release/lagdoctor
cargo xtask demo [ARGUMENTS FOR `lagdoctor demo`]      the whole job on simulated incidents
cargo xtask test                                       everything that must hold before a change lands
cargo xtask fuzz [--for 10m] [TARGET]...               bytes of strangers for components, bundle, config, manifest,
                                                       offsets, http and import; findings are saved in target/fuzz
cargo xtask museum VERSION NAME                        a new piece of plugins/museum, built once and kept for ever
cargo xtask bench                                      the benches, and what they say in benches/RESULTS.md
cargo xtask gallery                                    what each fault looks like, in simulator/GALLERY.md

  --yes                     install Debian packages for the plugins' toolchain without asking, where rustup cannot
  --toolchain rustup|debian use this one for the plugins instead of the first that works";

/// One call of `cargo xtask`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Build { scope: Scope, selection: Selection, options: Options },
    Demo { arguments: Vec<String>, options: Options },
    Test { options: Options },
    Fuzz { arguments: Vec<String> },
    Museum { version: String, name: String, options: Options },
    Bench { options: Options },
    Gallery,
}

/// How much to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Guests,
    Everything,
}

/// What all commands understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) toolchain: Choice,
    pub(crate) consent: Consent,
}

impl Command {
    /// Reads the arguments after `cargo xtask`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Options { toolchain: Choice::First, consent: Consent::Ask };
        let (mut scope, mut names, mut rest) = (Scope::Everything, Vec::new(), Vec::new());
        let mut words = arguments.iter().map(String::as_str);
        let command = words.next().unwrap_or("help");
        while let Some(word) = words.next() {
            match (command, word) {
                ("demo", "--") => rest.extend(words.by_ref().map(str::to_owned)),
                ("fuzz", word) => rest.push(word.to_owned()),
                (_, "--yes") => options.consent = Consent::Given,
                (_, "--toolchain") => {
                    options.toolchain = match words.next() {
                        Some("rustup") => Choice::Rustup,
                        Some("debian") => Choice::Debian,
                        _ => return Err(Failure::usage("--toolchain takes `rustup` or `debian`", USAGE)),
                    }
                }
                ("build", "--guests-only") => scope = Scope::Guests,
                ("build", "--plugin") => match words.next() {
                    Some(name) => names.push(name.to_owned()),
                    None => return Err(Failure::usage("--plugin takes the name of a plugin", USAGE)),
                },
                ("demo", word) => rest.push(word.to_owned()),
                ("museum", word) if !word.starts_with('-') => names.push(word.to_owned()),
                (_, word) => return Err(Failure::usage(&format!("`{word}` is not understood"), USAGE)),
            }
        }
        if command == "museum" {
            let Ok([version, name]) = <[String; 2]>::try_from(names) else {
                return Err(Failure::usage("`museum` takes a version of the contract and the name of a piece", USAGE));
            };
            return Ok(Self::Museum { version, name, options });
        }
        let selection = if names.is_empty() { Selection::All } else { Selection::Named(names) };
        match command {
            "build" => Ok(Self::Build { scope, selection, options }),
            "demo" => Ok(Self::Demo { arguments: rest, options }),
            "test" => Ok(Self::Test { options }),
            "fuzz" => Ok(Self::Fuzz { arguments: rest }),
            "bench" => Ok(Self::Bench { options }),
            "gallery" => Ok(Self::Gallery),
            "help" | "--help" | "-h" => Ok(Self::Help),
            other => Err(Failure::usage(&format!("there is no command `{other}`"), USAGE)),
        }
    }

    /// Does it.
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let layout = Layout::here();
        let mut stages = Stages::start();
        match self {
            Self::Help => println!("{USAGE}"),
            Self::Build { scope, selection, options } => {
                if scope == Scope::Everything {
                    prerequisites::check()?;
                }
                stages.run("plugins", || guests::build(&layout, &selection, options))?;
                if scope == Scope::Everything {
                    stages.run("release binary", || {
                        run(layout.cargo().args(["build", "--release", "--package", "lagdoctor"]))
                    })?;
                    println!("target/release/lagdoctor is ready");
                }
            }
            Self::Demo { arguments, options } => {
                prerequisites::check()?;
                stages.run("plugins", || guests::build(&layout, &Selection::All, options))?;
                stages.run("binary", || run(layout.cargo().args(["build", "--package", "lagdoctor"])))?;
                return demo(&layout, &arguments);
            }
            Self::Fuzz { arguments } => return fuzz(&layout, &arguments),
            Self::Museum { version, name, options } => {
                stages.run("piece", || museum::add(&layout, &version, &name, options))?;
            }
            Self::Gallery => stages.run("gallery", || {
                let folder = layout.root().join("simulator");
                run(layout
                    .cargo()
                    .args(["run", "--quiet", "--package", "lagdoctor-sim", "--example", "gallery", "--"])
                    .arg(folder))
            })?,
            Self::Bench { options } => {
                prerequisites::check()?;
                stages.run("plugins", || guests::build(&layout, &Selection::All, options))?;
                bench::run_all(&layout, &mut stages)?;
            }
            Self::Test { options } => {
                prerequisites::check()?;
                return check::everything(&layout, &mut stages, options);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs the program itself, so that the demo's output and exit code are untouched.
fn demo(layout: &Layout, arguments: &[String]) -> Result<ExitCode, Failure> {
    let program = layout.target()?.join("debug").join(format!("lagdoctor{}", std::env::consts::EXE_SUFFIX));
    let status = Process::new(&program)
        .arg("demo")
        .args(arguments)
        .status()
        .map_err(|source| Failure::Start { program: program.display().to_string(), source })?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)))
}

/// Runs the fuzzer, whose exit code says whether something was found.
fn fuzz(layout: &Layout, arguments: &[String]) -> Result<ExitCode, Failure> {
    let mut command = layout.cargo();
    command.args(["run", "--quiet", "--package", "lagdoctor-fuzz", "--"]).args(arguments);
    let status = command.status().map_err(|source| Failure::Start { program: "cargo".to_owned(), source })?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, Failure> {
        Command::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    const FIRST: Options = Options { toolchain: Choice::First, consent: Consent::Ask };

    #[test]
    fn what_the_demo_is_told_is_passed_on() {
        let told = Command::Demo { arguments: vec!["--seed".into(), "7".into()], options: FIRST };
        assert_eq!(parse("demo --seed 7").unwrap(), told);
        let yes = Options { consent: Consent::Given, ..FIRST };
        let verbatim = Command::Demo { arguments: vec!["--yes".into()], options: yes };
        assert_eq!(parse("demo --yes -- --yes").unwrap(), verbatim);
    }

    #[test]
    fn plugins_can_be_built_one_by_one() {
        let selection = Selection::Named(vec!["scorer-jvm".into(), "scorer-logs".into()]);
        let both = Command::Build { scope: Scope::Guests, selection, options: FIRST };
        assert_eq!(parse("build --guests-only --plugin scorer-jvm --plugin scorer-logs").unwrap(), both);
    }

    #[test]
    fn what_the_fuzzer_is_told_is_passed_on() {
        let told = Command::Fuzz { arguments: vec!["bundle".into(), "--for".into(), "10m".into()] };
        assert_eq!(parse("fuzz bundle --for 10m").unwrap(), told);
    }

    #[test]
    fn a_word_that_is_not_understood_is_named_with_the_usage() {
        for (line, word) in [
            ("biuld", "`biuld`"),
            ("build --fast", "`--fast`"),
            ("test --toolchain gcc", "`debian`"),
            ("museum 0.1", "`museum`"),
            ("gallery load.burst", "`load.burst`"),
        ] {
            let said = parse(line).unwrap_err().to_string();
            assert!(said.contains(word) && said.contains("cargo xtask test"), "{line}: {said}");
        }
    }
}
