//! `plugin check` on components that `cargo xtask build` makes: those that come with the program pass, and those that
//! misbehave are told which check they fail.

use std::path::Path;

use lagdoctor_authoring::check::{Line, Outcome, Report, check};
use lagdoctor_authoring::{Case, Subject};
use lagdoctor_model::{
    Edge, Labels, Millis, Node, NodeId, Sample, Series, SeriesKey, SignalName, Signals, Timestamp, Vocabulary, Window,
};
use lagdoctor_runtime::Cache;
use serde_json::{Value, json};

fn component(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../target/plugins/{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask build --guests-only` first", path.display()))
}

/// A group, a service and a database, with every signal of their kinds, which rises in the end.
fn usual() -> Case {
    let now = Timestamp::from_millis(1_772_366_400_000).unwrap();
    let window = Window { start: now - Millis::minutes(60), now, step: Millis::seconds(15) };
    let mut signals = Signals::empty(window);
    let node = |kind: &str| NodeId::new(format!("{kind}:shop")).unwrap();
    for kind in ["group", "service", "database", "jvm", "pool"] {
        signals.topology.add_node(Node::new(node(kind)));
    }
    for (dependent, kind, dependency) in [("group", "worked-by", "service"), ("service", "calls", "database")] {
        signals.topology.add_edge(Edge::new(node(dependent), kind, node(dependency)).unwrap()).unwrap();
    }
    for spec in Vocabulary::bundled().signals().filter(|spec| signals.topology.node(&node(&spec.node)).is_some()) {
        let labels: Labels = spec.labels.iter().map(|label| (label.clone(), "0".to_owned())).collect();
        let key = SeriesKey { node: node(&spec.node), signal: SignalName::new(spec.name.as_str()).unwrap(), labels };
        let sample = |step: u32| Sample {
            at: window.start + Millis::seconds(step * 15),
            value: if step > 180 { f64::from(step) } else { f64::from(step % 3) },
        };
        signals.series.push(Series::new(key, (0..=240).map(sample).collect()).unwrap());
    }
    Case::new("an hour", signals.normalised())
}

/// Checks with a cache, because each check loads a component twice.
async fn checked(name: &str, config: Option<Value>, cache: &Cache) -> Report {
    let wasm = component(name);
    check(Subject { source: name, wasm: &wasm, config, cache: Some(cache.clone()) }, usual()).await.unwrap()
}

/// A cache that only this test has.
fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("components"), 1 << 30).unwrap();
    (folder, cache)
}

/// What failed, as `CHECK: WHY`.
fn failures(report: &Report) -> Vec<String> {
    let failed = report.lines.iter().filter(|line| line.outcome == Outcome::Fail);
    failed.map(|line| format!("{}: {}", line.what, line.said)).collect()
}

#[tokio::test]
async fn every_bundled_plugin_would_be_wanted() {
    let (_folder, cache) = cache();
    for name in [
        "collector-elasticsearch",
        "collector-prometheus",
        "forecaster-ewma-linear",
        "notifier-slack",
        "notifier-webhook",
        "ranker-largest-z",
        "ranker-propagation",
        "scorer-brokers",
        "scorer-calls",
        "scorer-database",
        "scorer-hosts",
        "scorer-jvm",
        "scorer-kafka-lag",
        "scorer-logs",
        "scorer-services",
    ] {
        let report = checked(name, None, &cache).await;
        assert_eq!(failures(&report), Vec::<String>::new(), "{name}\n{}", report.text());
        for what in ["contract", "imports", "grants", "schema", "limits", "determinism", "hostile"] {
            assert!(report.lines.iter().any(|line| line.what == what), "{name} was not checked for {what}");
        }
    }
}

#[tokio::test]
async fn what_misbehaves_is_told_which_check_it_fails() {
    let (_folder, cache) = cache();
    for (mode, what, why) in [
        ("trap", "limits", "panicked"),
        ("recurse", "limits", "left its memory"),
        ("grow", "limits", "memory"),
        ("error-internal", "limits", "internal"),
        ("bad-node", "answer", "node"),
        ("bad-time", "answer", "began"),
        ("nan-score", "answer", "score"),
        ("unlisted-class", "answer", "db.lock"),
    ] {
        let report = checked("misbehaving-scorer", Some(json!({ "mode": mode })), &cache).await;
        let failures = failures(&report);
        let is_told = failures.iter().any(|failure| failure.starts_with(what) && failure.contains(why));
        assert!(!failures.iter().any(|failure| failure.contains("report it")), "the author reads it: {failures:?}");
        assert!(is_told, "{mode} should fail `{what}` for `{why}`, and fails\n{}", report.text());
        // Nobody who never answered has answered the same twice.
        let determinism = report.lines.iter().find(|line| line.what == "determinism").unwrap();
        let is_answer = |line: &&Line| line.what == "limits" && line.outcome != Outcome::Fail;
        let is_mute = !report.lines.iter().any(|line| is_answer(&line));
        assert_eq!(determinism.said.contains("cannot be judged"), is_mute, "{mode}\n{}", report.text());
        let expected = if is_mute { Outcome::Warn } else { Outcome::Fine };
        assert_eq!(determinism.outcome, expected, "{mode}\n{}", report.text());
    }
}

#[tokio::test]
async fn what_is_no_plugin_fails_its_first_check() {
    for (wasm, why) in [
        (&b"\0asm\x01\0\0\0"[..], "core WebAssembly module"),
        (b"\x7fELF", "precompiled"),
        (b"hello", "no WebAssembly component"),
    ] {
        let report = check(Subject { source: "x.wasm", wasm, config: None, cache: None }, usual()).await.unwrap();
        assert_eq!((report.lines.len(), report.lines[0].what), (1, "contract"));
        assert!(report.lines[0].said.contains(why) && report.count(Outcome::Fail) == 1, "{}", report.text());
    }
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_is_told_with_its_field() {
    let report = checked("notifier-webhook", Some(json!({ "url": 7 })), &cache().1).await;
    let failures = failures(&report);
    assert!(failures.iter().any(|failure| failure.starts_with("schema") && failure.contains("/url")), "{failures:?}");
}
