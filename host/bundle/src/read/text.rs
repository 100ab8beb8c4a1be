//! `logs.ndjson` and `events.ndjson`: one line of log, one event a line. All text goes through the redactor, whoever
//! wrote the bundle.

use std::collections::VecDeque;
use std::io::BufRead;

use lagdoctor_model::{Event, LogLine, NodeId, Redactor, Severity, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::cells::Whole;
use super::lines::{Line, Lines};
use super::{Places, repair, topology};
use crate::trouble::{Trouble, Troubles};

/// A message is cut at 4 KiB anyway, so this is what its fields may take.
pub(super) const MAX_LINE_BYTES: usize = 256 << 10;
/// So many entries are held, and so many bytes of their text.
const MAX_ENTRIES: usize = 200_000;
const MAX_TEXT_BYTES: usize = 128 << 20;

#[derive(Deserialize)]
struct RawLog {
    time_ms: Whole,
    node: String,
    #[serde(default)]
    level: Value,
    message: Value,
    #[serde(default)]
    fields: Option<serde_json::Map<String, Value>>,
}

#[derive(Deserialize)]
struct RawEvent {
    time_ms: Whole,
    node: String,
    kind: String,
    what: Value,
}

pub(super) fn logs<R: BufRead>(
    places: &mut Places<'_>,
    mut lines: Lines<R>,
    troubles: &mut Troubles,
    redactor: &mut Redactor,
) -> Vec<LogLine> {
    let mut kept = Kept::new(|log: &LogLine| log.message.as_str().len());
    let mut times = Times::default();
    while let Some(line) = lines.next(troubles) {
        let Some(raw) = repair::parse::<RawLog>(&line, troubles) else { continue };
        let Some((at, node)) = times.placed(places, raw.time_ms, &raw.node, &line, troubles) else { continue };
        let severity = match raw.level {
            Value::String(level) => Severity::from_level(&level),
            Value::Number(number) => Severity::from(number.as_u64().and_then(|n| u8::try_from(n).ok()).unwrap_or(0)),
            _ => Severity::UNKNOWN,
        };
        let mut message = text(raw.message);
        for (name, value) in raw.fields.into_iter().flatten() {
            message.push_str(&format!(" {name}={}", field(value)));
        }
        kept.push(LogLine { at, node, severity, message: redactor.redact(&message) }, &line, troubles);
    }
    kept.entries.into()
}

pub(super) fn events<R: BufRead>(
    places: &mut Places<'_>,
    mut lines: Lines<R>,
    troubles: &mut Troubles,
    redactor: &mut Redactor,
) -> Vec<Event> {
    let mut kept = Kept::new(|event: &Event| event.what.as_str().len());
    let mut times = Times::default();
    while let Some(line) = lines.next(troubles) {
        let Some(raw) = repair::parse::<RawEvent>(&line, troubles) else { continue };
        let is_word = |kind: &str| {
            (1..=64).contains(&kind.len())
                && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !is_word(&raw.kind) {
            troubles.add_about(Trouble::WrongShape, line.place(), "`kind` is no lower-case word");
            continue;
        }
        let Some((at, node)) = times.placed(places, raw.time_ms, &raw.node, &line, troubles) else { continue };
        kept.push(Event { at, node, kind: raw.kind, what: redactor.redact(&text(raw.what)) }, &line, troubles);
    }
    kept.entries.into()
}

/// A message may be structured; then it reads as JSON.
fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        value @ (Value::Array(_) | Value::Object(_)) => value.to_string(),
        value => topology::plain(value).unwrap_or_default(),
    }
}

/// As [`text`], in quotes where it is more than a word, so that a field ends where its value does.
fn field(value: Value) -> String {
    let text = text(value);
    if text.contains(char::is_whitespace) { Value::String(text).to_string() } else { text }
}

/// Tells what is out of order, once per file and line.
#[derive(Default)]
struct Times {
    latest: Option<Timestamp>,
}

impl Times {
    /// When and where, if that can be told.
    fn placed(
        &mut self,
        places: &mut Places<'_>,
        time: Whole,
        node: &str,
        line: &Line,
        troubles: &mut Troubles,
    ) -> Option<(Timestamp, NodeId)> {
        let Some(at) = time.time() else {
            troubles.add(Trouble::NotATime, line.place());
            return None;
        };
        let node = places.node(node, line.place(), troubles)?;
        if at > places.window.now {
            troubles.add_about(Trouble::AfterNow, line.place(), node.as_str());
            return None;
        }
        if self.latest.is_some_and(|latest| at < latest) {
            troubles.add(Trouble::Unsorted, line.place());
        }
        self.latest = self.latest.max(Some(at));
        Some((at, node))
    }
}

/// The last entries of a file, as many as can be held: what led to now matters more than what was long before.
struct Kept<T> {
    entries: VecDeque<T>,
    bytes: usize,
    size: fn(&T) -> usize,
}

impl<T> Kept<T> {
    fn new(size: fn(&T) -> usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, size }
    }

    fn push(&mut self, entry: T, line: &Line, troubles: &mut Troubles) {
        self.bytes += (self.size)(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > MAX_ENTRIES || self.bytes > MAX_TEXT_BYTES {
            let Some(dropped) = self.entries.pop_front() else { return };
            self.bytes -= (self.size)(&dropped);
            troubles.add_about(Trouble::TooMany, line.place(), "only the last are kept");
        }
    }
}
