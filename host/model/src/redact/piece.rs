//! What is taken out, and what stands in its place.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// What a private piece is. Of two kinds for one piece the earlier, more telling one is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Secret,
    Card,
    Iban,
    Email,
    Phone,
    Order,
    User,
    Request,
    Ip,
    /// Content of a record or of a table row.
    Value,
}

impl Kind {
    const ALL: [Kind; 10] = [
        Self::Secret,
        Self::Card,
        Self::Iban,
        Self::Email,
        Self::Phone,
        Self::Order,
        Self::User,
        Self::Request,
        Self::Ip,
        Self::Value,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Value => "value",
            Self::Order => "order",
            Self::User => "user",
            Self::Request => "request",
            Self::Ip => "ip",
        }
    }

    /// What makes two pieces of this kind the same: `4111 1111 …` and `41111111…` are one card.
    pub(super) fn key(self, text: &str) -> String {
        match self {
            Self::Card | Self::Phone => text.chars().filter(char::is_ascii_digit).collect(),
            Self::Iban => text.chars().filter(|c| !c.is_whitespace()).collect(),
            Self::Email => text.to_lowercase().replace("%40", "@"),
            _ => text.to_owned(),
        }
    }
}

/// A private piece of a text, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Piece {
    pub(super) fn new(kind: Kind, range: Range<usize>) -> Self {
        Self { kind, start: range.start, end: range.end }
    }
}

/// A token that a text already holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) number: u32,
    pub(super) start: usize,
    pub(super) end: usize,
}

// Eight digits, so that a forged token cannot push the numbering past what this expression recognises.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    let words = Kind::ALL.map(Kind::word).join("|");
    super::forms::regex(&format!("<({words}):([0-9]{{1,8}})>"))
});

/// The tokens of a text, in order.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token> {
    super::forms::captures(&TOKEN, text).filter_map(|found| {
        let all = found.get(0)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == &found[1])?;
        Some(Token { kind, number: found[2].parse().ok()?, start: all.start(), end: all.end() })
    })
}

/// Puts pieces in order, joins those that overlap, and sees to it that no token is cut or taken out for itself. Of
/// joined pieces the widest one names the token.
pub(super) fn settle(text: &str, mut pieces: Vec<Piece>, tokens: &[Token]) -> Vec<Piece> {
    // The word of a token is no key for what follows it: `<secret:1>` does not say that `1>…` is a secret.
    pieces.retain(|piece| !tokens.iter().any(|token| token.start < piece.start && piece.start < token.end));
    for piece in &mut pieces {
        for token in tokens {
            if token.start < piece.end && piece.end < token.end {
                piece.end = token.end;
            }
        }
    }
    pieces.retain(|piece| says_more_than_tokens(text, *piece, tokens));
    pieces.sort_by_key(|piece| (piece.start, piece.end, piece.kind));
    let mut settled: Vec<Piece> = vec![];
    let mut widest = 0;
    for piece in pieces {
        let width = piece.end - piece.start;
        match settled.last_mut() {
            Some(last) if piece.start < last.end => {
                if width > widest || (width == widest && piece.kind < last.kind) {
                    last.kind = piece.kind;
                }
                last.end = last.end.max(piece.end);
                widest = widest.max(width);
            }
            _ => {
                settled.push(piece);
                widest = width;
            }
        }
    }
    settled
}

/// Whether there is a letter or digit outside the tokens. Each round takes out at least one such, which is why the
/// rounds come to an end.
fn says_more_than_tokens(text: &str, piece: Piece, tokens: &[Token]) -> bool {
    let mut at = piece.start;
    for token in tokens.iter().filter(|token| piece.start <= token.start && token.end <= piece.end) {
        if text[at..token.start].contains(char::is_alphanumeric) {
            return true;
        }
        at = token.end;
    }
    text[at..piece.end].contains(char::is_alphanumeric)
}
