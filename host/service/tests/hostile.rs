//! What becomes of a diagnosis among hostile plugins? It is finished in its time, finds what it would have found, and names
//! each plugin that failed. Every way to misbehave of `plugins/misbehaving` is tried, as a component made with the SDK.

mod common;

use std::sync::Arc;

use common::{folder, incident, loaded_with, minute};
use lagdoctor_model::{
    Diagnosis, Labels, Millis, NodeId, Sample, Series, SeriesKey, SignalName, Signals, Timestamp, Topology, Window,
    is_obeyed,
};
use lagdoctor_runtime::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError};
use lagdoctor_service::config::{LimitsSection, PluginSection};
use lagdoctor_service::report::{self, Envelope, Links, Style};
use lagdoctor_service::{Collector, Loaded, Look, Options, Request, Sources, diagnose};
use serde_json::json;

/// Answers with text that does things to a terminal and to a browser.
struct Evil;

const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}<script>alert(1)</script>\u{202e}";

impl Transport for Evil {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async { Ok(HttpResponse { status: 200, headers: vec![], body: EVIL.as_bytes().to_vec() }) })
    }
}

/// A misbehaving plugin in this mode, under a name that says so.
fn misbehaving(world: &str, mode: &str) -> PluginSection {
    PluginSection {
        alias: Some(format!("bad-{mode}")),
        config: json!({ "mode": mode, "url": "http://far.example/" }),
        grants: vec!["signals jvm.".parse().unwrap()],
        limits: LimitsSection { fuel: Some(1_000_000_000), memory_mib: Some(64), ..LimitsSection::default() },
        ..PluginSection::file(folder().join(format!("misbehaving-{world}.wasm")))
    }
}

async fn loaded(sections: Vec<PluginSection>) -> Loaded {
    loaded_with(&Sources { plugins: sections, ..Sources::default() }, Arc::new(Evil)).await
}

/// The incident of all tests, and statements of the database that take a hundred times as long just before it.
fn signals() -> Signals {
    let mut signals = incident(minute(60));
    let sample = |reading: u32| {
        let usual = 0.01 + f64::from(reading % 3) * 0.001;
        Sample { at: minute(0) + Millis::seconds(reading * 30), value: if reading > 58 { 1.0 } else { usual } }
    };
    let key = SeriesKey {
        node: NodeId::new("database:d").unwrap(),
        signal: SignalName::new("db.server.statement.duration").unwrap(),
        labels: Labels::new(),
    };
    signals.series.push(Series::new(key, (0..=120).map(sample).collect()).unwrap());
    signals.normalised()
}

/// The diagnosis among these scorers, and the names of the plugins that it says failed.
async fn diagnosed(sections: Vec<PluginSection>) -> (Diagnosis, Vec<String>) {
    let loaded = loaded(sections).await;
    let diagnosis = diagnose(&signals(), &loaded.plugins, &Options::default()).await;
    let names = diagnosis.gaps.iter().map(|gap| gap.source.clone()).collect();
    (diagnosis, names)
}

/// Modes in which a scorer gives nothing that counts.
const FAILING: [&str; 20] = [
    "trap",
    "loop",
    "recurse",
    "grow",
    "error-upstream",
    "error-internal",
    "error-made-up",
    "error-huge",
    "trap-in-configure",
    "loop-in-configure",
    "nan-score",
    "nan-magnitude",
    "infinite",
    "bad-node",
    "bad-series",
    "bad-log-line",
    "bad-time",
    "unknown-signal",
    "unlisted-class",
    "flood",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_among_twenty_hostile_scorers_is_finished_and_names_each() {
    let (clean, gaps) = diagnosed(vec![]).await;
    assert_eq!(gaps, [""; 0], "{:?}", clean.gaps);
    let (among, gaps) = diagnosed(FAILING.iter().map(|mode| misbehaving("scorer", mode)).collect()).await;
    for mode in FAILING {
        let gap = among.gaps.iter().find(|gap| gap.source == format!("bad-{mode}"));
        let gap = gap.unwrap_or_else(|| panic!("{mode} is not named in {gaps:?}"));
        assert!(gap.statement.contains(&format!("plugin `bad-{mode}`")), "{mode}: {}", gap.statement);
    }
    let blamed = |diagnosis: &Diagnosis| diagnosis.causes.first().map(|cause| cause.node.to_string());
    assert_eq!(blamed(&clean), Some("database:d".to_owned()), "{:?}", clean.causes);
    let symptom = |diagnosis: &Diagnosis| diagnosis.symptom.as_ref().map(|symptom| symptom.node.clone());
    assert_eq!(symptom(&among), symptom(&clean));
    assert_eq!(blamed(&among), blamed(&clean));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_a_report_among_hostile_plugins_does_anything_to_its_reader() {
    let modes = ["hostile-text", "log-flood", "high-score", "error-made-up", "silent", "remember"];
    let loaded = loaded(modes.iter().map(|mode| misbehaving("scorer", mode)).collect()).await;
    let signals = signals();
    let diagnosis = diagnose(&signals, &loaded.plugins, &Options::default()).await;
    assert!(diagnosis.gaps.iter().any(|gap| gap.source == "bad-error-made-up"), "{:?}", diagnosis.gaps);
    let envelope = Envelope { took: Millis::seconds(1), cluster: "shop".into(), plugins: loaded.uses() };
    let links = Links::none();
    let reports = [
        report::text(&diagnosis, Style::new(report::Colour::Plain, 100)),
        report::json(&diagnosis, &links, &envelope),
        report::markdown(&diagnosis, &links),
        report::html(&diagnosis, &signals, &links, &envelope),
    ];
    for text in reports {
        assert_eq!(text.chars().find(|c| *c != '\n' && is_obeyed(*c)), None, "{text}");
        assert!(text.len() < 4 << 20, "a report of {} bytes", text.len());
    }
}

/// Modes in which a collector loses something, and a word of what is said.
const LOSING: [(&str, &str); 21] = [
    ("trap", "panicked"),
    ("loop", "fuel"),
    ("recurse", "recursion"),
    ("grow", "memory"),
    ("error-internal", "I do not know"),
    ("ask-ungranted-host", "not granted"),
    ("ask-metadata", "not granted"),
    ("ask-loopback", "not granted"),
    ("ask-file", "neither http nor https"),
    ("ask-ungranted-secret", "not granted"),
    ("own-authorization", "authorization"),
    ("ungranted-method", "not granted"),
    ("many-requests", "256 requests"),
    ("forge-lag", "kafka.consumer_group.lag"),
    ("unknown-signal", "gremlins.count"),
    ("unordered-times", "do not increase"),
    ("lengths-differ", "unequal"),
    ("infinite", "infinite"),
    ("far-future", "time that is none"),
    ("huge-token", "token"),
    ("flood", "left out"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_collected_among_hostile_collectors_is_what_the_others_say_and_each_is_named() {
    let sections: Vec<_> = LOSING.iter().map(|(mode, _)| misbehaving("collector", mode)).collect();
    let sections = [sections, vec![misbehaving("collector", "fine"), misbehaving("collector", "fetch")]].concat();
    let loaded = loaded(sections).await;
    let mut collector = Collector::new(&[], loaded.collectors.clone(), Topology::new(), Millis::minutes(60));
    let now = Timestamp::from_millis(1_772_366_400_000).unwrap();
    let window = Window { start: now - Millis::minutes(60), now, step: Millis::seconds(15) };
    let request = Request { window, cluster: None, look: Look::Never, deadline: Millis::seconds(60) };
    let signals = collector.collect(&request).await;
    for (mode, part) in LOSING {
        let named = |gap: &&lagdoctor_model::Gap| gap.source == format!("bad-{mode}");
        let said: Vec<&str> = signals.gaps.iter().filter(named).map(|gap| gap.statement.as_str()).collect();
        assert!(said.iter().any(|text| text.contains(part)), "{mode}: {said:?}");
    }
    let forged = |series: &&Series| series.key().signal.as_str().starts_with("kafka.");
    assert_eq!(signals.series.iter().find(forged), None, "a forged lag was believed");
    assert!(signals.logs.iter().all(|line| !line.message.as_str().contains('\u{1b}')), "an escape came through");
    let diagnosis = diagnose(&signals, &loaded.plugins, &Options::default()).await;
    assert!(diagnosis.gaps.len() >= LOSING.len(), "{:?}", diagnosis.gaps);
}
