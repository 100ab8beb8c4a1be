//! Runs the components that `cargo xtask build` makes: those that come with the program must load, and those that
//! misbehave, written with the same SDK as every plugin, must cost nothing but their own answer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lagdoctor_model::{
    GapCause, Labels, Millis, Node, NodeId, Sample, Series, SeriesKey, SignalName, Signals, Timestamp, Window,
};
use lagdoctor_runtime::{
    Batch, Bound, BoxFuture, CollectQuery, CollectedPage, FailureKind, GrantRule, Host, HostOptions, HttpRequest,
    HttpResponse, Limits, Operator, Plugin, Secret, Transport, TransportError,
};
use serde_json::json;
use tokio::sync::OnceCell;

/// Answers everything with what it was asked, authorization included.
#[derive(Default)]
struct Echo(Mutex<Vec<String>>);

impl Transport for Echo {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let text = format!("{request:?} {:?}", request.headers);
        self.0.lock().unwrap().push(text.clone());
        Box::pin(async move { Ok(HttpResponse { status: 200, headers: vec![], body: text.into_bytes() }) })
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins")
}

fn component(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask build --guests-only` first", path.display()))
}

/// Enough for a plugin that behaves, and little enough that the others are soon done.
fn limits() -> Limits {
    Limits { fuel: 2_000_000_000, memory_bytes: 32 << 20, timeout: Duration::from_secs(60), ..Limits::default() }
}

async fn load(kind: &str, echo: &Arc<Echo>) -> Plugin {
    let host = Host::new(HostOptions { limits: limits(), ..HostOptions::new(echo.clone()) }).unwrap();
    host.load(kind, &component(&format!("misbehaving-{kind}"))).await.unwrap()
}

fn bind(plugin: &Plugin, mode: &str) -> Bound {
    let config = json!({ "mode": mode, "url": "https://api.example/x", "secret": "token" });
    let mut grants = GrantRule::from_config(plugin.manifest(), &config);
    grants.push("signals jvm.".parse().unwrap());
    let secrets = BTreeMap::from([("token".to_owned(), Secret::new("s3cr3t-t0ken").unwrap())]);
    plugin.bind(Operator { name: "bad".to_owned(), config, grants, secrets: Arc::new(secrets), limits: None }).unwrap()
}

async fn scorer(mode: &str) -> Bound {
    // Compiling takes longer than all else here, so it is done once.
    static SCORER: OnceCell<Plugin> = OnceCell::const_new();
    bind(SCORER.get_or_init(async || load("scorer", &Arc::default()).await).await, mode)
}

fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(seconds)
}

fn batch() -> Batch {
    let group = NodeId::new("group:orders").unwrap();
    let signal = SignalName::new("kafka.consumer_group.backlog").unwrap();
    let key = SeriesKey { node: group.clone(), signal, labels: Labels::new() };
    let samples = (0..5).map(|step| Sample { at: at(step * 15), value: 1.0 }).collect();
    let mut signals = Signals::empty(Window { start: at(0), now: at(60), step: Millis::seconds(15) });
    signals.topology.add_node(Node::new(group));
    signals.series.push(Series::new(key, samples).unwrap());
    Batch::new(&signals)
}

#[tokio::test]
async fn every_component_that_was_built_loads() {
    let host = Host::new(HostOptions::new(Arc::new(Echo::default()))).unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder()).expect("run `cargo xtask build --guests-only` first") {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            let source = path.display().to_string();
            let plugin = host.load(&source, &std::fs::read(&path).unwrap()).await.unwrap();
            assert_eq!(path.file_stem().unwrap().to_str(), Some(plugin.manifest().name.as_str()));
            names.push(plugin.manifest().name.clone());
        }
    }
    assert!(names.len() >= 2, "only {names:?} have been built; run `cargo xtask build --guests-only` first");
}

/// How a scorer in this mode ends: the kind of its failure, or how many findings and gaps it leaves; and a text that
/// must be part of what is said.
async fn score(mode: &str, expected: Result<(usize, usize), FailureKind>, part: &str) {
    let batch = batch();
    let outcome = scorer(mode).await.score(&batch).await;
    let (found, said) = match outcome {
        Ok(findings) => {
            assert!(findings.iter().all(|finding| finding.statement.len() <= limits().output_text_bytes), "{mode}");
            let gaps = batch.gaps();
            let said = gaps.iter().map(|gap| gap.statement.clone()).collect::<Vec<_>>().join("; ");
            (Ok((findings.len(), gaps.len())), said)
        }
        Err(error) => (Err(error.kind), error.statement),
    };
    assert_eq!(found, expected, "{mode}: {said}");
    assert!(said.contains(part), "{mode}: {said}");
    assert!(!said.chars().any(char::is_control) && said.len() < 6000, "{mode}: {said}");
}

#[tokio::test]
async fn a_scorer_that_is_stopped_or_falls_is_told_by_how() {
    use FailureKind::{Fuel, Memory, Trap};
    score("trap", Err(Trap), "panicked").await;
    score("trap-in-configure", Err(Trap), "panicked").await;
    score("recurse", Err(Trap), "recursion without end").await;
    score("loop", Err(Fuel), "used up its fuel").await;
    score("loop-in-configure", Err(Fuel), "used up its fuel").await;
    score("grow", Err(Memory), "wanted more than its 33554432 bytes").await;
}

#[tokio::test]
async fn a_scorer_that_breaks_its_contract_is_told_by_what() {
    let broken = Err(FailureKind::Contract);
    score("nan-score", broken, "finding 0 has a score").await;
    score("nan-magnitude", broken, "finding 0 has a magnitude").await;
    score("infinite", broken, "infinite").await;
    score("bad-node", broken, "node that does not exist").await;
    score("bad-series", broken, "series that does not exist").await;
    score("bad-log-line", broken, "log line that does not exist").await;
    score("bad-time", broken, "time that is none").await;
}

#[tokio::test]
async fn a_scorer_that_only_exaggerates_is_cut_to_size() {
    score("fine", Ok((1, 0)), "").await;
    score("silent", Ok((0, 0)), "").await;
    score("high-score", Ok((1, 0)), "").await;
    score("hostile-text", Ok((1, 0)), "").await;
    score("log-flood", Ok((1, 0)), "").await;
    score("flood", Ok((20_000, 1)), "80000 were left out").await;
    score("unknown-signal", Ok((0, 1)), "`gremlins.count`").await;
    score("unlisted-class", Ok((1, 1)), "`db.lock`, which its manifest does not list").await;
}

#[tokio::test]
async fn what_a_scorer_says_of_itself_is_told_in_its_words() {
    use lagdoctor_runtime::ErrorCode::{BadConfig, Internal, Upstream};
    let typed = |code| Err(FailureKind::Typed { code });
    score("error-upstream", typed(Upstream), "the far side answered 503").await;
    score("error-internal", typed(Internal), "I do not know what I am doing").await;
    score("error-made-up", typed(Internal), "redo from start").await;
    score("error-huge", typed(Upstream), "sorry sorry").await;
    score("dance", typed(BadConfig), "there is no mode `dance`").await;
}

#[tokio::test]
async fn an_instance_remembers_nothing() {
    let bound = scorer("remember").await;
    for _ in 0..3 {
        assert_eq!(bound.score(&batch()).await.unwrap()[0].observed, Some(1.0));
    }
}

async fn collected(mode: &str, echo: &Arc<Echo>) -> Result<CollectedPage, (FailureKind, String)> {
    let query = CollectQuery::all(at(0), at(60), Millis::seconds(15));
    let outcome = bind(&load("collector", echo).await, mode).collect(&query, at(60)).await;
    outcome.map_err(|error| (error.kind, error.statement))
}

/// A collector in this mode loses its one series (or, as said, something else) and says why.
async fn collect(mode: &str, series: usize, part: &str) {
    let page = collected(mode, &Arc::default()).await.unwrap();
    let said = page.gaps.iter().map(|gap| gap.statement.clone()).collect::<Vec<_>>().join("; ");
    assert_eq!(page.series.len(), series, "{mode}: {said}");
    assert!(said.contains(part) && !said.chars().any(char::is_control), "{mode}: {said}");
}

#[tokio::test]
async fn a_collector_that_lies_loses_the_lie_and_keeps_the_rest() {
    collect("fine", 1, "").await;
    collect("forge-lag", 0, "`kafka.consumer_group.lag`, which it is not granted").await;
    collect("unknown-signal", 0, "`gremlins.count`").await;
    collect("unordered-times", 0, "times that do not increase").await;
    collect("lengths-differ", 0, "unequal numbers").await;
    collect("infinite", 0, "infinite").await;
    collect("far-future", 0, "time that is none").await;
    collect("wrong-temporality", 0, "`rumour`").await;
    collect("wrong-node", 1, "edge of kind `adores`").await;
    collect("hostile-text", 1, "once upon a time").await;
    collect("flood", 1, "80000 were left out").await;
    collect("wrong-severity", 1, "").await;
}

#[tokio::test]
async fn a_collector_never_runs_away_with_the_pages() {
    let bound = bind(&load("collector", &Arc::default()).await, "endless-pages");
    let query = CollectQuery::all(at(0), at(60), Millis::seconds(15));
    let all = bound.collect_all(&query, at(60), 5).await.unwrap();
    assert_eq!((all.series.len(), all.gaps.last().unwrap().cause), (5, GapCause::Truncated));
    let (kind, said) = collected("huge-token", &Arc::default()).await.unwrap_err();
    assert!(kind == FailureKind::Contract && said.contains("token"), "{said}");
}

#[tokio::test]
async fn a_collector_gets_nowhere_that_nobody_granted() {
    for mode in ["ask-ungranted-host", "ask-metadata", "ask-loopback", "ask-ungranted-secret", "ungranted-method"] {
        let echo = Arc::default();
        let (kind, said) = collected(mode, &echo).await.unwrap_err();
        assert_eq!(kind, FailureKind::NotGranted, "{mode}: {said}");
        assert!(said.contains("to the grants of `bad`"), "{mode}: {said}");
        assert!(echo.0.lock().unwrap().is_empty(), "{mode} went out");
    }
    for mode in ["ask-file", "own-authorization"] {
        let echo = Arc::default();
        let (kind, said) = collected(mode, &echo).await.unwrap_err();
        assert!(matches!(kind, FailureKind::Typed { .. }), "{mode}: {said}");
        assert!(echo.0.lock().unwrap().is_empty(), "{mode} went out");
    }
}

#[tokio::test]
async fn a_collector_that_asks_for_ever_is_stopped_by_the_number_of_its_requests() {
    let echo = Arc::default();
    let (_, said) = collected("many-requests", &echo).await.unwrap_err();
    assert!(said.contains("one call may send 256 requests"), "{said}");
    assert_eq!(echo.0.lock().unwrap().len(), 256);
}

#[tokio::test]
async fn a_collector_uses_a_secret_without_ever_seeing_it() {
    let echo = Arc::default();
    let page = collected("fetch", &echo).await.unwrap();
    assert!(echo.0.lock().unwrap()[0].contains("Bearer s3cr3t-t0ken"));
    let seen = &page.logs[0].message;
    assert!(seen.contains("Bearer [secret]") && !seen.contains("s3cr3t"), "{seen}");
}
