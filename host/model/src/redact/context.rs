//! Pieces that are private because of the word before them: `user=`, `order 4711`, `password:`.
//!
//! A key is found by one expression; what joins it to its value (`=`, a blank, a hyphen) decides how much the value
//! must look like an id. After `=` a user may be any word; after a blank only something with a digit in it, because
//! "user not found" names nobody.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::forms::{has_digit, is_random, regex};
use super::piece::{Kind, Piece};
use super::value;

/// What a key asks of its value.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    /// Passwords.
    Password,
    /// Tokens, whose word people also use in sentences.
    Token,
    /// Ids of sessions: of Kafka's fetches and of ZooKeeper, which stay, and of people.
    Session,
    Cookie,
    /// Short numbers that prove something: a card's check number, a one-time code.
    Code,
    Card,
    Phone,
    /// Names of people, which may be several words.
    Name,
    User,
    Order,
    /// Keys of records.
    Record,
}

/// What stands between a key and its value.
#[derive(Clone, Copy, PartialEq)]
enum Joint {
    /// `=`, `:` and the like; with or without a blank behind.
    Assigned,
    AssignedApart,
    Apart,
    /// A hyphen, an underscore, or nothing.
    Joined,
}

static KEYS: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i-u)(?:(?P<password>pass(?:word|wd|phrase|code)|pwd",
        r"|(?:client|shared|app|consumer|webhook)?[_. -]?secret(?:[_. -]?(?:access[_. -]?)?key)?",
        r"|(?:access|api|private|auth|session|encryption|signing|storage|account)[_. -]?(?:key|secret)(?:[_. -]?id)?",
        r"|authorization|jsessionid|phpsessid)",
        r"|(?P<token>token|credentials?|signature)|(?P<session>session(?:[_. -]?id)?)",
        r"|(?:\b|_)(?:(?P<cookie>(?:set-)?cookie)|(?P<code>cvv2?|cvc2?|otp|pin)\b",
        r"|(?P<card>(?:(?:credit|debit)[_ -]?)?card|pan)",
        r"|(?P<phone>phone|telephone|tel|mobile|msisdn|cell|fax|whatsapp|sms)",
        r"|(?P<name>(?:full|first|last|sur|family|given|nick|real|customer|holder)[_ -]?name)",
        r"|(?P<order>(?:purchase[_ -]?)?order|invoice|booking|shipment|parcel",
        r"|(?:payment|delivery|tracking|reservation|basket|cart|refund|ticket|voucher)[_ .-]?(?:id|no|nr|number|ref|code))",
        r"|(?P<user>(?:end[_ -]?)?user|customer|cust|account|acct|login|subscriber|buyer|seller|shopper|patient|employee|passenger",
        r"|guest|recipient|payer|payee|beneficiary|cardholder|principal|uid|e-?mail(?:[_ -]?addr(?:ess)?)?|ssn|passport",
        r"|dob|date[_ -]?of[_ -]?birth|(?:street|shipping|billing|home|postal)[_ -]?addr(?:ess)?|zip[_ -]?code|postcode)",
        r"|(?P<record>(?:(?:record|message|msg|event|routing)[_ -]?)?key))",
        r"|(?P<camel_order>(?-i:Order)(?-i:Id|ID|No|Number))|(?P<camel>(?-i:User|Customer|Account)(?-i:Id|ID|No|Number|Name)))",
        r"(?:[_ .-]?(?:ids?|no|nr|num(?:ber)?s?|name|key|ref(?:erence)?|uuid|guid|code|login|principal)\b)?",
    ))
});

/// Words that may stand between a key and its value, when no `=` does: "customer (id 5)", "order no. 7".
static FILLERS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i-u)^ *(?:(?:is|was|with|whose|ids?|no|nr|numbers?)\b\.? *[=:]? *|in *\(|# *|\( *)*"));

static MORE: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?-u: *(?:,|;|&|and|or) *#?([0-9]+)\b)"));

/// Words that stand where a value would and say that there is none, or go on with the sentence.
const NO_VALUES: &str = "a an and anonymous by can cannot could denied did disabled does empty error exception expired failed \
    failure false for forbidden found group had has hidden in incorrect invalid is lag locked may \
    missing must n/a nil no none not null of offset or partition redacted refused rejected required the \
    timeout topic true unauthorized undefined unknown was were will with would yes";

pub(super) fn find(text: &str, pieces: &mut Vec<Piece>) {
    for found in KEYS.captures_iter(text) {
        let (Some(whole), Some(key)) = (found.get(0), key_of(&found)) else { continue };
        find_value(text, key, whole.end(), pieces);
    }
}

/// The key of a find: what the group stands for that took part in it, in the order in which [`KEYS`] names them.
fn key_of(found: &Captures<'_>) -> Option<Key> {
    const OF_GROUPS: [Key; 13] = [
        Key::Password,
        Key::Token,
        Key::Session,
        Key::Cookie,
        Key::Code,
        Key::Card,
        Key::Phone,
        Key::Name,
        Key::Order,
        Key::User,
        Key::Record,
        Key::Order,
        Key::User,
    ];
    let group = found.iter().skip(1).position(|group| group.is_some())?;
    OF_GROUPS.get(group).copied()
}

fn find_value(text: &str, key: Key, end: usize, pieces: &mut Vec<Piece>) {
    let Some((joint, at)) = joint(text, end) else { return };
    let Some((kind, range)) = (match key {
        Key::Password | Key::Token | Key::Session => secret(text, key, joint, at).map(|range| (Kind::Secret, range)),
        Key::Cookie => is_assigned(joint).then_some((Kind::Secret, at..text.len())),
        Key::Code => number(text, at, 3..=8).map(|range| (Kind::Secret, range)),
        Key::Card => number(text, at, 8..=19).map(|range| (Kind::Card, range)),
        Key::Phone => number(text, at, 6..=15).map(|range| (Kind::Phone, range)),
        Key::Name => name(text, key, joint, at).map(|range| (Kind::User, range)),
        Key::User if is_assigned(joint) => name(text, key, joint, at).map(|range| (Kind::User, range)),
        Key::User => id(text, key, joint, at).map(|range| (Kind::User, range)),
        Key::Order => id(text, key, joint, at).map(|range| (Kind::Order, range)),
        Key::Record if is_assigned(joint) => id(text, key, joint, at).map(|range| (Kind::Value, range)),
        Key::Record => number(text, at, 3..=20).map(|range| (Kind::Value, range)),
    }) else {
        return;
    };
    if matches!(kind, Kind::User | Kind::Order) {
        // `order ids: 1, 2, 17` is a list by its own word; `order 4711, 4712` only by its looks.
        let is_list = text[..end].ends_with('s');
        more_numbers(text, kind, &range, if is_list { Lengths::Any } else { Lengths::Same }, pieces);
    }
    pieces.push(Piece::new(kind, range));
}

fn is_assigned(joint: Joint) -> bool {
    matches!(joint, Joint::Assigned | Joint::AssignedApart)
}

/// What joins the key that ends at `end` to its value, and where the value begins.
fn joint(text: &str, end: usize) -> Option<(Joint, usize)> {
    // The key may be quoted or bracketed itself: `"userId": 5`, `headers[user]=eve`, `Key (order_id)=(7)`.
    let closed = text[end..].trim_start_matches(['\\', '"', '\'', ']', ')']);
    let at = skip_assignment(text, skip(text, text.len() - closed.len()));
    if let Some(at) = at {
        let value = skip(text, at);
        return Some((if value > at { Joint::AssignedApart } else { Joint::Assigned }, value));
    }
    let mut rest = &text[end..];
    // `Order{id=4711}`, `order[4711]`; but not `user(s)`.
    if let Some(inner) = value::bracketed(text, end)
        && text[inner].contains(|c: char| c.is_ascii_digit() || c == '=')
    {
        return Some((Joint::Assigned, end));
    }
    if rest.starts_with(is_digit) || (rest.starts_with(['-', '_', '.']) && rest[1..].starts_with(is_id_start)) {
        return Some((Joint::Joined, end + usize::from(!rest.starts_with(is_digit))));
    }
    let is_abbreviated = ["no", "nr"]
        .iter()
        .any(|word| text.get(end.saturating_sub(2)..end).is_some_and(|last| last.eq_ignore_ascii_case(word)));
    if is_abbreviated {
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    let fillers = FILLERS.find(rest).map_or(0, |found| found.end());
    (fillers > 0).then(|| (Joint::Apart, text.len() - rest.len() + fillers))
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// Where it begins: with a digit, or as a UUID may.
fn is_id_start(c: char) -> bool {
    c.is_ascii_hexdigit()
}

fn skip(text: &str, at: usize) -> usize {
    value::skip_blanks(text, at)
}

fn skip_assignment(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    if rest.starts_with("::") {
        return None;
    }
    ["=>", "==", ":=", "=", ":", "%3D", "%3d", "%3A", "%3a"]
        .iter()
        .find(|sign| rest.starts_with(**sign))
        .map(|sign| at + sign.len())
}

fn says_nothing(word: &str) -> bool {
    static WORDS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| NO_VALUES.split(' ').collect());
    WORDS.contains(word.to_ascii_lowercase().as_str()) || !word.contains(char::is_alphanumeric)
}

/// An id of a person, an order or a record. Orders and records have numbers; a person may be any word, once something
/// says that a value follows.
fn id(text: &str, key: Key, joint: Joint, at: usize) -> Option<Range<usize>> {
    let is_person = matches!(key, Key::User | Key::Name);
    let is_named =
        text[..at].trim_end().get(at.saturating_sub(9)..).is_some_and(|key| key.eq_ignore_ascii_case("username"));
    let any_word = is_person && (is_assigned(joint) || is_named);
    if joint == Joint::Joined {
        let range = value::bare(text, at);
        let first = text[range.clone()].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
        let is_number = first.len() >= 4 && first.bytes().all(|b| b.is_ascii_digit());
        return (is_number || is_uuid(&text[range.clone()])).then_some(range);
    }
    if let Some(range) = value::quoted(text, at) {
        let content = &text[range.clone()];
        let is_id = !says_nothing(content) && (is_person || has_digit(content));
        // Of an apostrophe nobody knows whether it quotes; an id is short.
        return (is_id && content.len() <= 256).then_some(range);
    }
    if is_assigned(joint)
        && let Some(range) = value::bracketed(text, at)
    {
        return (any_word || has_digit(&text[range.clone()])).then_some(range);
    }
    // An opening quote that nobody closes.
    let at = at + text[at..].bytes().take_while(|b| matches!(b, b'\\' | b'"' | b'\'')).count();
    let range = value::bare(text, at);
    let word = &text[range.clone()];
    if says_nothing(word) || is_share_of_time(word, &text[range.end..]) {
        return None;
    }
    (any_word || has_digit(word) || (is_person && word.contains('@'))).then_some(range)
}

/// `[Times: user=0.43 sys=0.12, real=0.31 secs]`: here `user` is processor time.
fn is_share_of_time(word: &str, rest: &str) -> bool {
    let number = word.trim_end_matches(['s', 'm', '%']);
    let is_decimal = number.contains('.') || number.len() < word.len();
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let is_before_system =
        rest.trim_start_matches([' ', ',']).get(..3).is_some_and(|next| next.eq_ignore_ascii_case("sys"));
    is_number && (is_decimal || is_before_system)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn secret(text: &str, key: Key, joint: Joint, at: usize) -> Option<Range<usize>> {
    if let Some(range) = value::quoted(text, at).filter(|_| joint != Joint::Joined) {
        return (!says_nothing(&text[range.clone()])).then_some(range);
    }
    let mut range = value::secret(text, at);
    if is_scheme(&text[range.clone()]) {
        range = value::secret(text, skip(text, range.end));
    }
    let word = &text[range.clone()];
    if key == Key::Session {
        let is_persons = word.len() >= 16 && !word.starts_with("0x") && word.contains(char::is_alphabetic);
        return (is_persons && is_random(word)).then_some(range);
    }
    let is_secret = match joint {
        Joint::Assigned => true,
        Joint::AssignedApart => key == Key::Password || is_random(word) || word.len() >= 16,
        Joint::Apart if key == Key::Password => has_digit(word) && word.len() >= 4,
        Joint::Apart => has_digit(word) && word.contains(char::is_alphabetic) && word.len() >= 8,
        Joint::Joined => false,
    };
    (is_secret && !says_nothing(word.trim_end_matches(['.', '!', '?', ':']))).then_some(range)
}

fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "digest", "negotiate", "token", "apikey", "aws4-hmac-sha256"]
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// A number written in groups.
fn number(text: &str, at: usize, digits: std::ops::RangeInclusive<usize>) -> Option<Range<usize>> {
    let at = at + text[at..].bytes().take_while(|b| matches!(b, b'\\' | b'"' | b'\'')).count();
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '(' | ')' | '+' | '-' | '.' | '/');
    let run = text[at..].find(|c| !is_part(c)).map_or(&text[at..], |length| &text[at..at + length]);
    let run = run.trim_end_matches(|c: char| !c.is_ascii_digit());
    digits.contains(&run.bytes().filter(u8::is_ascii_digit).count()).then(|| at..at + run.len())
}

/// A person's name: a word, and capitalised ones behind it.
fn name(text: &str, key: Key, joint: Joint, at: usize) -> Option<Range<usize>> {
    let mut range = id(text, key, joint, at)?;
    let first = &text[range.clone()];
    // Not behind an id: `customerId=C-17 Connection refused`.
    let is_name = key == Key::Name || (first.starts_with(char::is_uppercase) && first.chars().all(char::is_alphabetic));
    for _ in 0..if is_name { 3 } else { 0 } {
        let Some(rest) = text[range.end..].strip_prefix(' ') else { break };
        if !rest.starts_with(char::is_uppercase) {
            break;
        }
        let word = value::bare(text, range.end + 1);
        // The name of the next field.
        if skip_assignment(text, skip(text, word.end)).is_some() {
            break;
        }
        range.end = word.end;
    }
    Some(range)
}

/// Whether the numbers of a list need to be as long as its first one.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Lengths {
    Same,
    Any,
}

/// The numbers that go on with a list: `order 4711, 4712 and 4713`.
pub(super) fn more_numbers(text: &str, kind: Kind, first: &Range<usize>, lengths: Lengths, pieces: &mut Vec<Piece>) {
    let is_number = text[first.clone()].bytes().all(|b| b.is_ascii_digit());
    if !is_number || (lengths == Lengths::Same && first.len() < 3) {
        return;
    }
    let mut end = first.end;
    while let Some(found) = MORE.captures(&text[end..]).and_then(|found| found.get(1)) {
        let range = end + found.start()..end + found.end();
        let unit: String = text[range.end..].trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
        let is_amount = ["ms", "s", "records", "messages", "bytes", "times"].contains(&unit.as_str());
        if is_amount || (lengths == Lengths::Same && range.len() != first.len()) {
            return;
        }
        end = range.end;
        pieces.push(Piece::new(kind, range));
    }
}
