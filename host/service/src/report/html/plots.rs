//! Which signals are shown, and with which marks? What hurts first, then what speaks for the causes, each signal once.
//! Start at [`push`].

use std::collections::BTreeMap;

use lagdoctor_model::{
    Diagnosis, Evidence, LogLine, Millis, NodeId, Sample, Series, Severity, Signals, Timestamp, Verdict, Vocabulary,
};

use super::chart::{Chart, Mark, Shape};
use super::escaped;

/// More charts than this nobody compares.
const MOST: usize = 6;
/// Of how many causes evidence is shown; of all but the first only the weightiest.
const CAUSES: usize = 3;
/// Backlogs shown where nothing hurts.
const QUIET: usize = 3;
/// More events than this in one window are a pattern, which a chart of its own shows better.
const EVENTS: usize = 6;
const BACKLOG: &str = "kafka.consumer_group.backlog";

/// What a chart is about, with the readings.
struct Plot<'a> {
    node: &'a NodeId,
    signal: &'a str,
    samples: Vec<Sample>,
    expected: Option<f64>,
    shape: Shape,
    marks: Vec<Mark>,
}

/// The charts, when there is anything to show.
pub(super) fn push(out: &mut String, diagnosis: &Diagnosis, signals: &Signals) {
    let plots = if diagnosis.verdict == Verdict::NoIncident { quiet(signals) } else { incident(diagnosis, signals) };
    if plots.is_empty() {
        return;
    }
    out.push_str("<h2>What happened</h2>\n");
    for plot in plots {
        let spec = Vocabulary::bundled().signal(plot.signal);
        let meaning = match plot.signal {
            "log" => "log lines a minute",
            _ => spec.map_or(plot.signal, |spec| spec.meaning.as_str()),
        };
        let name = plot.node.words();
        let chart = Chart {
            window: signals.window,
            samples: &plot.samples,
            unit: spec.map_or("", |spec| spec.unit.as_str()),
            expected: plot.expected,
            shape: plot.shape,
            marks: plot.marks,
        };
        out.push_str(&format!(
            "<figure>\n<figcaption>{}: {} <small>{}</small></figcaption>\n{}</figure>\n",
            escaped(&name),
            escaped(meaning),
            escaped(plot.signal),
            chart.svg(&format!("{name}: {meaning}"))
        ));
    }
}

/// What hurts, and what speaks for the causes.
fn incident<'a>(diagnosis: &'a Diagnosis, signals: &'a Signals) -> Vec<Plot<'a>> {
    let mut plots: Vec<Plot<'a>> = vec![];
    if let Some(symptom) = &diagnosis.symptom
        && let Some(series) = find(signals, &symptom.node, symptom.signal.as_str(), None, Some(symptom.observed))
    {
        let mut marks = events(signals);
        marks.push(onset(symptom.onset));
        let expected = Some(symptom.expected).filter(|value| value.is_finite());
        plots.push(Plot { marks, expected, ..line(series) });
    }
    for (place, cause) in diagnosis.causes.iter().take(CAUSES).enumerate() {
        let most = if place == 0 { usize::MAX } else { 1 };
        for evidence in cause.evidence.iter().take(most) {
            let is_shown = |plot: &Plot<'_>| plot.node == &evidence.node && plot.signal == evidence.signal.as_str();
            if plots.len() < MOST && !plots.iter().any(is_shown) {
                plots.extend(shown(evidence, signals));
            }
        }
    }
    plots
}

fn shown<'a>(evidence: &'a Evidence, signals: &'a Signals) -> Option<Plot<'a>> {
    let marks: Vec<Mark> = evidence.onset.map(onset).into_iter().collect();
    let signal = evidence.signal.as_str();
    if signal == "log" {
        let samples = per_minute(signals, &evidence.node)?;
        return Some(Plot { node: &evidence.node, signal, samples, expected: None, shape: Shape::Bars, marks });
    }
    let series = find(signals, &evidence.node, signal, evidence.query.as_deref(), evidence.observed)?;
    Some(Plot { marks, expected: evidence.expected, ..line(series) })
}

/// The largest backlogs of groups that do not hurt.
fn quiet(signals: &Signals) -> Vec<Plot<'_>> {
    let backlogs = signals.series.iter().filter(|series| series.signal().as_str() == BACKLOG);
    let mut sized: Vec<(f64, &Series)> = backlogs
        .map(|series| (series.samples().iter().map(|sample| sample.value).fold(f64::NAN, f64::max), series))
        .filter(|(size, _)| size.is_finite())
        .collect();
    sized.sort_by(|(a, one), (b, two)| b.total_cmp(a).then_with(|| one.key().cmp(two.key())));
    sized.into_iter().take(QUIET).map(|(_, series)| line(series)).collect()
}

fn line(series: &Series) -> Plot<'_> {
    Plot {
        node: series.node(),
        signal: series.signal().as_str(),
        samples: series.samples().to_vec(),
        expected: None,
        shape: Shape::Line,
        marks: vec![],
    }
}

/// The series that was judged: that of the same query, else the one whose last reading is nearest to what was seen.
fn find<'a>(
    signals: &'a Signals,
    node: &NodeId,
    signal: &str,
    query: Option<&str>,
    observed: Option<f64>,
) -> Option<&'a Series> {
    let alike = || signals.series.iter().filter(|series| series.node() == node && series.signal().as_str() == signal);
    let of_query = query.and_then(|query| alike().find(|series| series.query() == Some(query)));
    let distance = |series: &&Series| {
        let last = series.last().map_or(f64::INFINITY, |last| last.value);
        observed.map_or(0.0, |observed| (last - observed).abs())
    };
    of_query.or_else(|| alike().min_by(|a, b| distance(a).total_cmp(&distance(b))))
}

/// Lines of a node for each minute: warnings and errors, or all where there are none of these.
fn per_minute(signals: &Signals, node: &NodeId) -> Option<Vec<Sample>> {
    let minute = Millis::minutes(1).as_millis();
    let warning = Severity::from_level("warn").number();
    let of_node = || signals.logs.iter().filter(|line| &line.node == node);
    let counted = |lines: &mut dyn Iterator<Item = &LogLine>| {
        let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
        for line in lines {
            *counts.entry(line.at.as_millis().div_euclid(minute)).or_default() += 1;
        }
        counts
    };
    let bad = counted(&mut of_node().filter(|line| line.severity.number() >= warning));
    let counts = if bad.is_empty() { counted(&mut of_node()) } else { bad };
    let samples = counts.into_iter().filter_map(|(number, count)| {
        Some(Sample { at: Timestamp::from_millis(number * minute).ok()?, value: f64::from(count) })
    });
    Some(samples.collect::<Vec<_>>()).filter(|samples| !samples.is_empty())
}

fn onset(at: Timestamp) -> Mark {
    Mark { at, class: "onset", words: at.clock() }
}

fn events(signals: &Signals) -> Vec<Mark> {
    if signals.events.len() > EVENTS {
        return vec![];
    }
    signals.events.iter().map(|event| Mark { at: event.at, class: "event", words: event.kind.clone() }).collect()
}
