//! What must hold before a change lands? Plugins build, the format is the common one, nothing is linted, documentation
//! links lead somewhere, and all tests pass, those of the architecture included. A stage that fails does not stop the
//! next, so that one run shows everything. Start at [`everything`].

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use lagdoctor_guest_build::process::shown;

use crate::command::Options;
use crate::guests::{self, Selection};
use crate::layout::Layout;
use crate::run::{Failure, run};
use crate::stage::Stages;
use crate::tally::Tally;

/// Runs all checks; its last line is `N passed, N failed, N skipped`.
pub(crate) fn everything(layout: &Layout, stages: &mut Stages, options: Options) -> Result<ExitCode, Failure> {
    let mut tally = Tally::default();
    let mut failures: Vec<String> = Vec::new();
    let in_plugins = |words: &[&str]| {
        let mut command = layout.cargo();
        command.current_dir(layout.plugins()).args(words);
        command
    };
    let here = |words: &[&str]| {
        let mut command = layout.cargo();
        command.args(words);
        command
    };

    let built = stages.run("plugins", || guests::build(layout, &Selection::All, options));
    note("plugins", built, &mut tally, &mut failures);

    let lint = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let checks = [
        ("format", here(&["fmt", "--all", "--check"])),
        ("format of plugins", in_plugins(&["fmt", "--all", "--check"])),
        ("lints", here(&lint)),
        ("lints of plugins", in_plugins(&lint)),
        ("documentation", documentation(here(&["doc", "--quiet", "--workspace", "--no-deps"]))),
    ];
    for (name, mut command) in checks {
        let result = stages.run(name, || run(&mut command));
        note(name, result, &mut tally, &mut failures);
    }

    for (name, mut command) in [
        ("tests", here(&["test", "--workspace", "--no-fail-fast", "--", "--show-output"])),
        ("tests of plugins", in_plugins(&["test", "--workspace", "--no-fail-fast", "--", "--show-output"])),
    ] {
        let before = tally.failed();
        let result = stages.run(name, || test(&mut command, &mut tally));
        // Tests that failed are counted already; a build that failed is not.
        if tally.failed() > before {
            failures.push(name.to_owned());
        } else {
            note(name, result, &mut tally, &mut failures);
        }
    }

    for line in tally.skipped() {
        println!("{line}");
    }
    for name in &failures {
        println!("failed: {name}");
    }
    println!("everything took {:.0} s", stages.seconds());
    println!("{}", tally.line());
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn note(name: &str, result: Result<(), Failure>, tally: &mut Tally, failures: &mut Vec<String>) {
    if let Err(failure) = result {
        eprintln!("    {failure}");
        tally.fail();
        failures.push(name.to_owned());
    }
}

fn documentation(mut command: Command) -> Command {
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

/// A line of the tests' output and where it came from.
enum Line {
    Out(String),
    Error(String),
}

/// Runs `cargo test`, shows its progress and what fails, and counts.
fn test(command: &mut Command, tally: &mut Tally) -> Result<(), Failure> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|source| {
            Failure::Start { program: command.get_program().to_string_lossy().into_owned(), source }
        })?;
    let (send, receive) = channel();
    let readers = [
        child.stdout.take().map(|pipe| forward(pipe, send.clone(), Line::Out)),
        child.stderr.take().map(|pipe| forward(pipe, send, Line::Error)),
    ];
    for line in receive {
        match line {
            Line::Out(line) => {
                if tally.read(&line) {
                    println!("{line}");
                }
            }
            Line::Error(line) => {
                tally.read_error(&line);
                eprintln!("{line}");
            }
        }
    }
    for reader in readers.into_iter().flatten() {
        let _ = reader.join();
    }
    let status = child.wait().map_err(|source| Failure::Start { program: "cargo test".to_owned(), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Failed { command: shown(command), status: status.to_string() })
}

/// Sends each line of a pipe on. Bytes that are no UTF-8 are replaced: a test may print what it likes.
fn forward(pipe: impl Read + Send + 'static, to: Sender<Line>, wrap: fn(String) -> Line) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
            if to.send(wrap(line)).is_err() {
                return;
            }
            bytes.clear();
        }
    })
}
