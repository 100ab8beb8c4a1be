//! Calculations with values: a vector with a number, two vectors by equal labels, and the sums of groups. The name of a
//! metric is lost in all of them, since what comes out is that metric no longer.

use std::collections::BTreeMap;

use super::super::query::{Aggregation, Grouping, Operator};
use super::{Labels, Row};

pub(super) fn calculate(operator: Operator, left: f64, right: f64) -> f64 {
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
    }
}

/// The same done to every value.
pub(super) fn each(rows: Vec<Row>, mut act: impl FnMut(f64) -> f64) -> Result<Vec<Row>, String> {
    let changed = |row: Row| Row { values: row.values.into_iter().map(|value| value.map(&mut act)).collect(), ..row };
    let rows: Vec<Row> = rows.into_iter().map(changed).collect();
    Ok(by_labels(rows).map_err(|_| "vector cannot contain metrics with the same labelset")?.map_rows())
}

/// Each series of the left with the series of the right that has equal labels.
pub(super) fn joined(left: Vec<Row>, right: Vec<Row>, calculate: impl Fn(f64, f64) -> f64) -> Result<Vec<Row>, String> {
    let right = by_labels(right).map_err(|labels| {
        format!(
            "found duplicate series for the match group {} on the right hand-side of the operation;many-to-many matching \
             not allowed: matching labels must be unique on one side",
            shown(&labels)
        )
    })?;
    let left: Vec<Row> = left.into_iter().map(without_name).filter(|row| right.0.contains_key(&row.labels)).collect();
    let left = by_labels(left).map_err(|_| {
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)".to_owned()
    })?;
    let pair = |(labels, values): (Labels, Vec<Option<f64>>)| {
        let other = right.0.get(&labels)?;
        let values = values.iter().zip(other).map(|(left, right)| Some(calculate((*left)?, (*right)?))).collect();
        Some(Row { labels, values })
    };
    Ok(left.0.into_iter().filter_map(pair).collect())
}

/// Series by their labels without the name.
struct ByLabels(BTreeMap<Labels, Vec<Option<f64>>>);

impl ByLabels {
    fn map_rows(self) -> Vec<Row> {
        self.0.into_iter().map(|(labels, values)| Row { labels, values }).collect()
    }
}

fn without_name(mut row: Row) -> Row {
    row.labels.remove("__name__");
    row
}

/// Series that take turns become one; the error is the labels of two that have values at the same time.
fn by_labels(rows: Vec<Row>) -> Result<ByLabels, Labels> {
    let mut found: BTreeMap<Labels, Vec<Option<f64>>> = BTreeMap::new();
    for row in rows.into_iter().map(without_name) {
        match found.get_mut(&row.labels) {
            None => drop(found.insert(row.labels, row.values)),
            Some(values) => {
                for (known, value) in values.iter_mut().zip(row.values) {
                    if known.is_some() && value.is_some() {
                        return Err(row.labels);
                    }
                    *known = known.or(value);
                }
            }
        }
    }
    Ok(ByLabels(found))
}

fn shown(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// The values of each group in one.
pub(super) fn aggregate(how: Aggregation, grouping: &Grouping, rows: Vec<Row>, times: usize) -> Vec<Row> {
    let mut groups: BTreeMap<Labels, Vec<(u32, f64)>> = BTreeMap::new();
    for mut row in rows {
        match grouping {
            Grouping::By(labels) => row.labels.retain(|label, _| labels.contains(label)),
            Grouping::Without(labels) => row.labels.retain(|label, _| label != "__name__" && !labels.contains(label)),
        }
        let group = groups.entry(row.labels).or_insert_with(|| vec![(0, 0.0); times]);
        for ((count, so_far), value) in group.iter_mut().zip(row.values) {
            let Some(value) = value else { continue };
            *so_far = match (*count, how) {
                (0, _) => value,
                // A NaN gives way to any number.
                (_, Aggregation::Max) => so_far.max(value),
                (_, Aggregation::Min) => so_far.min(value),
                _ => *so_far + value,
            };
            *count += 1;
        }
    }
    let shown = |(count, so_far): (u32, f64)| {
        (count > 0).then(|| match how {
            Aggregation::Avg => so_far / f64::from(count),
            Aggregation::Count => f64::from(count),
            _ => so_far,
        })
    };
    groups.into_iter().map(|(labels, group)| Row { labels, values: group.into_iter().map(shown).collect() }).collect()
}
