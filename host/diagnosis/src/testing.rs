//! What the tests of several modules build their cases from.

use lagdoctor_model::{
    Class, Edge, Finding, Labels, Millis, NodeId, Sample, Score, Series, SeriesKey, SignalName, Signals, Timestamp,
    Topology, Window,
};
use proptest::prelude::*;

/// 2026-03-01, 12:00:00 UTC and so many seconds.
pub(crate) fn noon(seconds: u32) -> Timestamp {
    Timestamp::from_millis(1_772_366_400_000).unwrap() + Millis::seconds(seconds)
}

pub(crate) fn id(text: &str) -> NodeId {
    NodeId::new(text).unwrap()
}

pub(crate) fn signal(text: &str) -> SignalName {
    SignalName::new(text).unwrap()
}

pub(crate) fn topology(edges: &[(&str, &str, &str)]) -> Topology {
    let mut topology = Topology::new();
    for (dependent, kind, dependency) in edges {
        topology.connect(Edge::new(id(dependent), kind, id(dependency)).unwrap());
    }
    topology
}

/// Signals of the hour after noon, a reading every 15 s.
pub(crate) fn hour() -> Signals {
    Signals::empty(Window { start: noon(0), now: noon(3_600), step: Millis::seconds(15) })
}

pub(crate) fn key(node: &str, name: &str) -> SeriesKey {
    SeriesKey { node: id(node), signal: signal(name), labels: Labels::new() }
}

/// Adds a series whose value at second `s` of the window is `value(s)`, with a query.
pub(crate) fn read(signals: &mut Signals, key: SeriesKey, value: impl Fn(f64) -> f64) {
    let window = signals.window;
    let step = window.step.as_millis();
    let samples = (0..).map_while(|place| {
        let at = Timestamp::from_millis(window.start.as_millis() + place * step).ok()?;
        let seconds = at.since(window.start).as_seconds();
        (at <= window.now).then(|| Sample { at, value: value(seconds) })
    });
    let query = format!("{}{{node=\"{}\"}}", key.signal.as_str().replace('.', "_"), key.node.name());
    signals.series.push(Series::new(key, samples.collect()).unwrap().with_query(query));
}

/// Noise between -1 and 1 that is the same in every run.
pub(crate) fn noise(seconds: f64, salt: u64) -> f64 {
    let mut bits = (seconds as u64).wrapping_add(salt << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits ^= bits >> 29;
    bits = bits.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits ^= bits >> 32;
    (bits % 2_001) as f64 / 1_000.0 - 1.0
}

pub(crate) fn finding(node: &str, name: &str, class: &str, score: f64) -> Finding {
    Finding {
        by: "scorer-test".into(),
        node: id(node),
        signal: signal(name),
        score: Score::new(score).unwrap(),
        magnitude: score * 20.0,
        onset: Some(noon(1_200)),
        class: Some(class).filter(|class| !class.is_empty()).map(|class| Class::new(class).unwrap()),
        observed: Some(0.4),
        expected: Some(0.004),
        series: None,
        log_line: None,
        statement: "takes 400 ms (before: 4 ms)".into(),
    }
}

const KINDS: [&str; 7] = ["group", "service", "instance", "host", "database", "pool", "topic"];
const EDGES: [&str; 4] = ["calls", "runs-on", "contends", "replicates"];

pub(crate) fn any_node() -> impl Strategy<Value = NodeId> {
    (0..KINDS.len(), 0_u8..2).prop_map(|(kind, number)| id(&format!("{}:{number}", KINDS[kind])))
}

/// Edges between a dozen nodes, cycles and loops included.
pub(crate) fn edges() -> impl Strategy<Value = Vec<(NodeId, &'static str, NodeId)>> {
    prop::collection::vec((any_node(), prop::sample::select(&EDGES[..]), any_node()), 0..20)
}

pub(crate) fn connected(edges: &[(NodeId, &str, NodeId)]) -> Topology {
    let mut topology = Topology::new();
    for (dependent, kind, dependency) in edges {
        topology.connect(Edge::new(dependent.clone(), kind, dependency.clone()).unwrap());
    }
    topology
}

prop_compose! {
    /// A finding about anything, with any numbers that the host lets through, and some that it should not.
    pub(crate) fn any_finding()(
        node in any_node(),
        name in prop::sample::select(&["db.server.up", "jvm.gc.overhead", "kafka.topic.append_rate", "log", "event"][..]),
        class in prop::option::of(prop::sample::select(&["db.slow-statement", "jvm.gc-full", "load.burst", "consumer.slow-code"][..])),
        score in 0.0..=1.0_f64,
        magnitude in prop_oneof![Just(0.0), Just(f64::NAN), Just(f64::INFINITY), -1e9..1e9_f64],
        onset in prop::option::of(0_u32..7_200),
        values in (prop::option::of(prop_oneof![Just(f64::NAN), -1e12..1e12_f64]), prop::option::of(-1e12..1e12_f64)),
        log_line in prop::option::of(0_usize..3),
        statement in "[a-z0-9 ]{0,12}",
        by in "[ab]",
    ) -> Finding {
        Finding {
            by, node, magnitude, log_line, statement,
            signal: signal(name),
            score: Score::new(score).unwrap(),
            onset: onset.map(noon),
            class: class.map(|class| Class::new(class).unwrap()),
            observed: values.0,
            expected: values.1,
            series: None,
        }
    }
}

/// A detection whose symptom is the backlog of this group, of 1,240,331 records, since twenty past noon.
pub(crate) fn symptomatic(group: &str) -> crate::Detection {
    let symptom = lagdoctor_model::Symptom {
        node: id(group),
        signal: signal("kafka.consumer_group.backlog"),
        onset: noon(1_215),
        observed: 1_240_331.0,
        expected: 120.0,
        statement: "backlog of `g` is 1,240,331 records".into(),
    };
    let impact = lagdoctor_model::Impact {
        backlog: Some(1_240_331),
        time_lag: Some(Millis::seconds(845)),
        growth_per_s: Some(1_040.4),
        partitions: Some((12, 12)),
    };
    crate::Detection {
        symptom: Some(symptom),
        impact,
        time_to_data_loss: None,
        groups: vec![],
        services: vec![],
        gaps: vec![],
    }
}
