//! `cargo xtask`: how is all of this built, shown and tested? Start at [`command::Command`]; `guests` turns plugins
//! into components, `check` runs everything that CI holds.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for developers talks to them")]

mod bench;
mod check;
mod command;
mod guests;
mod index;
mod layout;
mod museum;
mod prerequisites;
mod run;
mod source;
mod stage;
mod tally;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command::Command::parse(&arguments).and_then(command::Command::execute) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            let mut cause = std::error::Error::source(&failure);
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::from(2)
        }
    }
}
