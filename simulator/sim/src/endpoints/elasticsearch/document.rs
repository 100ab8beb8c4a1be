//! A log line as a document of the Elastic Common Schema.

use lagdoctor_model::Timestamp;
use serde_json::Value;

use crate::telemetry::Record;

/// Fields that a document may have, flat. All but `message` are keywords.
const FIELDS: [&str; 10] = [
    "@timestamp",
    "ecs.version",
    "event.dataset",
    "host.name",
    "log.level",
    "log.logger",
    "message",
    "server.address",
    "service.instance.id",
    "service.name",
];

/// A field of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Unix milliseconds.
    Time,
    EcsVersion,
    Dataset,
    Host,
    Level,
    Logger,
    Message,
    ServerAddress,
    Instance,
    Service,
}

impl Field {
    /// The field of this name; `.keyword` is the same field.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.strip_suffix(".keyword").unwrap_or(name) {
            "@timestamp" => Self::Time,
            "ecs.version" => Self::EcsVersion,
            "event.dataset" => Self::Dataset,
            "host.name" => Self::Host,
            "log.level" => Self::Level,
            "log.logger" => Self::Logger,
            "message" => Self::Message,
            "server.address" => Self::ServerAddress,
            "service.instance.id" => Self::Instance,
            "service.name" => Self::Service,
            _ => return None,
        })
    }

    /// Its text in this document; a time has none.
    pub(super) fn text(self, record: &Record) -> Option<&str> {
        Some(match self {
            Self::Time => return None,
            Self::EcsVersion => "8.11.0",
            Self::Dataset => record.dataset,
            Self::Host => &record.host,
            Self::Level => record.level,
            Self::Logger => record.logger,
            Self::Message => &record.message,
            Self::ServerAddress if record.dataset == "mysql" => &record.service,
            Self::ServerAddress => return None,
            Self::Instance => &record.instance,
            Self::Service => &record.service,
        })
    }
}

/// The value of a field; times in Unix milliseconds.
pub(super) fn field(record: &Record, name: &str) -> Option<Value> {
    match Field::named(name)? {
        Field::Time => Some(Value::from(record.at_ms)),
        field => field.text(record).map(Value::from),
    }
}

pub(super) fn rfc3339(ms: i64) -> Value {
    Timestamp::from_millis(ms).map_or(Value::Null, |at| Value::from(at.to_string()))
}

/// Which fields a hit shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) includes: Vec<String>,
    pub(super) excludes: Vec<String>,
}

impl Shown {
    fn shows(&self, name: &str) -> bool {
        let fits = |pattern: &String| wildcard(pattern, name) || name.starts_with(&format!("{pattern}."));
        (self.includes.is_empty() || self.includes.iter().any(fits)) && !self.excludes.iter().any(fits)
    }

    /// The fields that are shown, in their order.
    pub(super) fn fields(&self) -> Vec<(Field, &'static str)> {
        let shown = FIELDS.into_iter().filter(|name| self.shows(name));
        shown.filter_map(|name| Some((Field::named(name)?, name))).collect()
    }
}

/// Writes the document, nested as it was indexed. Fields are in order of their names, so that those of one object stand
/// together.
pub(super) fn write_source(out: &mut String, record: &Record, fields: &[(Field, &str)]) {
    let mut open: Vec<&str> = vec![];
    let mut is_first = true;
    out.push('{');
    for (field, name) in fields {
        if *field != Field::Time && field.text(record).is_none() {
            continue;
        }
        let mut parts: Vec<&str> = name.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        let common = open.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        open.drain(common..).for_each(|_| out.push('}'));
        out.push_str(if is_first { "" } else { "," });
        for part in &parts[common..] {
            write_text(out, part);
            out.push_str(":{");
            open.push(part);
        }
        write_text(out, last);
        out.push(':');
        match field.text(record) {
            Some(text) => write_text(out, text),
            None => out.push_str(&rfc3339(record.at_ms).to_string()),
        }
        is_first = false;
    }
    open.iter().for_each(|_| out.push('}'));
    out.push('}');
}

/// Writes a text as JSON does.
fn write_text(out: &mut String, text: &str) {
    let is_plain = |letter: u8| letter >= b' ' && !matches!(letter, b'"' | b'\\');
    if text.bytes().all(is_plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// Whether a text fits a pattern in which `*` stands for anything and `?` for one character.
pub(super) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((place, taken)) = star {
            star = Some((place, taken + 1));
            (p, t) = (place + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
