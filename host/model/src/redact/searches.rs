//! What was found in a text is there again when the text is read again, as every line of a window is by each look at it.
//! So it is remembered, as far as there is room. Whose names are spared and which numbers were given is not: that differs
//! from one incident to the next, while this is what the text alone says. Start at [`Searches::found`].

use std::collections::BTreeMap;
use std::fmt;

use super::piece::{self, Kind, Piece, Token};
use super::{context, forms, phrases, statements};

/// How much is remembered in each of two generations, in bytes: some 20,000 lines, which is what a look at a window takes.
const MOST_BYTES: usize = 8 << 20;
/// What an entry takes beside its text and its pieces; rather too much than too little.
const ENTRY_BYTES: usize = 160;

/// What is private in a text, known names among it, and the tokens that stand there.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) tokens: Vec<Token>,
    pub(super) pieces: Vec<Piece>,
}

impl Found {
    pub(super) fn of(text: &str) -> Self {
        let tokens: Vec<_> = piece::tokens(text).collect();
        let mut pieces = vec![];
        forms::find(text, &mut pieces);
        context::find(text, &mut pieces);
        phrases::find(text, &mut pieces);
        statements::find(text, &mut pieces);
        let is_personal = |kind: Kind| matches!(kind, Kind::User | Kind::Order | Kind::Email);
        if pieces.iter().any(|piece| is_personal(piece.kind)) || tokens.iter().any(|token| is_personal(token.kind)) {
            forms::find_requests(text, &mut pieces);
        }
        Self { tokens, pieces }
    }

    fn bytes(&self, text: &str) -> usize {
        ENTRY_BYTES + text.len() + self.tokens.len() * size_of::<Token>() + self.pieces.len() * size_of::<Piece>()
    }
}

/// Texts that were searched before, for [`crate::Redactor::remembering`]. Takes at most 16 MiB: when it is full, what was not
/// met again for longest is forgotten first.
#[derive(Clone, Default)]
pub struct Searches {
    newest: Generation,
    older: Generation,
}

#[derive(Clone, Default)]
struct Generation {
    found: BTreeMap<String, Found>,
    bytes: usize,
}

/// Says how much it holds, never what: these are texts as they were written.
impl fmt::Debug for Searches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (texts, bytes) = (self.newest.found.len() + self.older.found.len(), self.newest.bytes + self.older.bytes);
        write!(f, "Searches {{ texts: {texts}, bytes: {bytes} }}")
    }
}

impl Searches {
    /// What there is in this text.
    pub(super) fn found(&mut self, text: &str) -> &Found {
        if !self.newest.found.contains_key(text) {
            let found = self.older.found.remove(text).unwrap_or_else(|| Found::of(text));
            let bytes = found.bytes(text);
            if self.newest.bytes + bytes > MOST_BYTES {
                self.older = std::mem::take(&mut self.newest);
            }
            self.newest.bytes += bytes;
            self.newest.found.insert(text.to_owned(), found);
        }
        &self.newest.found[text]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Redactor;

    fn redacted(searches: &mut Searches, known: &[&str], lines: &[&str]) -> Vec<String> {
        let redactor = Redactor::new(known.iter().map(|name| (*name).to_owned()));
        let mut redactor = redactor.remembering(std::mem::take(searches));
        let redacted = lines.iter().map(|line| redactor.redact(line).to_string()).collect();
        *searches = redactor.into_searches();
        redacted
    }

    #[test]
    fn who_has_read_a_text_before_redacts_it_as_whoever_has_not() {
        let lines = [
            "user=alice ordered order 4711, card 4111 1111 1111 1111",
            "order 4711 of user=bob failed at orders-3 offset 4711",
            "order 4712 of user=alice failed, password=hunter2",
            "user=orders is told",
            "nothing private",
        ];
        let mut other = lines;
        other.reverse();
        let mut searches = Searches::default();
        // Other names are spared, and people are met in another order: each time as if for the first time.
        for (known, lines) in
            [(&["orders"][..], lines), (&[], lines), (&["alice", "orders"], other), (&["orders"], lines)]
        {
            let afresh = redacted(&mut Searches::default(), known, &lines);
            assert_eq!(redacted(&mut searches, known, &lines), afresh, "{known:?}");
        }
    }

    #[test]
    fn what_is_remembered_has_a_bound_and_what_is_met_again_stays_longest() {
        let mut searches = Searches::default();
        let met = "order 4711 is met again and again";
        let text = |number: usize| format!("{number} {}", "x".repeat(4_000));
        for number in 0..8_000 {
            searches.found(&text(number));
            if number % 100 == 0 {
                searches.found(met);
            }
            assert!(searches.newest.bytes <= MOST_BYTES && searches.older.bytes <= MOST_BYTES);
        }
        let held = |searches: &Searches, text: &str| {
            searches.newest.found.contains_key(text) || searches.older.found.contains_key(text)
        };
        assert!(held(&searches, met) && held(&searches, &text(7_999)) && !held(&searches, &text(0)));
        for generation in [&searches.newest, &searches.older] {
            let bytes: usize = generation.found.iter().map(|(text, found)| found.bytes(text)).sum();
            assert!(bytes <= generation.bytes, "what moved on is counted where it was, too: {bytes}");
        }
    }

    #[test]
    fn its_debug_form_tells_nothing_of_what_was_read() {
        let mut searches = Searches::default();
        searches.found("password=hunter2");
        assert_eq!(format!("{searches:?}"), format!("Searches {{ texts: 1, bytes: {} }}", searches.newest.bytes));
    }
}
