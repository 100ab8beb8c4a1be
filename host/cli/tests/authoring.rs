//! The way of a plugin's author outside this repository, for every world: begin, test, build, check. And what an author is
//! told who goes wrong.
#![cfg(unix)]

#[path = "author/mod.rs"]
mod author;

use author::{Bench, covers, readme};
use lagdoctor_authoring::new::{Language, Name, project};
use lagdoctor_model::{Topology, Vocabulary};
use lagdoctor_runtime::World;
use lagdoctor_service::resolve::{Attributes, NodeResolver};

#[test]
fn a_plugin_of_every_world_is_tested_built_and_wanted_from_the_first_minute() {
    let home = tempfile::tempdir().unwrap();
    for world in ["collector", "ranker", "forecaster", "notifier"] {
        let mut bench = Bench::new(home.path());
        bench.must(&format!("lagdoctor plugin new {world} my-{world}"));
        bench.enter(&format!("my-{world}"));
        let tested = bench.must("cargo test --quiet");
        assert!(tested.contains("test result: ok."), "{world}: {tested}");
        let built = bench.must("lagdoctor plugin build");
        let expected = [format!("built …/my-{world}.wasm, a {world} of … KiB"), "next:".to_owned()];
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        assert_eq!(covers(&expected, &built), Ok(()), "{world}: {built}");
        let checked = bench.must("lagdoctor plugin check");
        assert!(checked.ends_with("\na host would want it\n"), "{world}: {checked}");
        // A collector brings a case along; to the others an incident is shown.
        if world != "collector" {
            bench.must_fail("lagdoctor plugin test", 2, "lagdoctor simulate slow-consumer");
            bench.must("lagdoctor simulate slow-consumer --out tests/golden/slow-consumer");
            bench.must_fail("lagdoctor plugin test", 1, "NEW   slow-consumer: nothing is expected yet");
            bench.must("lagdoctor plugin test --update");
        }
        if matches!(world, "collector" | "notifier") {
            let grade = format!("lagdoctor evaluate --plugin my-{world}.wasm");
            bench.must_fail(&grade, 2, &format!("is a {world}, and only scorers, rankers and forecasters"));
        } else {
            let grade = "lagdoctor evaluate --scenarios builtin:slow-consumer --seeds 1..1 --plugin";
            assert!(bench.must(&format!("{grade} my-{world}.wasm")).contains("slow-consumer           1"));
            // What is graded is what diagnoses, and that names who had a say.
            let diagnose = "lagdoctor diagnose --bundle tests/golden/slow-consumer --format json --plugin";
            bench.must_fail(&format!("{diagnose} my-{world}.wasm"), 1, &format!("\"my-{world}\""));
        }
        let tested = bench.must("lagdoctor plugin test");
        assert!(tested.starts_with("ok    ") && !tested.contains(": 0 things"), "{world}: {tested}");
    }
}

#[test]
fn what_a_new_collector_gives_is_placed_on_the_instances_that_it_names() {
    let name = Name::new("my-collector").unwrap();
    let files = project(World::Collector, &name, Language::Rust).unwrap();
    // What the built component gives is compared with this file above.
    let (_, given) = files.iter().find(|(path, _)| path.ends_with("expected.txt")).unwrap();
    let mut nodes = NodeResolver::new(Topology::new());
    let mut placed = vec![];
    for line in given.lines().filter(|line| line.contains('{')) {
        let (signal, rest) = line.trim().split_once(" {").unwrap();
        let labels = rest.split_once('}').unwrap().0.split(", ").map(|pair| pair.split_once('=').unwrap());
        let kind = &Vocabulary::bundled().signal(signal).unwrap().node;
        let node = nodes.place(kind, &Attributes::new(labels)).unwrap_or_else(|| panic!("no node for {line}"));
        placed.push(format!("{node} of {}", nodes.topology().node(&node).unwrap().labels["service"]));
    }
    assert_eq!(placed, ["instance:orders-0 of orders", "instance:mail-0 of mail"]);
}

/// The scorer among the worlds.
#[test]
fn a_reader_of_the_readme_alone_makes_a_scorer_in_a_fresh_folder() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(home.path());
    let blocks = readme();
    assert!(
        blocks.len() == 3 && blocks[0].len() > 6,
        "the README tells how in Rust, JavaScript and Python: {blocks:?}"
    );
    let mut printed = String::new();
    for command in &blocks[0] {
        match command.strip_prefix("cd ") {
            Some(folder) => bench.enter(folder),
            None => printed += &bench.must(command),
        }
    }
    for line in ["test result: ok.", "built ", "a host would want it", "kept  gc-pauses: 7 things said", "AC@1"] {
        assert!(printed.contains(line), "no `{line}` in\n{printed}");
    }
}

#[test]
fn an_author_who_goes_wrong_is_told_the_way() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(home.path());
    bench.must_fail("lagdoctor plugin new scorer StockLevels", 2, "lagdoctor plugin new scorer stock-levels");
    bench.must_fail("lagdoctor plugin new oracle a", 2, "scorer");
    bench.must_fail("lagdoctor plugin build", 2, "lagdoctor plugin new scorer NAME");
    bench.must("lagdoctor plugin new scorer stock-levels");
    bench.must_fail("lagdoctor plugin new scorer stock-levels", 2, "--folder DIR");
    bench.must_fail("lagdoctor plugin new scorer stock-levels --folder .", 2, "this folder holds stock-levels already");
    let begun =
        bench.must("mkdir -p elsewhere/.git; cd elsewhere; lagdoctor plugin new scorer stock-levels --folder .");
    assert!(begun.starts_with("this folder is a project of its own") && !begun.contains("cd "), "{begun}");
    bench.must_fail("lagdoctor plugin new notifier a --language python", 2, "no template of a notifier");
    bench.enter("stock-levels");
    bench.must_fail("lagdoctor plugin check", 2, "lagdoctor plugin build");
    bench.must_fail("lagdoctor plugin test", 2, "lagdoctor plugin build");
    bench.must_fail("lagdoctor plugin inspect .", 2, "lagdoctor plugin build");
    for command in [
        "plugin check nofile.wasm",
        "plugin inspect nofile.wasm",
        "plugin test --component nofile.wasm",
        "evaluate --plugin nofile.wasm",
    ] {
        let said = "cannot read component nofile.wasm: No such file or directory";
        bench.must_fail(&format!("lagdoctor {command}"), 2, said);
        bench.must_fail(&format!("lagdoctor {command}"), 2, "in a project's folder, `lagdoctor plugin build` makes it");
    }
    let elsewhere = "cd ..; lagdoctor plugin inspect stock-levels/stock-levels.wasm";
    bench.must_fail(elsewhere, 2, "`lagdoctor plugin build stock-levels` makes it");
    bench.must_fail("lagdoctor plugin inspect scorer-jmv", 2, "`scorer-jmv` is no bundled plugin");
    bench.write("not-a-plugin.wasm", "hello");
    bench.must_fail("lagdoctor plugin check not-a-plugin.wasm", 1, "FAIL  contract");
    bench.write("src/lib.rs", "fn broken( {}\n");
    bench.must_fail("lagdoctor plugin build", 2, "unclosed delimiter");
    bench.write("src/lib.rs", "//! No plugin.\n");
    bench.must_fail("lagdoctor plugin build", 2, "export_scorer!");
}

/// Stands in for componentize-py: copies a component that is there already, or says what the real one says of a script with
/// a fault.
const TOOL: &str = r#"#!/bin/sh
case "$*" in
  *bindings*) mkdir wit_world ;;
  *) if grep -q broken plugin.py; then
       printf 'AssertionError:   File "/0/plugin.py", line 3\n    def broken(:\n               ^\nSyntaxError: invalid syntax\n\n' >&2
       printf 'Stack backtrace:\n   0: <anyhow::Error>::msg\n' >&2
       exit 1
     fi
     for file; do :; done
     cp "COMPONENT" "$file" ;;
esac
"#;

#[test]
fn a_build_that_takes_minutes_says_what_it_does_and_where_a_script_is_at_fault() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(home.path());
    bench.must("lagdoctor plugin new scorer retry-storms --language python");
    bench.enter("retry-storms");
    bench.must("mkdir -p .venv/bin");
    let component = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins/scorer-jvm.wasm");
    bench.write(".venv/bin/componentize-py", &TOOL.replace("COMPONENT", &component.display().to_string()));
    bench.must("chmod +x .venv/bin/componentize-py");
    let steps = [
        "componentize-py writes wit_world, which is the contract in Python ...",
        "componentize-py puts plugin.py and a Python interpreter into one component ...",
        "loading retry-storms.wasm as a host does ...",
    ];
    let built = bench.must("lagdoctor plugin build");
    assert_eq!(covers(&steps, &built), Ok(()), "{built}");
    // The answer is the answer alone.
    assert!(bench.must("lagdoctor plugin build 2>/dev/null").starts_with("built "));

    bench.write("plugin.py", "import json\n\ndef broken(:\n");
    let (code, said) = bench.run("lagdoctor plugin build");
    let shown = ["… plugin.py:3: SyntaxError: invalid syntax", "…    def broken(:", "…               ^"];
    assert_eq!((code, covers(&shown, &said)), (Some(2), Ok(())), "{said}");
    assert!(!said.contains("backtrace"), "{said}");
    bench.must_fail("lagdoctor plugin build -v", 2, "Stack backtrace:");
}

/// A scorer that falls at each call, and listens to a signal that nobody gives.
const FALLS: &str = r#"//! A scorer that falls.
use lagdoctor_sdk::{Error, Finding, Manifest, NoConfig, Plugin, Scorer, View};

/// The scorer.
pub struct Falls;

impl Plugin for Falls {
    type Config = NoConfig;

    fn manifest() -> Manifest {
        Manifest::new("stock-levels", "0.1.0", "Falls.").reads(&["jvm.gc.overhead", "jvm.gc.overhaed"])
    }

    fn new(_config: NoConfig) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Scorer for Falls {
    fn score(&self, _view: &View<'_>) -> Result<Vec<Finding>, Error> {
        panic!("it always falls")
    }
}

lagdoctor_sdk::export_scorer!(Falls);
"#;

#[test]
fn a_scorer_that_always_falls_is_named_by_whatever_tries_it() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(home.path());
    bench.must("lagdoctor plugin new scorer stock-levels");
    bench.enter("stock-levels");
    bench.write("src/lib.rs", FALLS);
    bench.must("lagdoctor plugin build");
    let meant = "not known here: jvm.gc.overhaed (did you mean jvm.gc.overhead?)";
    assert!(bench.must("lagdoctor plugin inspect stock-levels.wasm").contains(meant));
    let (code, checked) = bench.run("lagdoctor plugin check");
    assert_eq!(code, Some(1), "{checked}");
    for line in [meant, "determinism  a simulated hour", "cannot be judged, because each of the three calls failed"] {
        assert!(checked.contains(line), "no `{line}` in\n{checked}");
    }
    assert!(!checked.contains("is newer than"), "{checked}");

    // One incident, without the scorer that would find its cause.
    let grade = "lagdoctor evaluate --scenarios builtin:replication-delay --seeds 1..1 --without scorer-database --plugin stock-levels.wasm";
    let (code, graded) = bench.run(grade);
    assert_eq!(code, Some(1), "{graded}");
    assert!(graded.contains("failed: stock-levels in 1 of 1 runs"), "{graded}");
    assert!(graded.contains("first: plugin `stock-levels` panicked"), "{graded}");
    let (code, document) = bench.run(&format!("{grade} --format json 2>/dev/null"));
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(
        (code, &document["failing"][0]["plugin"], &document["failing"][0]["runs"]),
        (Some(1), &"stock-levels".into(), &1.into())
    );
    // A wrong run can be had again as it was, by the command that is printed.
    let line = |word: &str| graded.lines().find_map(|line| line.trim().strip_prefix(word)).unwrap_or_default();
    let again = line("again: ");
    assert!(again.ends_with(" --plugin stock-levels.wasm --without scorer-database"), "{graded}");
    let (_, said) = bench.run(&format!("{again} --no-audit --format json"));
    // Among other words of a report it begins with a small letter and ends without a full stop.
    let headline = line("said:  ").trim_start_matches(char::is_uppercase).trim_end_matches('.');
    assert!(!headline.is_empty() && said.contains(headline), "`{headline}` is not said again:\n{said}");

    let said = "cannot read component nofile.wasm: No such file or directory";
    bench.must_fail("lagdoctor diagnose --no-audit --bundle incident --plugin nofile.wasm", 2, said);

    // What was changed since is not what is tried, and that is said.
    bench.write("src/lib.rs", &format!("{FALLS}\n"));
    let words =
        "src/lib.rs is newer than stock-levels.wasm, so this is what it was before; `lagdoctor plugin build` brings";
    let (_, checked) = bench.run("lagdoctor plugin check 2>/dev/null");
    assert!(checked.starts_with(&format!("warn  age          {words}")), "{checked}");
    for command in ["plugin test", "plugin inspect .", "plugin inspect stock-levels.wasm"] {
        let (_, said) = bench.run(&format!("lagdoctor {command}"));
        assert!(said.starts_with(&format!("warn  {words}")), "{command}: {said}");
    }
}
