//! Spares the names that the diagnosis is about.

use std::collections::BTreeSet;

use super::piece::{Kind, Piece};

/// A piece may be part of a longer name: so many parts and characters on either side are tried.
const MAX_PARTS: usize = 12;
const MAX_REACH: usize = 256;

#[derive(Clone, Default)]
pub(super) struct Known(BTreeSet<String>);

impl Known {
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut all = BTreeSet::new();
        for name in names {
            // `orders/3` is what we call a partition; `orders-3` is what Kafka calls it.
            if let Some((topic, number)) = name.rsplit_once('/')
                && is_digits(number)
            {
                all.insert(format!("{topic}-{number}"));
            }
            if let Some((host, port)) = name.rsplit_once(':')
                && is_digits(port)
                && !host.contains(':')
            {
                all.insert(host.to_owned());
            }
            all.insert(name);
        }
        all.remove("");
        Self(all)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the piece is a known name, or part of one that stands there whole.
    pub(super) fn shields(&self, text: &str, piece: Piece) -> bool {
        if self.0.is_empty() {
            return false;
        }
        if self.is_port(text, piece) {
            return true;
        }
        if piece.kind == Kind::Secret {
            return false;
        }
        let before = text[..piece.start].char_indices().rev().take(MAX_REACH).take_while(|(_, c)| is_in_name(*c));
        let after = text[piece.end..].char_indices().take(MAX_REACH).take_while(|(_, c)| is_in_name(*c));
        // `orders-db:3306` is as good as `orders-db`.
        let port = text[piece.start..piece.end].rfind(':').map(|at| piece.start + at);
        let host = port.filter(|at| is_digits(&text[at + 1..piece.end]));
        let starts = std::iter::once(piece.start).chain(before.map(|(at, _)| at));
        let starts: Vec<_> =
            starts.filter(|at| !text[..*at].ends_with(char::is_alphanumeric)).take(MAX_PARTS).collect();
        let ends = std::iter::once(piece.end).chain(after.map(|(at, c)| piece.end + at + c.len_utf8()));
        let ends = ends.filter(|at| !text[*at..].starts_with(char::is_alphanumeric)).take(MAX_PARTS);
        host.into_iter().chain(ends).any(|end| {
            starts.iter().any(|start| {
                let name = &text[*start..end];
                self.0.contains(name) && is_name_enough(piece.kind, name)
            })
        })
    }

    /// Whether the piece is the port of a host whose name ends like a key: `auth-token:9092`. A name of one word, such
    /// as `user`, is too much like the key itself.
    fn is_port(&self, text: &str, piece: Piece) -> bool {
        let port = &text[piece.start..piece.end];
        let Some(before) = text[..piece.start].strip_suffix(':').filter(|_| is_digits(port) && port.len() <= 5) else {
            return false;
        };
        let length: usize = before.chars().rev().take_while(|c| is_in_name(*c)).map(char::len_utf8).sum();
        let host = &before[before.len() - length..];
        host.contains(['-', '_', '.']) && self.0.contains(host)
    }
}

/// A number that is a partition or a broker is no reason to print the same number where it is an order.
fn is_name_enough(kind: Kind, name: &str) -> bool {
    !matches!(kind, Kind::User | Kind::Order | Kind::Value | Kind::Request) || !is_digits(name)
}

fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '>' | '@' | '#' | '$')
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
