//! A folder in which an author works, with the program on the path.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// Where compiled dependencies are kept from one run to the next, so that a run takes a minute and not five.
const KEPT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/authoring");

/// What the projects of the tests are called. Each run makes them in a new folder, so that what was compiled of them is of
/// no use to the next one.
const PROJECTS: [&str; 6] = ["lagdoctor", "my", "stock", "replica", "gc", "scorer"];

/// A folder, and how commands are run in it. There is one at a time, since all builds share a folder.
pub(crate) struct Bench {
    folder: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    /// In this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        static SWEPT: Once = Once::new();
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        SWEPT.call_once(|| sweep(Path::new(KEPT)));
        Self { folder: folder.to_path_buf(), _alone: alone }
    }

    /// Goes on in a folder inside this one.
    pub(crate) fn enter(&mut self, folder: &str) {
        self.folder.push(folder);
        assert!(self.folder.is_dir(), "there is no folder {}", self.folder.display());
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Runs a command line as a shell does. Its exit code, and all that it prints.
    pub(crate) fn run(&self, command: &str) -> (Option<i32>, String) {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(&self.folder).stdin(Stdio::null());
        // An author is no part of a build of ours.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if (text.starts_with("CARGO") && text != "CARGO_HOME") || text == "RUSTFLAGS" {
                shell.env_remove(&name);
            }
        }
        let program = Path::new(env!("CARGO_BIN_EXE_lagdoctor")).parent().map(Path::to_path_buf).unwrap_or_default();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path: OsString = std::env::join_paths([program].into_iter().chain(std::env::split_paths(&others))).unwrap();
        shell.env("PATH", path).env("CARGO_TARGET_DIR", KEPT).env("LC_ALL", "C");
        // Nothing of this goes into the records and the cache of whoever runs the tests.
        shell.env("LAGDOCTOR_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/components"));
        shell.env("XDG_STATE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
        // A registry that is not reached is found out in a minute, not in five.
        for (name, value) in [("FETCH_RETRIES", "1"), ("FETCH_TIMEOUT", "60000"), ("UPDATE_NOTIFIER", "false")] {
            shell.env(format!("npm_config_{}", name.to_lowercase()), value);
        }
        shell.env("PIP_RETRIES", "1").env("PIP_DEFAULT_TIMEOUT", "30");
        let output = shell.output().unwrap_or_else(|error| panic!("`{command}`: {error}"));
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a command line that must succeed.
    pub(crate) fn must(&self, command: &str) -> String {
        let (code, printed) = self.run(command);
        assert_eq!(code, Some(0), "`{command}` fails:\n{printed}");
        printed
    }

    /// Runs a command line that must fail so, and say this.
    pub(crate) fn must_fail(&self, command: &str, code: i32, saying: &str) {
        let (got, printed) = self.run(command);
        assert!(got == Some(code) && printed.contains(saying), "`{command}` ends with {got:?} and says\n{printed}");
    }
}

/// Takes away what earlier runs compiled of their projects.
fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let name = name.trim_start_matches("lib").trim_start_matches('.');
        let is_theirs = PROJECTS.iter().any(|project| {
            name.strip_prefix(project).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.']))
        });
        match (is_theirs, path.is_dir()) {
            (true, true) => drop(std::fs::remove_dir_all(&path)),
            (true, false) => drop(std::fs::remove_file(&path)),
            (false, true) => sweep(&path),
            (false, false) => {}
        }
    }
}

/// What a text tells its reader to do, in its order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'t> {
    /// Writes this text into this file.
    Write(&'t str, String),
    /// Runs this command; prints these lines.
    Run(&'t str, Vec<&'t str>),
}

/// The steps in the fenced blocks of a text: `console` blocks (or, for another language, `console LANGUAGE` blocks) are
/// run, `rust PATH` and `diff PATH` blocks are written.
pub(crate) fn steps<'t>(text: &'t str, language: Option<&str>) -> Vec<Step<'t>> {
    let mut steps = vec![];
    for (info, block) in blocks(text) {
        match (info.split_once(' '), language) {
            (Some(("rust" | "diff", path)), None) => steps.push(Step::Write(path, block.join("\n") + "\n")),
            (Some(("console", its)), language) if language == Some(its) => read(&block, &mut steps),
            (None, None) if info == "console" => read(&block, &mut steps),
            _ => {}
        }
    }
    steps
}

/// The fenced blocks of a text: what stands behind the first fence, and the lines.
pub(crate) fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let (mut blocks, mut lines) = (vec![], text.lines());
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        blocks.push((info, lines.by_ref().take_while(|line| *line != "```").collect()));
    }
    blocks
}

fn read<'t>(block: &[&'t str], steps: &mut Vec<Step<'t>>) {
    for line in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step::Run(command, vec![])),
            (None, Some(Step::Run(_, printed))) => printed.push(line),
            (None, _) => panic!("`{line}` is printed by no command"),
        }
    }
}

/// Does what the steps say, and compares what is printed with what they show.
pub(crate) fn follow(bench: &mut Bench, steps: &[Step<'_>]) {
    for step in steps {
        match step {
            Step::Write(path, text) => bench.write(path, text),
            Step::Run(command, shown) => match command.strip_prefix("cd ") {
                Some(folder) => bench.enter(folder),
                None => {
                    let (code, printed) = bench.run(command);
                    // What is shown to fail must fail.
                    let expected = i32::from(shown.iter().any(|line| line.starts_with("FAIL")));
                    assert_eq!(code, Some(expected), "`{command}` ends with {code:?} and says\n{printed}");
                    if let Err(line) = covers(shown, &printed) {
                        panic!("`{command}` does not print `{line}` where it is shown; it prints\n{printed}");
                    }
                }
            },
        }
    }
}

/// The commands in the README's section for authors, block by block: Rust, JavaScript, Python.
pub(crate) fn readme() -> Vec<Vec<&'static str>> {
    let text = include_str!("../../../../README.md");
    let (_, section) =
        text.split_once("\n## Write a plugin\n").unwrap_or_else(|| panic!("the README has no such part"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let command = |line: &&'static str| line.split("  #").next().unwrap_or_default().trim_end();
    let commands = |(info, block): (&str, Vec<&'static str>)| {
        info.is_empty().then(|| block.iter().map(command).filter(|line| !line.is_empty()).collect())
    };
    blocks(section).into_iter().filter_map(commands).collect()
}

/// Whether these lines are printed, in this order; `…` stands for anything. Else the first that is not.
pub(crate) fn covers(shown: &[&str], printed: &str) -> Result<(), String> {
    let mut lines = printed.lines();
    for line in shown.iter().filter(|line| line.trim() != "…" && !line.trim().is_empty()) {
        if !lines.any(|printed| fits(line.trim_end(), printed.trim_end())) {
            return Err((*line).to_owned());
        }
    }
    Ok(())
}

/// Whether a line fits a pattern in which `…` stands for any text.
fn fits(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('…') else { return pattern == line };
    let Some(mut left) = line.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('…').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(end)
}
