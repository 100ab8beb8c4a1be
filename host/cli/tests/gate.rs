//! A change that makes a diagnosis worse is stopped, and says by which run; one that changes nothing goes in.

#[path = "program/mod.rs"]
mod program;

use lagdoctor_sim::builtin_version;
use program::check;

#[test]
fn a_scorer_that_is_gone_fails_the_gate_and_names_run_and_command() {
    let folder = tempfile::tempdir().unwrap();
    let of = "--scenarios builtin:replication-delay --seeds 1..1";
    let evaluate = format!("evaluate {of} --baseline grades.toml");
    check(folder.path(), &evaluate, 4, &["lagdoctor baseline update"]);
    let update = format!("baseline update grades.toml --reason first {of}");
    let wrote = format!("1 runs of builtin:replication-delay@{}, 1 scenarios that must pass", builtin_version());
    check(folder.path(), &update, 0, &[&wrote]);
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

#[test]
fn scenarios_that_are_built_in_can_be_pinned_and_every_report_names_their_version() {
    let folder = tempfile::tempdir().unwrap();
    let (here, next) = (builtin_version(), builtin_version() + 1);
    let pinned = format!("builtin:quiet@{here}");
    let of = format!("--scenarios {pinned} --seeds 1..1");
    let line =
        format!("evaluate {of} --write json=a.json --write html=a.html --write junit=a.xml --write markdown=a.md");
    check(folder.path(), &line, 0, &[&format!("1 simulated runs of {pinned}")]);
    for file in ["a.json", "a.html", "a.xml", "a.md"] {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.contains(&pinned), "{file}: {text}");
    }
    check(folder.path(), &format!("baseline update grades.toml --reason first {of}"), 0, &[&pinned]);
    let baseline = std::fs::read_to_string(folder.path().join("grades.toml")).unwrap();
    assert!(baseline.contains(&format!("scenarios = \"{pinned}\"")), "{baseline}");
    check(folder.path(), &format!("evaluate {of} --baseline grades.toml"), 0, &["gate: passes"]);
    check(folder.path(), &format!("baseline explain grades.toml quiet/1 {of}"), 0, &["quiet with seed 1"]);
    let refusal = format!("this lagdoctor has builtin:public@{here}, and not `builtin:public@{next}`");
    for line in [
        format!("evaluate --scenarios builtin:public@{next}"),
        format!("baseline diff grades.toml --scenarios builtin:public@{next}"),
        format!("simulate builtin:public@{next} --lint"),
        format!("simulate builtin:public@{next} --list"),
    ] {
        check(folder.path(), &line, 2, &[&refusal, "baseline update"]);
    }
    let list = format!("simulate builtin:public@{here} --list");
    check(folder.path(), &list, 0, &["quiet ", &format!(" of builtin:public@{here}")]);
    let lint = format!("simulate {pinned} --lint");
    check(folder.path(), &lint, 0, &[&format!("1 scenario of {pinned} linted, 0 unfit")]);
}

#[test]
fn robustness_has_a_curve_for_each_way_of_seeing_less() {
    let folder = tempfile::tempdir().unwrap();
    let line = "evaluate --scenarios builtin:replication-delay --seeds 1..1 --robustness --format json --write text=a.txt --write html=a.html";
    let printed = check(folder.path(), line, 0, &[]);
    let report: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let curves = report["robustness"].as_array().unwrap();
    let names: Vec<&str> = curves.iter().filter_map(|curve| curve["worse"].as_str()).collect();
    assert_eq!(names, ["metric_noise", "scrape_gaps", "missing_edges"]);
    for curve in curves {
        let levels = curve["levels"].as_array().unwrap();
        assert_eq!(levels.len(), 4);
        assert_eq!(levels[0]["ac1"], report["overall"]["ac1"]);
        assert!(levels.iter().all(|level| level["n"] == 1 && level["ac1"]["value"].is_f64()), "{levels:?}");
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("a.txt").contains("\nrobustness: the same runs"));
    assert_eq!(read("a.html").matches("aria-label=\"AC@1 and false alarms with ").count(), 3);
}
