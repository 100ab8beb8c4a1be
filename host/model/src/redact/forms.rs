//! Pieces that are private wherever they stand, known by their form: e-mails, cards, phones, addresses, secrets.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::piece::{Kind, Piece};

/// By E.164.
const MAX_PHONE_DIGITS: usize = 15;

/// Compiles an expression of this program's own.
pub(super) fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("expressions of the redactor are checked by its tests")
}

/// All finds with their groups. Most texts have none, and without groups that is told faster.
pub(super) fn captures<'t>(regex: &Regex, text: &'t str) -> impl Iterator<Item = Captures<'t>> {
    regex.is_match(text).then(|| regex.captures_iter(text)).into_iter().flatten()
}

struct Forms {
    email: Regex,
    iban: Regex,
    phone: Regex,
    ipv4: Regex,
    ipv6: Regex,
    scheme: Regex,
    token: Regex,
    private_key: Regex,
    credentials: Regex,
    request: Regex,
}

static FORMS: LazyLock<Forms> = LazyLock::new(|| Forms {
    email: regex(r"[\w.%+'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}"),
    iban: regex(r"(?-u:\b)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{2,4}){3,8}(?-u:\b)"),
    phone: regex(concat!(
        r"(?:\+|(?-u:\b)00)[1-9][0-9 ().\-/]{5,22}[0-9]",
        r"|(?:\([2-9][0-9]{2}\) ?|(?-u:\b)[2-9][0-9]{2}[.-])[2-9][0-9]{2}[.-][0-9]{4}(?-u:\b)",
        r"|(?-u:\b)0[1-9][0-9]{1,4}[ /-][0-9]{3,}(?:[ -][0-9]{2,})*(?-u:\b)",
    )),
    ipv4: regex(r"(?-u:\b)[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?-u:\b)"),
    ipv6: regex(r"[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}"),
    scheme: regex(r"(?i-u)\b(bearer|basic|negotiate|digest)[ ]+([a-z0-9._~+/=-]{6,})"),
    token: regex(concat!(
        r"(?-u:\b)(?:eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*",
        r"|(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{12,}",
        r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}",
        r"|xox[a-z]-[A-Za-z0-9-]{10,}|(?:sk|pk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{20,}",
        r"|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,}",
        r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|hvs\.[A-Za-z0-9_-]{20,}",
        r"|hooks\.slack\.com/services/[A-Za-z0-9/]+|discord(?:app)?\.com/api/webhooks/[A-Za-z0-9/_-]+)",
    )),
    private_key: regex(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    credentials: regex(concat!(
        r#"://([^\s/?#"'<>]+)@"#,
        r#"|(?-u:\b)thin:([^\s/"'@]+/[^\s/"'@]+)@"#,
        r#"|(?-u:\b)([\w.-]+:[^\s@/"'(]+)@(?:tcp|unix)\("#,
    )),
    request: regex(concat!(
        r"(?i-u)(?:request|correlation|trace|session|x-request|req)[-_ ]?(?:id)?(?u-i:[^A-Za-z0-9]){1,4}",
        r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
    )),
});

pub(super) fn find(text: &str, pieces: &mut Vec<Piece>) {
    let forms = &*FORMS;
    let has_at = text.contains('@');
    let mut take = |kind, range: Range<usize>| pieces.push(Piece::new(kind, range));

    if has_at || text.contains("%40") {
        forms.email.find_iter(text).for_each(|found| take(Kind::Email, found.range()));
    }
    if has_at {
        for found in captures(&forms.credentials, text) {
            found.iter().skip(1).flatten().for_each(|part| take(Kind::Secret, part.range()));
        }
    }
    for found in captures(&forms.scheme, text) {
        let is_bearer = found[1].eq_ignore_ascii_case("bearer");
        if is_random(&found[2]) || (is_bearer && found[2].len() >= 20) {
            found.get(2).into_iter().for_each(|part| take(Kind::Secret, part.range()));
        }
    }
    forms.token.find_iter(text).for_each(|found| take(Kind::Secret, found.range()));
    if let Some(found) = forms.private_key.find(text) {
        // The end line may be cut off, so all that follows goes with it.
        let end = text[found.end()..].find("-----END ").map_or(text.len(), |at| found.end() + at);
        take(Kind::Secret, found.end()..end);
    }
    if has_digit(text) {
        cards(text, &mut take);
        forms
            .iban
            .find_iter(text)
            .filter(|found| is_iban(found.as_str()))
            .for_each(|found| take(Kind::Iban, found.range()));
        for found in forms.phone.find_iter(text) {
            phone(text, found.range()).into_iter().for_each(|range| take(Kind::Phone, range));
        }
        for found in forms.ipv4.find_iter(text).filter(|found| is_public_v4(found.as_str())) {
            if stands_alone(text, &found.range(), &['.']) {
                take(Kind::Ip, found.range());
            }
        }
        for found in forms.ipv6.find_iter(text) {
            let whole = found.as_str();
            let address = if whole.ends_with("::") { whole } else { whole.trim_end_matches(':') };
            let range = found.start()..found.start() + address.len();
            if is_public_v6(address) && stands_alone(text, &range, &[]) {
                take(Kind::Ip, range);
            }
        }
    }
}

/// Request ids, to be taken out of texts that are about a person or an order: they lead to them.
pub(super) fn find_requests(text: &str, pieces: &mut Vec<Piece>) {
    for found in captures(&FORMS.request, text) {
        found.get(1).into_iter().for_each(|id| pieces.push(Piece::new(Kind::Request, id.range())));
    }
}

/// Whether nothing before or after makes the range part of something longer, such as a version or a path of names.
fn stands_alone(text: &str, range: &Range<usize>, glue: &[char]) -> bool {
    let before = text[..range.start].chars().next_back();
    let mut after = text[range.end..].chars();
    let next = after.next();
    let is_glued_on = next.is_some_and(|c| glue.contains(&c)) && after.next().is_some_and(char::is_alphanumeric);
    !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || glue.contains(&c))
        && !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
        && !is_glued_on
}

pub(super) fn has_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

/// Whether a word looks drawn by chance and not written by a person.
pub(super) fn is_random(word: &str) -> bool {
    let changes_case =
        word.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    changes_case || word.ends_with('=') || has_digit(word)
}

/// Card numbers: in one run of digits, or in groups of which the first has four.
fn cards(text: &str, take: &mut impl FnMut(Kind, Range<usize>)) {
    let bytes = text.as_bytes();
    let mut groups: Vec<Range<usize>> = vec![];
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_digit() {
            let length = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
            groups.push(at..at + length);
            at += length;
        } else {
            at += 1;
        }
    }
    for (first, group) in groups.iter().enumerate() {
        if follows_kafka_word(text, group.start) {
            continue;
        }
        if is_card(&text[group.clone()]) {
            take(Kind::Card, group.clone());
        } else if group.len() == 4 {
            let mut digits = text[group.clone()].to_owned();
            let mut end = group.end;
            for next in groups[first + 1..].iter().take(4) {
                let is_joined = next.start == end + 1 && matches!(bytes[end], b' ' | b'-' | b'.');
                if !is_joined || !(1..=7).contains(&next.len()) {
                    break;
                }
                digits.push_str(&text[next.clone()]);
                end = next.end;
                if is_card(&digits) {
                    take(Kind::Card, group.start..end);
                }
            }
        }
    }
}

/// Whether these digits are a card number: a known issuer, its length, and the check digit of Luhn. Counters and
/// nanosecond times have as many digits, so the check digit alone, right for one number in ten, is not enough.
fn is_card(digits: &str) -> bool {
    if !(14..=19).contains(&digits.len()) {
        return false;
    }
    let prefix = |length: usize| digits[..length].parse::<u32>().unwrap_or(0);
    let is_issued = match (prefix(1), prefix(2), prefix(4), digits.len()) {
        (4, _, _, length) => matches!(length, 16 | 19),
        (_, 51..=55, _, 16) | (_, _, 2221..=2720, 16) | (_, 34 | 37, _, 15) => true,
        (_, 36 | 38 | 39, _, 14..=19) | (_, _, 3000..=3059, 14..=19) => true,
        (_, _, 3528..=3589, 16..=19) | (_, 50 | 56..=69, _, 16..=19) => true,
        _ => false,
    };
    is_issued && is_luhn(digits)
}

fn is_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, b)| match (place % 2, u32::from(b - b'0')) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => 2 * digit - 9,
            (_, digit) => 2 * digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// An offset stays an offset, however many digits it has.
pub(super) fn follows_kafka_word(text: &str, start: usize) -> bool {
    let before = text[..start].trim_end_matches([' ', '=', ':', '#']);
    let word = before.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    ["offset", "offsets", "position", "generation", "epoch", "lag", "partition", "timestamp", "createtime"]
        .iter()
        .any(|kafka| word.eq_ignore_ascii_case(kafka))
}

fn is_iban(text: &str) -> bool {
    let compact: String = text.chars().filter(|c| *c != ' ').collect();
    if !(15..=34).contains(&compact.len()) {
        return false;
    }
    let value = |c: char| c.to_digit(36).unwrap_or(0);
    let remainder = compact[4..].chars().chain(compact[..4].chars()).map(value).fold(0, |rest, digit| {
        let shift = if digit > 9 { 100 } else { 10 };
        (rest * shift + digit) % 97
    });
    remainder == 1
}

/// The part of a find that is a phone number; numbers that happen to follow it are left out.
fn phone(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let found = &text[range.clone()];
    let is_international = found.starts_with('+') || found.starts_with("00");
    if !stands_alone(text, &range, if is_international { &[] } else { &['-', '.'] })
        || follows_kafka_word(text, range.start)
    {
        return None;
    }
    // Group by group, to what one number can hold.
    let (mut seen, mut end, mut digits) = (0, 0, 0);
    for (at, _) in found.match_indices(|c: char| c.is_ascii_digit()) {
        seen += 1;
        if seen > MAX_PHONE_DIGITS {
            break;
        }
        if !found[at + 1..].starts_with(|c: char| c.is_ascii_digit()) {
            (end, digits) = (at + 1, seen);
        }
    }
    let is_grouped = found[..end].trim_start_matches('+').contains([' ', '-', '/', '.', '(', ')']);
    let least = match (is_international, is_grouped) {
        (true, true) => 8,
        (true, false) if found.starts_with("00") => return None,
        (true, false) => 10,
        (false, _) => 9,
    };
    (digits >= least).then(|| range.start..range.start + end)
}

/// Addresses of one's own networks say where something runs; public ones may be a customer's.
fn is_public_v4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok_and(|ip| {
        let [a, b, ..] = ip.octets();
        let is_shared = a == 100 && (64..128).contains(&b);
        let is_own = ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared;
        let is_nobodys = a == 0 || ip.is_multicast() || ip.is_broadcast();
        !is_own && !is_nobodys
    })
}

fn is_public_v6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok_and(|ip| (0x2000..0x4000).contains(&ip.segments()[0]))
}
