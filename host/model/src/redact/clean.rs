//! Makes one harmless line of a text: no terminal escapes, no control characters, nothing invisible.

use super::MAX_BYTES;

/// Where in a terminal escape the reader is.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Plain,
    /// After ESC.
    Escape,
    /// In `ESC [ … final`: colours, cursor moves.
    Sequence,
    /// In `ESC ] … BEL`: titles, links.
    Text,
}

/// The text on one line, and whether it was cut because it filled `most` bytes. Reads no further than it must.
pub(super) fn clean(text: &str, most: usize) -> (String, bool) {
    let is_long = text.len() > MAX_BYTES;
    let mut out = String::with_capacity(text.len().min(most + 8));
    let mut frames = 0_u32;
    for line in text.split('\n') {
        if is_long && is_frame(line) {
            frames += 1;
            match frames {
                1 => {}
                2 => {
                    out.push('…');
                    continue;
                }
                _ => continue,
            }
        } else {
            frames = 0;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        clean_line(line, most, &mut out);
        if out.len() >= most {
            out.truncate(out.floor_char_boundary(most));
            return (trimmed(out), true);
        }
    }
    (trimmed(out), false)
}

fn trimmed(mut out: String) -> String {
    out.truncate(out.trim_end().len());
    let start = out.len() - out.trim_start().len();
    out.drain(..start);
    out
}

/// A line of a stack trace that names a place in code.
fn is_frame(line: &str) -> bool {
    line.starts_with(['\t', ' ']) && line.trim_start().starts_with("at ")
}

fn clean_line(line: &str, most: usize, out: &mut String) {
    let mut state = State::Plain;
    for c in line.chars() {
        state = match (state, c) {
            (_, '\u{1b}') => State::Escape,
            (State::Escape, '[') => State::Sequence,
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => State::Text,
            (State::Escape, ' '..='/') => State::Escape,
            (State::Escape, '0'..='~') => State::Plain,
            (State::Sequence, ' '..='?') => State::Sequence,
            (State::Sequence, '@'..='~') => State::Plain,
            (State::Text, '\u{7}' | '\u{9c}') => State::Plain,
            (State::Text, _) => State::Text,
            (_, '\u{9b}') => State::Sequence,
            (_, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => State::Text,
            _ => {
                if c.is_whitespace() {
                    out.push(' ');
                } else if !c.is_control() && !is_invisible(c) {
                    out.push(c);
                }
                State::Plain
            }
        };
        if out.len() >= most {
            return;
        }
    }
}

/// Characters that take no room, and those that turn the direction of writing: they split a word for a machine that
/// looks for it and leave it whole for a reader, or show another text than there is.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
