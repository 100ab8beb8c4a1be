//! The queries that are answered: `bool` of `term`, `terms`, `range`, `match`, `match_phrase`, `prefix`, `wildcard`,
//! `exists` and `query_string`. Start at [`parse`]; `test` holds a query against lines.

use serde_json::{Map, Value};

use super::words;
use crate::endpoints::prometheus::text::rfc3339_ms;

/// A condition on one document.
#[derive(Clone, Debug)]
pub(super) enum Query {
    All,
    Nothing,
    Bool {
        all: Vec<Query>,
        any: Vec<Query>,
        none: Vec<Query>,
        least: usize,
    },
    /// The whole value is one of these.
    Terms {
        field: String,
        values: Vec<Value>,
        any_case: bool,
    },
    Range {
        field: String,
        low: Option<(Value, bool)>,
        high: Option<(Value, bool)>,
    },
    /// The text has these words: all of them, or at least one.
    Words {
        field: String,
        words: Vec<String>,
        needs_all: bool,
    },
    /// The text has these words one after the other.
    Phrase {
        field: String,
        words: Vec<String>,
    },
    Pattern {
        field: String,
        pattern: String,
    },
    Exists(String),
}

const SUPPORTED: &str = "bool, term, terms, range, match, match_phrase, match_all, match_none, prefix, wildcard, exists and \
                         query_string";

/// Deepest nesting.
const DEEPEST: usize = 24;

pub(super) fn parse(query: &Value, now_ms: i64) -> Result<Query, String> {
    nested(query, now_ms, 0)
}

fn nested(query: &Value, now_ms: i64, depth: usize) -> Result<Query, String> {
    if depth > DEEPEST {
        return Err("the query is nested too deeply".into());
    }
    let (kind, body) = only(query).ok_or("[_na] query malformed, expected one query in an object")?;
    match kind {
        "match_all" => Ok(Query::All),
        "match_none" => Ok(Query::Nothing),
        "bool" => boolean(body, now_ms, depth),
        "term" => {
            let (field, body) = of_field(kind, body)?;
            let value = body.get("value").unwrap_or(body).clone();
            let any_case = body.get("case_insensitive").and_then(Value::as_bool).unwrap_or(false);
            Ok(Query::Terms { field, values: vec![value], any_case })
        }
        "terms" => {
            let (field, body) = of_field(kind, body)?;
            let values = body.as_array().ok_or("[terms] query requires a list of values")?.clone();
            Ok(Query::Terms { field, values, any_case: false })
        }
        "range" => range(body, now_ms),
        "match" | "match_phrase" => {
            let (field, body) = of_field(kind, body)?;
            let text = as_text(body.get("query").unwrap_or(body));
            let needs_all =
                body.get("operator").and_then(Value::as_str).is_some_and(|op| op.eq_ignore_ascii_case("and"));
            let is_text = field == "message";
            Ok(match (is_text, kind) {
                // A keyword is one word, whatever is in it.
                (false, _) => Query::Terms { field, values: vec![Value::from(text)], any_case: false },
                (true, "match") => Query::Words { field, words: tokens(&text), needs_all },
                (true, _) => Query::Phrase { field, words: tokens(&text) },
            })
        }
        "prefix" | "wildcard" => {
            let (field, body) = of_field(kind, body)?;
            let value = as_text(body.get("value").or_else(|| body.get("wildcard")).unwrap_or(body));
            Ok(Query::Pattern { field, pattern: if kind == "prefix" { format!("{value}*") } else { value } })
        }
        "exists" => {
            let name = body.get("field").and_then(Value::as_str).ok_or("[exists] must be provided with a [field]")?;
            Ok(Query::Exists(name.to_owned()))
        }
        "query_string" => {
            let text =
                body.get("query").and_then(Value::as_str).ok_or("[query_string] must be provided with a [query]")?;
            let default = body.get("default_field").and_then(Value::as_str).filter(|field| !field.contains('*'));
            let needs_all =
                body.get("default_operator").and_then(Value::as_str).is_some_and(|op| op.eq_ignore_ascii_case("and"));
            words::parse(text, default.unwrap_or("message"), needs_all)
        }
        other => Err(format!("unknown query [{other}]; this simulated Elasticsearch answers {SUPPORTED}")),
    }
}

fn only(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(key, value)| (key.as_str(), value))
}

/// The one field that a query is about; `boost` and `_name` beside it do not count.
fn of_field<'a>(kind: &str, body: &'a Value) -> Result<(String, &'a Value), String> {
    let wrong = || format!("[{kind}] query malformed, expected one field");
    let mut fields = body.as_object().ok_or_else(wrong)?.iter().filter(|(key, _)| *key != "boost" && *key != "_name");
    match (fields.next(), fields.next()) {
        (Some((field, value)), None) => Ok((field.strip_suffix(".keyword").unwrap_or(field).to_owned(), value)),
        _ => Err(wrong()),
    }
}

fn boolean(body: &Value, now_ms: i64, depth: usize) -> Result<Query, String> {
    let body: &Map<String, Value> = body.as_object().ok_or("[bool] query malformed, expected an object")?;
    let list = |names: &[&str]| {
        let queries = names.iter().filter_map(|name| body.get(*name)).flat_map(|queries| match queries {
            Value::Array(queries) => queries.iter().collect(),
            query => vec![query],
        });
        queries.map(|query| nested(query, now_ms, depth + 1)).collect::<Result<Vec<_>, _>>()
    };
    let known = ["must", "filter", "should", "must_not", "minimum_should_match", "boost", "_name"];
    if let Some(other) = body.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("[bool] query does not support [{other}]"));
    }
    let (all, any, none) = (list(&["must", "filter"])?, list(&["should"])?, list(&["must_not"])?);
    let asked = body.get("minimum_should_match").map(as_text).and_then(|text| text.parse::<usize>().ok());
    // Without anything that must be, at least one that should be must be.
    let least = asked.unwrap_or(usize::from(all.is_empty())).min(any.len());
    Ok(Query::Bool { all, any, none, least })
}

fn range(body: &Value, now_ms: i64) -> Result<Query, String> {
    let (field, body) = of_field("range", body)?;
    let body = body.as_object().ok_or("[range] query malformed, expected an object")?;
    let is_time = field == "@timestamp";
    let bound = |names: [&str; 2]| -> Result<Option<(Value, bool)>, String> {
        let Some((name, value)) = names.iter().find_map(|name| Some((*name, body.get(*name)?))) else {
            return Ok(None);
        };
        let value = if is_time {
            Value::from(
                time_ms(value, now_ms).ok_or_else(|| format!("failed to parse date field [{}]", as_text(value)))?,
            )
        } else {
            value.clone()
        };
        Ok(Some((value, name.ends_with('e'))))
    };
    Ok(Query::Range { low: bound(["gte", "gt"])?, high: bound(["lte", "lt"])?, field })
}

/// Unix milliseconds of what a query calls a date: a number, RFC 3339, a day, or `now-15m`.
pub(super) fn time_ms(value: &Value, now_ms: i64) -> Option<i64> {
    if let Some(number) = value.as_f64() {
        return Some(number as i64);
    }
    let text = value.as_str()?;
    if let Ok(number) = text.parse::<i64>()
        && text.len() > 4
    {
        return Some(number);
    }
    if let Some(rest) = text.strip_prefix("now") {
        let Some(length) = rest.strip_prefix(['-', '+']) else { return rest.is_empty().then_some(now_ms) };
        let digits = length.bytes().take_while(u8::is_ascii_digit).count();
        let unit = match &length[digits..] {
            "s" => 1000,
            "m" => 60_000,
            "h" | "H" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let length = length[..digits].parse::<i64>().ok()?.checked_mul(unit)?;
        return Some(if rest.starts_with('-') { now_ms - length } else { now_ms + length });
    }
    rfc3339_ms(text).or_else(|| rfc3339_ms(&format!("{text}Z"))).or_else(|| rfc3339_ms(&format!("{text}T00:00:00Z")))
}

pub(super) fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The words of a text, as the standard analyser has them.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.split(|c| !is_part(c)).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}
