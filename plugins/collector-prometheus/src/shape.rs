//! From the series of a metric to readings of a signal: unknown values go, units are converted, series that differ only
//! in labels of no interest are combined, counters become what the signal says. Start at [`shape`].

use std::collections::BTreeMap;

use lagdoctor_sdk::RawSeries;

use crate::answer::Labels;
use crate::dialect::{Combine, Dialect, Entry, Form, Source};
use crate::grid::{Grid, Growth, Series, accumulated, born, combined, growth, total};
use crate::promql;

/// What a source read: the series above the line, and for a ratio those below it.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) above: Vec<Series>,
    pub(crate) below: Vec<Series>,
}

/// Series with the labels that are kept, in their order.
type Groups<'s> = BTreeMap<Labels, Vec<&'s Series>>;

/// The series of a signal; only those with a reading at or after `since_ms`, before which there is nothing but what
/// growth needs. `matchers` are those that the operator added.
pub(crate) fn shape(source: &Source, read: &Read, grid: &Grid, since_ms: i64, matchers: &[String]) -> Vec<RawSeries> {
    let entry = source.entry;
    let above = groups(entry, &read.above);
    let below = groups(entry, &read.below);
    let mut shaped = Vec::new();
    for (labels, series) in &above {
        let parts = Parts { entry, grid, series };
        let (temporality, values) = match entry.form {
            Form::Gauge(_) => ("gauge", parts.level()),
            Form::Counter(_) => ("counter", parts.counter()),
            Form::Share(_) => ("gauge", parts.share()),
            Form::Ratio { .. } => {
                let Some(below) = below.get(labels) else { continue };
                ("gauge", parts.ratio(below))
            }
        };
        // The host makes rates of counters, and needs the reading before the window for its first.
        let since_ms = if temporality == "counter" { i64::MIN } else { since_ms };
        let (times_ms, values) = readings(entry, grid, &values, since_ms);
        if values.is_empty() {
            continue;
        }
        let metrics = source.metrics();
        let more_below = below.get(labels).is_some_and(|below| below.len() > metrics.1.len());
        let said: Vec<&&Series> = series.iter().filter(|one| says_something(entry, one)).collect();
        let shown = promql::Shown {
            entry,
            labels,
            matchers,
            is_combined: series.len() > metrics.0.len() || more_below,
            has_unknown: said.iter().flat_map(|one| &one.values).any(|value| entry.unknown.contains(value))
                || said.len() < series.len(),
            step_ms: grid.step_ms,
        };
        // Where only one of several said anything, it is drawn itself.
        let shown = match said.as_slice() {
            [only] if shown.is_combined && matches!(entry.form, Form::Gauge(_)) => {
                promql::Shown { labels: &only.labels, is_combined: false, ..shown }
            }
            _ => shown,
        };
        let query = shown.query(&metrics);
        let attributes = renamed(source.dialect, labels);
        let (signal, temporality) = (entry.signal.to_owned(), temporality.to_owned());
        shaped.push(RawSeries { signal, attributes, temporality, times_ms, values, query, ext: vec![] });
    }
    shaped
}

/// Whether any of its values is known.
fn says_something(entry: &Entry, series: &Series) -> bool {
    series.values.iter().any(|value| !value.is_nan() && !entry.unknown.contains(value))
}

fn groups<'s>(entry: &Entry, series: &'s [Series]) -> Groups<'s> {
    let mut groups = Groups::new();
    for one in series {
        let kept = one.labels.iter().filter(|(name, _)| entry.keep.keeps(name)).cloned().collect();
        groups.entry(kept).or_default().push(one);
    }
    groups
}

fn renamed(dialect: &Dialect, labels: &Labels) -> Labels {
    let other = |label: &str| dialect.rename.iter().find(|(from, _)| *from == label).map(|(_, to)| (*to).to_owned());
    labels.iter().map(|(name, value)| (other(name).unwrap_or_else(|| name.clone()), value.clone())).collect()
}

/// Times and values that are known, in the unit of the signal.
fn readings(entry: &Entry, grid: &Grid, values: &[f64], since_ms: i64) -> (Vec<i64>, Vec<f64>) {
    let in_unit = |value: f64| {
        let value = value * entry.scale;
        let value = if entry.invert { 1.0 - value } else { value };
        entry.floor.map_or(value, |floor| value.max(floor))
    };
    let known = values.iter().enumerate().filter(|(_, value)| !value.is_nan());
    let known = known.map(|(place, value)| (grid.at(place), in_unit(*value)));
    known.filter(|(at, value)| *at >= since_ms && value.is_finite()).unzip()
}

/// Series that become one.
struct Parts<'p, 's> {
    entry: &'static Entry,
    grid: &'p Grid,
    series: &'p [&'s Series],
}

impl Parts<'_, '_> {
    fn level(&self) -> Vec<f64> {
        let known = |series: &&Series| -> Vec<f64> {
            let unknown = |value: f64| self.entry.unknown.contains(&value);
            series.values.iter().map(|value| if unknown(*value) { f64::NAN } else { *value }).collect()
        };
        let columns: Vec<Vec<f64>> = self.series.iter().map(known).collect();
        // A part that never said anything is no part.
        let said = columns.into_iter().filter(|column| column.iter().any(|value| !value.is_nan())).collect::<Vec<_>>();
        combined(&said, self.entry.combine)
    }

    fn growths(&self, series: &[&Series]) -> Vec<Growth> {
        let born = if self.entry.lazy { born(series) } else { vec![false; series.len()] };
        series.iter().zip(born).map(|(series, born)| growth(self.grid, &series.values, born)).collect()
    }

    /// A single counter is passed on as it is. Several become the counter of all their growth, which is never reset.
    fn counter(&self) -> Vec<f64> {
        if let [only] = self.series {
            return only.values.clone();
        }
        let growths: Vec<Vec<f64>> = self.growths(self.series).into_iter().map(|growth| growth.by).collect();
        let present: Vec<bool> =
            (0..self.grid.points).map(|place| self.series.iter().any(|one| !one.values[place].is_nan())).collect();
        accumulated(&total(&growths, self.grid.points), &present)
    }

    fn share(&self) -> Vec<f64> {
        let per_second = |growth: Growth| -> Vec<f64> {
            growth.by.iter().zip(&growth.seconds).map(|(by, seconds)| by / seconds).collect()
        };
        let columns: Vec<Vec<f64>> = self.growths(self.series).into_iter().map(per_second).collect();
        match self.entry.combine {
            Combine::Sum => total(&columns, self.grid.points),
            how => combined(&columns, how),
        }
    }

    /// Missing where nothing grew: a quotient that repeats its last value hides a stall.
    fn ratio(&self, below: &[&Series]) -> Vec<f64> {
        let grown = |series: &[&Series]| {
            let growths: Vec<Vec<f64>> = self.growths(series).into_iter().map(|growth| growth.by).collect();
            total(&growths, self.grid.points)
        };
        let (above, below) = (grown(self.series), grown(below));
        above.iter().zip(&below).map(|(part, whole)| if *whole > 0.0 { part / whole } else { f64::NAN }).collect()
    }
}
