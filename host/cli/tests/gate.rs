//! A change that makes a diagnosis worse is stopped, and says by which run; one that changes nothing goes in.

use std::path::Path;
use std::process::Command;

/// Exit code, and all that is printed.
fn lagdoctor(folder: &Path, line: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagdoctor"));
    command.args(line.split_whitespace()).current_dir(folder);
    command.env("LAGDOCTOR_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/components"));
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&printed).into_owned())
}

fn check(folder: &Path, line: &str, code: i32, saying: &[&str]) -> String {
    let (got, printed) = lagdoctor(folder, line);
    assert_eq!(got, Some(code), "`{line}` says\n{printed}");
    for words in saying {
        assert!(printed.contains(words), "`{line}` does not say `{words}`:\n{printed}");
    }
    printed
}

#[test]
fn a_scorer_that_is_gone_fails_the_gate_and_names_run_and_command() {
    let folder = tempfile::tempdir().unwrap();
    let of = "--scenarios builtin:replication-delay --seeds 1..1";
    let evaluate = format!("evaluate {of} --baseline grades.toml");
    check(folder.path(), &evaluate, 4, &["lagdoctor baseline update"]);
    let update = format!("baseline update grades.toml --reason first {of}");
    check(folder.path(), &update, 0, &["1 runs, 1 scenarios that must pass"]);
    check(folder.path(), &evaluate, 0, &["gate: passes"]);
    let says = [
        "gate: fails",
        "must pass: replication-delay with seed 1",
        "again:  lagdoctor simulate replication-delay --seed 1 --out incident && lagdoctor diagnose --bundle incident --without scorer-database",
    ];
    check(folder.path(), &format!("{evaluate} --without scorer-database"), 1, &says);
    let explain = format!("baseline explain grades.toml replication-delay/1 {of} --without scorer-database");
    check(folder.path(), &explain, 0, &["before: database:orders-db-replica", "<- the first that differs"]);
    let other = "evaluate --scenarios builtin:replication-delay --seeds 2..2 --baseline grades.toml";
    check(folder.path(), other, 4, &["other scenarios, seeds or another simulator"]);
}

#[test]
fn reports_are_written_beside_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let line = "evaluate --scenarios builtin:quiet --seeds 1..1 --format json --write html=a.html --write junit=b.xml";
    let printed = check(folder.path(), line, 0, &["\"false_alarms_per_hour\""]);
    assert!(serde_json::from_str::<serde_json::Value>(&printed).is_ok(), "{printed}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("a.html").starts_with("<!doctype html>") && read("b.xml").contains("<testcase classname=\"quiet\""));
    check(folder.path(), "evaluate --write pdf=a.pdf", 2, &["pdf"]);
}
