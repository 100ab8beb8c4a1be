//! What is written is what is read, byte for byte the same each time.

mod common;

use std::fs;
use std::path::Path;

use common::Folder;
use lagdoctor_bundle::{Alternative, KnownSymptom, Meta, Root, Truth, pack, read, unpack, write};
use lagdoctor_model::{
    Class, Edge, Event, Gap, GapCause, Labels, LogLine, Millis, Node, NodeId, Redactor, Sample, Series, SeriesKey,
    Severity, SignalName, Signals, Timestamp, Window,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tempfile::TempDir;

fn ms(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms).unwrap()
}

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

const NODES: [&str; 4] = ["group:g", "service:s", "topic:orders", "jvm:s-0"];

fn a_node() -> impl Strategy<Value = NodeId> {
    prop::sample::select(NODES.map(node).to_vec())
}

fn a_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => any::<f64>().prop_filter("finite", |value| value.is_finite()),
        2 => (0_u32..100_000).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(-0.0),
    ]
}

fn a_series() -> impl Strategy<Value = Series> {
    let signals = ["kafka.consumer_group.lag", "kafka.consumer_group.backlog", "jvm.gc.overhead", "db.server.up"];
    let times = prop_oneof![
        prop::collection::btree_set(-5_000_i64..3_600_000, 0..12)
            .prop_map(|times| times.into_iter().collect::<Vec<_>>()),
        (0_i64..60_000, 1_i64..60_000, 0_i64..12)
            .prop_map(|(start, step, count)| (0..count).map(|k| start + k * step).collect()),
    ];
    (a_node(), prop::sample::select(signals.to_vec()), 0_u8..3, times, prop::option::of("[a-z{}=\" ]{1,12}"))
        .prop_flat_map(|(node, signal, label, times, query)| {
            prop::collection::vec(a_value(), times.len()).prop_map(move |values| {
                let labels: Labels = if signal.ends_with(".lag") {
                    [("topic".to_owned(), "orders".to_owned()), ("partition".to_owned(), label.to_string())].into()
                } else {
                    Labels::new()
                };
                let key = SeriesKey { node: node.clone(), signal: SignalName::new(signal).unwrap(), labels };
                let samples = times.iter().zip(values).map(|(at, value)| Sample { at: ms(*at), value });
                let series = Series::new(key, samples.collect()).unwrap();
                match &query {
                    Some(query) => series.with_query(query.clone()),
                    None => series,
                }
            })
        })
}

fn some_signals() -> impl Strategy<Value = Signals> {
    let texts = prop_oneof![
        "\\PC{0,40}",
        prop::sample::select(vec![
            "user=eve paid order 4711",
            "offset 4711, generation 3",
            "a \"quoted\" \\ path\n\tat x"
        ])
        .prop_map(str::to_owned),
    ];
    let logs = prop::collection::vec((0_i64..3_600_000, a_node(), 0_u8..30, texts.clone()), 0..8);
    let events = prop::collection::vec((0_i64..3_600_000, a_node(), "[a-z-]{1,8}", texts), 0..5);
    let gaps = prop::collection::vec(("[a-z]{1,8}", prop::option::of(a_node()), "[a-z ]{1,20}[a-z]"), 0..3);
    let series = (prop::collection::vec(a_series(), 0..6), prop::collection::vec(a_series(), 0..3));
    (series, logs, events, gaps, prop::collection::vec((0_usize..4, 0_usize..4), 0..6)).prop_map(
        |((series, history), logs, events, gaps, edges)| {
            let window = Window { start: ms(0), now: ms(3_600_000), step: Millis::seconds(15) };
            let mut signals = Signals::empty(window);
            for name in NODES {
                let labels = [("owner".to_owned(), format!("team of {name}"))].into();
                signals.topology.add_node(Node { id: node(name), labels });
            }
            for (a, b) in edges {
                signals.topology.connect(Edge::new(node(NODES[a]), "calls", node(NODES[b])).unwrap());
            }
            let mut redactor = Redactor::for_topology(&signals.topology);
            (signals.series, signals.history) = (series, history);
            for (at, node, severity, text) in logs {
                signals.logs.push(LogLine {
                    at: ms(at),
                    node,
                    severity: Severity::from(severity),
                    message: redactor.redact(&text),
                });
            }
            for (at, node, kind, text) in events {
                signals.events.push(Event { at: ms(at), node, kind, what: redactor.redact(&text) });
            }
            for (source, node, statement) in gaps {
                signals.gaps.push(Gap {
                    source,
                    cause: GapCause::Refused,
                    node,
                    statement: statement.trim().to_owned(),
                });
            }
            signals.reported = Some(a_symptom());
            signals
        },
    )
}

fn a_meta() -> Meta {
    Meta { source: "simulated, seed 7".to_owned() }
}

fn a_symptom() -> KnownSymptom {
    KnownSymptom {
        node: node("group:g"),
        signal: SignalName::new("kafka.consumer_group.backlog").unwrap(),
        onset: Some(ms(17)),
    }
}

/// Takes nothing out.
fn as_it_is(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// All files of a folder, by name.
fn bytes(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// As text, in which a missing reading equals a missing reading.
fn shown(signals: &Signals) -> String {
    format!("{signals:#?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_again(signals in some_signals()) {
        let folder = TempDir::new().unwrap();
        let dir = folder.path().join("b");
        write(&dir, &signals, &a_meta()).unwrap();
        let recorded = read(&dir).unwrap();
        prop_assert_eq!(shown(&recorded.signals), shown(&signals.clone().normalised()));
        prop_assert_eq!(&recorded.meta, &a_meta());
        let packed = pack(&signals, &a_meta(), as_it_is).unwrap();
        let unpacked = unpack("it", &packed).unwrap();
        prop_assert_eq!(shown(&unpacked.signals), shown(&recorded.signals));
        prop_assert_eq!(pack(&unpacked.signals, &unpacked.meta, as_it_is).unwrap(), packed);
    }

    #[test]
    fn the_same_signals_give_the_same_bytes(signals in some_signals()) {
        let folder = TempDir::new().unwrap();
        let (one, other, again) = (folder.path().join("one"), folder.path().join("other"), folder.path().join("again"));
        write(&one, &signals, &a_meta()).unwrap();
        let mut shuffled = signals.clone().normalised();
        shuffled.series.reverse();
        shuffled.logs.reverse();
        shuffled.events.reverse();
        shuffled.gaps.reverse();
        write(&other, &shuffled, &a_meta()).unwrap();
        prop_assert_eq!(bytes(&one), bytes(&other));
        let recorded = read(&one).unwrap();
        write(&again, &recorded.signals, &recorded.meta).unwrap();
        prop_assert_eq!(bytes(&one), bytes(&again));
    }

    #[test]
    fn no_packed_bytes_whatever_bring_the_reader_down(cut in 0_usize..2000, junk in prop::collection::vec(any::<u8>(), 0..40)) {
        let whole = pack(&Folder::with(&[]).read().signals, &a_meta(), as_it_is).unwrap();
        let at = cut.min(whole.len());
        if let Ok(recorded) = unpack("it", &[&whole[..at], &junk, &whole[at..]].concat()) {
            prop_assert!(recorded.signals.gaps.iter().all(|gap| !gap.statement.contains(char::is_control)));
        }
    }

    #[test]
    fn no_bytes_whatever_bring_the_reader_down(
        file in prop::sample::select(vec!["bundle.toml", "topology.json", "series.ndjson", "history.ndjson", "logs.ndjson", "events.ndjson"]),
        cut in 0_usize..400,
        junk in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let folder = Folder::with(&[]);
        let whole = fs::read(folder.beside(file)).unwrap_or_default();
        let at = cut.min(whole.len());
        fs::write(folder.beside(file), [&whole[..at], &junk, &whole[at..]].concat()).unwrap();
        if let Ok(recorded) = read(folder.path()) {
            let known = |node: &NodeId| recorded.signals.topology.node(node).is_some();
            prop_assert!(recorded.signals.series.iter().all(|series| known(series.node())));
            prop_assert!(recorded.signals.logs.iter().all(|line| known(&line.node)));
            prop_assert!(recorded.signals.gaps.iter().all(|gap| !gap.statement.contains(char::is_control)));
        }
    }
}

#[test]
fn files_of_a_bundle_read_as_people_expect() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("b");
    let signals = Signals { reported: Some(a_symptom()), ..Folder::with(&[]).read().signals };
    write(&dir, &signals, &a_meta()).unwrap();
    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!(
        text("bundle.toml"),
        "schema = 1\nsource = \"simulated, seed 7\"\n\n[window]\nstart_ms = 0\nnow_ms = 60000\nstep_ms = 15000\n\n\
         [symptom]\nnode = \"group:g\"\nsignal = \"kafka.consumer_group.backlog\"\nonset_ms = 17\n"
    );
    assert_eq!(
        text("topology.json"),
        "{\"nodes\": [\n  {\"id\":\"group:g\"},\n  {\"id\":\"service:s\",\"labels\":{\"owner\":\"team-a\",\"tier\":\"1\"}}], \
         \"edges\": [\n  {\"dependent\":\"group:g\",\"dependency\":\"service:s\",\"kind\":\"worked-by\"}]}\n"
    );
    assert_eq!(
        text("series.ndjson").lines().next().unwrap(),
        r#"{"node":"group:g","signal":"kafka.consumer_group.backlog","unit":"{record}","start_ms":0,"step_ms":15000,"values":[1.0,2.0,null,4.0]}"#
    );
    assert_eq!(
        text("logs.ndjson").lines().next().unwrap(),
        r#"{"time_ms":1000,"node":"service:s","level":"warn","message":"slow"}"#
    );
    assert_eq!(text("events.ndjson"), common::EVENTS);
    assert_eq!(text("history.ndjson"), "");
}

#[test]
fn a_bundle_replaces_a_bundle_and_leaves_nothing_beside_it() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("b");
    let recorded = Folder::with(&[]).read();
    fs::create_dir(&dir).unwrap();
    write(&dir, &recorded.signals, &Meta::default()).unwrap();
    write(&dir, &recorded.signals, &a_meta()).unwrap();
    assert_eq!(read(&dir).unwrap().meta, a_meta());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_that_is_no_bundle_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let recorded = Folder::with(&[]).read();
    let refuse = |dir: &Path, found: &str| {
        let error = write(dir, &recorded.signals, &a_meta()).unwrap_err().to_string();
        let expected = format!(
            "`{}` holds `{found}`, which is no part of a bundle; choose another folder, or clear this one",
            dir.display()
        );
        assert_eq!(error, expected);
    };
    fs::write(folder.path().join("thesis.tex"), "x").unwrap();
    refuse(folder.path(), "thesis.tex");
    let bundle = Folder::with(&[]);
    fs::write(bundle.beside("notes.md"), "mine").unwrap();
    refuse(bundle.path(), "notes.md");
    assert_eq!(fs::read_to_string(bundle.beside("notes.md")).unwrap(), "mine");
}

#[test]
fn what_is_written_of_a_gap_holds_no_secret() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("b");
    let mut signals = Folder::with(&[]).read().signals;
    signals.gaps.push(Gap {
        source: "http://scraper:hunter2@prometheus:9090".to_owned(),
        cause: GapCause::Refused,
        node: None,
        statement: "password=hunter2 was refused".to_owned(),
    });
    write(&dir, &signals, &Meta::default()).unwrap();
    for (name, content) in bytes(&dir) {
        assert!(!String::from_utf8(content).unwrap().contains("hunter2"), "{name}");
    }
}

#[test]
fn what_is_taken_out_of_a_file_while_packing_leaves_the_others_readable() {
    let signals = Folder::with(&[]).read().signals;
    let without = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace("slow", "[secret]").into_bytes();
    let unpacked = unpack("it", &pack(&signals, &a_meta(), without).unwrap()).unwrap().signals;
    assert_eq!(unpacked.logs[0].message.as_str(), "[secret]");
    assert_eq!((unpacked.logs.len(), unpacked.events.len()), (signals.logs.len(), signals.events.len()));
}

#[test]
fn a_truth_lies_beside_its_bundle_and_reads_as_written() {
    let folder = TempDir::new().unwrap();
    let bundle = folder.path().join("7f3a");
    let truth = Truth {
        name: "the night of the locks".to_owned(),
        family: "locks".to_owned(),
        incident: true,
        onset: Some(ms(1)),
        impact: Some(ms(2)),
        end: None,
        triggers: vec![node("producer:p")],
        decoys: vec![],
        path: vec![node("database:d"), node("group:g")],
        roots: vec![Root {
            node: node("database:d"),
            component: "lock".to_owned(),
            class: Some(Class::new("db.lock").unwrap()),
            accept: vec![
                Alternative::Node(node("service:batch")),
                Alternative::Class(Class::new("db.slow-statement").unwrap()),
            ],
        }],
    };
    truth.write(&bundle).unwrap();
    assert!(folder.path().join("7f3a.truth.toml").is_file() && !bundle.exists());
    assert_eq!(Truth::read(&bundle).unwrap(), truth);
    let quiet = Truth::default();
    quiet.write(&bundle).unwrap();
    assert_eq!(Truth::read(&bundle).unwrap(), quiet);
}

#[test]
fn a_truth_that_contradicts_itself_is_refused() {
    let folder = TempDir::new().unwrap();
    let bundle = folder.path().join("b");
    let check = |text: &str, expected: &str| {
        fs::write(Truth::path_for(&bundle), text).unwrap();
        let error = Truth::read(&bundle).unwrap_err().to_string();
        assert_eq!(error.replace(&folder.path().display().to_string(), "DIR"), expected);
    };
    let root = "[[root]]\nnode = \"database:d\"\nclass = \"db.lock\"\n";
    check(
        "incident = true",
        "truth `DIR/b.truth.toml` contradicts itself: it tells of an incident, but names no `[[root]]`",
    );
    check(
        &format!("incident = false\n{root}"),
        "truth `DIR/b.truth.toml` contradicts itself: it names a `[[root]]`, but says `incident = false`",
    );
    check(
        &format!("incident = true\n{root}accept = [\"a:b\", \"c:d\", \"e.f\"]"),
        "truth `DIR/b.truth.toml` contradicts itself: root `database:d` accepts 3 alternatives, and two is the most",
    );
    check(
        &format!("incident = true\nonset_ms = 5\nend_ms = 4\n{root}"),
        "truth `DIR/b.truth.toml` contradicts itself: `onset_ms`, `impact_ms` and `end_ms` are not in order",
    );
    check("incident = 7", "truth `DIR/b.truth.toml` is not as FORMAT.md has it; fix the field named below");
    fs::remove_file(Truth::path_for(&bundle)).unwrap();
    assert!(Truth::read(&bundle).unwrap_err().to_string().contains("is not labelled"));
}
