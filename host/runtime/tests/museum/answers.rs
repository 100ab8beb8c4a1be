//! What comes back from a piece, in the words of the contract: what is missing is left out, and a number that is missing
//! within a column is the text `missing`, because TOML has no word for it that JSON has too.

use lagdoctor_model::{Finding, Gap, GapCause, Ranking, SeriesKey, Timestamp};
use lagdoctor_runtime::{CallError, CollectedPage, RawForecast, Receipt, Temporality};
use serde_json::{Map, Value, json};

/// An object without what is missing or empty.
fn some(fields: Value) -> Value {
    let Value::Object(fields) = fields else { return fields };
    let is_there = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    Value::Object(fields.into_iter().filter(|(_, value)| is_there(value)).collect::<Map<_, _>>())
}

fn ms(at: Timestamp) -> i64 {
    at.as_millis()
}

fn key(series: &SeriesKey) -> String {
    format!("{} of {}", series.signal, series.node)
}

fn cause(cause: GapCause) -> &'static str {
    match cause {
        GapCause::Unreachable => "unreachable",
        GapCause::Refused => "refused",
        GapCause::Malformed => "malformed",
        GapCause::PluginFailed => "plugin failed",
        GapCause::NotGranted => "not granted",
        GapCause::Truncated => "truncated",
        GapCause::NotConfigured => "not configured",
    }
}

fn gaps(gaps: &[Gap]) -> Vec<Value> {
    gaps.iter().map(|gap| json!({ "cause": cause(gap.cause), "statement": gap.statement })).collect()
}

pub(crate) fn findings(findings: &[Finding], noted: &[Gap]) -> Value {
    let finding = |finding: &Finding| {
        some(json!({
            "node": finding.node.to_string(),
            "signal": finding.signal.to_string(),
            "score": finding.score.get(),
            "magnitude": finding.magnitude,
            "onset_ms": finding.onset.map(ms),
            "class": finding.class.as_ref().map(ToString::to_string),
            "observed": finding.observed,
            "expected": finding.expected,
            "series": finding.series.as_ref().map(key),
            "log_line": finding.log_line,
            "statement": finding.statement,
        }))
    };
    some(json!({ "findings": findings.iter().map(finding).collect::<Vec<_>>(), "gaps": gaps(noted) }))
}

pub(crate) fn ranking(ranking: &Ranking, noted: &[Gap]) -> Value {
    let causes = ranking.causes.iter().map(|cause| {
        some(json!({
            "node": cause.node.to_string(),
            "class": cause.class.as_ref().map(ToString::to_string),
            "confidence": cause.confidence.get(),
            "path": cause.path.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "findings": cause.findings,
            "because": cause.because,
        }))
    });
    let dismissed = ranking.dismissed.iter().map(|dismissal| {
        some(json!({
            "node": dismissal.node.to_string(),
            "class": dismissal.class.as_ref().map(ToString::to_string),
            "findings": dismissal.findings,
            "because": dismissal.because,
        }))
    });
    let (causes, dismissed): (Vec<_>, Vec<_>) = (causes.collect(), dismissed.collect());
    some(json!({ "causes": causes, "dismissed": dismissed, "gaps": gaps(noted) }))
}

pub(crate) fn forecasts(forecasts: &[RawForecast], noted: &[Gap]) -> Value {
    let forecast = |forecast: &RawForecast| {
        some(json!({
            "target": forecast.target,
            "start_ms": ms(forecast.start),
            "step_ms": forecast.step.as_millis(),
            "levels": forecast.levels,
            "values": forecast.values,
            "clears_ms": forecast.clears.map(ms),
            "breaches_ms": forecast.breaches.map(ms),
            "slope_per_s": forecast.slope_per_s,
            "statement": forecast.statement,
        }))
    };
    some(json!({ "forecasts": forecasts.iter().map(forecast).collect::<Vec<_>>(), "gaps": gaps(noted) }))
}

pub(crate) fn page(page: &CollectedPage) -> Value {
    let series = page.series.iter().map(|series| {
        let value = |value: f64| if value.is_nan() { json!("missing") } else { json!(value) };
        some(json!({
            "signal": series.signal.to_string(),
            "attributes": series.attributes,
            "temporality": match series.temporality { Temporality::Gauge => "gauge", Temporality::Counter => "counter" },
            "times_ms": series.samples.iter().map(|sample| ms(sample.at)).collect::<Vec<_>>(),
            "values": series.samples.iter().map(|sample| value(sample.value)).collect::<Vec<_>>(),
            "query": series.query,
        }))
    });
    let logs = page.logs.iter().map(|log| {
        some(json!({
            "at_ms": ms(log.at),
            "severity": log.severity.number(),
            "message": log.message,
            "attributes": log.attributes,
        }))
    });
    let events = page.events.iter().map(|event| {
        some(json!({ "at_ms": ms(event.at), "kind": event.kind, "what": event.what, "attributes": event.attributes }))
    });
    let nodes = page.nodes.iter().map(|node| some(json!({ "id": node.id.to_string(), "attributes": node.attributes })));
    let edges = page.edges.iter().map(|edge| {
        json!({
            "dependent": edge.dependent.to_string(),
            "dependency": edge.dependency.to_string(),
            "kind": edge.kind.to_string(),
        })
    });
    some(json!({
        "series": series.collect::<Vec<_>>(),
        "logs": logs.collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
        "nodes": nodes.collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
        "gaps": gaps(&page.gaps),
        "next": page.next,
    }))
}

pub(crate) fn receipts(receipts: &[Receipt]) -> Value {
    let receipt =
        |receipt: &Receipt| some(json!({ "destination": receipt.destination, "reference": receipt.reference }));
    some(json!({ "receipts": receipts.iter().map(receipt).collect::<Vec<_>>() }))
}

/// How a call failed. Its statement is the host's own and may be written better one day, but what the plugin said is in it.
pub(crate) fn error(error: &CallError, expected: Option<&Value>) -> Value {
    let says = expected.and_then(|expected| expected["says"].as_str()).filter(|says| error.statement.contains(says));
    json!({ "kind": error.kind.as_str(), "says": says.unwrap_or(&error.statement) })
}
