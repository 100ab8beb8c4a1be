//! `series.ndjson` and `history.ndjson`: one series a line.

use std::collections::BTreeMap;
use std::io::BufRead;

use lagdoctor_model::{Labels, Millis, Sample, Series, SeriesKey, SignalName, SignalSpec, Timestamp, Vocabulary};
use serde::Deserialize;
use serde_json::Value;

use super::cells::{Reading, Whole};
use super::lines::{Line, Lines};
use super::{Places, repair, topology};
use crate::trouble::{Trouble, Troubles};

/// A fortnight in steps of fifteen seconds, with times, has 80,000 readings and about 2 MiB.
pub(super) const MAX_LINE_BYTES: usize = 16 << 20;
/// So many readings take 320 MB.
const MAX_SAMPLES: usize = 20_000_000;
const MAX_QUERY_BYTES: usize = 4096;

#[derive(Deserialize)]
struct Raw {
    node: String,
    signal: String,
    #[serde(default)]
    labels: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    times_ms: Option<Vec<Whole>>,
    #[serde(default)]
    start_ms: Option<Whole>,
    #[serde(default)]
    step_ms: Option<Whole>,
    values: Vec<Reading>,
}

/// All series of the file, one of each key.
pub(super) fn read<R: BufRead>(places: &mut Places<'_>, mut lines: Lines<R>, troubles: &mut Troubles) -> Vec<Series> {
    let mut all: BTreeMap<SeriesKey, Series> = BTreeMap::new();
    let mut samples = 0;
    while let Some(line) = lines.next(troubles) {
        if line.is_cut {
            continue;
        }
        let Some(series) = read_line(places, &line, troubles) else { continue };
        samples += series.samples().len();
        if samples > MAX_SAMPLES {
            troubles.add_about(Trouble::TooMany, line.place(), "20 million readings; nothing after this line is read");
            break;
        }
        let key = series.key().clone();
        let series = match all.remove(&key) {
            Some(earlier) => {
                troubles.add_about(Trouble::SameSeries, line.place(), &format!("{} of {}", key.signal, key.node));
                earlier.joined(&series)
            }
            None => series,
        };
        all.insert(key, series);
    }
    all.into_values().collect()
}

fn read_line(places: &mut Places<'_>, line: &Line, troubles: &mut Troubles) -> Option<Series> {
    let place = line.place();
    let raw: Raw = repair::parse(line, troubles)?;
    let Some(spec) = Vocabulary::bundled().signal(&raw.signal) else {
        troubles.add_about(Trouble::UnknownSignal, place, &raw.signal);
        return None;
    };
    if let Some(unit) = &raw.unit
        && !is_same_unit(unit, &spec.unit)
    {
        troubles.add_about(Trouble::OtherUnit, place, &format!("{} in `{unit}`, not `{}`", spec.name, spec.unit));
        return None;
    }
    let node = places.node(&raw.node, place, troubles)?;
    let signal = SignalName::new(&*spec.name).ok()?;
    let labels = labels(raw.labels.unwrap_or_default(), spec, line, troubles);
    let samples = samples(raw.times_ms, (raw.start_ms, raw.step_ms), &raw.values, places.window.now, line, troubles)?;
    let series = match Series::new(SeriesKey { node, signal, labels }, samples) {
        Ok(series) => series,
        Err(error) => {
            troubles.add_about(Trouble::WrongShape, place, &error.to_string());
            return None;
        }
    };
    match raw.query {
        Some(query) if query.len() > MAX_QUERY_BYTES || query.contains(char::is_control) => {
            troubles.add(Trouble::UnfitQuery, place);
            Some(series)
        }
        Some(query) => Some(series.with_query(query)),
        None => Some(series),
    }
}

/// The labels that tell series of this signal apart. Others may hold anything, a customer's name too.
fn labels(raw: serde_json::Map<String, Value>, spec: &SignalSpec, line: &Line, troubles: &mut Troubles) -> Labels {
    let mut labels = Labels::new();
    for (name, value) in raw {
        match topology::plain(value).filter(|_| spec.labels.contains(&name)) {
            Some(value) if !value.contains(char::is_control) => drop(labels.insert(name, value)),
            _ => troubles.add_about(Trouble::UnknownLabel, line.place(), &name),
        }
    }
    labels
}

/// Units without their annotations: `{record}/s` is `1/s`, and so is `/s`.
fn is_same_unit(one: &str, other: &str) -> bool {
    let bare = |unit: &str| {
        let mut bare = String::new();
        let mut depth = 0;
        for c in unit.trim().chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ if depth == 0 => bare.push(c),
                _ => {}
            }
        }
        if bare.is_empty() || bare.starts_with('/') { format!("1{bare}") } else { bare }
    };
    bare(one) == bare(other)
}

/// Readings in order of time, each time once, none after `now`.
fn samples(
    times: Option<Vec<Whole>>,
    (start, step): (Option<Whole>, Option<Whole>),
    values: &[Reading],
    now: Timestamp,
    line: &Line,
    troubles: &mut Troubles,
) -> Option<Vec<Sample>> {
    let place = line.place();
    let times: Vec<Option<Timestamp>> = match (times, start, step) {
        (Some(times), ..) => times.into_iter().map(Whole::time).collect(),
        (None, Some(start), Some(step)) => {
            let step = step.0.and_then(|ms| Millis::new(ms).ok()).filter(|step| *step > Millis::ZERO);
            let (Some(Timestamp { .. }), Some(step)) = (start.time(), step) else {
                troubles.add_about(Trouble::NotATime, place, "`start_ms` or `step_ms`");
                return None;
            };
            let time =
                |place: i64| Whole(start.0.and_then(|ms| step.as_millis().checked_mul(place)?.checked_add(ms))).time();
            (0..).take(values.len()).map(time).collect()
        }
        _ => {
            troubles.add_about(Trouble::WrongShape, place, "neither `times_ms` nor `start_ms` and `step_ms`");
            return None;
        }
    };
    if times.len() != values.len() {
        let detail = format!("{} times, {} values", times.len(), values.len());
        troubles.add_about(Trouble::UnevenLengths, place, &detail);
        return None;
    }
    let mut samples = Vec::with_capacity(values.len());
    let (mut not_times, mut not_numbers) = (0, 0);
    for (at, value) in times.into_iter().zip(values) {
        let value = match value {
            Reading::Number(value) => *value,
            Reading::Missing => f64::NAN,
            Reading::Nonsense => {
                not_numbers += 1;
                f64::NAN
            }
        };
        match at {
            Some(at) => samples.push(Sample { at, value }),
            None => not_times += 1,
        }
    }
    troubles.add_some(Trouble::NotATime, place, not_times, "");
    troubles.add_some(Trouble::NotANumber, place, not_numbers, "");
    if !samples.is_sorted_by_key(|sample| sample.at) {
        troubles.add(Trouble::Unsorted, place);
        samples.sort_by_key(|sample| sample.at);
    }
    let count = samples.len();
    samples.dedup_by_key(|sample| sample.at);
    troubles.add_some(Trouble::SameTime, place, count - samples.len(), "");
    // The moment of the diagnosis must not know its future.
    let count = samples.len();
    samples.truncate(samples.partition_point(|sample| sample.at <= now));
    troubles.add_some(Trouble::AfterNow, place, count - samples.len(), "");
    Some(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_the_same_with_or_without_its_annotation() {
        let check = |one, other, expected| assert_eq!(is_same_unit(one, other), expected, "{one} {other}");
        check("{record}/s", "1/s", true);
        check("/s", "{record}/s", true);
        check("1", "{connection}", true);
        check("ms", "s", false);
        check("By", "MiBy", false);
    }
}
