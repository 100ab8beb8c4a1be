//! Takes out of free text what must not leave the place where it was written: who, which order, how to reach or pay
//! them, and every secret. What the diagnosis lives on stays: offsets, generations, partitions, class names,
//! durations, pool figures, and the names of the nodes that it is about.
//!
//! A text is cleaned of what a terminal would obey (`clean`). Then private pieces are looked for by their form
//! (`forms`: an e-mail is an e-mail anywhere), by the words before them (`context`: `order 4711` is an order number,
//! `offset 4711` is not), by the phrase they stand in (`phrases`: `/users/42`) and by the statement around them
//! (`statements`: SQL values, Kafka records). Known names are spared (`known`). Each piece becomes a token such as
//! `<user:1>`. Start at [`Redactor::redact`].

mod clean;
mod context;
mod forms;
mod known;
mod phrases;
mod piece;
mod searches;
mod statements;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use crate::{Redacted, Topology};
use known::Known;
use piece::{Kind, Piece};
use searches::Found;
pub use searches::Searches;

/// The longest redacted text in bytes, ellipsis included.
const MAX_BYTES: usize = 4096;
/// How much of a long text is looked at. What lies past [`MAX_BYTES`] is never given out; it is there so that a card
/// number or a token that crosses the limit is still seen whole.
const WINDOW_BYTES: usize = MAX_BYTES + 1024;
/// Taking out a piece can bring another to light (`user=bob/4111…` hides `bob` behind a card), so a text is looked
/// at until nothing is found. Real lines need two rounds.
const MAX_ROUNDS: usize = 8;
const ELLIPSIS: &str = "…";

/// Replaces personal and secret text by tokens. The same text gets the same token within one redactor, so that "one
/// customer, again and again" can still be told from "everybody".
///
/// ```
/// # use lagdoctor_model::Redactor;
/// let mut redactor = Redactor::new(["orders".to_owned()]);
/// let text = redactor.redact("order 4711 of user=alice failed at orders-3 offset 4711, order 4711 is retried");
/// assert_eq!(
///     text.as_str(),
///     "order <order:1> of user=<user:1> failed at orders-3 offset 4711, order <order:1> is retried"
/// );
/// ```
#[derive(Clone, Default)]
pub struct Redactor {
    known: Known,
    numbers: BTreeMap<Kind, Numbers>,
    searches: Option<Searches>,
}

#[derive(Clone, Default)]
struct Numbers {
    given: BTreeMap<String, u32>,
    last: u32,
}

/// Says how much it holds, never what: it remembers the very texts that it takes out.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pieces: usize = self.numbers.values().map(|numbers| numbers.given.len()).sum();
        write!(f, "Redactor {{ known: {}, pieces: {pieces} }}", self.known.len())
    }
}

impl Redactor {
    /// A redactor for one incident, which keeps these names (of nodes, topics, groups, hosts) as they are. A name made
    /// of digits only is kept where it stands alone, but does not shield an order number or a user id that happens to
    /// read the same. Secrets are taken out whatever is known.
    pub fn new(known: impl IntoIterator<Item = String>) -> Self {
        Self { known: Known::new(known), numbers: BTreeMap::new(), searches: None }
    }

    /// A redactor that keeps the names of these nodes, and the parts that such names are made of.
    pub fn for_topology(topology: &Topology) -> Self {
        let names = topology.nodes().flat_map(|node| {
            let parts = node.id.name().split('/').map(str::to_owned);
            parts.chain([node.id.to_string(), node.id.name().to_owned()])
        });
        Self::new(names.collect::<Vec<_>>())
    }

    /// The same redactor, which need not search texts that were searched before, by itself or by others, whatever names
    /// those keep. It gives what it gives without.
    #[must_use]
    pub fn remembering(self, searches: Searches) -> Self {
        Self { searches: Some(searches), ..self }
    }

    /// What it has searched, for the next one; nothing unless it was told to remember.
    pub fn into_searches(self) -> Searches {
        self.searches.unwrap_or_default()
    }

    /// Redacts one text. The result is one line of at most 4 KiB: line breaks and tabs become spaces, other control
    /// characters, terminal escapes and invisible characters vanish, and what is too long ends in `…`. Of a long stack
    /// trace the frames after each first one go before anything else does, so that its causes stay.
    ///
    /// Redacting a redacted text changes nothing, with this redactor or with another. The price is that text which
    /// already reads like a token, `<order:4711>`, is taken for one.
    pub fn redact(&mut self, text: &str) -> Redacted {
        let (mut text, mut is_cut) = clean::clean(text, WINDOW_BYTES);
        for _ in 0..MAX_ROUNDS {
            let next = self.round(&text, is_cut);
            if next == text && !is_cut {
                return Redacted::by_redactor(text);
            }
            (text, is_cut) = (next, false);
        }
        // Nothing is known to get here, but if something does it is hostile: give out nothing of it.
        Redacted::by_redactor(self.token(Kind::Value, &text))
    }

    fn round(&mut self, text: &str, is_cut: bool) -> String {
        // Of a text that was read only in part, just what begins before the limit is given out.
        let end = if is_cut { text.floor_char_boundary(MAX_BYTES) } else { text.len() };
        let mut out = String::with_capacity(end + 64);
        let mut at = 0;
        for piece in self.pieces(text).into_iter().take_while(|piece| piece.start < end) {
            out.push_str(&text[at..piece.start]);
            out.push_str(&self.token(piece.kind, &text[piece.start..piece.end]));
            at = piece.end;
        }
        out.push_str(&text[at..end.max(at)]);
        if is_cut || out.len() > MAX_BYTES {
            let end = out.len().min(MAX_BYTES - ELLIPSIS.len());
            let inside = piece::tokens(&out).find(|token| token.start < end && end < token.end);
            out.truncate(inside.map_or(out.floor_char_boundary(end), |token| token.start));
            out.truncate(out.trim_end().len());
            out.push_str(ELLIPSIS);
        }
        out
    }

    /// What is to be taken out of this text: in order, apart from each other and from the tokens already there.
    fn pieces(&mut self, text: &str) -> Vec<Piece> {
        let afresh;
        let Found { tokens, pieces } = match &mut self.searches {
            Some(searches) => searches.found(text),
            None => {
                afresh = Found::of(text);
                &afresh
            }
        };
        for token in tokens {
            let numbers = self.numbers.entry(token.kind).or_default();
            numbers.last = numbers.last.max(token.number);
        }
        let mut pieces = pieces.clone();
        pieces.retain(|piece| !self.known.shields(text, *piece));
        piece::settle(text, pieces, tokens)
    }

    fn token(&mut self, kind: Kind, text: &str) -> String {
        let numbers = self.numbers.entry(kind).or_default();
        let number = *numbers.given.entry(kind.key(text)).or_insert_with(|| {
            numbers.last += 1;
            numbers.last
        });
        format!("<{}:{number}>", kind.word())
    }
}
