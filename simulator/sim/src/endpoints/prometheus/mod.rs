//! Prometheus's HTTP API over the telemetry of a run. Answers have the documented shapes; what is not supported is refused
//! in Prometheus's own error body, which then says what is. Start at [`answer`].

mod eval;
mod openmetrics;
mod query;
pub(crate) mod text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::Timestamp;
use serde_json::json;

use super::Response;
use crate::telemetry::{Metric, Telemetry};
use eval::{Moment, Row, Value};
pub use openmetrics::openmetrics;
use query::{Expr, Selector};

/// Most points of one series in one answer, as the real server has it.
const MOST_POINTS: i64 = 11_000;

/// Answers `GET` or `POST` of a path such as `/api/v1/query_range`. `params` are the decoded pairs of query or form; a
/// name may come several times. Nothing later than `now` is known.
pub fn answer(telemetry: &Telemetry, now: Timestamp, path: &str, params: &[(String, String)]) -> Response {
    let params = Params(params);
    let answered = match path {
        "/api/v1/query" => query(telemetry, now, params),
        "/api/v1/query_range" => query_range(telemetry, now, params),
        "/api/v1/labels" => labels(telemetry, now, params),
        "/api/v1/series" => series(telemetry, now, params),
        "/api/v1/metadata" => Ok(metadata(telemetry)),
        "/api/v1/status/buildinfo" => {
            Ok(r#"{"version":"2.42.0","revision":"","branch":"","buildUser":"","buildDate":"","goVersion":""}"#.into())
        }
        "/metrics" => {
            let body = text::exposition(telemetry, now);
            return Response { status: 200, content_type: "text/plain; version=0.0.4; charset=utf-8", body };
        }
        "/-/healthy" | "/-/ready" => return plain(200, "Prometheus Server is Ready.\n"),
        _ => match path.strip_prefix("/api/v1/label/").and_then(|rest| rest.strip_suffix("/values")) {
            Some(label) => label_values(telemetry, now, params, label),
            None => return plain(404, "404 page not found\n"),
        },
    };
    match answered {
        Ok(data) => {
            let body = format!(r#"{{"status":"success","data":{data}}}"#);
            Response { status: 200, content_type: "application/json", body }
        }
        Err(Refused { kind, why }) => {
            let status = if kind == "execution" { 422 } else { 400 };
            Response::json(status, &json!({ "status": "error", "errorType": kind, "error": why }))
        }
    }
}

fn plain(status: u16, body: &str) -> Response {
    Response { status, content_type: "text/plain; charset=utf-8", body: body.to_owned() }
}

struct Refused {
    kind: &'static str,
    why: String,
}

fn bad(name: &str, why: impl std::fmt::Display) -> Refused {
    Refused { kind: "bad_data", why: format!("invalid parameter \"{name}\": {why}") }
}

#[derive(Clone, Copy)]
struct Params<'a>(&'a [(String, String)]);

impl<'a> Params<'a> {
    fn all(self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn one(self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or("")
    }

    fn time(self, name: &'a str, otherwise: Option<Timestamp>) -> Result<i64, Refused> {
        match (self.one(name), otherwise) {
            ("", Some(otherwise)) => Ok(otherwise.as_millis()),
            (given, _) => {
                text::time_ms(given).ok_or_else(|| bad(name, format!("cannot parse \"{given}\" to a valid timestamp")))
            }
        }
    }

    fn step_ms(self) -> Result<i64, Refused> {
        let given = self.one("step");
        let seconds = given.parse::<f64>().ok().map(|seconds| libm::round(seconds * 1000.0) as i64);
        let step = seconds.or_else(|| query::duration_ms(given));
        let step = step.ok_or_else(|| bad("step", format!("cannot parse \"{given}\" to a valid duration")))?;
        if step > 0 {
            Ok(step)
        } else {
            Err(bad("step", "zero or negative query resolution step widths are not accepted. Try a positive integer"))
        }
    }
}

fn query(telemetry: &Telemetry, now: Timestamp, params: Params<'_>) -> Result<String, Refused> {
    let at = params.time("time", Some(now))?;
    let expr = query::parse(params.one("query")).map_err(|why| bad("query", why))?;
    if let Expr::Range(range) = &expr {
        return Ok(matrix(&raw(telemetry, range, at, now)));
    }
    let mut out = String::new();
    match evaluate(telemetry, &expr, &[at], now)? {
        Value::Scalar(number) => {
            out.push_str(r#"{"resultType":"scalar","result":"#);
            text::sample(&mut out, at, number);
        }
        Value::Vector(rows) => {
            out.push_str(r#"{"resultType":"vector","result":["#);
            for (place, row) in rows.iter().enumerate() {
                out.push_str(if place > 0 { ",{\"metric\":" } else { "{\"metric\":" });
                text::labels(&mut out, &row.labels);
                out.push_str(",\"value\":");
                row.values[0].iter().for_each(|value| text::sample(&mut out, at, *value));
                out.push('}');
            }
            out.push(']');
        }
    }
    out.push('}');
    Ok(out)
}

fn query_range(telemetry: &Telemetry, now: Timestamp, params: Params<'_>) -> Result<String, Refused> {
    let (start, end, step) = (params.time("start", None)?, params.time("end", None)?, params.step_ms()?);
    if end < start {
        return Err(bad("end", "end timestamp must not be before start time"));
    }
    if (end - start) / step > MOST_POINTS {
        let why = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution \
                   (?step=XX)";
        return Err(Refused { kind: "bad_data", why: why.into() });
    }
    let expr = query::parse(params.one("query")).map_err(|why| bad("query", why))?;
    if let Expr::Range(_) = expr {
        let why = "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector";
        return Err(bad("query", why));
    }
    let times: Vec<i64> = (0..=(end - start) / step).map(|place| start + place * step).collect();
    let rows = match evaluate(telemetry, &expr, &times, now)? {
        Value::Scalar(number) => vec![Row { labels: BTreeMap::new(), values: vec![Some(number); times.len()] }],
        Value::Vector(rows) => rows,
    };
    let points = |row: Row| {
        let known = times.iter().zip(row.values).filter_map(|(at, value)| Some((*at, value?))).collect();
        (row.labels, known)
    };
    Ok(matrix(&rows.into_iter().map(points).collect::<Vec<_>>()))
}

/// Labels of a series, and its times with values.
type Points = (BTreeMap<String, String>, Vec<(i64, f64)>);

/// All samples of a range, as they were scraped.
fn raw(telemetry: &Telemetry, range: &query::Range, at: i64, now: Timestamp) -> Vec<Points> {
    let known = at.min(now.as_millis());
    let points = |series: &Metric| {
        let samples = series.within((at - range.ms).saturating_sub(1), known).collect();
        (eval::named_labels(series), samples)
    };
    let mut found: Vec<Points> = eval::select(telemetry, &range.of, known).into_iter().map(points).collect();
    found.retain(|(_, samples)| !samples.is_empty());
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn matrix(series: &[Points]) -> String {
    let mut out = String::from(r#"{"resultType":"matrix","result":["#);
    for (place, (labels, samples)) in series.iter().enumerate() {
        out.push_str(if place > 0 { ",{\"metric\":" } else { "{\"metric\":" });
        text::labels(&mut out, labels);
        out.push_str(",\"values\":[");
        for (place, (at, value)) in samples.iter().enumerate() {
            out.push_str(if place > 0 { "," } else { "" });
            text::sample(&mut out, *at, *value);
        }
        out.push_str("]}");
    }
    out.push_str("]}");
    out
}

fn evaluate(telemetry: &Telemetry, expr: &Expr, times: &[i64], now: Timestamp) -> Result<Value, Refused> {
    let moment = Moment { times, now_ms: now.as_millis() };
    eval::evaluate(telemetry, expr, moment).map_err(|why| Refused { kind: "execution", why })
}

/// The series that `match[]`, `start` and `end` ask for.
fn matched<'a>(telemetry: &'a Telemetry, now: Timestamp, params: Params<'_>) -> Result<Vec<&'a Metric>, Refused> {
    let end = params.time("end", Some(now))?.min(now.as_millis());
    let start = if params.one("start").is_empty() { i64::MIN } else { params.time("start", None)? };
    let selectors: Vec<Selector> = params
        .all("match[]")
        .map(|text| query::parse_selector(text).map_err(|why| bad("match[]", why)))
        .collect::<Result<_, _>>()?;
    let mut found: Vec<&Metric> = match selectors.is_empty() {
        true => telemetry.series.iter().collect(),
        false => selectors.iter().flat_map(|selector| eval::select(telemetry, selector, end)).collect(),
    };
    found.retain(|series| series.within(start.saturating_sub(1), end).next().is_some());
    let mut seen = BTreeSet::new();
    found.retain(|series| seen.insert((&series.name, &series.labels)));
    Ok(found)
}

fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = values.into_iter().map(text::quoted).collect();
    format!("[{}]", quoted.join(","))
}

fn labels(telemetry: &Telemetry, now: Timestamp, params: Params<'_>) -> Result<String, Refused> {
    let found = matched(telemetry, now, params)?;
    let mut names: BTreeSet<&str> = found.iter().flat_map(|series| series.labels.keys().map(String::as_str)).collect();
    if !found.is_empty() {
        names.insert("__name__");
    }
    Ok(list(names))
}

fn label_values(telemetry: &Telemetry, now: Timestamp, params: Params<'_>, label: &str) -> Result<String, Refused> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if label.is_empty() || !label.chars().all(is_name) || label.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Refused { kind: "bad_data", why: format!("invalid label name: \"{label}\"") });
    }
    let found = matched(telemetry, now, params)?;
    let value = |series: &&'_ Metric| match label {
        "__name__" => Some(series.name.clone()),
        label => series.labels.get(label).cloned(),
    };
    let values: BTreeSet<String> = found.iter().filter_map(value).collect();
    Ok(list(values.iter().map(String::as_str)))
}

fn series(telemetry: &Telemetry, now: Timestamp, params: Params<'_>) -> Result<String, Refused> {
    if params.all("match[]").next().is_none() {
        return Err(Refused { kind: "bad_data", why: "no match[] parameter provided".into() });
    }
    let mut out = String::from("[");
    for (place, found) in matched(telemetry, now, params)?.into_iter().enumerate() {
        out.push_str(if place > 0 { "," } else { "" });
        text::labels(&mut out, &eval::named_labels(found));
    }
    out.push(']');
    Ok(out)
}

fn metadata(telemetry: &Telemetry) -> String {
    let known: BTreeMap<&str, serde_json::Value> = telemetry
        .series
        .iter()
        .map(|series| (series.name.as_str(), json!([{ "type": series.kind.word(), "help": "", "unit": "" }])))
        .collect();
    json!(known).to_string()
}
