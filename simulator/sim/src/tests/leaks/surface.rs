//! What can be seen of a run besides what it measures: ids, names, the order of labels and series, how many series there
//! are, how values are written, and in which words logs are. Each such thing is one word, such as
//! `kafka_consumergroup_lag: 12 series`; a run is the set of its words. Start at [`Before::look`] and [`during`].
//!
//! Two looks are taken. Before anything breaks, everything counts. Once something has, a series or a log line that was not
//! there before is a symptom: a counter of failures comes into being with the first failure. What counts then is how that
//! is written which was there before.

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::Millis;

use crate::endpoints::{elasticsearch, prometheus};
use crate::scenario::value::{Number, Word};
use crate::{Scenario, Simulation};

/// Numbers for words.
#[derive(Default)]
pub(super) struct Words {
    numbers: BTreeMap<String, u32>,
    pub(super) texts: Vec<String>,
}

impl Words {
    fn number(&mut self, text: String) -> u32 {
        let (next, texts) = (self.texts.len() as u32, &mut self.texts);
        *self.numbers.entry(text).or_insert_with_key(|text| {
            texts.push(text.clone());
            next
        })
    }

    /// The words of a run, in order.
    pub(super) fn numbers(&mut self, words: BTreeSet<String>) -> Vec<u32> {
        let mut numbers: Vec<u32> = words.into_iter().map(|word| self.number(word)).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// Seconds that are looked at before anything breaks; long enough for some scrapes of each target.
const BEFORE: f64 = 31.0;
/// Seconds until something breaks, and as many after it, for a look at what is written then.
const DURING: f64 = 31.0;

/// The scenario, told in this dialect.
pub(super) fn in_dialect(scenario: &Scenario, dialect: Option<&str>) -> Scenario {
    let mut own = scenario.clone();
    if let Some(dialect) = dialect {
        own.telemetry.dialect = Some(Word::Fixed(dialect.to_owned()));
    }
    own
}

/// What can be seen of a run whose faults are yet to come.
pub(super) struct Before {
    /// All but what its exporters say.
    words: BTreeSet<String>,
    /// What they say, as they say it.
    pub(super) page: String,
}

impl Before {
    pub(super) fn look(scenario: &Scenario, seed: u64) -> Self {
        let mut words = of_file(scenario);
        let mut early = scenario.clone();
        // What has been so for days is what the scenario is about, and not what gives it away.
        early.faults.retain(|fault| fault.at.as_ref().is_none_or(|at| at.log_normal().0 > BEFORE));
        early.duration = BEFORE;
        let mut run = Simulation::new(&early, seed);
        run.advance_to(run.end());
        words.extend(of_ids(&mut run));
        words.extend(of_topology(&run));
        let order = run.telemetry().series.windows(2).map(|pair| (pair[0].name.as_str(), pair[1].name.as_str()));
        let order: BTreeSet<_> = order.collect();
        words.extend(order.iter().map(|(one, next)| format!("{one} before {next}")));
        words.extend(of_logs(&run));
        Self { words, page: prometheus::openmetrics(run.telemetry()) }
    }

    /// All words.
    pub(super) fn words(mut self) -> BTreeSet<String> {
        self.words.extend(of_page(&self.page));
        self.words
    }
}

/// The words of an exposition.
pub(super) fn of_page(page: &str) -> BTreeSet<String> {
    let told = Told::of(page, |_| true);
    let mut words = BTreeSet::new();
    for (name, metric) in &told.metrics {
        words.insert(format!("{name}: {} series", metric.series));
        words.insert(format!("{name}{IS_WRITTEN}{:?}", metric.form));
        words.extend(metric.orders.iter().map(|order| format!("{name} has labels {order}")));
    }
    words.extend(told.values.iter().map(|(label, piece)| format!("{label} says {piece}")));
    words
}

/// How that is written which was there before, in a run in which something breaks early.
pub(super) fn during(scenario: &Scenario, seed: u64) -> BTreeSet<String> {
    let mut early = scenario.clone();
    for fault in &mut early.faults {
        fault.at = fault.at.take().map(|_| Number::Fixed(DURING));
        fault.ramp = Number::Fixed(0.0);
    }
    early.duration = 2.0 * DURING;
    let mut run = Simulation::new(&early, seed);
    run.advance_to(run.start() + Millis::new((DURING * 1000.0) as i64).unwrap_or(Millis::ZERO));
    let early = prometheus::openmetrics(run.telemetry());
    let known = Told::of(&early, |_| true);
    run.advance_to(run.end());
    let page = prometheus::openmetrics(run.telemetry());
    let same = |series: &str| known.series.contains(series);
    let mut words = BTreeSet::new();
    for (name, metric) in &Told::of(&page, same).metrics {
        words.insert(format!("{name}{IS_WRITTEN}{:?}", metric.form));
    }
    for (name, metric) in &Told::of(&page, |series| !same(series)).metrics {
        let is_in_order = |order: &&String| order.split(',').is_sorted();
        let jumbled = metric.orders.iter().filter(|order| !is_in_order(order));
        words.extend(jumbled.map(|order| format!("{name} has labels {order}")));
    }
    words
}

/// What stands in the head of a bundle.
fn of_file(scenario: &Scenario) -> BTreeSet<String> {
    let history = scenario.history();
    BTreeSet::from([format!("{} s long", scenario.duration), format!("a past of {history:?}")])
}

/// Numbers and names that are drawn, letter by letter.
fn of_ids(run: &mut Simulation) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let start = run.start().as_millis();
    let parts = [("ms", 10), ("ms", 1000), ("minute", 3_600_000), ("hour", 86_400_000), ("day", 7 * 86_400_000)];
    words.extend(
        parts.map(|(unit, cycle)| {
            format!("begins at {unit} {} of {cycle}", start.rem_euclid(cycle) / (cycle / 24).max(1))
        }),
    );
    words.insert(format!("the start has {} factors of two", start.trailing_zeros()));
    let kafka = run.kafka_state();
    for (place, group) in kafka.groups.iter().enumerate().take(3) {
        for (number, member) in group.members.iter().enumerate().take(2) {
            let letters = member.id.chars().enumerate();
            words.extend(letters.map(|(at, letter)| format!("member {place}/{number} has {letter} at {at}")));
            words.insert(format!("member {place}/{number} has {} letters", member.id.len()));
        }
    }
    words
}

/// Who is there, in which order, with which labels and who needs whom, as the operator's file says it. Names are taken to
/// pieces, so that something can be learned of those that are drawn, too.
fn of_topology(run: &Simulation) -> BTreeSet<String> {
    const FEW: usize = 200;
    let mut words = BTreeSet::new();
    let (mut kinds, mut needs) = (BTreeMap::new(), BTreeMap::new());
    let mut last = String::new();
    for node in run.topology().nodes() {
        let kind = node.id.kind().to_owned();
        words.extend(pieces(node.id.as_str()).map(|piece| format!("{kind} called {piece}")));
        for (name, value) in &node.labels {
            words.extend(pieces(&format!("{value:?}")).map(|piece| format!("{name} of {kind} is {piece}")));
        }
        words.insert(format!("{kind} has labels {:?}", node.labels.keys().collect::<Vec<_>>()));
        words.insert(format!("{last} before {kind}"));
        *kinds.entry(kind.clone()).or_insert(0) += 1;
        last = kind;
    }
    let is_small = run.topology().edges().count() < FEW;
    for edge in run.topology().edges() {
        *needs.entry((edge.dependent.kind(), edge.kind.as_str(), edge.dependency.kind())).or_insert(0) += 1;
        if is_small {
            words.insert(format!("{} {} {}", edge.dependent, edge.kind, edge.dependency));
        }
    }
    words.extend(kinds.iter().map(|(kind, count)| format!("{count} of {kind}")));
    words.extend(needs.iter().map(|(kinds, count)| format!("{count} of {kinds:?}")));
    words
}

/// The parts that a name is made of.
fn pieces(name: &str) -> impl Iterator<Item = &str> {
    name.split(|letter: char| !letter.is_alphanumeric()).filter(|piece| !piece.is_empty())
}

fn of_logs(run: &Simulation) -> BTreeSet<String> {
    let mut words: BTreeSet<String> = documents(run).iter().map(|keys| format!("a document has {keys}")).collect();
    for record in &run.telemetry().records {
        words.insert(format!("log: {}", template(&record.message)));
        words.insert(format!("log: {} {} {}", record.dataset, record.level, record.logger));
        words.extend(pieces(&record.service).map(|piece| format!("{piece} logs")));
    }
    words
}

/// A message without what differs from line to line.
fn template(message: &str) -> String {
    let mut text = String::new();
    for letter in message.chars() {
        let kept = if letter.is_ascii_digit() { '0' } else { letter };
        if !(kept == '0' && text.ends_with('0')) {
            text.push(kept);
        }
    }
    text
}

/// The keys of the newest log documents, in the order in which the search engine gives them, each order once.
fn documents(run: &Simulation) -> BTreeSet<String> {
    let now = run.end() + Millis::minutes(5);
    let answer = elasticsearch::answer(run.telemetry(), now, "POST", "/_search", "{\"size\": 200}").body;
    let hits = answer.split("{\"_index\"").skip(1);
    hits.map(|hit| keys(hit).join(" ")).collect()
}

/// All keys of a JSON text, in order.
fn keys(text: &str) -> Vec<&str> {
    let (mut keys, mut from, mut escaped) = (vec![], None, false);
    for (at, letter) in text.char_indices() {
        match (letter, from) {
            _ if escaped => escaped = false,
            ('\\', Some(_)) => escaped = true,
            ('"', None) => from = Some(at + 1),
            ('"', Some(start)) => {
                from = None;
                keys.extend(text[at + 1..].starts_with(':').then(|| &text[start..at]));
            }
            _ => {}
        }
    }
    keys
}

/// An exposition, taken apart as text: nothing of it is put in order on the way.
#[derive(Default)]
struct Told<'a> {
    metrics: BTreeMap<&'a str, Metric>,
    series: BTreeSet<&'a str>,
    /// Labels, and what their values are made of.
    values: BTreeSet<(&'a str, &'a str)>,
}

#[derive(Default)]
struct Metric {
    series: usize,
    /// Names of labels, as they follow each other.
    orders: BTreeSet<String>,
    form: Form,
}

impl<'a> Told<'a> {
    /// Of the series that are chosen.
    fn of(page: &'a str, is_chosen: impl Fn(&str) -> bool) -> Self {
        let mut told = Self::default();
        let mut last = "";
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, rest)) = line.rsplit_once(' ').and_then(|(line, _)| line.rsplit_once(' ')) else {
                continue;
            };
            if !is_chosen(series) {
                continue;
            }
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let metric = told.metrics.entry(name).or_default();
            metric.form.note(rest);
            if series != last {
                metric.series += 1;
                told.series.insert(series);
                let pairs: Vec<&str> = labels.trim_end_matches('}').split("\",").collect();
                let names: Vec<&str> = pairs.iter().map(|pair| pair.split('=').next().unwrap_or_default()).collect();
                metric.orders.insert(names.join(","));
                for pair in &pairs {
                    let (label, value) = pair.split_once('=').unwrap_or((pair, ""));
                    told.values.extend(pieces(value).map(|piece| (label, piece)));
                }
                last = series;
            }
        }
        told
    }
}

/// How the values of a metric are written: with how many digits behind the point, and whether with an exponent. What is not
/// known is not written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Form {
    digits: usize,
    has_exponent: bool,
}

impl Form {
    fn note(&mut self, number: &str) {
        // Ten times a tenth is not always one: what is written in full is rounded far behind all that exporters round to.
        let written = match number.split_once('.') {
            Some((_, digits)) if digits.len() > 9 => number.parse().map(|value: f64| format!("{value:.9}")),
            _ => Ok(number.to_owned()),
        };
        let written = written.unwrap_or_default();
        self.has_exponent |= number.bytes().any(|letter| matches!(letter, b'e' | b'E'));
        let digits = written.split_once('.').map_or(0, |(_, digits)| digits.trim_end_matches('0').len());
        self.digits = self.digits.max(digits);
    }
}

/// The metric of which a word says how it is written.
pub(super) fn written(word: &str) -> Option<&str> {
    word.split_once(IS_WRITTEN).map(|(metric, _)| metric)
}

/// Whether a word says that all values are whole, which every way of writing allows.
pub(super) fn is_whole(word: &str) -> bool {
    word.ends_with(&format!("{IS_WRITTEN}{:?}", Form::default()))
}

const IS_WRITTEN: &str = " is written ";
