//! Calls each piece as the program calls plugins: loaded by a host with the limits of today, bound with what it asks for,
//! asked once for each call of its label, and all of that again with the machine code that the first host left in the
//! cache.
//!
//! What pieces are given here never changes, because what they answer is written down; a new kind of input is a new call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lagdoctor_model::{
    Class, Edge, Event, Finding, Labels, LogLine, Millis, Node, NodeId, Redactor, Sample, Score, Series, SeriesKey,
    Severity, SignalName, Signals, Symptom, Timestamp, Topology, Window,
};
use lagdoctor_runtime::{
    Batch, Bound, BoxFuture, Cache, CallError, CollectQuery, ForecastTarget, Format, GrantRule, Host, HostOptions,
    HttpRequest, HttpResponse, IncidentEvent, NoSecrets, Operator, Phase, Plugin, Rendering, Secret, Secrets,
    Transport, TransportError, World,
};
use serde_json::{Value, json};

use crate::catalogue::{Expected, Piece};
use crate::{answers, check, pieces};

/// The far side of every piece: two numbers, and then what it was asked to prove who asks.
#[derive(Default)]
struct Source(Mutex<Vec<Value>>);

impl Transport for Source {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let headers: BTreeMap<_, _> = request.headers.iter().cloned().collect();
        let proof = ["authorization", "x-api-key", "x-signature"].iter().find_map(|name| headers.get(*name));
        // How far a password is blanked that comes back in base64 may become better without anybody's harm.
        let proof = proof.filter(|proof| !proof.starts_with("Basic ")).cloned().unwrap_or_default();
        self.0.lock().unwrap().push(json!({
            "method": request.method,
            "url": request.url.as_str(),
            "headers": headers,
            "body": String::from_utf8_lossy(&request.body),
        }));
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![header("x-source", "museum"), header("x-reference", "R-7"), header("x-echo", &proof)];
        let body = format!("0.25 0.5\nproved by {proof}").into_bytes();
        Box::pin(async { Ok(HttpResponse { status: 200, headers, body }) })
    }
}

const START_S: u32 = 1_700_000_000;

fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(START_S + seconds)
}

fn node(id: &str) -> NodeId {
    NodeId::new(id).unwrap()
}

fn key(id: &str, signal: &str) -> SeriesKey {
    SeriesKey { node: node(id), signal: SignalName::new(signal).unwrap(), labels: Labels::new() }
}

fn backlog() -> SeriesKey {
    key("group:orders", "kafka.consumer_group.backlog")
}

fn overhead() -> SeriesKey {
    key("jvm:order-svc-0", "jvm.gc.overhead")
}

/// One group that falls behind and one JVM that collects garbage, a minute long.
fn signals() -> Signals {
    let mut topology = Topology::new();
    let labels = Labels::from([("owner".to_owned(), "orders-oncall".to_owned())]);
    topology.add_node(Node { labels, ..Node::new(node("group:orders")) });
    topology.add_node(Node::new(node("jvm:order-svc-0")));
    topology.connect(Edge::new(node("group:orders"), "runs-on", node("jvm:order-svc-0")).unwrap());
    let series = |key: SeriesKey, readings: &[(u32, f64)]| {
        let samples = readings.iter().map(|&(second, value)| Sample { at: at(second), value });
        Series::new(key, samples.collect()).unwrap()
    };
    let mut redactor = Redactor::new([]);
    let line = LogLine {
        at: at(40),
        node: node("jvm:order-svc-0"),
        severity: Severity::WARN,
        message: redactor.redact("pause of four seconds"),
    };
    let deploy = Event {
        at: at(20),
        node: node("jvm:order-svc-0"),
        kind: "deploy".into(),
        what: redactor.redact("version two"),
    };
    let window = Window { start: at(0), now: at(60), step: Millis::seconds(15) };
    Signals {
        topology,
        series: vec![
            series(backlog(), &[(0, 10.0), (15, 20.0), (30, 30.0), (60, 50.0)]),
            series(overhead(), &[(0, 0.01), (15, 0.02), (30, 0.01), (45, 0.3), (60, 0.45)]),
        ],
        history: vec![series(backlog(), &[(0, 4.0), (15, 6.0)])],
        logs: vec![line],
        events: vec![deploy],
        ..Signals::empty(window)
    }
}

/// One loud finding on the JVM and one quiet one.
fn findings() -> Vec<Finding> {
    let loud = Finding {
        by: "somebody".to_owned(),
        node: node("jvm:order-svc-0"),
        signal: SignalName::new("jvm.gc.overhead").unwrap(),
        score: Score::new(0.875).unwrap(),
        magnitude: 12.5,
        onset: Some(at(45)),
        class: Some(Class::new("jvm.gc-full").unwrap()),
        observed: Some(0.45),
        expected: Some(0.01),
        series: Some(overhead()),
        log_line: Some(0),
        statement: "45 % of the time is spent on garbage".to_owned(),
    };
    let quiet = Finding {
        score: Score::new(0.03125).unwrap(),
        class: Some(Class::new("db.lock").unwrap()),
        series: None,
        log_line: None,
        onset: None,
        observed: None,
        ..loud.clone()
    };
    vec![loud, quiet]
}

async fn call(bound: &Bound, world: World, page: &str) -> Result<Value, CallError> {
    let batch = Batch::new(&signals());
    Ok(match world {
        World::Collector => {
            let query = CollectQuery {
                targets: vec![node("group:orders")],
                page: page.to_owned(),
                ..CollectQuery::all(at(0), at(60), Millis::seconds(15))
            };
            answers::page(&bound.collect(&query, at(61)).await?)
        }
        World::Scorer => answers::findings(&bound.score(&batch).await?, &batch.gaps()),
        World::Ranker => {
            let symptom = Symptom {
                node: node("group:orders"),
                signal: SignalName::new("kafka.consumer_group.backlog").unwrap(),
                onset: at(15),
                observed: 50.0,
                expected: 5.0,
                statement: "backlog grows".to_owned(),
            };
            answers::ranking(&bound.rank(&batch, &findings(), &symptom).await?, &batch.gaps())
        }
        World::Forecaster => {
            let target = |series, clears_at, breaches_at| ForecastTarget { series, clears_at, breaches_at };
            // The second is not listed by each piece, so handles of targets must not be taken for places.
            let targets = [target(overhead(), Some(0.0), None), target(backlog(), None, Some(90.0))];
            answers::forecasts(&bound.forecast(&batch, &targets, Millis::minutes(2)).await?, &batch.gaps())
        }
        World::Notifier => {
            let event = IncidentEvent {
                incident: "inc-7".to_owned(),
                phase: Phase::Opened,
                at: at(60),
                idempotency_key: "inc-7-opened".to_owned(),
            };
            let rendering = |format, text: &str| Rendering { format, text: text.to_owned() };
            let renderings =
                [rendering(Format::Headline, "orders falls behind"), rendering(Format::Text, "It is the JVM.")];
            answers::receipts(&bound.notify(&event, r#"{"schema":1}"#, &renderings, at(61)).await?)
        }
    })
}

fn secrets() -> Arc<dyn Secrets> {
    let secret = |(name, value): (&str, &str)| (name.to_owned(), Secret::new(value).unwrap());
    let secrets = [
        ("token", "b3arer-of-the-museum"),
        ("login", "ann:p4ssword-of-the-museum"),
        ("key", "k3y-of-the-museum"),
        ("hook", "https://hooks.example/T0/path-of-the-museum"),
    ];
    Arc::new(secrets.into_iter().map(secret).collect::<BTreeMap<_, _>>())
}

/// What is wrong with one call; nothing if it is as it was.
async fn revisit(plugin: &Plugin, source: &Source, expected: &Expected) -> Result<(), String> {
    let manifest = plugin.manifest();
    let mut grants = GrantRule::from_manifest(manifest);
    grants.extend(GrantRule::from_config(manifest, &expected.config));
    let secrets = if manifest.grants.is_empty() { Arc::new(NoSecrets) } else { secrets() };
    let operator =
        Operator { name: "piece".to_owned(), config: expected.config.clone(), grants, secrets, limits: None };
    let bound = plugin.bind(operator).map_err(|error| format!("cannot be bound: {error}"))?;
    if let Some(ask) = bound.grants().denied().first() {
        return Err(format!("asks for {} `{}` and does not get it", ask.kind, ask.value));
    }
    source.0.lock().unwrap().clear();
    let (answer, error) = match call(&bound, plugin.world(), &expected.page).await {
        Ok(answer) => (Some(answer), None),
        Err(error) => (None, Some(answers::error(&error, expected.error.as_ref()))),
    };
    let requests = std::mem::take(&mut *source.0.lock().unwrap());
    let found = json!({ "answer": answer, "error": error, "requests": requests });
    let wanted = json!({ "answer": expected.answer, "error": expected.error, "requests": expected.requests });
    if found == wanted {
        return Ok(());
    }
    let shown = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    Err(format!("configured with {} it answers\n{}\nand it was\n{}", expected.config, shown(&found), shown(&wanted)))
}

/// What is wrong with a piece on a host of today, by way of the compiler or of the cache.
async fn visit(piece: &Piece, cache: &Cache, from_cache: bool) -> Result<(), String> {
    let wasm = piece.component()?;
    let source = Arc::new(Source::default());
    let host = Host::new(HostOptions { cache: Some(cache.clone()), ..HostOptions::new(source.clone()) });
    let plugin = host.map_err(|error| error.to_string())?.load(&piece.name, &wasm).await;
    let plugin = plugin.map_err(|error| format!("is no longer a plugin: {error}"))?;
    let (manifest, label) = (plugin.manifest(), &piece.label);
    let asks: Vec<String> = manifest.grants.iter().map(|ask| format!("{} {}", ask.kind, ask.value)).collect();
    for (what, found, wanted) in [
        ("world", plugin.world().to_string(), label.world.clone()),
        ("imports", format!("{:?}", plugin.imports()), format!("{:?}", label.imports)),
        ("description", format!("{} {}", manifest.name, manifest.version), label.describes.clone()),
        ("grants asked for", format!("{asks:?}"), format!("{:?}", label.asks)),
        ("way of loading", plugin.from_cache().to_string(), from_cache.to_string()),
    ] {
        if found != wanted {
            return Err(format!("has another {what}: {found}, and it was {wanted}"));
        }
    }
    for expected in &label.call {
        revisit(&plugin, &source, expected).await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_piece_loads_and_answers_as_it_did_compiled_and_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("components"), 256 << 20).unwrap();
    let mut found = Vec::new();
    for piece in pieces() {
        for from_cache in [false, true] {
            let way = if from_cache { ", from the cache," } else { "" };
            if let Err(why) = visit(&piece, &cache, from_cache).await {
                found.push(format!("{}{way} {why}", piece.origin()));
                break;
            }
        }
    }
    check(
        "This host no longer serves plugins that people run. They cannot rebuild what strangers gave them, so the host or \
         wit/ is to be mended, and neither the piece nor its label (wit/README.md, \"What may change, and what may not\"):",
        found,
    );
}
