//! Pieces that are private by the shape of what they stand in: paths of URLs, lists, logins, ids with a prefix.

use std::sync::LazyLock;

use regex::Regex;

use super::context::{Lengths, more_numbers};
use super::forms::{captures, has_digit, regex};
use super::piece::{Kind, Piece};

static PATHS: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i-u)/(?:(?P<user>(?:users?|customers?|accounts?|members?|profiles?|people)/)",
        r"|(?P<order>(?:orders?|invoices?|bookings?|shipments?|payments?|carts?|baskets?)/))",
        r#"(?u-i:([^\s/?#"'&<>,;)\]}|\\…]+))"#,
    ))
});

/// `orders 4711, 4712 and 4713`. One number alone behind a plural is a count.
static PLURALS: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i-u)\b(?:(?P<order>orders|invoices|bookings|shipments)|users|customers|accounts)[ :]+#?",
        r"(?P<first>[0-9]{3,})(?:(?: *, *| *(?:and|&) *)#?[0-9]{3,})+\b",
    ))
});

/// `sign-in attempt for 'eve'`, `curl -u eve:secret`.
static LOGINS: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r#"(?i-u)\b(?:log[- ]?in|log[- ]?on|sign[- ]?in)\b(?u-i:[^'"=:]){0,40}['"](?P<user>(?u-i:[^'"]){1,128})['"]"#,
        r"|(?i-u)(?:^| )(?:-u|--user)[ =](?P<secret>(?u-i:[^\s:]+:[^\s]+))",
    ))
});

/// Ids that carry their meaning with them: `#ORD-2024-17`, `cus_Nf7aB2…`.
static PREFIXED: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?P<order>(?i-u:#(?:ord(?:er)?|inv|po)[-_]?[a-z0-9-]*[0-9][a-z0-9-]*",
        r"|\b(?:ord[-_]?[0-9]{2}|(?:inv|po)-[0-9]{4})[a-z0-9-]*|\bord_[a-z0-9]{10,}))",
        r"|(?P<user>(?i-u:\b(?:usr|cus|cust|acct|user)_[a-z0-9]{10,}))",
    ))
});

pub(super) fn find(text: &str, pieces: &mut Vec<Piece>) {
    find_lists_and_logins(text, pieces);
    for found in captures(&PATHS, text) {
        let Some(segment) = found.get(found.len() - 1) else { continue };
        let is_order = found.name("order").is_some();
        let word = segment.as_str();
        let is_pattern =
            word.starts_with([':', '{', '*']) || ["me", "search", "login", "new", "list", "all"].contains(&word);
        if !is_pattern && (!is_order || has_digit(word)) {
            pieces.push(Piece::new(if is_order { Kind::Order } else { Kind::User }, segment.range()));
        }
    }
    for found in captures(&PREFIXED, text) {
        let Some(whole) = found.get(0) else { continue };
        let is_order = found.name("order").is_some();
        if has_digit(whole.as_str()) {
            pieces.push(Piece::new(if is_order { Kind::Order } else { Kind::User }, whole.range()));
        }
    }
}

fn find_lists_and_logins(text: &str, pieces: &mut Vec<Piece>) {
    for found in captures(&PLURALS, text) {
        let Some(first) = found.name("first") else { continue };
        let kind = if found.name("order").is_some() { Kind::Order } else { Kind::User };
        let before = pieces.len();
        more_numbers(text, kind, &first.range(), Lengths::Same, pieces);
        if pieces.len() > before {
            pieces.push(Piece::new(kind, first.range()));
        }
    }
    for found in captures(&LOGINS, text) {
        pieces.extend(found.name("user").map(|user| Piece::new(Kind::User, user.range())));
        pieces.extend(found.name("secret").map(|secret| Piece::new(Kind::Secret, secret.range())));
    }
}
