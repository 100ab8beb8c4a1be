//! The gate, tried on scorers of this repository that were built apart from it: some made worse on purpose, which it must stop
//! and say by which run; and some that differ in the last digits alone, which it must let in. Start at [`rebuilt`].
#![cfg(unix)]

#[path = "author/mod.rs"]
mod author;

use std::path::Path;

use author::Bench;

/// Where plugins are.
const PLUGINS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins");
/// The scorer that is changed.
const SCORER: &str = "scorer-database";
/// What it is called then: a name that no other has.
const REBUILT: &str = "scorer-rebuilt";
/// Where its answer ends.
const ANSWER: &str = "        Ok(findings)\n";

/// Builds the scorer in this folder, optimised for size and not for speed, with these lines of its `src/lib.rs` in place of
/// others.
fn rebuilt(home: &Path, folder: &str, (before, after): (&str, &str)) {
    let plugins = Path::new(PLUGINS).canonicalize().unwrap();
    let (project, source) = (home.join(folder), plugins.join(SCORER).join("src"));
    std::fs::create_dir_all(project.join("src")).unwrap();
    for file in std::fs::read_dir(source).unwrap() {
        let file = file.unwrap().path();
        std::fs::copy(&file, project.join("src").join(file.file_name().unwrap())).unwrap();
    }
    std::fs::copy(plugins.join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let lib = project.join("src/lib.rs");
    let mut text = std::fs::read_to_string(&lib).unwrap();
    for (before, after) in [(before, after), (&*format!("\"{SCORER}\""), &*format!("\"{REBUILT}\""))] {
        assert_eq!(text.matches(before).count(), 1, "`{before}` stands once in {SCORER}");
        text = text.replace(before, after);
    }
    std::fs::write(&lib, text).unwrap();
    let manifest = format!(
        "[workspace]\n[package]\nname = \"{REBUILT}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n[dependencies]\nlagdoctor-sdk = {{ path = {:?} }}\n\
         [profile.release]\nopt-level = \"s\"\nlto = true\ncodegen-units = 1\npanic = \"abort\"\nstrip = true\n",
        plugins.join("sdk")
    );
    std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
    let mut bench = Bench::new(home);
    bench.enter(folder);
    bench.must("lagdoctor plugin build");
    assert!(project.join(format!("{REBUILT}.wasm")).is_file());
}

/// The flags that let it take the place of the one that it was made of.
fn in_its_place(folder: &str) -> String {
    format!("--plugin {folder}/{REBUILT}.wasm --without {SCORER}")
}

#[test]
fn a_scorer_that_was_made_worse_fails_the_gate_and_names_run_and_command() {
    let home = tempfile::tempdir().unwrap();
    let of = "--scenarios builtin:replication-delay --seeds 1..2";
    let sign = "        Ok(findings.into_iter().map(|f| Finding { score: 1.0 - f.score, ..f }).collect())\n";
    let signal = "            findings.extend(replication::finding(&self.config, view, database));\n";
    for (folder, change) in [("backwards", (ANSWER, sign)), ("deaf", (signal, ""))] {
        rebuilt(home.path(), folder, change);
    }
    let bench = Bench::new(home.path());
    bench.must(&format!("lagdoctor baseline update grades.toml --reason first {of}"));
    for folder in ["backwards", "deaf"] {
        let plugin = in_its_place(folder);
        let (code, printed) = bench.run(&format!("lagdoctor evaluate {of} --baseline grades.toml {plugin}"));
        assert_eq!(code, Some(1), "{folder}: {printed}");
        assert!(printed.contains("gate: fails"), "{folder}: {printed}");
        for seed in [1, 2] {
            let named = format!("must pass: replication-delay with seed {seed}\n");
            let again = format!(
                "again:  lagdoctor simulate replication-delay --seed {seed} --out incident && lagdoctor diagnose --bundle incident {plugin}\n"
            );
            assert!(printed.contains(&named) && printed.contains(&again), "{folder}: {printed}");
        }
        // What it names shows the fault, and the same without the plugin does not.
        let command = printed.lines().find_map(|line| line.trim().strip_prefix("again:  ")).unwrap();
        let blames_replica = |command: &str| bench.run(command).1.contains("Database orders-db-replica: ");
        assert!(!blames_replica(command), "{folder}");
        assert!(blames_replica(command.strip_suffix(&format!(" {plugin}")).unwrap()), "{folder}");
    }
}

/// A replica that falls behind after a quarter of an hour, so that many runs take little time.
const SHORT: &str = r#"
schema   = 1
id       = "copy-behind-soon"
family   = "db.replication-lag"
split    = "public"
seed     = 5
duration = "24m"
warmup   = "10m"
use      = ["topo/orders.toml"]

[[fault]]
id = "f1"
kind = "db.replication-lag"
target = "orders-db-replica"
severity = { uniform = [0.5, 0.9] }
params = { face = { choice = ["stopped", "delayed"] } }
at = { uniform = ["12m", "14m"] }
hold = "1h"

[truth]
incident = true
roots = "auto"
decoys = ["service:fulfilment"]
path = "auto"

[impact]
sli = "time_lag:fulfilment"
min = "20s"
for = "2m"

[expect]
detect_within = "5m"
root_rank_max = 3
min_pass_rate = 0.8
seeds = 20
"#;

/// `LAGDOCTOR_GATE_SCENARIOS` says on which scenarios in place of a short one of its own, and `LAGDOCTOR_GATE_SEEDS` how many
/// seeds are in each set in place of 2. With `--nocapture` each set is told.
#[test]
#[allow(clippy::print_stdout, reason = "whoever runs it wants to see each set")]
fn a_rebuild_that_differs_in_the_last_digits_alone_passes_the_gate_on_19_of_20_sets_of_seeds() {
    let setting = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let home = tempfile::tempdir().unwrap();
    let scenarios = setting("LAGDOCTOR_GATE_SCENARIOS", "short");
    let seeds: u64 = setting("LAGDOCTOR_GATE_SEEDS", "2").parse().unwrap();
    // As a sum would come out that is added up in another order.
    let digits =
        "        Ok(findings.into_iter().map(|f| Finding { score: f.score * (1.0 - 1e-12), ..f }).collect())\n";
    rebuilt(home.path(), "neutral", (ANSWER, digits));
    let bench = Bench::new(home.path());
    std::fs::create_dir(home.path().join("short")).unwrap();
    bench.write("short/copy-behind-soon.toml", SHORT);
    let (mut passed, mut strict) = (0, 0);
    for set in 0..20 {
        let of = format!("--scenarios {scenarios} --seeds {}..{}", set * seeds + 1, (set + 1) * seeds);
        let wrote = bench.must(&format!("lagdoctor baseline update grades.toml --reason 'set {set}' {of}"));
        strict += usize::from(!wrote.contains(" 0 scenarios that must pass"));
        let line = format!("lagdoctor evaluate {of} --baseline grades.toml {}", in_its_place("neutral"));
        let (code, printed) = bench.run(&line);
        let gate: Vec<&str> = printed.lines().skip_while(|line| !line.starts_with("gate: ")).collect();
        assert!(!gate.is_empty(), "no gate was asked: {printed}");
        passed += usize::from(code == Some(0));
        println!("{of}: exit code {}, {}", code.unwrap_or(-1), gate.join(" "));
    }
    println!("{passed} of 20 sets of seeds pass, of which {strict} ask for scenarios that must pass");
    assert!(passed >= 19 && strict >= 15, "{passed} of 20 sets of seeds pass, {strict} are strict");
}
