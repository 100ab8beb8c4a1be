//! What is shown to a plugin: a usual and a large input, and those that make little sense. Start at [`hostile`].

use lagdoctor_model::{
    Edge, Event, Labels, LogLine, Millis, Node, NodeId, Redactor, Sample, Series, SeriesKey, Severity, SignalName,
    Signals, Timestamp, Vocabulary, Window,
};
use lagdoctor_runtime::{CollectQuery, Format, IncidentEvent, Manifest, Phase, Plugin, Rendering, World};

use super::{LARGE, judges, large};
use crate::case::Case;
use crate::job::Input;
use crate::stranger::Answer;

/// A usual input and a large one.
pub(super) fn usual(plugin: &Plugin, usual: &Case) -> Vec<(String, Input)> {
    if judges(plugin) {
        let large = Case::new("a large site", large::site(&usual.signals, LARGE)).made_up();
        let window = |case: &Case| (format!("{} ({})", case.name, case.size()), Input::Window(Box::new(case.clone())));
        return vec![window(usual), window(&large)];
    }
    let window = usual.signals.window;
    let ok = || Answer::Says(200, b"{}".to_vec());
    if plugin.world() == World::Collector {
        let query = CollectQuery::all(window.start, window.now, window.step);
        return vec![("an hour from a far side that says `{}`".to_owned(), Input::Query(query, ok()))];
    }
    let input = Input::Event(event(window.now, "opened-1"), document(), renderings("headline"), ok());
    vec![("an incident that opens".to_owned(), input)]
}

/// Inputs that make little sense, each with its name.
pub(super) fn hostile(plugin: &Plugin, usual: &Case) -> Vec<(String, Input)> {
    let window = usual.signals.window;
    match plugin.world() {
        World::Collector => queries(window),
        World::Notifier => events(window.now),
        _ => {
            let windows = windows(plugin.manifest(), window);
            let input = |(name, signals): (&str, Signals)| {
                (name.to_owned(), Input::Window(Box::new(Case::new(name, signals).made_up())))
            };
            windows.into_iter().map(input).collect()
        }
    }
}

/// Readings at each step of a window.
type Readings = fn(usize) -> f64;

fn windows(manifest: &Manifest, window: Window) -> Vec<(&'static str, Signals)> {
    let short = |points: u32| Window { start: window.now - times(window.step, points), ..window };
    let with = |window: Window, readings: Readings| Maker::new(manifest, window).all(readings).made();
    let one_node = Maker::new(manifest, window).node("service:alone").made();
    vec![
        ("nothing at all", Signals::empty(window)),
        ("one node without readings", one_node),
        ("every reading missing", with(window, |_| f64::NAN)),
        ("series that stand still", with(window, |_| 5.0)),
        ("series of zeros", with(window, |_| 0.0)),
        ("one reading each", with(window, |step| if step == 7 { 1.0 } else { f64::NAN })),
        ("readings that come and go", with(window, |step| if step % 3 == 0 { f64::NAN } else { step as f64 })),
        ("the largest numbers there are", with(window, |step| if step % 2 == 0 { f64::MAX } else { f64::MIN })),
        (
            "the smallest numbers there are",
            with(window, |step| if step % 2 == 0 { f64::MIN_POSITIVE } else { -5e-324 }),
        ),
        ("a window of one moment", with(short(0), |_| 1.0)),
        ("a window of two readings", with(short(1), |step| step as f64)),
        ("signals that nobody has heard of", Maker::new(manifest, window).unheard_of().made()),
        ("a circle of dependencies", Maker::new(manifest, window).all(|step| step as f64).circle().made()),
        ("names to stumble over", Maker::new(manifest, window).odd_names().made()),
        ("10,000 nodes", Maker::new(manifest, short(4)).crowd(10_000).made()),
    ]
}

/// Makes a window of what a plugin listens to.
struct Maker<'a> {
    manifest: &'a Manifest,
    signals: Signals,
}

impl<'a> Maker<'a> {
    fn new(manifest: &'a Manifest, window: Window) -> Self {
        Self { manifest, signals: Signals::empty(window) }
    }

    fn made(self) -> Signals {
        self.signals.normalised()
    }

    fn node(mut self, id: &str) -> Self {
        self.signals.topology.add_node(Node::new(id_of(id)));
        self
    }

    fn series(&mut self, node: &NodeId, signal: &str, labels: &[String], readings: Readings) {
        let window = self.signals.window;
        let Ok(signal) = SignalName::new(signal) else { return };
        let labels: Labels = labels.iter().map(|label| (label.clone(), "0".to_owned())).collect();
        let key = SeriesKey { node: node.clone(), signal, labels };
        let steps = 0..u32::try_from(window.points()).unwrap_or(u32::MAX);
        let sample = |step: u32| Sample { at: window.start + times(window.step, step), value: readings(step as usize) };
        self.signals.series.extend(Series::new(key, steps.map(sample).collect()));
    }

    /// Every signal that it listens to, on two nodes of the kind that has it.
    fn all(mut self, readings: Readings) -> Self {
        for name in ["a", "b"] {
            for spec in Vocabulary::bundled().signals().filter(|spec| self.manifest.lists_signal(&spec.name)) {
                self.series(&id_of(&format!("{}:{name}", spec.node)), &spec.name, &spec.labels, readings);
            }
        }
        self
    }

    /// Signals that fit what it lists and are in no vocabulary, on a kind of node that nobody knows.
    fn unheard_of(mut self) -> Self {
        let prefixes: Vec<String> = self.manifest.signals.iter().filter(|name| name.ends_with('.')).cloned().collect();
        for prefix in prefixes.iter().map(String::as_str).chain([""]) {
            self.series(&id_of("thing:unheard-of"), &format!("{prefix}made.up"), &[], |step| step as f64);
        }
        self
    }

    /// Everybody needs the next one, and the last one the first.
    fn circle(mut self) -> Self {
        let nodes: Vec<NodeId> = self
            .signals
            .series
            .iter()
            .map(|series| series.node().clone())
            .chain(["service:x", "service:y"].map(id_of))
            .collect();
        for (place, node) in nodes.iter().enumerate() {
            let next = &nodes[(place + 1) % nodes.len()];
            for kind in ["calls", Edge::CONTENDS] {
                if let Ok(edge) = Edge::new(node.clone(), kind, next.clone()) {
                    self.signals.topology.connect(edge);
                }
            }
        }
        self
    }

    /// So many nodes, each with one of the signals that it listens to.
    fn crowd(mut self, nodes: usize) -> Self {
        let listed: Vec<_> =
            Vocabulary::bundled().signals().filter(|spec| self.manifest.lists_signal(&spec.name)).collect();
        for place in 0..nodes {
            match listed.get(place % listed.len().max(1)) {
                Some(spec) => {
                    self.series(&id_of(&format!("{}:n{place}", spec.node)), &spec.name, &spec.labels, |step| {
                        step as f64
                    })
                }
                None => self = self.node(&format!("service:n{place}")),
            }
        }
        self
    }

    /// Letters that are written from right to left, quotation marks, and control characters where the host lets them through.
    fn odd_names(mut self) -> Self {
        let odd = "\u{5d0}\u{5d1}\u{5d2}gnorts\u{200b}\"'`${x}<b>%s\u{1f525}/../";
        for spec in Vocabulary::bundled().signals().filter(|spec| self.manifest.lists_signal(&spec.name)) {
            let node = id_of(&format!("{}:{odd}", spec.node));
            self.series(&node, &spec.name, &spec.labels, |step| step as f64);
            let labels = Labels::from([(odd.to_owned(), "\u{202e}\u{1b}[2J\r\n\0".to_owned())]);
            let key = SeriesKey {
                node,
                signal: match SignalName::new(spec.name.as_str()) {
                    Ok(signal) => signal,
                    Err(_) => continue,
                },
                labels,
            };
            self.signals.series.extend(Series::new(key, vec![]));
        }
        let (at, node, mut redactor) = (self.signals.window.start, id_of(&format!("service:{odd}")), Redactor::new([]));
        let message = redactor.redact("\u{1b}[31mERROR\u{1b}[0m \u{0}\r\n{\"unclosed\": [[[[");
        self.signals.logs.push(LogLine { at, node: node.clone(), severity: Severity::ERROR, message: message.clone() });
        self.signals.events.push(Event { at, node, kind: "deploy".into(), what: message });
        self
    }
}

fn times(step: Millis, count: u32) -> Millis {
    Millis::new(step.as_millis().saturating_mul(i64::from(count))).unwrap_or(Millis::ZERO)
}

fn id_of(text: &str) -> NodeId {
    NodeId::new(text).unwrap_or_else(|error| unreachable!("made by this file: {error}"))
}

fn queries(window: Window) -> Vec<(String, Input)> {
    let query = CollectQuery::all(window.start, window.now, window.step);
    let says = |status: u16, body: &[u8]| Answer::Says(status, body.to_vec());
    let answers = [
        ("nobody is there", Answer::Nobody),
        ("an empty answer", says(200, b"")),
        ("an answer that is no text", says(200, &[0xff, 0xfe, 0, 0x80])),
        ("an answer of another kind", says(200, b"<html><body>please log in</body></html>")),
        ("a list where there should be more", says(200, b"[]")),
        ("null", says(200, b"null")),
        ("lists within lists without end", says(200, &vec![b'['; 1 << 20])),
        ("a large answer", says(200, &[b"[", vec![b'0'; 8 << 20].as_slice(), b"]"].concat())),
        ("an error of the far side", says(500, b"{\"error\": \"\x1b[31mno\"}")),
        ("a redirect", says(302, b"")),
        ("credentials refused", says(401, b"")),
    ];
    let mut all: Vec<(String, Input)> =
        answers.map(|(name, answer)| (name.to_owned(), Input::Query(query.clone(), answer))).into();
    let ok = || says(200, b"{}");
    let moment = CollectQuery { start: window.now, ..query.clone() };
    let backwards = CollectQuery { start: window.now, end: window.start, ..query.clone() };
    let odd_page = CollectQuery { page: "\u{202e}not a page of mine".to_owned(), ..query.clone() };
    let dense = CollectQuery { start: Timestamp::EPOCH, step: Millis::new(1).unwrap_or(Millis::ZERO), ..query };
    for (name, query) in [
        ("a window of one moment", moment),
        ("a window that ends before it starts", backwards),
        ("a page that it never gave", odd_page),
        ("fifty years by milliseconds", dense),
    ] {
        all.push((name.to_owned(), Input::Query(query, ok())));
    }
    all
}

fn events(now: Timestamp) -> Vec<(String, Input)> {
    let ok = || Answer::Says(200, b"ok".to_vec());
    let usual = || (event(now, "key"), document(), renderings("orders falls behind"));
    let far_sides = [
        ("nobody is there", Answer::Nobody),
        ("an answer that is no text", Answer::Says(200, vec![0xff, 0xfe])),
        ("an error of the far side", Answer::Says(500, b"\x1b[31mno".to_vec())),
        ("credentials refused", Answer::Says(403, vec![])),
        ("please slow down", Answer::Says(429, vec![])),
    ];
    let mut all: Vec<(String, Input)> = far_sides
        .map(|(name, answer)| {
            let (event, document, renderings) = usual();
            (name.to_owned(), Input::Event(event, document, renderings, answer))
        })
        .into();
    let odd = "\u{202e}gnorts\u{200b}\"'`${x}<!channel>*_~";
    let long = "x".repeat(1 << 20);
    for (name, document, renderings) in [
        ("a document that is none", "{".to_owned(), renderings("a")),
        ("an empty document", String::new(), renderings("a")),
        ("null for a document", "null".to_owned(), renderings("a")),
        ("no renderings", self::document(), vec![]),
        ("a headline to stumble over", self::document(), self::renderings(odd)),
        ("a headline of 1 MiB", self::document(), self::renderings(&long)),
    ] {
        all.push((name.to_owned(), Input::Event(event(now, odd), document, renderings, ok())));
    }
    all
}

fn event(at: Timestamp, key: &str) -> IncidentEvent {
    IncidentEvent { incident: "shop/1".to_owned(), phase: Phase::Opened, at, idempotency_key: key.to_owned() }
}

/// The least that a diagnosis document holds.
fn document() -> String {
    r#"{"schema": 1, "verdict": "cause", "causes": [], "gaps": []}"#.to_owned()
}

fn renderings(headline: &str) -> Vec<Rendering> {
    [Format::Headline, Format::Text, Format::Markdown]
        .map(|format| Rendering { format, text: headline.to_owned() })
        .into()
}
