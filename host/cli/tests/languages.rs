//! Scorers in JavaScript and Python, from a fresh folder, as the tutorial shows them and the README sums them up: begun,
//! tested natively, built, checked, held to what they find, and graded. Where npm or pip cannot bring the tools, the test
//! says so and shows nothing.
#![cfg(unix)]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

#[path = "author/mod.rs"]
mod author;

use author::{Bench, Step, follow, readme, steps};

const TUTORIAL: &str = include_str!("../../../docs/tutorial.md");

/// Follows the tutorial in this language. `install` is what needs a registry, `place` the language's in the README;
/// `broken` is the plugin's source and a line that is none.
fn check(language: &str, place: usize, install: &str, told: &str, lack: &str, broken: (&str, &str)) {
    let steps = steps(TUTORIAL, Some(language));
    let commands = steps.iter().filter_map(|step| match step {
        Step::Run(command, _) => Some(*command),
        Step::Write(..) => None,
    });
    assert_eq!(commands.collect::<Vec<_>>(), readme()[place], "the README and the tutorial tell the same way");
    let is_install = |step: &Step<'_>| matches!(step, Step::Run(command, _) if command.starts_with(install));
    let (before, rest) = steps.split_at(steps.iter().position(is_install).unwrap());
    let home = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(home.path());
    follow(&mut bench, before);
    bench.must_fail("lagdoctor plugin build", 2, told);
    let Step::Run(command, _) = &rest[0] else { unreachable!("it was found as a command") };
    if bench.run(command).0 != Some(0) {
        eprintln!("skipped: needs {lack}");
        return;
    }
    follow(&mut bench, &rest[1..]);
    // A script with a fault is told by its place and not by the stack of its tool.
    let (file, fault) = broken;
    let lines = bench.must(&format!("printf '%s\\n' '{fault}' >> {file}; wc -l < {file}"));
    let (code, said) = bench.run("lagdoctor plugin build");
    assert!(code == Some(2) && said.contains(&format!("{file}:{}: SyntaxError", lines.trim())), "{said}");
    assert!(!said.contains("node_modules") && !said.contains("backtrace"), "{said}");
}

#[test]
fn a_scorer_in_javascript_is_built_checked_and_graded() {
    let lack = "npm, and a registry that it reaches (Debian: apt-get install npm)";
    check("javascript", 1, "npm install", "npm install", lack, ("plugin.js", "let broken = = 1;"));
}

#[test]
fn a_scorer_in_python_is_built_checked_and_graded() {
    let lack = "python3 with venv, and a registry that pip reaches (Debian: apt-get install python3-venv)";
    check("python", 2, ".venv/bin/pip install", "pip install componentize-py", lack, ("plugin.py", "def broken(:"));
}
