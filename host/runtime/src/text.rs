//! Makes a stranger's text fit to print: no control characters, nothing that turns the writing direction, not too long.

use lagdoctor_model::is_obeyed;

/// The text without what terminals obey (line breaks and tabs become spaces), cut to `max_bytes` with an ellipsis.
pub(crate) fn clean(text: &str, max_bytes: usize) -> String {
    cut(text, max_bytes, |c| match c {
        '\n' | '\r' | '\t' => Some(' '),
        c => Some(c).filter(|c| !is_obeyed(*c)),
    })
}

/// The same with its line breaks and tabs, by which the redactor tells the frames of a stack trace.
pub(crate) fn clean_lines(text: &str, max_bytes: usize) -> String {
    cut(text, max_bytes, |c| Some(c).filter(|c| matches!(c, '\n' | '\t') || !is_obeyed(*c)))
}

fn cut(text: &str, max_bytes: usize, keep: impl Fn(char) -> Option<char>) -> String {
    const ELLIPSIS: char = '…';
    let mut clean = String::with_capacity(text.len().min(max_bytes));
    for c in text.chars().filter_map(keep) {
        if clean.len() + c.len_utf8() > max_bytes {
            while clean.len() + ELLIPSIS.len_utf8() > max_bytes && clean.pop().is_some() {}
            if clean.len() + ELLIPSIS.len_utf8() <= max_bytes {
                clean.push(ELLIPSIS);
            }
            break;
        }
        clean.push(c);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_and_direction_marks_are_gone_and_line_breaks_are_spaces() {
        assert_eq!(clean("a\u{1b}[31mb\nc\u{202e}d\u{7f}", 100), "a[31mb cd");
    }

    #[test]
    fn a_stack_trace_keeps_its_lines() {
        assert_eq!(clean_lines("boom\r\n\tat a\u{1b}[0m\n", 100), "boom\n\tat a[0m\n");
    }

    #[test]
    fn a_cut_text_says_so_and_never_splits_a_character() {
        assert_eq!(clean("ääää", 7), "ää…");
        assert_eq!(clean("ääää", 8), "ääää");
        assert_eq!(clean("abc", 2), "");
    }

    proptest! {
        #[test]
        fn no_text_comes_out_longer_than_allowed_or_with_a_control_character(text in any::<String>(), max in 0usize..64) {
            let clean = clean(&text, max);
            prop_assert!(clean.len() <= max);
            prop_assert!(!clean.chars().any(is_obeyed));
        }
    }
}
