//! For programs. The shape is a promise: `schema/evaluate.schema.json` has it, and it only grows.

use serde_json::{Map, Value, json};

use crate::interval::Estimate;
use crate::measure::MEASURES;
use crate::measure::waiting::Wait;
use crate::paired::{Change, Comparison};
use crate::scorecard::{Row, Run, Scorecard};

/// The whole report.
pub fn json(scorecard: &Scorecard, paired: Option<&Comparison>) -> String {
    let families: Map<String, Value> =
        scorecard.families().iter().map(|row| (row.name.clone(), Value::Object(figures(row)))).collect();
    let document = json!({
        "schema": 3,
        "overall": overall(scorecard),
        "families": families,
        "scenarios": named("scenario", scorecard.scenarios()),
        "contenders": named("name", scorecard.leaderboard()),
        "paired": paired.map(compared),
        "plugins": scorecard.worth(),
        "failing": scorecard.failing(),
        "void": scorecard.void().iter().map(|(scenario, seed)| json!({ "scenario": scenario, "seed": seed })).collect::<Vec<_>>(),
        "runs": scorecard.runs().iter().map(run).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn compared(paired: &Comparison) -> Value {
    let named = |runs: &[(String, u64)]| {
        runs.iter().map(|(scenario, seed)| json!({ "scenario": scenario, "seed": seed })).collect::<Vec<_>>()
    };
    let change = |change: &Change| {
        let Estimate { value, low, high } = change.change;
        let figures =
            json!({ "before": change.before, "after": change.after, "change": value, "low": low, "high": high });
        (change.measure.to_owned(), figures)
    };
    json!({
        "n": paired.n,
        "won": named(&paired.won),
        "lost": named(&paired.lost),
        "mcnemar_p": paired.p,
        "changes": paired.changes.iter().map(change).collect::<Map<_, _>>(),
    })
}

fn overall(scorecard: &Scorecard) -> Value {
    let mut overall = figures(&scorecard.overall());
    overall.insert("bytes_per_diagnosis".to_owned(), json!(scorecard.bytes));
    Value::Object(overall)
}

fn named(word: &str, rows: Vec<Row>) -> Vec<Value> {
    let with_name = |row: Row| {
        let mut object = figures(&row);
        object.insert(word.to_owned(), Value::String(row.name));
        Value::Object(object)
    };
    rows.into_iter().map(with_name).collect()
}

fn figures(row: &Row) -> Map<String, Value> {
    let estimate = |figure: &Option<Estimate>| match figure {
        Some(Estimate { value, low, high }) => json!({ "value": value, "low": low, "high": high }),
        None => Value::Null,
    };
    let mut object: Map<String, Value> = MEASURES
        .iter()
        .zip(&row.figures)
        .map(|(measure, figure)| (measure.name.to_owned(), estimate(figure)))
        .collect();
    object.insert("n".to_owned(), json!(row.n));
    object.insert("ms_per_diagnosis".to_owned(), json!(row.ms));
    object
}

fn run(run: &Run) -> Value {
    let wait = |wait: Option<Wait>| match wait {
        Some(Wait::Took(seconds)) => json!({ "s": seconds, "censored": false }),
        Some(Wait::LongerThan(seconds)) => json!({ "s": seconds, "censored": true }),
        None => Value::Null,
    };
    let watched = run.watched;
    json!({
        "scenario": run.scenario,
        "family": run.family,
        "seed": run.seed,
        "incident": run.incident,
        "right": run.is_right(),
        "rank": run.grade.rank,
        "ac1": run.accuracy(1),
        "ac1_early": run.early.as_ref().map(|early| early.accuracy[0]),
        "exact": run.grade.exact,
        "abstained": run.grade.abstained,
        "decoy": run.grade.decoy,
        "onset_s": run.onset_s,
        "impact_s": run.impact_s,
        "detected": wait(watched.and_then(|watched| watched.detected)),
        "stable_right": wait(watched.and_then(|watched| watched.right)),
        "flaps": watched.map(|watched| watched.flaps),
        "false_alarms": watched.map(|watched| watched.false_alarms),
        "said": run.said,
        "truth": run.truth,
        "verdicts": run.spoken,
    })
}
