//! Incidents in the layouts of others: what becomes of a set of folders, and what is said of those that cannot be used.

use std::fs;
use std::path::{Path, PathBuf};

use lagdoctor_bundle::import::{cases, import, opaque_name};
use lagdoctor_bundle::{Truth, read, write};
use lagdoctor_model::{NodeId, Timestamp};
use tempfile::TempDir;

/// 2023-01-01, 00:00:00 UTC.
const START: i64 = 1_672_531_200;

/// An hour of minutes: the shop's latency rises with the load of its database after minute 40.
fn table() -> String {
    let mut text = "time,shop_latency-90,shop_workload,orders_db_cpu,orders_db_diskio,lonely,gone_cpu\n".to_owned();
    for minute in 0..60 {
        let is_broken = minute >= 40;
        let (latency, cpu) = if is_broken { (900.0, 0.97) } else { (40.0 + f64::from(minute % 3), 0.2) };
        text += &format!("{},{latency},120,{cpu},{minute},1,\n", START + i64::from(minute) * 60);
    }
    text
}

fn case_json(more: &str) -> String {
    format!(
        "{{\"inject_time\": {}, \"root_cause_service\": \"orders_db\", \"fault_type\": \"cpu\", \
         \"graph_edges\": [[\"shop\", \"orders_db\"], [\"orders_db\", \"orders_db\"]]{more}}}",
        START + 2_400
    )
}

/// A folder with these files, and the case in it.
struct Set {
    folder: TempDir,
}

impl Set {
    fn with(files: &[(&str, &str)]) -> Self {
        let set = Self { folder: TempDir::new().unwrap() };
        for (name, text) in files {
            let path = set.folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        set
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn cases(&self) -> Vec<PathBuf> {
        cases(self.root()).unwrap()
    }

    fn refused(&self, words: &str) {
        let [case] = &self.cases()[..] else { panic!("one case, not {:?}", self.cases()) };
        let why = import(self.root(), case).unwrap_err();
        assert!(why.contains(words), "{why}");
    }
}

fn id(text: &str) -> NodeId {
    NodeId::new(text).unwrap()
}

#[test]
fn a_path_is_a_label_where_the_time_of_the_fault_lies_beside_the_table() {
    let inject = (START + 2_400).to_string();
    let set = Set::with(&[
        ("orders_db_cpu/1/data.csv", &table()),
        ("orders_db_cpu/1/inject_time.txt", &format!("{inject}\n")),
        ("orders_db_cpu/1/logs.csv", "time,line\n"),
        ("shop_delay/data.csv", &table()),
        ("shop_delay/inject_time.txt", &inject),
        ("shop_network_delay/2/data.csv", &table()),
        ("shop_network_delay/2/inject_time.txt", &inject),
        ("notes/README.txt", "no case"),
    ]);
    let [first, second, third] = &set.cases()[..] else { panic!("three cases, not {:?}", set.cases()) };
    let imported = import(set.root(), first).unwrap();
    assert_eq!(imported.truth.name, "orders_db_cpu/1");
    assert_eq!(imported.truth.family, "cpu");
    assert_eq!(imported.truth.roots[0].node, id("service:orders_db"));
    assert_eq!(imported.truth.roots[0].class, None);
    assert_eq!(imported.truth.onset, Timestamp::from_millis((START + 2_400) * 1000).ok());
    assert!(!imported.has_graph && imported.signals.topology.edges().next().is_none());
    assert_eq!(imported.signals.reported, None);
    let gaps: Vec<&str> = imported.signals.gaps.iter().map(|gap| gap.statement.as_str()).collect();
    assert!(gaps.iter().any(|gap| gap.contains("does not say who calls whom")), "{gaps:?}");
    assert!(gaps.iter().any(|gap| gap.contains("logs.csv beside data.csv was not read")), "{gaps:?}");
    assert_eq!(import(set.root(), second).unwrap().truth.roots[0].node, id("service:shop"));
    let of_two_words = import(set.root(), third).unwrap().truth;
    assert_eq!((&of_two_words.roots[0].node, of_two_words.family.as_str()), (&id("service:shop"), "network_delay"));
}

#[test]
fn each_column_is_a_signal_a_metric_or_a_remark() {
    let set = Set::with(&[("a/metrics.csv", &table()), ("a/case.json", &case_json(""))]);
    let imported = import(set.root(), &set.cases()[0]).unwrap();
    let mapped: Vec<(&str, usize)> = imported.columns.mapped.into_iter().collect();
    assert_eq!(mapped, [("service.cpu", 1), ("service.latency", 1), ("service.load", 1)]);
    assert_eq!(imported.columns.generic.into_iter().collect::<Vec<_>>(), [("diskio".to_owned(), 1)]);
    let ignored: Vec<(&str, usize)> = imported.columns.ignored.into_iter().collect();
    assert_eq!(ignored, [("their names are not SERVICE_METRIC", 1), ("they never hold a number", 1)]);
    let gaps: Vec<&str> = imported.signals.gaps.iter().map(|gap| gap.statement.as_str()).collect();
    assert_eq!(gaps.iter().filter(|gap| gap.contains("columns of the table are not used")).count(), 2, "{gaps:?}");
    let disk = imported.signals.series.iter().find(|series| series.signal().as_str() == "service.metric").unwrap();
    assert_eq!((disk.node(), disk.labels()["metric"].as_str()), (&id("service:orders_db"), "diskio"));
    assert_eq!(imported.signals.window.step.as_millis(), 60_000);
}

#[test]
fn a_graph_and_the_alert_are_taken_over_and_the_time_of_the_fault_is_not() {
    let alert = format!(
        ", \"target\": {{\"node\": \"shop\", \"metric\": \"latency\", \"timestamp\": {}}}, \"entry_service\": \"x\"",
        START + 2_700
    );
    let set = Set::with(&[("a/metrics.csv", &table()), ("a/case.json", &case_json(&alert))]);
    let imported = import(set.root(), &set.cases()[0]).unwrap();
    assert!(imported.has_graph);
    let edges: Vec<String> = imported
        .signals
        .topology
        .edges()
        .map(|edge| format!("{} {} {}", edge.dependent, edge.kind, edge.dependency))
        .collect();
    assert_eq!(edges, ["service:shop calls service:orders_db"]);
    let reported = imported.signals.reported.clone().unwrap();
    assert_eq!((reported.node, reported.signal.as_str()), (id("service:shop"), "service.latency"));
    assert_eq!(reported.onset, Timestamp::from_millis((START + 2_700) * 1000).ok());
    // What is diagnosed is the bundle, and nothing in its files says when or where the fault was.
    let bundle = set.root().join(opaque_name(set.root(), &set.cases()[0]));
    write(&bundle, &imported.signals, &imported.meta).unwrap();
    imported.truth.write(&bundle).unwrap();
    for entry in fs::read_dir(&bundle).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("inject") && !text.contains("root_cause"), "{text}");
    }
    assert!(!fs::read_to_string(bundle.join("bundle.toml")).unwrap().contains(&(START + 2_400).to_string()));
    let again = read(&bundle).unwrap();
    assert_eq!(again.signals, imported.signals);
    assert_eq!(Truth::read(&bundle).unwrap(), imported.truth);
}

#[test]
fn where_requests_come_in_is_where_it_hurts_when_there_was_no_alert() {
    let set = Set::with(&[("a/metrics.csv", &table()), ("a/case.json", &case_json(", \"entry_service\": \"shop\""))]);
    let reported = import(set.root(), &set.cases()[0]).unwrap().signals.reported.unwrap();
    assert_eq!((reported.node, reported.onset), (id("service:shop"), None));
}

#[test]
fn what_cannot_be_graded_is_refused_with_what_to_do() {
    let table = table();
    let check = |files: &[(&str, &str)], words: &str| Set::with(files).refused(words);
    check(&[("a_cpu/data.csv", &table)], "neither by inject_time.txt nor by case.json");
    check(&[("a_cpu/data.csv", &table), ("a_cpu/inject_time.txt", "noon")], "`noon`, which is no time");
    check(&[("a_cpu/data.csv", &table), ("a_cpu/inject_time.txt", "17")], "and the table goes from");
    check(&[("a/1/data.csv", &table), ("a/1/inject_time.txt", "17")], "called `a`, and SERVICE_FAULT");
    let inject = (START + 2_400).to_string();
    check(
        &[("nobody_cpu/data.csv", &table), ("nobody_cpu/inject_time.txt", &inject)],
        "`nobody`, has neither a column",
    );
    check(&[("a_cpu/inject_time.txt", &inject)], "there is no table");
    check(&[("a/data.csv", "when,a_cpu\n1,2\n"), ("a/case.json", &case_json(""))], "data.csv: it has no column `time`");
    check(&[("a/data.csv", &table), ("a/case.json", "{\"root_cause_service\": \"shop\"}")], "no `inject_time`");
    check(&[("a/data.csv", &table), ("a/case.json", "{\"inject_time\": 5}")], "no `root_cause_service`");
    check(&[("a/data.csv", &table), ("a/case.json", "[")], "case.json is not as it should be");
    let far = format!("{table}{},1,1,1,1,1,1\n", START + 1_000_000_000);
    check(&[("shop_cpu/data.csv", &far), ("shop_cpu/inject_time.txt", &inject)], "and 200000 is the most; cut it");
    let early = (START + 60).to_string();
    check(&[("shop_cpu/data.csv", &table), ("shop_cpu/inject_time.txt", &early)], "1 of its rows lie before the fault");
    check(&[("a/x.csv", &table), ("a/y.csv", &table), ("a/case.json", &case_json(""))], "which of x.csv, y.csv");
}

#[test]
fn the_name_of_a_bundle_says_nothing_of_its_case() {
    let (root, other) = (Path::new("set"), Path::new("set/orders_db_cpu/2"));
    let name = opaque_name(root, Path::new("set/orders_db_cpu/1"));
    assert!(name.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    assert_eq!(name, opaque_name(root, Path::new("set/orders_db_cpu/1")));
    assert_ne!(name, opaque_name(root, other));
}
