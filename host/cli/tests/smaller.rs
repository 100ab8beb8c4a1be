//! Scenarios that nobody wrote: drawn by the swarm, and made smaller from a run that the plugins get wrong.

#[path = "program/mod.rs"]
mod program;

use program::check;

#[test]
fn a_swarm_says_what_it_drew_and_leaves_scenarios_that_can_be_had_again() {
    let folder = tempfile::tempdir().unwrap();
    let says =
        ["seed 3: draw ", "seed 4: draw ", "\n  cause ", "\n  hurts ", "\n  truth ", "\n  oracle ", "; 0 unsound"];
    let first = check(folder.path(), "simulate --swarm 2 --seed 3 --out drawn", 0, &says);
    let again = check(folder.path(), "simulate --swarm 2 --seed 3 --out again", 0, &[]);
    let told = |printed: &str| printed.lines().filter(|line| !line.starts_with("grade ")).collect::<String>();
    assert_eq!(told(&first), told(&again));
    for seed in [3, 4] {
        let read =
            |from: &str| std::fs::read_to_string(folder.path().join(format!("{from}/swarm-{seed}.toml"))).unwrap();
        assert_eq!(read("drawn"), read("again"));
    }
    // A file of its own, which uses no other and hurts as it was said.
    check(folder.path(), "simulate drawn/swarm-3.toml --seed 3 --out incident", 0, &["what really happened is in"]);
    let truth = std::fs::read_to_string(folder.path().join("incident.truth.toml")).unwrap();
    let root = first.split_once("\n  truth    ").unwrap().1.split_once(" (").unwrap().0;
    assert!(truth.contains("impact") && truth.contains(root), "{root} is not in\n{truth}");
}

#[test]
fn a_swarm_that_cannot_be_drawn_says_why() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), "simulate --swarm 1 --on nowhere.toml", 2, &["nowhere.toml", "topo/fanout.toml"]);
    check(folder.path(), "simulate --swarm 0", 2, &["--swarm"]);
    check(folder.path(), "simulate quiet --swarm 1", 2, &["cannot be used with"]);
    check(folder.path(), "simulate quiet --out x --on topo/orders.toml", 2, &["cannot be used with"]);
}

#[test]
fn a_wrong_run_is_made_smaller_and_stays_wrong_in_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = "--seeds 1..1 --without scorer-database";
    let line = format!("evaluate --scenarios builtin:replication-delay {wrong} --shrink small --shrink-tries 30");
    let says = [
        "shrunk: replication-delay with seed 1, the wrong node comes first; ",
        "changed: without any noise, ",
        "again:   lagdoctor evaluate --scenarios small/replication-delay-1.toml --seeds 1 --without scorer-database",
    ];
    let printed = check(folder.path(), &line, 0, &says);
    let small = std::fs::read_to_string(folder.path().join("small/replication-delay-1.toml")).unwrap();
    assert!(
        small.starts_with("# What is left of replication-delay with seed 1: the wrong node comes first."),
        "{small}"
    );
    assert!(!small.contains("use = ") && small.matches("[[fault]]").count() == 1, "{small}");
    assert!(printed.contains(&format!("and {} nodes", small.matches("[[node]]").count())), "{printed}");
    let again = printed.split_once("again:   lagdoctor ").unwrap().1.lines().next().unwrap();
    check(folder.path(), again, 0, &["wrong: replication-delay-1 with seed 1\n", "truth: database:orders-db-replica"]);
    // With the scorer that was left out it is found: it is a fair question still.
    let fair = again.replace(" --without scorer-database", "");
    check(folder.path(), &fair, 0, &["replication-delay-1     1    1.00"]);
}

#[test]
fn nothing_is_shrunk_where_nothing_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let line = "evaluate --scenarios builtin:quiet --seeds 1..1 --shrink small";
    check(folder.path(), line, 0, &["nothing to shrink: no simulated run is wrong"]);
    assert!(!folder.path().join("small").exists());
    check(folder.path(), "evaluate --shrink-tries 5", 2, &["--shrink"]);
}
