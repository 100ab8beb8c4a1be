//! A record holds all that it takes to make the same diagnosis again: of a simulated incident, by the real plugins.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use lagdoctor_grade::sources;
use lagdoctor_model::{Gap, GapCause, LogLine, Millis, NodeId, Redactor, Severity, Signals, Timestamp, Verdict};
use lagdoctor_runtime::{Host, HostOptions, Secret};
use lagdoctor_service::audit::{Audit, Build, Digest, Draft, Entry, Fault, Keep, Nowhere, Place, Replayed, Replayer};
use lagdoctor_service::config::{LimitsSection, PluginSection};
use lagdoctor_service::report::Links;
use lagdoctor_service::{Bundled, Loaded, Options, Sources, plugins, traced};
use lagdoctor_sim::Scenario;
use serde_json::json;
use tempfile::TempDir;

/// Nothing in an audit may hold one of these.
const SECRETS: [&str; 2] = ["hunter2-of-the-webhook", "p\"ss/w0rd of kafka"];

fn build(name: &str) -> Build {
    Build { version: "0.1.0".into(), sha256: Some(Digest::of(name.as_bytes())) }
}

fn scenario(name: &str) -> Scenario {
    Scenario::builtin(name).unwrap()
}

async fn loaded(sources: &Sources) -> Loaded {
    let host = Host::new(HostOptions::new(Arc::new(Nowhere))).unwrap();
    let built = common::built();
    let components: Vec<_> = built.iter().map(|(name, wasm)| Bundled { name, wasm }).collect();
    plugins::load(&host, sources, &components).await.unwrap()
}

/// Where records are made, and made again.
struct Lab {
    folder: TempDir,
    audit: Audit,
    components: BTreeMap<Digest, Vec<u8>>,
}

impl Lab {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let audit = Audit::new(Place::beside(folder.path().join("audit.sqlite")), Keep::default());
        let components = common::built().into_iter().map(|(_, wasm)| (Digest::of(&wasm), wasm)).collect();
        Self { folder, audit, components }
    }

    /// Diagnoses and leaves a record. Gives the verdict.
    async fn diagnose(&self, signals: &Signals, loaded: &Loaded, options: &Options) -> (Verdict, Vec<Gap>) {
        let links = Links::prometheus("http://prometheus.example:9090");
        let (diagnosis, trace) = traced(signals, &loaded.plugins, options).await;
        let entry = Entry {
            // Runs end at moments years apart, of which the audit would keep only the last.
            at: Timestamp::EPOCH,
            took: Millis::seconds(1),
            cluster: "shop",
            signals,
            options,
            links: &links,
            collectors: &loaded.collectors,
            plugins: &loaded.plugins,
            readings: &[],
            diagnosis: &diagnosis,
            trace: &trace,
            build: &build("this one"),
        };
        let secrets = SECRETS.map(|secret| Secret::new(secret).unwrap());
        let draft = Draft::new(&entry, &secrets).unwrap();
        let appended = self.audit.append(&draft, &|digest| self.components.get(&digest).cloned()).unwrap();
        assert_eq!(appended.notes, Vec::<String>::new());
        (diagnosis.verdict, diagnosis.gaps)
    }

    /// What comes of making all records again, as this build.
    async fn replayed(&self, by: &str) -> Vec<Replayed> {
        let book = self.audit.book().unwrap();
        let host = Host::new(HostOptions::new(Arc::new(Nowhere))).unwrap();
        let mut replayer = Replayer::new(host, build(by));
        let mut all = vec![];
        for kept in book.last(usize::MAX).unwrap() {
            all.push(replayer.replay(&book, &kept).await.unwrap());
        }
        all
    }
}

const SAME: Replayed = Replayed::Same { is_same_build: true };

#[tokio::test]
async fn incidents_and_quiet_hours_come_out_the_same_byte_for_byte() {
    let (lab, loaded) = (Lab::new(), loaded(&sources()).await);
    let mut verdicts = vec![];
    for (name, seed) in [("replication-delay", 7), ("gc-pauses", 3), ("quiet", 1)] {
        let (_, mut signals) = common::seen(&scenario(name), seed).await;
        // What a bundle would redact once more, and a report shows as it is.
        signals.gaps.push(Gap {
            source: "kafka shop".into(),
            cause: GapCause::Unreachable,
            node: None,
            statement: "broker 10.0.0.17:9092 of user 4711 did not answer".into(),
        });
        verdicts.push(lab.diagnose(&signals.normalised(), &loaded, &Options::default()).await.0);
    }
    assert_eq!(verdicts, [Verdict::Cause, Verdict::Cause, Verdict::NoIncident]);
    assert_eq!(lab.replayed("this one").await, [SAME, SAME, SAME]);
    assert_eq!(lab.replayed("another").await, [const { Replayed::Same { is_same_build: false } }; 3]);
}

/// The misbehaving scorer, told to do this within so many milliseconds and as much fuel as that takes.
fn with_misbehaving(mode: &str, timeout_ms: u32) -> Sources {
    let mut sources = sources();
    sources.plugins.push(PluginSection {
        config: json!({ "mode": mode }),
        limits: LimitsSection {
            fuel: Some(u64::MAX / 2),
            timeout: Some(Millis::new(i64::from(timeout_ms)).unwrap()),
            ..LimitsSection::default()
        },
        ..PluginSection::bundled("misbehaving-scorer")
    });
    sources
}

#[tokio::test]
async fn who_was_late_is_late_again_and_who_panicked_panics_again() {
    let (_, signals) = common::seen(&scenario("replication-delay"), 7).await;
    let lab = Lab::new();
    for (mode, timeout_ms, says) in [("loop", 300, "was not done"), ("trap", 30_000, "panicked")] {
        let loaded = loaded(&with_misbehaving(mode, timeout_ms)).await;
        let (_, gaps) = lab.diagnose(&signals, &loaded, &Options::default()).await;
        let gap = gaps.iter().find(|gap| gap.source == "misbehaving-scorer").unwrap();
        assert!(gap.statement.contains(says), "{}", gap.statement);
    }
    // Late for the diagnosis as a whole, and not only for its own limit.
    let loaded = loaded(&with_misbehaving("loop", 60_000)).await;
    let options = Options { deadline: Millis::seconds(3), ..Options::default() };
    let (_, gaps) = lab.diagnose(&signals, &loaded, &options).await;
    assert!(gaps.iter().any(|gap| gap.statement.contains("a longer deadline")), "{gaps:?}");

    // Whoever was asked again would have an hour now, and take it.
    assert_eq!(lab.replayed("this one").await, [SAME, SAME, SAME]);
    let record = lab.audit.book().unwrap().record("1").unwrap().record;
    let call = record.calls.iter().find(|call| call.plugin == "misbehaving-scorer").unwrap();
    let failure = call.failure.as_ref().unwrap();
    assert_eq!((failure.kind.as_str(), failure.of_the_moment), ("deadline", true));
}

#[tokio::test]
async fn an_answer_that_does_not_follow_from_its_input_is_found() {
    let (_, signals) = common::seen(&scenario("replication-delay"), 7).await;
    let (lab, loaded) = (Lab::new(), loaded(&sources()).await);
    // A record that claims to be of one hour and holds the answer to another: whole in itself, as its writer made it.
    let (diagnosis, trace) = traced(&signals, &loaded.plugins, &Options::default()).await;
    let mut other = signals.clone();
    other.series.retain(|series| !series.node().as_str().starts_with("database:"));
    let entry = Entry {
        at: Timestamp::EPOCH,
        took: Millis::ZERO,
        cluster: "",
        signals: &other,
        options: &Options::default(),
        links: &Links::none(),
        collectors: &[],
        plugins: &loaded.plugins,
        readings: &[],
        diagnosis: &diagnosis,
        trace: &trace,
        build: &build("this one"),
    };
    let draft = Draft::new(&entry, &[]).unwrap();
    lab.audit.append(&draft, &|digest| lab.components.get(&digest).cloned()).unwrap();
    assert!(matches!(lab.replayed("this one").await[0], Replayed::Differs { .. }));
    let Replayed::NotComparable { why } = &lab.replayed("another").await[0] else { panic!("another build may differ") };
    assert!(why.contains("another build"), "{why}");
}

#[tokio::test]
async fn secrets_and_names_of_people_are_nowhere_in_the_database() {
    let (_, mut signals) = common::seen(&scenario("replication-delay"), 7).await;
    let mut redactor = Redactor::for_topology(&signals.topology);
    signals.logs.push(LogLine {
        at: signals.window.now,
        node: NodeId::new("service:fulfilment").unwrap(),
        severity: Severity::ERROR,
        message: redactor.redact("user=eve@example.com paid with 4111 1111 1111 1111"),
    });
    // A far side, or an operator, that puts a secret where none belongs.
    signals.gaps.push(Gap {
        source: "collector-prometheus".into(),
        cause: GapCause::Refused,
        node: None,
        statement: format!("token {} was refused, so was {}", SECRETS[0], json!(SECRETS[1])),
    });
    let mut sources = sources();
    sources.plugins.push(PluginSection {
        config: json!({ "mode": "fine" }),
        alias: Some(format!("mine {}", SECRETS[0])),
        ..PluginSection::bundled("misbehaving-scorer")
    });
    let loaded = loaded(&sources).await;
    let lab = Lab::new();
    lab.diagnose(&signals.normalised(), &loaded, &Options::default()).await;

    let book = lab.audit.book().unwrap();
    let kept = book.record("1").unwrap();
    let unpacked = [
        serde_json::to_vec(&kept.record).unwrap(),
        book.body(&kept).unwrap().unwrap(),
        serde_json::to_vec(&book.path(&kept).unwrap()).unwrap(),
        format!("{:?}", book.input(&kept).unwrap().unwrap()).into_bytes(),
    ];
    let files = fs::read_dir(lab.folder.path()).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    for bytes in files.chain(unpacked) {
        for wanted in [SECRETS[0], SECRETS[1], &SECRETS[1].replace('"', "\\\""), "eve@example.com", "4111 1111"] {
            let found = bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes());
            assert!(!found, "{wanted}");
        }
    }
    assert!(kept.record.blanked.contains(&"record".to_owned()), "{:?}", kept.record.blanked);
    let Replayed::NotComparable { why } = &lab.replayed("this one").await[0] else { panic!("it is not what it was") };
    assert!(why.contains("a secret was blanked"), "{why}");
}

#[tokio::test]
async fn a_component_that_is_not_there_any_more_is_told_and_is_no_fault() {
    let (_, signals) = common::seen(&scenario("replication-delay"), 7).await;
    let (mut lab, loaded) = (Lab::new(), loaded(&sources()).await);
    lab.components.clear();
    lab.diagnose(&signals, &loaded, &Options::default()).await;
    let Replayed::NotComparable { why } = &lab.replayed("this one").await[0] else { panic!("nothing to run") };
    assert!(why.starts_with("the component of `") && why.ends_with("is not in the database"), "{why}");
    let anchors = lab.audit.anchors().unwrap().unwrap();
    let verified = lab.audit.book().unwrap().verify(&lagdoctor_service::audit::Against::Anchors(anchors)).unwrap();
    assert_eq!(verified.faults, Vec::<Fault>::new());
}
