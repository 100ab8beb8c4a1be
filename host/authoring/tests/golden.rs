//! Golden recordings: what a plugin says is kept as text, and a change of it is shown.

use std::path::Path;

use lagdoctor_authoring::golden::{Answers, EXPECTED, FOLDER, Outcome, Rig, Shown, folders};
use lagdoctor_authoring::{Case, Subject};
use lagdoctor_model::{
    Labels, Millis, Node, NodeId, Sample, Series, SeriesKey, SignalName, Signals, Timestamp, Window,
};
use lagdoctor_runtime::{Format, Rendering, World};
use serde_json::{Value, json};

async fn rig(name: &str, config: Option<Value>) -> Rig {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../target/plugins/{name}.wasm"));
    let wasm = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask build --guests-only` first", path.display()));
    Rig::open(Subject { source: name, wasm: &wasm, config, cache: None }).await.unwrap()
}

/// A replica that falls behind from the 40th minute on, by so many seconds each minute.
fn case(per_minute: f64) -> Shown {
    let now = Timestamp::from_millis(1_772_366_400_000).unwrap();
    let window = Window { start: now - Millis::minutes(60), now, step: Millis::seconds(15) };
    let mut signals = Signals::empty(window);
    let node = NodeId::new("database:replica").unwrap();
    signals.topology.add_node(Node::new(node.clone()));
    let key = SeriesKey { node, signal: SignalName::new("db.replication.delay").unwrap(), labels: Labels::new() };
    let sample = |step: u32| Sample {
        at: window.start + Millis::seconds(step * 15),
        value: 0.2 + (f64::from(step) / 4.0 - 40.0).max(0.0) * per_minute,
    };
    signals.series.push(Series::new(key, (0..=240).map(sample).collect()).unwrap());
    Shown::Window(Box::new(Case::new("replica", signals.normalised())))
}

#[tokio::test]
async fn what_is_said_is_kept_and_a_change_of_it_is_shown() {
    let project = tempfile::tempdir().unwrap();
    assert_eq!(folders(project.path(), World::Scorer).unwrap(), Vec::<std::path::PathBuf>::new());
    let folder = project.path().join(FOLDER).join("replica");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(project.path().join(FOLDER).join("README.md"), "not a recording").unwrap();
    assert!(folders(project.path(), World::Scorer).unwrap().is_empty());
    std::fs::write(folder.join("bundle.toml"), "").unwrap();
    assert_eq!(folders(project.path(), World::Scorer).unwrap(), std::slice::from_ref(&folder));

    let scorer = rig("scorer-database", None).await;
    let first = scorer.show(&folder, &case(60.0)).await.unwrap();
    assert_eq!(first.outcome, Outcome::New);
    assert!(first.found() > 0 && first.said.contains("db.replication-lag"), "{}", first.said);
    first.keep().unwrap();
    assert_eq!(scorer.show(&folder, &case(60.0)).await.unwrap().outcome, Outcome::Same);

    // Another checkout may have other ends of lines.
    let windows = std::fs::read_to_string(folder.join(EXPECTED)).unwrap().replace('\n', "\r\n");
    std::fs::write(folder.join(EXPECTED), windows).unwrap();
    assert_eq!(scorer.show(&folder, &case(60.0)).await.unwrap().outcome, Outcome::Same);

    let Outcome::Differs(difference) = scorer.show(&folder, &case(0.0)).await.unwrap().outcome else {
        panic!("a replica that keeps up is told otherwise than one that does not")
    };
    assert!(difference.lines().any(|line| line.starts_with("- ")), "{difference}");
    assert!(difference.lines().any(|line| line.starts_with("+ ")), "{difference}");
}

#[tokio::test]
async fn a_plugin_that_falls_says_so_and_nobody_may_expect_it_to() {
    let folder = tempfile::tempdir().unwrap();
    let scorer = rig("misbehaving-scorer", Some(json!({ "mode": "trap" }))).await;
    let trial = scorer.show(folder.path(), &case(1.0)).await.unwrap();
    assert!(trial.said.starts_with("failed: ") && trial.said.contains("panicked"), "{}", trial.said);
    assert_eq!(trial.outcome, Outcome::Broken);
    trial.keep().unwrap();
    assert_eq!(scorer.show(folder.path(), &case(1.0)).await.unwrap().outcome, Outcome::Broken, "kept or not");
}

#[tokio::test]
async fn a_collector_is_held_to_what_it_asks_and_gives() {
    let folder = tempfile::tempdir().unwrap();
    let labels =
        json!({ "__name__": "kafka_consumergroup_lag", "consumergroup": "shop", "topic": "orders", "partition": "0" });
    let readings = json!([{ "metric": labels, "values": [[1_772_366_385, "7"], [1_772_366_400, "9"]] }]);
    let matrix = json!({ "status": "success", "data": { "resultType": "matrix", "result": readings } });
    let answers = format!("[[answer]]\nfile = 'names.json'\n[[answer]]\nbody = '{matrix}'\n");
    std::fs::write(folder.path().join("answers.toml"), answers).unwrap();
    let names = json!({ "status": "success", "data": ["kafka_consumergroup_lag"] });
    std::fs::write(folder.path().join("names.json"), names.to_string()).unwrap();
    let collector = rig("collector-prometheus", None).await;
    assert_eq!(collector.world(), World::Collector);
    let shown = Shown::Answers(Answers::read(folder.path()).unwrap());
    let trial = collector.show(folder.path(), &shown).await.unwrap();
    let said: Vec<&str> = trial.said.lines().collect();
    assert!(said.len() == 3 && said[0].contains("/label/__name__/values?"), "{}", trial.said);
    assert!(said[1].starts_with("asked GET http://stranger.example:8080/api/v1/query_range?"), "{}", trial.said);
    let given =
        "  kafka.consumer_group.lag {consumergroup=shop, partition=0, topic=orders}  2 readings, newest 9 at 12:00:00";
    assert_eq!((said[2], trial.found()), (given, 1));
    trial.keep().unwrap();
    assert_eq!(collector.show(folder.path(), &shown).await.unwrap().outcome, Outcome::Same);
    let silence = tempfile::tempdir().unwrap();
    std::fs::write(silence.path().join("answers.toml"), "answer = []\n").unwrap();
    let shown = Shown::Answers(Answers::read(silence.path()).unwrap());
    let trial = collector.show(folder.path(), &shown).await.unwrap();
    assert!(matches!(trial.outcome, Outcome::Differs(_)), "{}", trial.said);
}

#[tokio::test]
async fn a_notifier_is_held_to_what_it_sends_when_an_incident_opens_and_when_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let notifier = rig("notifier-webhook", None).await;
    let shown = |headline: &str| Shown::Incident {
        at: Timestamp::from_millis(1_772_366_400_000).unwrap(),
        document: json!({ "schema": 1, "verdict": "cause", "headline": headline }).to_string(),
        renderings: vec![Rendering { format: Format::Headline, text: headline.to_owned() }],
    };
    let trial = notifier.show(folder.path(), &shown("orders falls behind")).await.unwrap();
    for line in ["when it has opened", "when it has closed", "  POST http", "orders falls behind"] {
        assert!(trial.said.contains(line), "no `{line}` in\n{}", trial.said);
    }
    assert_eq!(trial.found(), 2, "{}", trial.said);
    trial.keep().unwrap();
    let Outcome::Differs(difference) = notifier.show(folder.path(), &shown("mail falls behind")).await.unwrap().outcome
    else {
        panic!("another headline is another letter")
    };
    assert!(difference.contains("mail falls behind"), "{difference}");
}
