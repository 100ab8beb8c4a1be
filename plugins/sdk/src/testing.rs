//! Hand-made batches and a host that answers from memory, for tests of plugins. Start at [`BatchBuilder::minutes`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::{
    Batch, Edge, Error, Event, Finding, Host, LogColumns, Node, Plugin, Ranking, Request, Response, Scorer, Series,
    Symptom, View, code,
};

/// The moment at which hand-made windows end: 2023-11-14 22:00 UTC.
pub const NOW_MS: i64 = 1_699_999_200_000;
/// Distance of readings in hand-made series.
pub const STEP_MS: i64 = 15_000;

/// Makes batches for tests. Nodes come into being when they are named, as `kind:name`.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    batch: Batch,
    handles: BTreeMap<String, u32>,
    lines: Vec<(i64, u32, u8, String)>,
}

impl BatchBuilder {
    /// An empty window of so many minutes that ends at [`NOW_MS`].
    pub fn minutes(minutes: i64) -> Self {
        let logs = LogColumns { at_ms: vec![], node: vec![], severity: vec![], message: vec![], ext: vec![] };
        let batch = Batch {
            now_ms: NOW_MS,
            start_ms: NOW_MS - minutes * 60_000,
            nodes: vec![],
            edges: vec![],
            series: vec![],
            values: vec![],
            logs,
            events: vec![],
            history: vec![],
            history_values: vec![],
            ext: vec![],
        };
        Self { batch, handles: BTreeMap::new(), lines: vec![] }
    }

    /// The handle of this node, which is made if need be.
    pub fn node(&mut self, id: &str) -> u32 {
        if let Some(handle) = self.handles.get(id) {
            return *handle;
        }
        let (kind, name) = id.split_once(':').unwrap_or((id, id));
        let handle = u32::try_from(self.batch.nodes.len()).unwrap_or(u32::MAX);
        self.batch.nodes.push(Node {
            id: id.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            labels: vec![],
            ext: vec![],
        });
        self.handles.insert(id.to_owned(), handle);
        handle
    }

    /// Adds a node without anything measured on it.
    #[must_use]
    pub fn with_node(mut self, id: &str) -> Self {
        self.node(id);
        self
    }

    /// Adds an edge.
    #[must_use]
    pub fn edge(mut self, dependent: &str, kind: &str, dependency: &str) -> Self {
        let (dependent, dependency) = (self.node(dependent), self.node(dependency));
        self.batch.edges.push(Edge { dependent, dependency, kind: kind.to_owned(), ext: vec![] });
        self
    }

    /// Adds a series; `value` gives the reading at so many minutes after the start of the window.
    #[must_use]
    pub fn series(self, node: &str, signal: &str, value: impl Fn(f64) -> f64) -> Self {
        self.labelled(node, signal, &[], value)
    }

    /// Adds a series with labels. It takes the place of one with the same node, signal and labels.
    #[must_use]
    pub fn labelled(mut self, node: &str, signal: &str, labels: &[(&str, &str)], value: impl Fn(f64) -> f64) -> Self {
        let node = self.node(node);
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let is_it = |series: &&Series| series.node == node && series.signal == signal && series.labels == labels;
        let count = (self.batch.now_ms - self.batch.start_ms) / STEP_MS + 1;
        let values = (0..count).map(|index| value((index * STEP_MS) as f64 / 60_000.0));
        if let Some(there) = self.batch.series.iter().find(is_it) {
            let first = there.first as usize;
            self.batch.values[first..].iter_mut().zip(values).for_each(|(old, new)| *old = new);
            return self;
        }
        let first = u32::try_from(self.batch.values.len()).unwrap_or(u32::MAX);
        self.batch.values.extend(values);
        self.batch.series.push(Series {
            node,
            signal: signal.to_owned(),
            labels,
            start_ms: self.batch.start_ms,
            step_ms: STEP_MS,
            first,
            count: u32::try_from(count).unwrap_or(0),
            ext: vec![],
        });
        self
    }

    /// Adds an hourly past that ends at [`NOW_MS`]; `value` is given how many hours ago.
    #[must_use]
    pub fn history(mut self, node: &str, signal: &str, hours: u32, value: impl Fn(f64) -> f64) -> Self {
        const HOUR_MS: i64 = 3_600_000;
        let node = self.node(node);
        let first = u32::try_from(self.batch.history_values.len()).unwrap_or(u32::MAX);
        self.batch.history_values.extend((0..=hours).rev().map(|ago| value(f64::from(ago))));
        self.batch.history.push(Series {
            node,
            signal: signal.to_owned(),
            labels: vec![],
            start_ms: self.batch.now_ms - i64::from(hours) * HOUR_MS,
            step_ms: HOUR_MS,
            first,
            count: hours + 1,
            ext: vec![],
        });
        self
    }

    /// Adds a log line so many minutes after the start of the window. Lines are put in order when the batch is built.
    #[must_use]
    pub fn log(mut self, node: &str, minute: f64, severity: u8, message: &str) -> Self {
        let node = self.node(node);
        self.lines.push((self.at(minute), node, severity, message.to_owned()));
        self
    }

    /// Adds an event so many minutes after the start of the window.
    #[must_use]
    pub fn event(mut self, node: &str, minute: f64, kind: &str, what: &str) -> Self {
        let (node, at_ms) = (self.node(node), self.at(minute));
        self.batch.events.push(Event { at_ms, node, kind: kind.to_owned(), what: what.to_owned(), ext: vec![] });
        self
    }

    /// The time so many minutes after the start of the window.
    pub fn at(&self, minute: f64) -> i64 {
        self.batch.start_ms + (minute * 60_000.0) as i64
    }

    /// The batch.
    pub fn build(mut self) -> Batch {
        self.lines.sort_by_key(|(at_ms, ..)| *at_ms);
        for (at_ms, node, severity, message) in self.lines {
            self.batch.logs.at_ms.push(at_ms);
            self.batch.logs.node.push(node);
            self.batch.logs.severity.push(severity);
            self.batch.logs.message.push(message);
        }
        self.batch.events.sort_by_key(|event| event.at_ms);
        self.batch
    }
}

/// A small wobble between -1 and 1 that is the same on every machine: noise for hand-made series.
pub fn wobble(minute: f64, salt: u32) -> f64 {
    let step = (minute * 4.0) as u32;
    let mixed = step.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503)) ^ (salt << 13);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
    f64::from((mixed ^ (mixed >> 13)) % 2001) / 1000.0 - 1.0
}

/// The findings on this node for (or against) this class.
pub fn findings_on<'f>(findings: &'f [Finding], view: &View<'_>, id: &str, class: &str) -> Vec<&'f Finding> {
    let node = view.find(id).map(|node| node.handle);
    findings.iter().filter(|finding| Some(finding.node) == node && finding.class == class).collect()
}

/// Runs a scorer with its default configuration on this batch and checks what the host would refuse.
///
/// # Panics
/// When it fails or breaks the contract.
pub fn score<P: Scorer>(batch: &Batch) -> Vec<Finding> {
    let findings = P::from_json("{}").and_then(|plugin| plugin.score(&View::new(batch)));
    let findings = findings.expect("the scorer accepts a hand-made batch");
    check_findings::<P>(batch, &findings);
    findings
}

/// The highest score among findings on this node for (or against) this class; `None` when there is no such finding.
pub fn top_score(batch: &Batch, findings: &[Finding], id: &str, class: &str) -> Option<f64> {
    let view = View::new(batch);
    findings_on(findings, &view, id, class).iter().map(|finding| finding.score).max_by(f64::total_cmp)
}

/// A group that fell a million records behind at this moment.
///
/// # Panics
/// When there is no such group.
pub fn behind(view: &View<'_>, group: &str, onset_ms: i64) -> Symptom {
    Symptom {
        node: view.find(group).expect("the group is a node of the batch").handle,
        signal: "kafka.consumer_group.backlog".to_owned(),
        onset_ms,
        observed: 1e6,
        expected: 10.0,
        ext: vec![],
    }
}

/// The nodes that a ranking names, the likeliest first.
pub fn blamed<'a>(view: &View<'a>, ranking: &Ranking) -> Vec<&'a str> {
    ranking.causes.iter().filter_map(|cause| Some(view.node(cause.node)?.id)).collect()
}

/// Checks what the host would refuse: findings with numbers that are none, handles that point nowhere, classes that the
/// manifest does not list.
///
/// # Panics
/// When a finding breaks the contract.
pub fn check_findings<P: Plugin>(batch: &Batch, findings: &[Finding]) {
    let manifest = P::manifest().into_record();
    for finding in findings {
        assert!((finding.node as usize) < batch.nodes.len(), "{finding:?} is about no node");
        assert!((0.0..=1.0).contains(&finding.score), "{finding:?} has a score outside 0..1");
        assert!(finding.magnitude.is_finite(), "{finding:?} has no finite magnitude");
        assert!(!finding.observed.is_infinite() && !finding.expected.is_infinite(), "{finding:?} is infinite");
        assert!(!finding.statement.is_empty(), "{finding:?} says nothing");
        assert!(finding.series.is_none_or(|series| (series as usize) < batch.series.len()), "{finding:?}: no series");
        let names_class = finding.class.is_empty() || manifest.classes.contains(&finding.class);
        assert!(names_class, "{finding:?} names a class that the manifest does not list");
    }
}

/// Checks what the host checks when it loads a plugin, and that the defaults of the schema are those of the plugin.
///
/// # Panics
/// When the manifest uses a word that is not in the vocabulary, or its schema disagrees with its configuration.
pub fn check_manifest<P: Plugin>()
where
    P::Config: Debug,
{
    let manifest = P::manifest().into_record();
    let known = |text: &str, key: &str, word: &str| text.contains(&format!("{key} = \"{word}\"\n"));
    for signal in &manifest.signals {
        let is_pattern = signal == "*" || signal.ends_with('.') || signal == "log" || signal == "event";
        assert!(is_pattern || known(lagdoctor_wit::SIGNALS, "name", signal), "{signal} is no signal");
    }
    for class in &manifest.classes {
        assert!(known(lagdoctor_wit::CLASSES, "slug", class), "{class} is no class");
    }
    let schema: serde_json::Value = serde_json::from_str(&manifest.config_schema).expect("the schema is JSON");
    assert_eq!(schema["type"], "object", "a configuration is an object");
    let mut defaults = serde_json::Map::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        assert!(field["description"].is_string(), "{name} is not described");
        if let Some(default) = field.get("default") {
            defaults.insert(name.clone(), default.clone());
        }
    }
    let required = schema["required"].as_array().is_some_and(|fields| !fields.is_empty());
    if !required {
        let empty: P::Config = serde_json::from_str("{}").expect("an empty configuration is accepted");
        let spelled: P::Config =
            serde_json::from_value(serde_json::Value::Object(defaults)).expect("the schema's defaults are accepted");
        assert_eq!(format!("{empty:?}"), format!("{spelled:?}"), "the schema's defaults are the plugin's");
    }
}

/// What a fake host answers with.
type Answer = Box<dyn Fn(&Request) -> Result<Response, Error>>;

/// A host that answers from memory and remembers what it was asked.
pub struct FakeHost {
    now_ms: i64,
    answer: Answer,
    requests: RefCell<Vec<Request>>,
}

impl Debug for FakeHost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FakeHost").field("requests", &self.requests).finish_non_exhaustive()
    }
}

impl FakeHost {
    /// A host whose clock stands at [`NOW_MS`] and that answers each request so.
    pub fn new(answer: impl Fn(&Request) -> Result<Response, Error> + 'static) -> Self {
        Self { now_ms: NOW_MS, answer: Box::new(answer), requests: RefCell::new(vec![]) }
    }

    /// A host that gives these answers, one after the other, and is unreachable after that.
    pub fn answering(answers: Vec<(u16, &str)>) -> Self {
        let answers: Vec<Response> = answers.iter().rev().map(|(status, body)| response(*status, body)).collect();
        let left = RefCell::new(answers);
        Self::new(move |request| {
            let next = left.borrow_mut().pop();
            next.ok_or_else(|| Error::new(code::UNREACHABLE, format!("no answer left for {}", request.url)))
        })
    }

    /// What it was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }
}

impl Host for FakeHost {
    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn fetch(&self, request: &Request) -> Result<Response, Error> {
        self.requests.borrow_mut().push(request.clone());
        (self.answer)(request)
    }
}

/// An answer with this status and body.
pub fn response(status: u16, body: &str) -> Response {
    Response { status, headers: vec![], body: body.as_bytes().to_vec(), ext: vec![] }
}
