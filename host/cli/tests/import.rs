//! Incidents that others recorded become labelled bundles, with a summary of what was used and what was not.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// 2023-01-01, 00:00:00 UTC.
const START: i64 = 1_672_531_200;

/// Exit code, and all that is printed.
fn lagdoctor(folder: &Path, line: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagdoctor"));
    command.args(line.split_whitespace()).current_dir(folder);
    command.env("LAGDOCTOR_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/components"));
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A shop that calls orders, which call a database. From minute 40 on the processor of this service is busy, and it and all
/// who wait for it answer late. `noise` tells one draw from another.
fn table(root: &str, noise: u32) -> String {
    let order = ["shop", "orders", "db"];
    let depth = order.iter().position(|service| *service == root).unwrap_or(order.len());
    let columns: Vec<String> = order.iter().map(|name| format!("{name}_latency-90,{name}_cpu,{name}_socket")).collect();
    let mut text = format!("time,{},odd\n", columns.join(","));
    for minute in 0..60_u32 {
        let jitter = f64::from((minute * 7919 + noise * 104_729) % 13) / 10.0;
        let cells = order.iter().enumerate().map(|(place, service)| {
            let is_late = minute >= 40 && place <= depth;
            let latency = if is_late { 800.0 } else { 40.0 } + jitter;
            let cpu = if minute >= 40 && *service == root { 0.98 } else { 0.2 + jitter / 50.0 };
            format!("{latency},{cpu},{}", 20 + minute % 3)
        });
        let cells: Vec<String> = cells.collect();
        text += &format!("{},{},1\n", START + i64::from(minute) * 60, cells.join(","));
    }
    text
}

/// Four cases with a graph, and one that says nothing of its fault.
fn set(folder: &Path) {
    for (name, root, fault) in [("a", "db", "cpu"), ("b", "orders", "cpu"), ("c", "db", "mem"), ("d", "shop", "mem")] {
        let case = folder.join("set").join(name);
        fs::create_dir_all(&case).unwrap();
        fs::write(case.join("metrics.csv"), table(root, name.len() as u32)).unwrap();
        let label = format!(
            "{{\"inject_time\": {}, \"root_cause_service\": \"{root}\", \"fault_type\": \"{fault}\", \
             \"graph_edges\": [[\"shop\", \"orders\"], [\"orders\", \"db\"]], \"entry_service\": \"shop\"}}",
            START + 2_400
        );
        fs::write(case.join("case.json"), label).unwrap();
    }
    let case = folder.join("set").join("unlabelled");
    fs::create_dir_all(&case).unwrap();
    fs::write(case.join("data.csv"), table("db", 9)).unwrap();
}

#[test]
fn a_set_becomes_bundles_and_what_was_not_used_is_said() {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path());
    let (code, said, _) = lagdoctor(folder.path(), "import set --out bundles");
    assert_eq!(code, Some(1), "{said}");
    for words in [
        "imported 4 cases into bundles: 4 with a graph of who calls whom, 0 without",
        "24 columns mean what a signal means: service.cpu 12, service.latency 12",
        "12 columns are told as service.metric: socket 12",
        "4 columns are not used: their names are not SERVICE_METRIC",
        "refused 1 case:\n  unlabelled: it says neither by inject_time.txt nor by case.json when the fault began",
        "lagdoctor evaluate --bundles bundles",
    ] {
        assert!(said.contains(words), "`{words}` is not in\n{said}");
    }
    let (code, said, _) = lagdoctor(folder.path(), "import set --out bundles --format json");
    assert_eq!(code, Some(1));
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["imported"].as_array().map(Vec::len), Some(4));
    assert_eq!(told["refused"][0]["case"], "unlabelled");
    assert_eq!(told["columns"]["mapped"]["service.latency"], 12);
    // A bundle of it is diagnosed like any other, and says what such a recording cannot know.
    let bundle = told["imported"][0]["bundle"].as_str().unwrap().to_owned();
    let (code, said, _) = lagdoctor(folder.path(), &format!("diagnose --bundle {bundle} --no-audit"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("service shop: latency (latency-90) is 80"), "{said}");
    assert!(said.contains("how many records wait, and for whom, is not known"), "{said}");
}

#[test]
fn a_folder_without_cases_is_an_error_that_says_what_a_case_is() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = lagdoctor(folder.path(), "import . --out bundles");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`.` holds no case") && said.contains("inject_time.txt or case.json"), "{said}");
    let (code, _, said) = lagdoctor(folder.path(), "import nowhere --out bundles");
    assert_eq!(code, Some(2), "{said}");
}

/// The set, imported into `bundles`.
fn imported(folder: &Path) {
    set(folder);
    fs::remove_dir_all(folder.join("set").join("unlabelled")).unwrap();
    let (code, said, _) = lagdoctor(folder, "import set --out bundles");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn recorded_incidents_are_graded_as_simulated_ones_and_their_figures_stand_apart() {
    let folder = tempfile::tempdir().unwrap();
    imported(folder.path());
    fs::rename(folder.path().join("bundles"), folder.path().join("my bundles")).unwrap();
    let line =
        ["evaluate", "--bundles", "my bundles", "--write", "html=a.html", "--write", "junit=a.xml", "--format", "json"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagdoctor"));
    command.args(line).current_dir(folder.path());
    command.env("LAGDOCTOR_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/components"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["overall"]["n"], &told["overall"]["ac1"]), (&0.into(), &Value::Null), "nothing was simulated");
    let recorded = &told["recorded"];
    assert_eq!(recorded["overall"]["n"], 4);
    assert_eq!(recorded["families"].as_object().unwrap().keys().collect::<Vec<_>>(), ["cpu", "mem"]);
    let z = recorded["contenders"].as_array().unwrap().iter().find(|row| row["name"] == "largest-z").unwrap();
    assert!(z["ac3"]["value"].as_f64().is_some_and(|ac3| ac3 > 0.5), "{z}");
    for unknown in ["exact1", "class_f1", "path_f1"] {
        assert_eq!(z[unknown], Value::Null, "{unknown} cannot be known");
    }
    let runs = recorded["runs"].as_array().unwrap();
    for run in runs {
        // The fault began at minute 40, the readings are a minute apart, and two of them must be late.
        assert_eq!(run["detected"]["s"], 60.0, "{run}");
        assert!(run["verdicts"].as_array().is_some_and(|verdicts| verdicts.len() > 10), "{run}");
        assert!(run["bundle"].as_str().is_some_and(|bundle| bundle.starts_with("'my bundles/")), "{run}");
        assert_eq!(run["false_alarms"], 0, "{run}");
    }
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(
        read("a.html").contains("<h1>Recorded incidents</h1>")
            && read("a.xml").contains("testsuite name=\"recorded a\"")
    );
}

#[test]
fn what_was_simulated_and_kept_is_graded_as_recorded_with_its_classes_and_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let (code, ..) = lagdoctor(folder.path(), "simulate replication-delay --seed 1 --out bundles/one");
    assert_eq!(code, Some(0));
    let (code, said, _) = lagdoctor(folder.path(), "evaluate --bundles bundles --scenarios builtin:quiet --seeds 1..1");
    assert_eq!(code, Some(0), "{said}");
    let (simulated, recorded) = said.split_once("RECORDED incidents").unwrap();
    assert!(simulated.contains("of 1 simulated runs") && simulated.contains("quiet"), "{simulated}");
    assert!(recorded.contains("of 1 recorded incidents") && recorded.contains("node+class        1.00"), "{recorded}");
    assert!(!recorded.contains("quiet") && !recorded.contains("\noracle "), "{recorded}");
}

#[test]
fn a_folder_without_labels_and_a_baseline_of_other_runs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let (code, _, said) = lagdoctor(folder.path(), "evaluate --bundles empty");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`empty` holds no labelled bundle"), "{said}");
    let (code, _, said) = lagdoctor(folder.path(), "evaluate --bundles empty --baseline grades.toml");
    assert_eq!(code, Some(2), "{said}");
}
