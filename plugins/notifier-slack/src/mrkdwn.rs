//! Text as Slack takes it. Three characters are special, and what stands between `<` and `>` can call everybody in the
//! channel, so text from elsewhere is escaped and cut before it goes anywhere. Start at [`escaped`].

/// Most characters of a section's text.
pub(crate) const SECTION: usize = 3000;
/// Most characters of a header.
pub(crate) const HEADER: usize = 150;

/// Text that Slack shows as it is: no mention, no link, no control characters.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\n' => safe.push('\n'),
            c if c.is_control() || is_direction(c) => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// Characters that turn the direction of writing around and so make a text read like another.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One line of code. A backtick inside would end it.
pub(crate) fn code(text: &str) -> String {
    format!("`{}`", escaped(text).replace('`', "'").replace('\n', " "))
}

/// A block of code.
pub(crate) fn code_block(text: &str) -> String {
    format!("```{}```", escaped(text).replace('`', "'"))
}

/// A link; only the label where the address is none that a person should follow.
pub(crate) fn link(url: &str, label: &str) -> String {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if !is_web || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return escaped(label);
    }
    let url = url.replace('&', "&amp;").replace('<', "%3C").replace('>', "%3E").replace('|', "%7C");
    format!("<{url}|{}>", escaped(label).replace('|', "¦"))
}

/// The text, or as much of it as fits, with an ellipsis; an escape, a link or a code block is not cut in two.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(most.saturating_sub(4)).collect();
    if let Some(at) = kept.rfind('&').filter(|at| !kept[*at..].contains(';')) {
        kept.truncate(at);
    }
    if let Some(at) = kept.rfind('<').filter(|at| !kept[*at..].contains('>')) {
        kept.truncate(at);
    }
    if kept.matches("```").count() % 2 == 1 {
        // Room for both was kept above.
        return format!("{}…```", kept.trim_end_matches('`'));
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_is_called_by_a_log_line() {
        assert_eq!(escaped("<!channel> a & b"), "&lt;!channel&gt; a &amp; b");
        assert_eq!(code("a`b<!here>"), "`a'b&lt;!here&gt;`");
        assert_eq!(escaped("a\u{1b}[2J\u{202e}b"), "a [2J b");
    }

    #[test]
    fn only_addresses_of_the_web_become_links() {
        assert_eq!(link("https://g/e?a=1&b=<x>|y", "graph"), "<https://g/e?a=1&amp;b=%3Cx%3E%7Cy|graph>");
        assert_eq!(link("javascript:alert(1)", "a|b"), "a|b");
        assert_eq!(link("https://g/ <!channel>", "graph"), "graph");
    }

    #[test]
    fn what_is_cut_is_still_well_formed() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("aaaa&amp;bbbb", 10), "aaaa…");
        assert_eq!(cut("aaaa <https://x|y> bbbb", 14), "aaaa …");
        assert_eq!(cut("a ```command that is long``` b", 16), "a ```command…```");
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_allowed_and_no_escape_is_broken(text in "[a-z&<>` ]{0,200}", most in 20_usize..120) {
            let cut = cut(&escaped(&text), most);
            prop_assert!(cut.chars().count() <= most);
            prop_assert!(!cut.contains('<') && !cut.contains('>'));
            for (at, _) in cut.match_indices('&') {
                prop_assert!(["&amp;", "&lt;", "&gt;"].iter().any(|escape| cut[at..].starts_with(escape)), "{}", cut);
            }
        }
    }
}
