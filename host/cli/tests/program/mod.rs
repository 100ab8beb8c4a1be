//! The program as a user runs it: a line, the folder that it runs in, and what it printed.

use std::path::Path;
use std::process::Command;

/// Its exit code and all that it printed.
fn lagdoctor(folder: &Path, line: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagdoctor"));
    command.args(line.split_whitespace()).current_dir(folder);
    command.env("LAGDOCTOR_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/components"));
    command.env("XDG_STATE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&printed).into_owned())
}

/// Runs it, asks for this exit code and for these words, and gives what it printed.
pub(crate) fn check(folder: &Path, line: &str, code: i32, saying: &[&str]) -> String {
    let (got, printed) = lagdoctor(folder, line);
    assert_eq!(got, Some(code), "`{line}` says\n{printed}");
    for words in saying {
        assert!(printed.contains(words), "`{line}` does not say `{words}`:\n{printed}");
    }
    printed
}
