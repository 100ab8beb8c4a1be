//! Evaluates a query at one or many times, as Prometheus does: the newest sample of the last five minutes counts, unless
//! the series has ended. Start at [`evaluate`]; functions of ranges are in [`range`], calculations in [`combine`].

mod combine;
mod range;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::query::{Expr, Selector, Test};
use crate::telemetry::{Metric, Telemetry};

/// How old a sample may be and still count.
pub(super) const LOOK_BACK_MS: i64 = 300_000;

type Labels = BTreeMap<String, String>;

/// One series of a result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The name is the label `__name__`, where there is one.
    pub(super) labels: Labels,
    /// One per time that was asked for.
    pub(super) values: Vec<Option<f64>>,
}

/// What a query gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// The same number at all times.
    Scalar(f64),
    /// In order of their labels; none without any value.
    Vector(Vec<Row>),
}

/// When a query is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    /// The times that values are wanted of.
    pub(super) times: &'a [i64],
    /// Nothing later is known.
    pub(super) now_ms: i64,
}

/// All series that the selector finds and that have a sample by `now_ms`.
pub(super) fn select<'a>(telemetry: &'a Telemetry, selector: &Selector, now_ms: i64) -> Vec<&'a Metric> {
    let fits = |series: &&Metric| {
        selector.matchers.iter().all(|matcher| {
            let value = match matcher.label.as_str() {
                "__name__" => Some(&series.name),
                label => series.labels.get(label),
            };
            matcher.fits(value.map_or("", String::as_str))
        }) && series.samples.first().is_some_and(|(at, _)| *at <= now_ms)
    };
    let named = selector.matchers.iter().find_map(|matcher| match &matcher.test {
        Test::Equal(name) if matcher.label == "__name__" => Some(name),
        _ => None,
    });
    match named {
        Some(name) => telemetry.named(name).filter(fits).collect(),
        None => telemetry.series.iter().filter(fits).collect(),
    }
}

/// The labels of a series with its name among them.
pub(super) fn named_labels(series: &Metric) -> Labels {
    let mut labels = series.labels.clone();
    labels.insert("__name__".into(), series.name.clone());
    labels
}

/// The value of a query at each time.
///
/// # Errors
/// When two series of a result would have the same labels, or a range is asked for as if it were a value.
pub(super) fn evaluate(telemetry: &Telemetry, expr: &Expr, moment: Moment<'_>) -> Result<Value, String> {
    let rows = match expr {
        Expr::Number(number) => return Ok(Value::Scalar(*number)),
        Expr::Selector(selector) => newest(telemetry, selector, moment),
        Expr::Range(_) => return Err("a range vector is no value; give it to a function such as rate".into()),
        Expr::Over { function, range } => {
            let over = |series: &Metric| Row {
                labels: series.labels.clone(),
                values: moment.times.iter().map(|at| range::over(*function, series, range.ms, *at, moment)).collect(),
            };
            distinct(select(telemetry, &range.of, moment.now_ms).into_iter().map(over).collect())?
        }
        Expr::Negative(of) => match evaluate(telemetry, of, moment)? {
            Value::Scalar(number) => return Ok(Value::Scalar(-number)),
            Value::Vector(rows) => combine::each(rows, |value| -value)?,
        },
        Expr::Binary { operator, left, right } => {
            let calculate = |left, right| combine::calculate(*operator, left, right);
            match (evaluate(telemetry, left, moment)?, evaluate(telemetry, right, moment)?) {
                (Value::Scalar(left), Value::Scalar(right)) => return Ok(Value::Scalar(calculate(left, right))),
                (Value::Vector(rows), Value::Scalar(right)) => combine::each(rows, |left| calculate(left, right))?,
                (Value::Scalar(left), Value::Vector(rows)) => combine::each(rows, |right| calculate(left, right))?,
                (Value::Vector(left), Value::Vector(right)) => combine::joined(left, right, calculate)?,
            }
        }
        Expr::Aggregate { how, grouping, of } => match evaluate(telemetry, of, moment)? {
            Value::Vector(rows) => combine::aggregate(*how, grouping, rows, moment.times.len()),
            Value::Scalar(_) => return Err("a number cannot be aggregated".into()),
        },
    };
    Ok(Value::Vector(in_order(rows)))
}

fn newest(telemetry: &Telemetry, selector: &Selector, Moment { times, now_ms }: Moment<'_>) -> Vec<Row> {
    let row = |series: &Metric| {
        let value = |at: &i64| {
            let (found, value) = series.at((*at).min(now_ms), i64::MAX / 2)?;
            (found >= at - LOOK_BACK_MS).then_some(value)
        };
        Row { labels: named_labels(series), values: times.iter().map(value).collect() }
    };
    select(telemetry, selector, now_ms).into_iter().map(row).collect()
}

fn in_order(mut rows: Vec<Row>) -> Vec<Row> {
    rows.retain(|row| row.values.iter().any(Option::is_some));
    rows.sort_by(|a, b| a.labels.cmp(&b.labels));
    rows
}

/// The rows, if no two that have values have the same labels.
fn distinct(rows: Vec<Row>) -> Result<Vec<Row>, String> {
    let rows = in_order(rows);
    if rows.windows(2).any(|pair| pair[0].labels == pair[1].labels) {
        return Err("vector cannot contain metrics with the same labelset".into());
    }
    Ok(rows)
}
