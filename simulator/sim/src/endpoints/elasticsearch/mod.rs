//! Elasticsearch's search API over the logs of a run, for the part that log collectors use. Answers have the documented
//! shapes; what is not supported is refused in Elasticsearch's own error body. Start at [`answer`].

mod document;
mod query;
mod test;
mod words;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt::Write as _;

use lagdoctor_model::Timestamp;
use serde_json::{Map, Value, json};

use super::Response;
use crate::telemetry::{Record, Telemetry};
use document::{Field, Shown, field, rfc3339, wildcard, write_source};
use query::Query;
use test::Test;

/// The index that all lines are in.
const INDEX: &str = "logs-shop";
/// Most hits of one answer, as the real server has it.
const MOST_HITS: usize = 10_000;

/// Answers a request such as `POST /logs-shop/_search`. `body` is its JSON, empty for none. Lines that have not arrived by
/// `now` are not known.
pub fn answer(telemetry: &Telemetry, now: Timestamp, method: &str, path: &str, body: &str) -> Response {
    let parts: Vec<&str> = path.trim_matches('/').split('/').filter(|part| !part.is_empty()).collect();
    let result = match (method, parts.as_slice()) {
        ("GET" | "HEAD", []) => return Response::json(200, &info()),
        ("GET" | "POST", ["_search" | "_count"]) => find(telemetry, now, INDEX, parts[0], body),
        ("GET" | "POST", [index, what @ ("_search" | "_count")]) => find(telemetry, now, index, what, body),
        _ => Err(Refused {
            status: 400,
            kind: "illegal_argument_exception",
            why: format!(
                "request [{path}] with method [{method}] is not supported; this simulated Elasticsearch answers \
                 GET / and POST /INDEX/_search"
            ),
        }),
    };
    match result {
        Ok(body) => Response { status: 200, content_type: "application/json", body },
        Err(Refused { status, kind, why }) => {
            let cause = json!({ "type": kind, "reason": why });
            let error = json!({ "root_cause": [cause], "type": kind, "reason": why });
            Response::json(status, &json!({ "error": error, "status": status }))
        }
    }
}

fn info() -> Value {
    json!({
        "name": "node-1",
        "cluster_name": "shop-logs",
        "cluster_uuid": "m4PpQk2sTQ6oH8q3mVxkLw",
        "version": {
            "number": "8.11.1",
            "build_flavor": "default",
            "build_type": "docker",
            "build_hash": "0000000000000000000000000000000000000000",
            "build_date": "2023-11-11T10:05:59.421038163Z",
            "build_snapshot": false,
            "lucene_version": "9.8.0",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0"
        },
        "tagline": "You Know, for Search"
    })
}

struct Refused {
    status: u16,
    kind: &'static str,
    why: String,
}

fn bad(kind: &'static str, why: impl Into<String>) -> Refused {
    Refused { status: 400, kind, why: why.into() }
}

/// One criterion of order.
struct Sort {
    key: Key,
    is_descending: bool,
    as_text: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Key {
    Field(String),
    /// The order in which documents were indexed.
    Place,
}

/// A hit, with its place in the index.
type Hit<'a> = (usize, &'a Record);

fn find(telemetry: &Telemetry, now: Timestamp, index: &str, what: &str, body: &str) -> Result<String, Refused> {
    let names: Vec<&str> = index.split(',').collect();
    let has = names.iter().any(|name| *name == "_all" || wildcard(name, INDEX));
    if let Some(unknown) = names.iter().find(|name| !name.contains('*') && **name != "_all" && **name != INDEX) {
        let why = format!("no such index [{unknown}]");
        return Err(Refused { status: 404, kind: "index_not_found_exception", why });
    }
    let request: Map<String, Value> = match body.trim() {
        "" => Map::new(),
        text => serde_json::from_str(text).map_err(|error| bad("parsing_exception", error.to_string()))?,
    };
    const KNOWN: [&str; 11] = [
        "query",
        "size",
        "from",
        "sort",
        "search_after",
        "_source",
        "track_total_hits",
        "timeout",
        "fields",
        "stored_fields",
        "version",
    ];
    if let Some(other) = request.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        let why = format!("unknown key [{other}]; this simulated Elasticsearch knows {}", KNOWN.join(", "));
        return Err(bad("parsing_exception", why));
    }
    let query = match request.get("query") {
        Some(query) => query::parse(query, now.as_millis()).map_err(|why| bad("parsing_exception", why))?,
        None => Query::All,
    };
    let test = if has { Test::of(&query) } else { Test::Never };
    let (from_ms, to_ms) = test.within();
    let fits = |(_, record): &Hit<'_>| record.seen_ms <= now.as_millis() && test.fits(record);
    // In order of time, and of place within it.
    let mut hits: Vec<Hit<'_>> = telemetry.written(from_ms, to_ms).filter(fits).collect();
    let total = hits.len();
    let shards = json!({ "total": 1, "successful": 1, "skipped": 0, "failed": 0 });
    if what == "_count" {
        return Ok(json!({ "count": total, "_shards": shards }).to_string());
    }
    let sorts = sorts(request.get("sort"))?;
    match sorts.as_slice() {
        [] => hits.sort_by_key(|(place, _)| *place),
        sorts if is_by_time(sorts) => {}
        sorts => hits.sort_by(|a, b| order(sorts, a, b)),
    }
    if let Some(after) = request.get("search_after") {
        let after = after_values(after, &sorts, now)?;
        if is_by_time(&sorts) {
            hits.drain(..hits.partition_point(|hit| compared(&sorts, hit, &after).is_le()));
        } else {
            hits.retain(|hit| compared(&sorts, hit, &after).is_gt());
        }
    }
    let number = |name: &str, otherwise: u64| match request.get(name) {
        None => Ok(otherwise as usize),
        Some(value) => value.as_u64().map(|number| number as usize).ok_or_else(|| {
            bad("illegal_argument_exception", format!("[{name}] parameter cannot be negative, found [{value}]"))
        }),
    };
    let (from, size) = (number("from", 0)?, number("size", 10)?);
    if from.saturating_add(size) > MOST_HITS {
        let why = format!(
            "Result window is too large, from + size must be less than or equal to: [{MOST_HITS}] but was [{}]. See the \
             scroll api for a more efficient way to request large data sets.",
            from.saturating_add(size)
        );
        return Err(bad("illegal_argument_exception", why));
    }
    let shown = shown(request.get("_source")).map(|shown| shown.fields());
    let mut found = json!({ "max_score": if sorts.is_empty() && total > 0 { json!(1.0) } else { Value::Null } });
    match request.get("track_total_hits") {
        Some(Value::Bool(false)) => {}
        Some(Value::Bool(true)) => found["total"] = json!({ "value": total, "relation": "eq" }),
        other => {
            let most = other.and_then(Value::as_u64).map_or(MOST_HITS, |most| most as usize);
            let relation = if total > most { "gte" } else { "eq" };
            found["total"] = json!({ "value": total.min(most), "relation": relation });
        }
    }
    // Hits are most of an answer, so they are written as they come.
    let found = found.to_string();
    let mut out = format!(r#"{{"took":1,"timed_out":false,"_shards":{shards},"hits":{}"#, &found[..found.len() - 1]);
    out.push_str(r#","hits":["#);
    for (number, hit) in hits.iter().skip(from).take(size).enumerate() {
        out.push_str(if number > 0 { "," } else { "" });
        write_hit(&mut out, hit, &sorts, shown.as_deref());
    }
    out.push_str("]}}");
    Ok(out)
}

fn write_hit(out: &mut String, hit: &Hit<'_>, sorts: &[Sort], shown: Option<&[(Field, &str)]>) {
    let score = if sorts.is_empty() { "1.0" } else { "null" };
    // Writing to a string cannot fail.
    let _ = write!(out, r#"{{"_index":"{INDEX}","_id":"{:020}","_score":{score}"#, hit.0);
    if let Some(fields) = shown {
        out.push_str(r#","_source":"#);
        write_source(out, hit.1, fields);
    }
    if !sorts.is_empty() {
        let values: Vec<String> = sorts.iter().map(|sort| sort.shown(hit).to_string()).collect();
        let _ = write!(out, r#","sort":[{}]"#, values.join(","));
    }
    out.push('}');
}

fn shown(asked: Option<&Value>) -> Option<Shown> {
    let list = |value: &Value| match value {
        Value::Array(names) => names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        Value::String(name) => vec![name.clone()],
        _ => vec![],
    };
    match asked {
        Some(Value::Bool(false)) => None,
        Some(Value::Object(asked)) => Some(Shown {
            includes: asked.get("includes").map(list).unwrap_or_default(),
            excludes: asked.get("excludes").map(list).unwrap_or_default(),
        }),
        Some(names) => Some(Shown { includes: list(names), excludes: vec![] }),
        None => Some(Shown::default()),
    }
}

fn sorts(asked: Option<&Value>) -> Result<Vec<Sort>, Refused> {
    let list = match asked {
        None => return Ok(vec![]),
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
    };
    list.into_iter()
        .map(|one| {
            let (name, how) = match one {
                Value::String(name) => (name.clone(), Value::Null),
                Value::Object(object) if object.len() == 1 => {
                    object.iter().next().map(|(name, how)| (name.clone(), how.clone())).unwrap_or_default()
                }
                other => return Err(bad("parsing_exception", format!("malformed sort format, found [{other}]"))),
            };
            let word = how.as_str().or_else(|| how.get("order").and_then(Value::as_str));
            let is_descending = match word {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(other) => return Err(bad("illegal_argument_exception", format!("Unknown SortOrder [{other}]"))),
            };
            let key = match name.as_str() {
                "_doc" | "_shard_doc" | "_id" | "_score" => Key::Place,
                "message" => {
                    let why = "Fielddata is disabled on [message]; text fields are not optimised for sorting";
                    return Err(bad("illegal_argument_exception", why));
                }
                _ => Key::Field(name),
            };
            Ok(Sort { key, is_descending, as_text: how.get("format").is_some() })
        })
        .collect()
}

impl Sort {
    fn value(&self, (place, record): &Hit<'_>) -> Value {
        match &self.key {
            Key::Place => Value::from(*place),
            Key::Field(name) => field(record, name).unwrap_or(Value::Null),
        }
    }

    /// As a hit shows it, to be given back in `search_after`.
    fn shown(&self, hit: &Hit<'_>) -> Value {
        match (&self.key, self.value(hit).as_i64()) {
            (Key::Field(name), Some(ms)) if name == "@timestamp" && self.as_text => rfc3339(ms),
            _ => self.value(hit),
        }
    }

    fn compare(&self, a: &Value, b: &Value) -> Ordering {
        let order = match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => query::as_text(a).cmp(&query::as_text(b)),
        };
        if self.is_descending { order.reverse() } else { order }
    }
}

/// Whether this is the order of time, and of place within it.
fn is_by_time(sorts: &[Sort]) -> bool {
    let is_time = |sort: &Sort| matches!(&sort.key, Key::Field(name) if name == "@timestamp") && !sort.is_descending;
    match sorts {
        [time] => is_time(time),
        [time, place] => is_time(time) && place.key == Key::Place && !place.is_descending,
        _ => false,
    }
}

fn order(sorts: &[Sort], a: &Hit<'_>, b: &Hit<'_>) -> Ordering {
    let orders = sorts.iter().map(|sort| sort.compare(&sort.value(a), &sort.value(b)));
    orders.fold(Ordering::Equal, Ordering::then).then(a.0.cmp(&b.0))
}

fn compared(sorts: &[Sort], hit: &Hit<'_>, after: &[Value]) -> Ordering {
    sorts
        .iter()
        .zip(after)
        .map(|(sort, after)| sort.compare(&sort.value(hit), after))
        .fold(Ordering::Equal, Ordering::then)
}

fn after_values(after: &Value, sorts: &[Sort], now: Timestamp) -> Result<Vec<Value>, Refused> {
    let values =
        after.as_array().filter(|values| values.len() == sorts.len() && !values.is_empty()).ok_or_else(|| {
            let why = format!("search_after has to be a list of {} values, as many as sort has", sorts.len());
            bad("illegal_argument_exception", why)
        })?;
    let value = |(sort, value): (&Sort, &Value)| match &sort.key {
        Key::Field(name) if name == "@timestamp" => {
            let ms = query::time_ms(value, now.as_millis());
            ms.map(Value::from).ok_or_else(|| bad("illegal_argument_exception", format!("Failed to parse [{value}]")))
        }
        _ => Ok(value.clone()),
    };
    sorts.iter().zip(values).map(value).collect()
}
