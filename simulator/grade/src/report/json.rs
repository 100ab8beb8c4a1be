//! For programs. The shape is a promise: `schema/evaluate.schema.json` has it, and it only grows.

use serde_json::{Map, Value, json};

use crate::interval::Estimate;
use crate::measure::MEASURES;
use crate::measure::waiting::Wait;
use crate::paired::{Change, Comparison};
use crate::scorecard::{Row, Run, Scorecard};

/// The whole report. What stands at the top is of simulated runs alone; recorded incidents have a part of their own, of the
/// same shape. Where there are none of a kind its figures are null.
pub fn json(
    simulated: &Scorecard,
    paired: Option<&Comparison>,
    recorded: Option<(&Scorecard, Option<&Comparison>)>,
) -> String {
    let mut document = part(simulated, paired);
    document.insert("schema".to_owned(), json!(5));
    document.insert("robustness".to_owned(), super::robust::json(simulated.curves()));
    document.insert("pack".to_owned(), json!(simulated.pack()));
    let recorded = recorded.map(|(scorecard, paired)| {
        let mut part = part(scorecard, paired);
        // Each incident is one run, and none can be void.
        part.retain(|name, _| !matches!(name.as_str(), "scenarios" | "void"));
        part
    });
    document.insert("recorded".to_owned(), json!(recorded));
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn part(scorecard: &Scorecard, paired: Option<&Comparison>) -> Map<String, Value> {
    let families: Map<String, Value> =
        scorecard.families().iter().map(|row| (row.name.clone(), Value::Object(figures(row)))).collect();
    let void = scorecard.void().iter().map(|(scenario, seed)| json!({ "scenario": scenario, "seed": seed }));
    let parts = [
        ("overall", overall(scorecard)),
        ("families", Value::Object(families)),
        ("scenarios", json!(named("scenario", scorecard.scenarios()))),
        ("contenders", json!(named("name", scorecard.leaderboard()))),
        ("paired", json!(paired.map(compared))),
        ("plugins", json!(scorecard.worth())),
        ("failing", json!(scorecard.failing())),
        ("void", json!(void.collect::<Vec<_>>())),
        ("runs", json!(scorecard.runs().iter().map(run).collect::<Vec<_>>())),
    ];
    parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
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
    // A label may name a place alone, and then nobody can say of a class whether it is right.
    let exact = if run.recorded { json!(run.grade.exact) } else { json!(run.grade.exact == Some(true)) };
    let mut told = json!({
        "family": run.family,
        "incident": run.incident,
        "right": run.is_right(),
        "rank": run.grade.rank,
        "ac1": run.accuracy(1),
        "ac1_early": run.early.as_ref().map(|early| early.accuracy[0]),
        "exact": exact,
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
    });
    let names = match run.recorded {
        true => vec![("incident_name", json!(run.scenario)), ("bundle", json!(run.source))],
        false => vec![("scenario", json!(run.scenario)), ("seed", json!(run.seed))],
    };
    for (name, value) in names {
        told[name] = value;
    }
    told
}
