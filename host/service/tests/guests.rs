//! The real plugins, as components, around the shell: what is bundled loads and runs with nothing but addresses, a dead
//! network is a row of gaps, and notifiers say what they are told to say.

mod common;

use std::path::Path;
use std::sync::{Arc, Mutex};

use common::{Dead, loaded_with, try_loaded_with};
use lagdoctor_model::{GapCause, Millis, Signals, Timestamp, Topology, Verdict, Window};
use lagdoctor_runtime::{BoxFuture, HttpRequest, HttpResponse, IncidentEvent, Phase, Transport, TransportError};
use lagdoctor_service::config::PluginSection;
use lagdoctor_service::notify::tell;
use lagdoctor_service::report::{Envelope, Links};
use lagdoctor_service::{Collector, Flags, Loaded, Look, Options, Request, Sources, diagnose};

/// Answers every request with nothing, and remembers it.
#[derive(Default)]
struct Recording(Mutex<Vec<HttpRequest>>);

impl Transport for Recording {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        self.0.lock().unwrap().push(request);
        Box::pin(async move { Ok(HttpResponse { status: 204, headers: vec![], body: vec![] }) })
    }
}

async fn loaded(sources: &Sources) -> Loaded {
    loaded_with(sources, Arc::new(Dead)).await
}

fn sources() -> Sources {
    Sources::from_flags(&Flags {
        cluster: "shop".into(),
        prometheus: Some("http://prometheus:9090".into()),
        logs: Some("http://elasticsearch:9200/logs-*".into()),
        ..Flags::default()
    })
    .unwrap()
}

fn window() -> Window {
    let now = Timestamp::from_millis(1_772_366_400_000).unwrap();
    Window { start: now - Millis::minutes(60), now, step: Millis::seconds(15) }
}

#[tokio::test]
async fn addresses_are_all_that_the_bundled_plugins_need() {
    let loaded = loaded(&sources()).await;
    let names: Vec<_> = loaded.collectors.iter().map(|plugin| plugin.name().to_owned()).collect();
    assert_eq!(names, ["collector-prometheus", "collector-elasticsearch"]);
    for collector in &loaded.collectors {
        assert_eq!(collector.grants().denied().len(), 0, "{}", collector.name());
    }
    let scorers: Vec<_> = loaded.plugins.scorers.iter().map(|plugin| plugin.name().to_owned()).collect();
    assert!(scorers.len() >= 3 && !scorers.contains(&"scorer-largest-z".to_owned()), "{scorers:?}");
    assert_eq!(loaded.plugins.ranker.name(), "ranker-propagation");
    assert!(loaded.plugins.forecaster.is_some());
    assert!(loaded.plugins.notifiers.is_empty());
}

#[tokio::test]
async fn a_dead_network_is_a_row_of_gaps_and_no_verdict_of_health_by_accident() {
    let loaded = loaded(&sources()).await;
    let mut collector = Collector::new(&[], loaded.collectors.clone(), Topology::new(), Millis::minutes(60));
    let request = Request { window: window(), cluster: None, look: Look::Never, deadline: Millis::seconds(20) };
    let signals = collector.collect(&request).await;
    let unreachable: Vec<_> =
        signals.gaps.iter().filter(|gap| gap.cause == GapCause::Unreachable).map(|gap| gap.source.as_str()).collect();
    assert!(unreachable.contains(&"collector-prometheus"), "{:?}", signals.gaps);
    assert!(unreachable.contains(&"collector-elasticsearch"), "{:?}", signals.gaps);
    let diagnosis = diagnose(&signals, &loaded.plugins, &Options::default()).await;
    assert_ne!(diagnosis.verdict, Verdict::Cause);
    assert!(diagnosis.gaps.len() >= 2, "{:?}", diagnosis.gaps);
}

#[tokio::test]
async fn a_webhook_gets_the_promised_document_once_and_a_dead_one_is_a_gap() {
    let mut sources = Sources::default();
    for (alias, url) in [("oncall", "https://hooks.example.com/oncall"), ("archive", "https://archive.example.com/")] {
        sources.plugins.push(PluginSection {
            alias: Some(alias.into()),
            config: serde_json::json!({ "url": url }),
            ..PluginSection::bundled("notifier-webhook")
        });
    }
    let recording = Arc::new(Recording::default());
    let loaded = loaded_with(&sources, recording.clone()).await;
    let signals = Signals::empty(window());
    let diagnosis = diagnose(&signals, &loaded.plugins, &Options::default()).await;
    let event = IncidentEvent {
        incident: "shop/1".into(),
        phase: Phase::Opened,
        at: window().now,
        idempotency_key: "shop/1/opened/1".into(),
    };
    let envelope = Envelope { took: Millis::seconds(1), cluster: "shop".into(), plugins: loaded.uses() };
    let told = tell(&event, &diagnosis, &Links::none(), &envelope, &loaded.plugins.notifiers, window().now).await;
    let names: Vec<_> = told.receipts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, told.gaps), (vec!["oncall", "archive"], vec![]));
    let requests = recording.0.lock().unwrap().clone();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        let keys: Vec<_> = request.headers.iter().filter(|(name, _)| name == "idempotency-key").collect();
        assert_eq!(keys, [&("idempotency-key".to_owned(), "shop/1/opened/1".to_owned())]);
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["diagnosis"]["envelope"]["cluster"], "shop");
    }

    let loaded = loaded_with(&sources, Arc::new(Dead)).await;
    let told = tell(&event, &diagnosis, &Links::none(), &envelope, &loaded.plugins.notifiers, window().now).await;
    assert_eq!((told.receipts.len(), told.gaps.len()), (0, 2));
}

#[tokio::test]
async fn a_secret_that_nobody_defined_is_refused_before_it_is_needed() {
    let text = "[[plugin]]\nname = \"notifier-webhook\"\nconfig = { url = \"https://hooks.example\", secret = \"hook-key-1\" }\n";
    let config = lagdoctor_service::Config::parse(Path::new("shop/lagdoctor.toml"), text).unwrap();
    let sources = Sources::from_config(&config).unwrap();
    let refusal = try_loaded_with(&sources, Arc::new(Dead)).await.unwrap_err().to_string();
    assert_eq!(
        refusal,
        "shop/lagdoctor.toml:3: plugin `notifier-webhook` uses the secret `hook-key-1`, which [secrets] does not have; add \
         `hook-key-1 = { env = \"VARIABLE\" }` or `hook-key-1 = { file = \"PATH\" }` to [secrets]"
    );
}

#[tokio::test]
async fn a_file_that_calls_itself_as_a_bundled_plugin_does_is_refused_unless_the_operator_says_so() {
    let file = common::folder().join("scorer-database.wasm");
    let mut section = PluginSection { file: Some(file), name: None, ..PluginSection::bundled("") };
    let named = |section: &PluginSection| Sources { plugins: vec![section.clone()], ..Sources::default() };
    let refusal = try_loaded_with(&named(&section), Arc::new(Dead)).await.unwrap_err().to_string();
    assert!(refusal.contains("calls itself `scorer-database`, as a bundled plugin does"), "{refusal}");
    let count = async |section: &PluginSection| {
        let loaded = loaded_with(&named(section), Arc::new(Dead)).await;
        loaded.plugins.scorers.iter().filter(|scorer| scorer.plugin().manifest().name == "scorer-database").count()
    };
    section.alias = Some("scorer-database".to_owned());
    assert_eq!(count(&section).await, 1, "it takes the place of the bundled one");
    section.alias = Some("scorer-database-next".to_owned());
    assert_eq!(count(&section).await, 2, "both run");
}
