//! Evaluates a query at one or many times, as Prometheus does: the newest sample of the last five minutes counts, unless
//! the series has ended; `rate` removes resets and extrapolates to the ends of its range. Start at [`evaluate`].

use std::collections::BTreeMap;

use super::query::{Expr, Grouping, Op, Selector};
use crate::telemetry::{Metric, Telemetry};

/// How old a sample may be and still count.
pub(super) const LOOK_BACK_MS: i64 = 300_000;

/// One series of a result.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The name is the label `__name__`, where there is one.
    pub(super) labels: BTreeMap<String, String>,
    /// One per time that was asked for.
    pub(super) values: Vec<Option<f64>>,
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
        super::query::Test::Equal(name) if matcher.label == "__name__" => Some(name),
        _ => None,
    });
    match named {
        Some(name) => telemetry.named(name).filter(fits).collect(),
        None => telemetry.series.iter().filter(fits).collect(),
    }
}

/// The value of a query at each of these times; nothing later than `now_ms` is known.
pub(super) fn evaluate(telemetry: &Telemetry, expr: &Expr, times: &[i64], now_ms: i64) -> Result<Vec<Row>, String> {
    let mut rows = match expr {
        Expr::Selector(selector) => select(telemetry, selector, now_ms)
            .into_iter()
            .map(|series| {
                let mut labels = series.labels.clone();
                labels.insert("__name__".into(), series.name.clone());
                let value = |at: &i64| {
                    let (found, value) = series.at((*at).min(now_ms), i64::MAX / 2)?;
                    (found > at - LOOK_BACK_MS).then_some(value)
                };
                Row { labels, values: times.iter().map(value).collect() }
            })
            .collect(),
        Expr::Rate { of, range_ms, per_second } => {
            let rows = select(telemetry, of, now_ms).into_iter().map(|series| {
                let value = |at: &i64| rate(series, *at, now_ms, *range_ms, *per_second);
                Row { labels: series.labels.clone(), values: times.iter().map(value).collect() }
            });
            distinct(rows.collect())?
        }
        Expr::Ratio(above, below) => {
            ratio(evaluate(telemetry, above, times, now_ms)?, evaluate(telemetry, below, times, now_ms)?)?
        }
        Expr::Aggregate { op, grouping, of } => {
            aggregate(*op, grouping, evaluate(telemetry, of, times, now_ms)?, times.len())
        }
    };
    rows.retain(|row| row.values.iter().any(Option::is_some));
    Ok(rows)
}

fn distinct(rows: Vec<Row>) -> Result<Vec<Row>, String> {
    let mut seen = std::collections::BTreeSet::new();
    if rows.iter().all(|row| seen.insert(&row.labels)) {
        Ok(rows)
    } else {
        Err("vector cannot contain metrics with the same labelset".into())
    }
}

/// As Prometheus's `rate`: the growth between the first and the last sample, resets added, stretched to the range where
/// the samples reach near its ends, and never to before the counter was zero.
fn rate(series: &Metric, at: i64, now_ms: i64, range_ms: i64, per_second: bool) -> Option<f64> {
    let start = at - range_ms;
    let (mut count, mut growth) = (0_u32, 0.0);
    let mut first: Option<(i64, f64)> = None;
    let mut last = (0, 0.0);
    for sample in series.within(start, at.min(now_ms)) {
        if first.is_none() {
            first = Some(sample);
        } else {
            growth += if sample.1 < last.1 { sample.1 } else { sample.1 - last.1 };
        }
        last = sample;
        count += 1;
    }
    let first = first.filter(|_| count >= 2)?;
    let covered = (last.0 - first.0) as f64;
    let distance = covered / f64::from(count - 1);
    let mut before = (first.0 - start) as f64;
    if growth > 0.0 && first.1 >= 0.0 {
        before = before.min(covered * first.1 / growth);
    }
    let stretch = |missing: f64| if missing < distance * 1.1 { missing } else { distance / 2.0 };
    let whole = covered + stretch(before) + stretch((at - last.0) as f64);
    let seconds = if per_second { range_ms as f64 / 1000.0 } else { 1.0 };
    Some(growth * whole / covered / seconds)
}

fn ratio(above: Vec<Row>, below: Vec<Row>) -> Result<Vec<Row>, String> {
    let without_name = |mut row: Row| {
        row.labels.remove("__name__");
        row
    };
    let above = distinct(above.into_iter().map(without_name).collect())?;
    let below = distinct(below.into_iter().map(without_name).collect())?;
    let below: BTreeMap<_, _> = below.into_iter().map(|row| (row.labels, row.values)).collect();
    let divided = |row: Row| {
        let below = below.get(&row.labels)?;
        let values = row.values.iter().zip(below).map(|(above, below)| Some((*above)? / (*below)?)).collect();
        Some(Row { labels: row.labels, values })
    };
    Ok(above.into_iter().filter_map(divided).collect())
}

fn aggregate(op: Op, grouping: &Grouping, rows: Vec<Row>, times: usize) -> Vec<Row> {
    let mut groups: BTreeMap<BTreeMap<String, String>, Vec<(u32, f64)>> = BTreeMap::new();
    for mut row in rows {
        match grouping {
            Grouping::By(labels) => row.labels.retain(|label, _| labels.contains(label)),
            Grouping::Without(labels) => row.labels.retain(|label, _| label != "__name__" && !labels.contains(label)),
        }
        let sums = groups.entry(row.labels).or_insert_with(|| vec![(0, 0.0); times]);
        for ((count, sum), value) in sums.iter_mut().zip(row.values) {
            let Some(value) = value else { continue };
            *sum = match (*count, op) {
                (0, _) => value,
                (_, Op::Max) => {
                    if sum.is_nan() {
                        value
                    } else {
                        sum.max(value)
                    }
                }
                (_, Op::Min) => {
                    if sum.is_nan() {
                        value
                    } else {
                        sum.min(value)
                    }
                }
                _ => *sum + value,
            };
            *count += 1;
        }
    }
    let shown = |(count, sum): (u32, f64)| {
        (count > 0).then(|| match op {
            Op::Avg => sum / f64::from(count),
            Op::Count => f64::from(count),
            _ => sum,
        })
    };
    groups.into_iter().map(|(labels, sums)| Row { labels, values: sums.into_iter().map(shown).collect() }).collect()
}
