//! What when several series of a source say something about one signal of one node? Start at [`merged`].
//!
//! Dropping labels that the vocabulary does not know can make one key of many series. What they differ in says why:
//!
//! | they differ in | signals of `kafka.` | other signals |
//! |---|---|---|
//! | nothing | the same read twice: the fuller one is kept | likewise |
//! | labels of observers (`instance`, `job`, `host` ...) | two exporters saw the same: the fuller one is kept | parts: added up where that makes sense, else the median |
//! | attributes of the vocabulary (`topic`, `partition` ...) | parts: added up where that makes sense, else the worst | likewise |
//! | labels that nobody knows (`area`, `member_host` ...) | the worst at each time | parts: added up where that makes sense, else the worst |
//!
//! Adding up makes sense for rates, bytes and counted things, but not for offsets, ratios and durations.
//!
//! Of several sources the first one counts, and native Kafka comes before all: it is exact where an exporter is a
//! scrape late. The others only fill in before its first reading and after its last, so that a reader that has just
//! started is not blind to the past.

use std::collections::BTreeMap;

use lagdoctor_model::{Sample, SignalKind, SignalSpec, Timestamp, Vocabulary, Window, Worse};

use super::names::{Attributes, deciding};

/// The rank of native Kafka among sources; collectors follow in the order of the configuration.
pub(super) const NATIVE: usize = 0;

/// One series of one source, placed on its node.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) rank: usize,
    pub(super) samples: Vec<Sample>,
    pub(super) query: Option<String>,
    pub(super) apart: Apart,
}

type Pairs = Vec<(String, String)>;

/// What tells a series from others of the same key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Apart {
    observers: Pairs,
    attributes: Pairs,
    unknown: Pairs,
}

/// Labels that say who scraped, not what.
const NOISE: [&str; 6] = ["__name__", "prometheus", "prometheus_replica", "monitor", "cluster", "env"];
/// Attributes of the vocabulary that say who measured, when they are not what is measured.
const OBSERVERS: [&str; 4] = ["instance", "service", "host", "client"];

impl Apart {
    pub(super) fn of(signal: &SignalSpec, attributes: &Attributes) -> Self {
        let words = Vocabulary::bundled();
        let deciding = deciding(signal, attributes);
        let mut apart = Self::default();
        for (name, value) in attributes.iter() {
            if deciding.contains(name) || NOISE.contains(&name) {
                continue;
            }
            let is_alias = |attribute: &str| {
                words.attribute(attribute).is_some_and(|spec| spec.aliases.iter().any(|alias| alias == name))
            };
            let pair = (name.to_owned(), value.to_owned());
            if OBSERVERS.iter().any(|attribute| is_alias(attribute)) {
                apart.observers.push(pair);
            } else if words.attributes().iter().any(|attribute| attribute.aliases.iter().any(|alias| alias == name)) {
                apart.attributes.push(pair);
            } else {
                apart.unknown.push(pair);
            }
        }
        apart
    }
}

/// A step of joining: what no longer tells series apart, and how those that are then alike become one.
type Step = (fn(&mut Apart), How);

/// How several become one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Fullest,
    Sum,
    Worst(Worse),
    Median,
}

/// One series out of all parts of one key. Empty when there is no reading.
pub(super) fn merged(signal: &SignalSpec, parts: Vec<Part>, window: &Window) -> (Vec<Sample>, Option<String>) {
    let mut by_source: BTreeMap<usize, Vec<Part>> = BTreeMap::new();
    for part in parts {
        by_source.entry(part.rank).or_default().push(part);
    }
    let mut whole: Option<Part> = None;
    for parts in by_source.into_values() {
        let Some(next) = of_source(signal, parts, window) else { continue };
        whole = Some(match whole {
            Some(first) => filled(first, next),
            None => next,
        });
    }
    whole.map_or((vec![], None), |part| (part.samples, part.query))
}

fn of_source(signal: &SignalSpec, parts: Vec<Part>, window: &Window) -> Option<Part> {
    let parts: Vec<_> =
        parts.into_iter().filter(|part| part.samples.iter().any(|sample| !sample.value.is_nan())).collect();
    let noun = signal.unit.starts_with('{') && signal.unit != "{offset}";
    let adds_up = signal.kind == SignalKind::Rate || signal.unit == "By" || noun;
    let of_parts = if adds_up { How::Sum } else { How::Worst(signal.worse) };
    let steps: [Step; 4] = if signal.name.starts_with("kafka.") {
        [
            (|_| {}, How::Fullest),
            (|apart| apart.observers.clear(), How::Fullest),
            (|apart| apart.unknown.clear(), How::Worst(signal.worse)),
            (|apart| apart.attributes.clear(), of_parts),
        ]
    } else {
        [
            (|_| {}, How::Fullest),
            (|apart| apart.unknown.clear(), of_parts),
            (|apart| apart.attributes.clear(), of_parts),
            (|apart| apart.observers.clear(), if adds_up { How::Sum } else { How::Median }),
        ]
    };
    let parts = steps.into_iter().fold(parts, |parts, (blur, how)| folded(parts, blur, how, window));
    parts.into_iter().next()
}

/// Joins all parts that are alike once `blur` has removed what they differ in.
fn folded(parts: Vec<Part>, blur: fn(&mut Apart), how: How, window: &Window) -> Vec<Part> {
    let mut alike: BTreeMap<Apart, Vec<Part>> = BTreeMap::new();
    for mut part in parts {
        blur(&mut part.apart);
        alike.entry(part.apart.clone()).or_default().push(part);
    }
    alike.into_values().filter_map(|parts| joined(parts, how, window)).collect()
}

fn joined(mut parts: Vec<Part>, how: How, window: &Window) -> Option<Part> {
    if parts.len() < 2 {
        return parts.pop();
    }
    if how == How::Fullest {
        let fullness = |part: &Part| part.samples.iter().filter(|sample| !sample.value.is_nan()).count();
        // `max_by_key` gives the last of equals; going backwards makes that the first that the source gave.
        return parts.into_iter().rev().max_by_key(fullness);
    }
    let grids: Vec<_> = parts.iter().map(|part| Grid::of(&part.samples, window)).collect();
    let mut values = Vec::new();
    let mut samples = Vec::with_capacity(window.points());
    for (slot, at) in times(window).enumerate() {
        values.clear();
        values.extend(grids.iter().filter_map(|grid| grid.at(slot)));
        if !values.is_empty() {
            samples.push(Sample { at, value: together(&mut values, how) });
        }
    }
    let first = parts.swap_remove(0);
    Some(Part { samples, ..first })
}

fn together(values: &mut [f64], how: How) -> f64 {
    // Part of a sum is no sum, so one missing value makes all of it missing; others do with what is there.
    if how == How::Sum {
        return values.iter().sum();
    }
    values.sort_by(f64::total_cmp);
    let known = values.iter().position(|value| value.is_nan()).unwrap_or(values.len());
    let values = &values[..known];
    let Some(last) = values.last() else { return f64::NAN };
    match how {
        How::Worst(Worse::Down) => values[0],
        How::Median => (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0,
        _ => *last,
    }
}

/// A part on the grid of the window, and in which slots it lives at all.
struct Grid {
    values: Vec<f64>,
    first: usize,
    last: usize,
}

impl Grid {
    fn of(samples: &[Sample], window: &Window) -> Self {
        let values = on_grid(samples, window);
        let first = values.iter().position(|value| !value.is_nan()).unwrap_or(usize::MAX);
        let last = values.iter().rposition(|value| !value.is_nan()).unwrap_or(0);
        Self { values, first, last }
    }

    /// NaN where a reading is missing between its first and its last; `None` where it does not live.
    fn at(&self, slot: usize) -> Option<f64> {
        (slot >= self.first && slot <= self.last).then(|| self.values[slot])
    }
}

fn times(window: &Window) -> impl Iterator<Item = Timestamp> {
    let (start, step) = (window.start.as_millis(), window.step.as_millis().max(1));
    (0i64..).zip(0..window.points()).filter_map(move |(slot, _)| Timestamp::from_millis(start + slot * step).ok())
}

/// As [`lagdoctor_model::Series::on_grid`]: the last reading of each step, never moved to an earlier time.
fn on_grid(samples: &[Sample], window: &Window) -> Vec<f64> {
    let step = window.step.as_millis().max(1);
    let mut grid = vec![f64::NAN; window.points()];
    for sample in samples.iter().filter(|sample| !sample.value.is_nan()) {
        let past = sample.at.as_millis() - window.start.as_millis();
        let slot = usize::try_from(past.div_euclid(step) + i64::from(past.rem_euclid(step) != 0));
        if let Some(place) = slot.ok().and_then(|slot| grid.get_mut(slot)) {
            *place = sample.value;
        }
    }
    grid
}

/// `first`, and the readings of `next` before its first and after its last number.
fn filled(first: Part, next: Part) -> Part {
    let known = |sample: &&Sample| !sample.value.is_nan();
    let from = first.samples.iter().find(known).map(|sample| sample.at);
    let to = first.samples.iter().rev().find(known).map(|sample| sample.at);
    let (Some(from), Some(to)) = (from, to) else { return next };
    let mut samples: Vec<Sample> = next.samples.iter().copied().filter(|sample| sample.at < from).collect();
    samples.extend(first.samples.iter().filter(|sample| sample.at >= from && sample.at <= to));
    samples.extend(next.samples.iter().filter(|sample| sample.at > to));
    // A query draws a graph of the past; a command of native Kafka only shows the present.
    let query = if first.rank == NATIVE { next.query.or(first.query) } else { first.query.or(next.query) };
    Part { samples, query, ..first }
}

#[cfg(test)]
mod tests {
    use lagdoctor_model::Millis;

    use super::*;

    fn at(seconds: u32) -> Timestamp {
        Timestamp::EPOCH + Millis::seconds(seconds)
    }

    fn part(signal: &SignalSpec, rank: usize, attributes: &[(&str, &str)], readings: &[(u32, f64)]) -> Part {
        Part {
            rank,
            samples: readings.iter().map(|(seconds, value)| Sample { at: at(*seconds), value: *value }).collect(),
            query: Some(format!("q{rank}")),
            apart: Apart::of(signal, &Attributes::new(attributes.iter().copied())),
        }
    }

    type Given<'a> = (usize, &'a [(&'a str, &'a str)], &'a [(u32, f64)]);

    fn check(signal: &str, given: &[Given], expected: &[(u32, f64)]) {
        let signal = Vocabulary::bundled().signal(signal).unwrap();
        let window = Window { start: at(0), now: at(60), step: Millis::seconds(10) };
        let parts =
            given.iter().map(|(rank, attributes, readings)| part(signal, *rank, attributes, readings)).collect();
        let (samples, _) = merged(signal, parts, &window);
        let samples: Vec<_> =
            samples.iter().map(|sample| (sample.at.as_millis() / 1000, format!("{}", sample.value))).collect();
        let expected: Vec<_> = expected.iter().map(|(at, value)| (i64::from(*at), format!("{value}"))).collect();
        assert_eq!(samples, expected);
    }

    #[test]
    fn two_exporters_of_one_cluster_do_not_double_the_lag() {
        let [a, b] = ["a:9308", "b:9308"]
            .map(|exporter| [("consumergroup", "g"), ("topic", "t"), ("partition", "0"), ("instance", exporter)]);
        check(
            "kafka.consumer_group.lag",
            &[(1, &a, &[(10, 5.0)]), (1, &b, &[(10, 5.0), (20, 7.0)])],
            &[(10, 5.0), (20, 7.0)],
        );
    }

    #[test]
    fn topics_of_one_group_add_up_to_its_backlog() {
        let [a, b] = ["a", "b"].map(|topic| [("consumergroup", "g"), ("topic", topic)]);
        check("kafka.consumer_group.backlog", &[(1, &a, &[(10, 5.0)]), (1, &b, &[(10, 7.0)])], &[(10, 12.0)]);
    }

    #[test]
    fn a_partition_that_moves_to_another_member_keeps_one_lag() {
        let [a, b] = ["/10.0.0.1", "/10.0.0.2"]
            .map(|member| [("group", "g"), ("topic", "t"), ("partition", "0"), ("member_host", member)]);
        check("kafka.consumer_group.lag", &[(1, &a, &[(10, 5.0)]), (1, &b, &[(20, 9.0)])], &[(10, 5.0), (20, 9.0)]);
    }

    #[test]
    fn memory_areas_add_up_and_a_missing_one_makes_the_sum_missing() {
        let [a, b] = ["eden", "old"].map(|area| [("instance", "i:80"), ("id", area)]);
        check(
            "jvm.memory.used",
            &[(1, &a, &[(10, 5.0), (20, 5.0), (30, 5.0)]), (1, &b, &[(10, 7.0), (30, 8.0)])],
            &[(10, 12.0), (20, f64::NAN), (30, 13.0)],
        );
    }

    #[test]
    fn one_slow_caller_does_not_make_an_endpoint_slow() {
        let [a, b, c] = ["i-0", "i-1", "i-2"].map(|caller| [("client_name", "pricing"), ("instance", caller)]);
        check(
            "http.client.request.duration",
            &[(1, &a, &[(10, 0.1)]), (1, &b, &[(10, 9.0)]), (1, &c, &[(10, 0.2)])],
            &[(10, 0.2)],
        );
    }

    #[test]
    fn copies_of_a_producer_add_up() {
        let [a, b] = ["p-0", "p-1"].map(|copy| [("service_name", "checkout-api"), ("instance", copy)]);
        check("messaging.client.sent.messages", &[(1, &a, &[(10, 5.0)]), (1, &b, &[(10, 7.0)])], &[(10, 12.0)]);
    }

    #[test]
    fn native_kafka_wins_and_prometheus_fills_in_the_past() {
        let labels = [("group", "g"), ("topic", "t"), ("partition", "0")];
        check(
            "kafka.consumer_group.lag",
            &[(1, &labels, &[(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)]), (NATIVE, &labels, &[(20, 9.0), (30, 9.0)])],
            &[(10, 1.0), (20, 9.0), (30, 9.0), (40, 4.0)],
        );
    }
}
