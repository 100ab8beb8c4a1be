//! What passes between a plugin that reaches out and its far side, as people read it.

use std::collections::BTreeMap;

use lagdoctor_runtime::{CollectedPage, Receipt, Temporality};
use serde_json::Value;

use super::words::{or_nothing, rounded};
use crate::stranger::Heard;

/// What a collector asked, one line for each request.
pub(super) fn requests(heard: &[Heard]) -> String {
    heard.iter().map(|request| format!("asked {} {}\n", request.method, request.url)).collect()
}

/// What a notifier sent, whole.
pub(super) fn letters(heard: &[Heard]) -> String {
    let letter = |request: &Heard| {
        let headers: String =
            request.headers.iter().map(|(name, value)| format!("        {name}: {value}\n")).collect();
        format!("  {} {}\n{headers}{}", request.method, request.url, indented(&body(&request.body)))
    };
    or_nothing(heard.iter().map(letter).collect(), "sends nothing")
}

/// What a notifier holds as proof.
pub(super) fn receipts(receipts: &[Receipt]) -> String {
    let reference = |receipt: &Receipt| receipt.reference.as_ref().map(|text| format!(", {text}")).unwrap_or_default();
    receipts.iter().map(|receipt| format!("sent to {}{}\n", receipt.destination, reference(receipt))).collect()
}

/// What a collector gave.
pub(super) fn page(page: &CollectedPage) -> String {
    let mut text = String::new();
    for series in &page.series {
        let kind = if series.temporality == Temporality::Counter { "counter, " } else { "" };
        let newest = series.samples.last();
        let newest = newest.map(|sample| format!(", newest {} at {}", rounded(sample.value), sample.at.clock()));
        let count = series.samples.len();
        let readings = if count == 1 { "reading" } else { "readings" };
        text += &format!(
            "  {}{}  {kind}{count} {readings}{}\n",
            series.signal,
            labels(&series.attributes),
            newest.unwrap_or_default()
        );
    }
    for log in &page.logs {
        let message = log.message.replace('\n', "\n        ");
        text += &format!(
            "  log{}  {} at {}\n        {message}\n",
            labels(&log.attributes),
            log.severity.level(),
            log.at.clock()
        );
    }
    for event in &page.events {
        text += &format!("  event{}  {} at {}\n", labels(&event.attributes), event.kind, event.at.clock());
        text += &format!("        {}\n", event.what);
    }
    for node in &page.nodes {
        text += &format!("  node  {}{}\n", node.id, labels(&node.attributes));
    }
    for edge in &page.edges {
        text += &format!("  edge  {} {} {}\n", edge.dependent, edge.kind, edge.dependency);
    }
    for gap in &page.gaps {
        text += &format!("  gap   {}\n", gap.statement);
    }
    if let Some(next) = &page.next {
        text += &format!("goes on at {next}\n");
    }
    or_nothing(text, "gives nothing")
}

fn labels(attributes: &BTreeMap<String, String>) -> String {
    if attributes.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(" {{{}}}", pairs.join(", "))
}

/// JSON is spread over lines, so that a change of it is small.
fn body(bytes: &[u8]) -> String {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        return serde_json::to_string_pretty(&value).unwrap_or_default();
    }
    std::str::from_utf8(bytes).map_or_else(|_| format!("{} bytes that are no text", bytes.len()), str::to_owned)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("        {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_shown_whole_and_json_line_by_line() {
        let letter = |body: &[u8]| {
            let headers = vec![("a".to_owned(), "b".to_owned())];
            letters(&[Heard { method: "POST".into(), url: "http://x/".into(), headers, body: body.to_vec() }])
        };
        insta::assert_snapshot!(letter(b"{\"text\":\"late\"}"), @r#"
          POST http://x/
                a: b
                {
                  "text": "late"
                }
        "#);
        assert!(letter(&[0xff]).ends_with("        1 bytes that are no text\n"));
        assert_eq!(
            (letters(&[]), page(&CollectedPage::default())),
            ("sends nothing\n".into(), "gives nothing\n".into())
        );
    }
}
