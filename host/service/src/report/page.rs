//! A page of text for a terminal: lines wrapped to its width, painted or plain. Whatever comes from a plugin, a log or a
//! source passes [`clean`] on its way, so that no text can move the cursor of whoever reads it.

use lagdoctor_model::is_obeyed;

/// Whether text carries ANSI colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// None: for files, pipes and `NO_COLOR`.
    Plain,
    /// ANSI escape sequences: for terminals.
    Ansi,
}

/// How text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    colour: Colour,
    width: usize,
}

impl Style {
    /// Text of at most `width` columns; taken into 80..=120, outside of which tables break or eyes get lost.
    pub fn new(colour: Colour, width: usize) -> Self {
        Self { colour, width: width.clamp(80, 120) }
    }

    /// 100 columns without colour.
    pub fn plain() -> Self {
        Self::new(Colour::Plain, 100)
    }
}

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Normal,
    Bold,
    Faint,
    Bad,
    Warn,
    Good,
    Code,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Bold => "1",
            Self::Faint => "2",
            Self::Bad => "1;31",
            Self::Warn => "1;33",
            Self::Good => "1;32",
            Self::Code => "36",
        }
    }
}

/// Text without control characters and without the invisible ones that turn the direction of writing.
pub(crate) fn clean(text: &str) -> String {
    let keep = |c: char| match c {
        '\n' | '\t' => ' ',
        c if is_obeyed(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(keep).collect()
}

/// Lines being written.
pub(crate) struct Page {
    style: Style,
    out: String,
}

impl Page {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, out: String::new() }
    }

    /// The text, ending in one line feed.
    pub(crate) fn finish(self) -> String {
        let mut out = self.out.trim_end_matches('\n').to_owned();
        out.push('\n');
        out
    }

    /// `text` in the colour of `paint`. The caller has cleaned it.
    pub(crate) fn painted(&self, paint: Paint, text: &str) -> String {
        if self.style.colour == Colour::Plain || paint == Paint::Normal || text.is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{}m{text}\u{1b}[0m", paint.code())
    }

    /// An empty line, unless there is one already.
    pub(crate) fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A heading with an empty line before it.
    pub(crate) fn heading(&mut self, text: &str) {
        self.blank();
        let text = self.painted(Paint::Bold, &clean(text));
        self.out.push_str(&text);
        self.out.push('\n');
    }

    /// A paragraph that hangs behind `lead`: what follows on further lines is indented as far as `lead` is wide.
    pub(crate) fn hanging(&mut self, lead: &str, lead_paint: Paint, text: &str, paint: Paint) {
        let indent = lead.chars().count();
        let lines = wrap(&clean(text), self.style.width.saturating_sub(indent));
        for (place, line) in lines.iter().enumerate() {
            if place == 0 {
                let lead = clean(lead);
                let body = lead.trim_start();
                let margin = lead.len() - body.len();
                let lead = format!("{}{}", &lead[..margin], self.painted(lead_paint, body));
                self.out.push_str(&lead);
            } else {
                self.out.push_str(&" ".repeat(indent));
            }
            let line = self.painted(paint, line);
            self.out.push_str(&line);
            self.end_line();
        }
    }

    /// A line that is never wrapped, because somebody will copy it.
    pub(crate) fn verbatim(&mut self, indent: usize, text: &str, paint: Paint) {
        self.out.push_str(&" ".repeat(indent));
        let text = self.painted(paint, &clean(text));
        self.out.push_str(&text);
        self.end_line();
    }

    /// A line of pieces, each in its own colour; not wrapped.
    pub(crate) fn pieces(&mut self, indent: usize, pieces: &[(&str, Paint)]) {
        self.out.push_str(&" ".repeat(indent));
        for (text, paint) in pieces {
            let text = self.painted(*paint, &clean(text));
            self.out.push_str(&text);
        }
        self.end_line();
    }

    fn end_line(&mut self) {
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept);
        self.out.push('\n');
    }
}

/// Breaks at spaces, but not between a number and its unit. A word longer than a line stays whole: a name that is cut
/// cannot be searched for.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(20);
    let mut pieces: Vec<String> = vec![];
    let mut before = "";
    for word in text.split_whitespace() {
        match pieces.last_mut() {
            Some(piece) if belongs(before, word) => {
                piece.push(' ');
                piece.push_str(word);
            }
            _ => pieces.push(word.to_owned()),
        }
        before = word;
    }
    let mut lines = vec![];
    let mut line = String::new();
    let mut length = 0;
    for piece in &pieces {
        let piece_length = piece.chars().count();
        if length > 0 && length + 1 + piece_length > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        line.push_str(piece);
        length += piece_length;
    }
    lines.push(line);
    lines
}

/// Whether a word is the unit of the number before it, or goes on with the time before it: `14 min 5 s` is one thing.
fn belongs(before: &str, word: &str) -> bool {
    const UNITS: [&str; 11] = ["%", "ms", "s", "min", "h", "d", "B", "kB", "MB", "GB", "TB"];
    let bare = word.trim_end_matches(['.', ',', ';', ':', ')']);
    let after_number = before.ends_with(|c: char| c.is_ascii_digit());
    let goes_on = ["min", "h", "d"].contains(&before) && !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    (after_number && UNITS.contains(&bare)) || goes_on
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn wrapping_loses_no_word_and_keeps_every_line_within_the_width(text in "[a-z ]{0,400}", width in 20usize..120) {
            let lines = wrap(&text, width);
            let words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
            let kept: Vec<_> = lines.iter().flat_map(|line| line.split_whitespace()).map(str::to_owned).collect();
            prop_assert_eq!(words, kept);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= width || !line.contains(' ')), "{lines:?}");
        }

        #[test]
        fn a_number_keeps_its_unit(before in "[a-z]{1,60}") {
            let lines = wrap(&format!("{before} for 14 min 5 s (91 %)."), 40);
            prop_assert!(lines.iter().any(|line| line.contains("14 min 5 s")), "{lines:?}");
            prop_assert!(lines.iter().any(|line| line.contains("(91 %).")), "{lines:?}");
        }

        #[test]
        fn no_text_can_command_the_terminal(text in any::<String>()) {
            let mut page = Page::new(Style::plain());
            page.heading(&text);
            page.hanging("  ", Paint::Normal, &text, Paint::Bad);
            page.verbatim(2, &text, Paint::Code);
            page.pieces(1, &[(&text, Paint::Good)]);
            prop_assert!(page.finish().chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}
