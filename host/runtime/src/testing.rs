//! What several tests of this crate need: signals, manifests, a transport that answers by a function.

use std::sync::Mutex;

use lagdoctor_model::{
    Edge, Event, Labels, LogLine, Millis, Node, NodeId, Redactor, Sample, Series, SeriesKey, Severity, SignalName,
    Signals, Timestamp, Topology, Window,
};

use crate::egress::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError};
use crate::manifest::{Ask, Manifest};

pub(crate) fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(seconds)
}

pub(crate) fn node(id: &str) -> NodeId {
    NodeId::new(id).unwrap()
}

pub(crate) fn key(id: &str, signal: &str) -> SeriesKey {
    SeriesKey { node: node(id), signal: SignalName::new(signal).unwrap(), labels: Labels::new() }
}

/// A group on one JVM, with a reading missing, two log lines and a deploy.
pub(crate) fn signals() -> Signals {
    let window = Window { start: at(0), now: at(60), step: Millis::seconds(15) };
    let mut topology = Topology::new();
    topology.add_node(Node::new(node("group:fulfilment")));
    topology.add_node(Node::new(node("jvm:fulfilment-0")));
    topology.connect(Edge::new(node("group:fulfilment"), "runs-on", node("jvm:fulfilment-0")).unwrap());
    let series = |key: SeriesKey, seconds: &[u32]| {
        let samples = seconds.iter().map(|&second| Sample { at: at(second), value: f64::from(second) });
        Series::new(key, samples.collect()).unwrap()
    };
    let mut redactor = Redactor::new([]);
    let line = |second, id: &str, text, redactor: &mut Redactor| LogLine {
        at: at(second),
        node: node(id),
        severity: Severity::WARN,
        message: redactor.redact(text),
    };
    let logs = vec![
        line(10, "jvm:elsewhere", "not in the topology", &mut redactor),
        line(20, "jvm:fulfilment-0", "pause of four seconds", &mut redactor),
        line(30, "jvm:fulfilment-0", "pause of five seconds", &mut redactor),
    ];
    let deploy = Event {
        at: at(5),
        node: node("jvm:fulfilment-0"),
        kind: "deploy".into(),
        what: redactor.redact("version two"),
    };
    Signals {
        topology,
        series: vec![
            series(key("group:fulfilment", "kafka.consumer_group.lag"), &[0, 15, 30, 45, 60]),
            series(key("jvm:fulfilment-0", "jvm.gc.overhead"), &[15, 30, 60]),
        ],
        logs,
        events: vec![deploy],
        ..Signals::empty(window)
    }
}

/// A manifest that lists these signals and asks for nothing.
pub(crate) fn manifest(signals: &[&str]) -> Manifest {
    Manifest {
        name: "sample".into(),
        version: "0.1.0".into(),
        summary: String::new(),
        signals: signals.iter().map(|&signal| signal.to_owned()).collect(),
        classes: vec![],
        config_schema: serde_json::json!({ "type": "object" }),
        grants: vec![],
    }
}

/// The same, asking for these, each as `KIND VALUE`.
pub(crate) fn asking(asks: &[&str]) -> Manifest {
    let ask = |text: &&str| {
        let (kind, value) = text.split_once(' ').unwrap();
        Ask { kind: crate::GrantKind::parse(kind).unwrap(), value: value.to_owned(), reason: String::new() }
    };
    Manifest { grants: asks.iter().map(ask).collect(), ..manifest(&[]) }
}

/// Answers by a function, and keeps what it was asked.
pub(crate) struct InProcess<F> {
    answer: F,
    pub(crate) asked: Mutex<Vec<HttpRequest>>,
}

impl<F> InProcess<F> {
    pub(crate) fn new(answer: F) -> Self {
        Self { answer, asked: Mutex::default() }
    }
}

impl<F> Transport for InProcess<F>
where
    F: Fn(&HttpRequest) -> Result<HttpResponse, TransportError> + Send + Sync,
{
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let answer = (self.answer)(&request);
        self.asked.lock().unwrap().push(request);
        Box::pin(std::future::ready(answer))
    }
}

/// Says 200 and this.
pub(crate) fn ok(body: &str) -> HttpResponse {
    HttpResponse { status: 200, headers: vec![], body: body.as_bytes().to_vec() }
}
