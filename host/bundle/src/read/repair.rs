//! Makes JSON of what is nearly JSON: `NaN` where a number should be, as Python writes it, and objects that were cut.

use serde::de::DeserializeOwned;

use super::lines::Line;
use crate::trouble::{Trouble, Troubles};

/// Reads one line as an object, repaired if need be. What is wrong with it is told.
pub(super) fn parse<T: DeserializeOwned>(line: &Line, troubles: &mut Troubles) -> Option<T> {
    let place = line.place();
    if line.is_cut {
        // Already told as too long; its beginning may still be of use.
        return serde_json::from_str(&closed(&line.text)?).ok();
    }
    // A list would be taken for the fields in their order, which nobody means.
    if line.text.starts_with('[') {
        troubles.add_about(Trouble::WrongShape, place, "a list, not an object");
        return None;
    }
    let error = match serde_json::from_str(&line.text) {
        Ok(entry) => return Some(entry),
        Err(error) => error,
    };
    if error.is_data() {
        troubles.add_about(Trouble::WrongShape, place, &reason(&error));
        return None;
    }
    let (text, replaced) = numbered(&line.text);
    if replaced > 0 {
        match serde_json::from_str(&text) {
            Ok(entry) => {
                troubles.add_some(Trouble::NotANumber, place, replaced, "");
                return Some(entry);
            }
            Err(error) if error.is_data() => {
                troubles.add_about(Trouble::WrongShape, place, &reason(&error));
                return None;
            }
            Err(_) => {}
        }
    }
    let trouble = if line.is_unended && error.is_eof() { Trouble::CutShort } else { Trouble::NotJson };
    troubles.add_about(trouble, place, &reason(&error));
    None
}

/// What the parser says, without its own idea of the line, which is always 1.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or("").to_owned()
}

/// The text with every number that JSON does not have, outside of strings, as `null`; and how many there were.
fn numbered(text: &str) -> (String, usize) {
    let mut out = String::with_capacity(text.len());
    let mut replaced = 0;
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_alphanumeric()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if rest.starts_with('"') {
            string_length(rest)
        } else {
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'))).unwrap_or(rest.len())
        };
        let word = &rest[..length];
        // `parse` knows all of nan, inf, infinity in any case, and makes infinity of 1e999.
        if !word.starts_with('"') && word.parse::<f64>().is_ok_and(|number| !number.is_finite()) {
            out.push_str("null");
            replaced += 1;
        } else {
            out.push_str(word);
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    (out, replaced)
}

/// How long the string is that begins here, quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, b) in text.bytes().enumerate().skip(1) {
        match b {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// An object that was cut within one of its own strings, with that string and the object ended. The string is the
/// last thing that is known, and a name that was cut is no name: whoever uses this must be safe with both.
fn closed(text: &str) -> Option<String> {
    let mut depth = 0;
    let mut rest = text;
    while let Some(at) = rest.find(['"', '{', '}', '[', ']']) {
        let here = &rest[at..];
        let length = if here.starts_with('"') {
            let length = string_length(here);
            if length == here.len() && depth == 1 {
                // Nothing that needs more than it has: no half escape, no half pair of them.
                let end = here.rfind('\\').filter(|at| here.len() - at <= 12).unwrap_or(here.len());
                let kept = &text[..text.len() - (here.len() - end)];
                return Some(format!("{}\"}}", kept.trim_end_matches('\\')));
            }
            length
        } else {
            depth += if here.starts_with(['{', '[']) { 1 } else { -1 };
            1
        };
        rest = &here[length..];
    }
    None
}

/// A topology that was cut, ended after its last whole entry.
pub(super) fn closed_after_entry(text: &str) -> Option<String> {
    let mut open = vec![];
    let mut whole = None;
    let mut rest = text;
    while let Some(at) = rest.find(['"', '{', '}', '[', ']']) {
        let here = &rest[at..];
        let length = match here.as_bytes()[0] {
            b'"' => string_length(here),
            b'{' => {
                open.push("}");
                1
            }
            b'[' => {
                open.push("]");
                1
            }
            _ => {
                open.pop();
                if open.len() == 2 {
                    whole = Some(text.len() - here.len() + 1);
                }
                1
            }
        };
        rest = &here[length..];
    }
    whole.map(|end| format!("{}]}}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_become_null_and_words_in_strings_stay() {
        let check = |text: &str, expected: &str, count: usize| {
            assert_eq!(numbered(text), (expected.to_owned(), count));
        };
        check(r#"{"v":[NaN,-Infinity,Infinity,1e999,2,-3.5e-2]}"#, r#"{"v":[null,null,null,null,2,-3.5e-2]}"#, 4);
        check(r#"{"NaN":"a \"NaN","b":true}"#, r#"{"NaN":"a \"NaN","b":true}"#, 0);
    }

    #[test]
    fn an_object_cut_in_its_last_string_is_ended_there() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(closed(text).as_deref(), expected, "{text}");
        check(r#"{"a":1,"m":"long te"#, Some(r#"{"a":1,"m":"long te"}"#));
        check(r#"{"m":"ab\"#, Some(r#"{"m":"ab"}"#));
        check(r#"{"m":"ab\ud83d\ude"#, Some(r#"{"m":"ab\ud83d"}"#));
        check(r#"{"m":["a"#, None);
        check(r#"{"m":12"#, None);
    }

    #[test]
    fn a_topology_cut_in_an_entry_keeps_the_entries_before_it() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(closed_after_entry(text).as_deref(), expected);
        check(
            r#"{"nodes":[{"id":"a:b","labels":{"x":"}"}},{"id":"a:"#,
            Some(r#"{"nodes":[{"id":"a:b","labels":{"x":"}"}}]}"#),
        );
        check(r#"{"nodes":[{"id":"#, None);
    }
}
