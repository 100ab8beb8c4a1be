//! Pieces that are private because of the statement around them: values in SQL and in errors of databases, keys and
//! values of Kafka records. The statement itself stays, because it tells what was slow or broken.

use std::sync::LazyLock;

use regex::Regex;

use super::forms::{captures, follows_kafka_word, regex};
use super::piece::{Kind, Piece};
use super::value;

/// A bracket or quote after which private values stand.
static OPENINGS: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i-u)(?:\bkey \((?u-i:[^()]*)\)=|\bfailing row contains ?|\b(?-i:VALUES) ?|\bpayload ?[=:] ?)(?P<bracket>[(\[{])",
        r"|\bbinding parameter (?u-i:[^-]{1,60})- (?P<one>\[)",
        r"|(?:\bduplicate entry |\$[0-9]{1,3} = )(?P<quote>'|\x22)",
        r"|\b(?:consumer|producer)record(?P<record>\()",
        r"|\b(?P<sql>select\b(?u-i:.*?)\bfrom|insert into|update [a-z0-9_.`\x22]+ set|delete from)\b",
    ))
});

static RECORD_KEY: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u:\b)key ?= ?"));
static RECORD_VALUE: LazyLock<Regex> = LazyLock::new(|| regex(r", value ?= ?"));
/// Where a log line goes on behind a statement.
static STATEMENT_END: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i-u);| \(total=|[ ,(](?:took|duration|elapsed|rows|time)\b"));
static LITERALS: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"'((?:[^'\\]|''|\\.)*)'|(?i-u)(?:[=<>(,]|\bin|\blike|\bbetween|\band) *([0-9][0-9a-z.-]*)")
});

pub(super) fn find(text: &str, pieces: &mut Vec<Piece>) {
    for found in captures(&OPENINGS, text) {
        if let Some(bracket) = found.name("bracket") {
            let mut at = bracket.start();
            // `VALUES (1, 'a'), (2, 'b')`.
            while let Some(inner) = value::bracketed(text, at) {
                pieces.push(Piece::new(Kind::Value, inner.clone()));
                let rest = text.get(inner.end + 1..).unwrap_or("");
                let next = rest.trim_start_matches([',', ' ']);
                if next.len() == rest.len() || !next.starts_with('(') {
                    break;
                }
                at = text.len() - next.len();
            }
        } else if let Some(one) = found.name("one") {
            pieces.extend(value::bracketed(text, one.start()).map(|inner| Piece::new(Kind::Value, inner)));
        } else if let Some(quote) = found.name("quote") {
            // The value may hold quotes of its own.
            let end = text[quote.end()..].find("' for key").map(|length| quote.end() + length);
            let inner = end.map(|end| quote.end()..end).or_else(|| value::quoted(text, quote.start()));
            pieces.extend(inner.map(|inner| Piece::new(Kind::Value, inner)));
        } else if let Some(open) = found.name("record") {
            pieces.extend(value::bracketed(text, open.start()).map(|inner| record(text, inner)).into_iter().flatten());
        } else if let Some(sql) = found.name("sql") {
            statement(text, sql.start(), pieces);
        }
    }
}

/// Key and value of a `ConsumerRecord(…, key = 4711, value = …)` or `ProducerRecord(…, key=…, value=…, timestamp=…)`.
fn record(text: &str, inner: std::ops::Range<usize>) -> Vec<Piece> {
    let fields = &text[inner.clone()];
    let Some(value) = RECORD_VALUE.find(fields) else { return vec![] };
    let key = RECORD_KEY.find_iter(&fields[..value.start()]).last().map(|key| key.end()..value.start());
    let end = fields[value.end()..].rfind(", timestamp=").map_or(fields.len(), |length| value.end() + length);
    let ranges = key.into_iter().chain(Some(value.end()..end)).filter(|range| &fields[range.clone()] != "null");
    ranges.map(|range| Piece::new(Kind::Value, inner.start + range.start..inner.start + range.end)).collect()
}

/// The literals of an SQL statement that starts here and goes on to the bracket that closes around it, to a semicolon,
/// or to the end.
fn statement(text: &str, start: usize, pieces: &mut Vec<Piece>) {
    let rest = &text[start..];
    let within = if text[..start].trim_end().ends_with('[') { rest.find(']') } else { None };
    let end = within.or_else(|| STATEMENT_END.find(rest).map(|found| found.start())).unwrap_or(rest.len());
    for found in LITERALS.captures_iter(&rest[..end]) {
        let Some(literal) = found.get(1).or_else(|| found.get(2)) else { continue };
        if !follows_kafka_word(text, start + literal.start()) {
            pieces.push(Piece::new(Kind::Value, start + literal.start()..start + literal.end()));
        }
    }
}
