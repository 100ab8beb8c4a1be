//! Reads the value that follows a key: how far it goes when it is quoted, bracketed or bare.

use std::ops::Range;

/// Past the blanks that begin at `at`.
pub(super) fn skip_blanks(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches(' ').len()
}

/// The content of a quotation that opens at `at`. Its quotes may be escaped, as in JSON within JSON: it ends at a
/// quote with as many backslashes. `None` when no quote opens there, or none closes.
pub(super) fn quoted(text: &str, at: usize) -> Option<Range<usize>> {
    let slashes = text[at..].bytes().take_while(|b| *b == b'\\').count();
    let quote = text[at + slashes..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let start = at + slashes + 1;
    let mut escapes = 0;
    for (place, c) in text[start..].char_indices() {
        if c == '\\' {
            escapes += 1;
            continue;
        }
        if c == quote && (escapes <= slashes || (slashes == 0 && escapes % 2 == 0)) {
            return Some(start..(start + place).saturating_sub(escapes.min(slashes)));
        }
        escapes = 0;
    }
    None
}

/// What is between the bracket at `at` and the one that closes it; up to the end of the text when none does.
pub(super) fn bracketed(text: &str, at: usize) -> Option<Range<usize>> {
    let open = text[at..].chars().next()?;
    let close = match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        _ => return None,
    };
    let mut depth = 0;
    for (place, c) in text[at..].char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some(at + 1..at + place);
            }
        }
    }
    Some(at + 1..text.len())
}

/// A word: up to a blank, a quote, a bracket or a separator, without the punctuation of the sentence around it.
/// With a bracket right behind it, `Customer{id=5, name=Eve}`, that belongs to it.
pub(super) fn bare(text: &str, at: usize) -> Range<usize> {
    let ends = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                ',' | ';' | '&' | '"' | '\'' | '`' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '|' | '\\' | '…'
            )
    };
    let end = text[at..].find(ends).map_or(text.len(), |length| at + length);
    if end > at && text[end..].starts_with(['{', '[', '(']) {
        return at..bracketed(text, end).map_or(end, |inner| (inner.end + 1).min(text.len()));
    }
    let word = text[at..end].trim_end_matches(['.', ':', '!', '?', '-', '=', '/']);
    at..at + word.len()
}

/// A secret: it may hold nearly any character, so it ends only where something else clearly begins.
pub(super) fn secret(text: &str, at: usize) -> Range<usize> {
    for (place, c) in text[at..].char_indices() {
        let rest = &text[at + place + c.len_utf8()..];
        let ends = match c {
            '"' | '\'' | '`' | '…' => true,
            ',' | ';' | '&' => rest.is_empty() || rest.starts_with(char::is_whitespace) || begins_field(rest),
            ')' | ']' | '}' => rest.chars().next().is_none_or(|c| !c.is_alphanumeric()),
            _ => c.is_whitespace(),
        };
        if ends {
            return at..at + place;
        }
    }
    at..text.len()
}

/// `name=`, `"name":` and the like.
fn begins_field(text: &str) -> bool {
    let name = text.trim_start_matches(['"', '\'', '\\']);
    let after = name.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
    after.len() < name.len() && after.trim_start_matches(['"', '\'', '\\', ' ']).starts_with(['=', ':'])
}
