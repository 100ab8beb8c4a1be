//! Blanks secrets in what comes back. A far side may echo a header, a URL or a whole request, encoded in the ways that
//! programs do: so each character of a secret is looked for raw, percent-encoded, JSON-escaped and HTML-escaped, also
//! twice, and in UTF-16, and the whole secret also in hex and in base64 at each of its three alignments. A far side that
//! wants to give a secret away can always find another way to write it; this is for those that do not.

use std::fmt::Write;

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine as _};
use regex::bytes::{NoExpand, Regex, RegexBuilder};

use crate::egress::secrets::Secret;

/// What stands in the place of a secret.
const BLANK: &[u8] = b"[secret]";
/// Parts of a secret (the password of `user:password`, the path of a URL) are blanked from this length on; shorter
/// ones are ordinary words.
const MIN_PART: usize = 6;
/// Memory that the expression for all secrets of one plugin may take once compiled, in bytes.
const MAX_COMPILED: usize = 32 << 20;

/// Blanks a set of secrets.
pub struct Scrubber(Option<Regex>);

impl Scrubber {
    /// A scrubber for these secrets; `None` when they are too large to be looked for, and so must not be used.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Option<Self> {
        let mut parts: Vec<&str> = secrets.into_iter().flat_map(|secret| parts(secret.expose())).collect();
        if parts.is_empty() {
            return Some(Self(None));
        }
        // Of two that overlap the longer one must win, and alternatives are tried in order.
        parts.sort_by_key(|part| (std::cmp::Reverse(part.len()), *part));
        parts.dedup();
        let forms = |part: &&str| [flexible(part), hex(part.as_bytes())].into_iter().chain(base64(part.as_bytes()));
        Self::any_of(parts.iter().flat_map(forms))
    }

    /// A scrubber for what a secret has computed: its bytes as hex, and in base64 by themselves and as hex.
    pub(crate) fn of_digests<'a>(digests: impl IntoIterator<Item = &'a Vec<u8>>) -> Option<Self> {
        let forms = digests.into_iter().flat_map(|digest| {
            let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            [flexible(&text), hex(digest)].into_iter().chain(base64(digest)).chain(base64(text.as_bytes()))
        });
        Self::any_of(forms)
    }

    fn any_of(forms: impl Iterator<Item = String>) -> Option<Self> {
        let pattern = forms.collect::<Vec<_>>().join("|");
        if pattern.is_empty() {
            return Some(Self(None));
        }
        RegexBuilder::new(&pattern).unicode(false).size_limit(MAX_COMPILED).build().ok().map(|regex| Self(Some(regex)))
    }

    /// These bytes, with `[secret]` wherever one of the secrets stood.
    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.0 {
            Some(regex) if regex.is_match(&bytes) => regex.replace_all(&bytes, NoExpand(BLANK)).into_owned(),
            _ => bytes,
        }
    }

    /// This text, with `[secret]` wherever one of the secrets stood.
    pub fn text(&self, text: String) -> String {
        // Only whole secrets in UTF-8 are replaced, by ASCII, so the text stays UTF-8.
        String::from_utf8(self.bytes(text.into_bytes())).unwrap_or_default()
    }
}

/// The secret and those parts of it that are secret by themselves.
fn parts(secret: &str) -> Vec<&str> {
    let mut parts = vec![secret];
    if let Some((_, rest)) = secret.split_once("://") {
        // Of a URL everything behind the host may be a token, as a whole or segment by segment.
        let tail = rest.find('/').map_or("", |slash| &rest[slash..]);
        parts.extend(Some(tail).filter(|tail| tail.len() >= MIN_PART));
        parts.extend(tail.split(['/', '?', '&', '=']).filter(|part| part.len() >= 16));
    } else if let Some((_, password)) = secret.split_once(':') {
        parts.extend(Some(password).filter(|password| password.len() >= MIN_PART));
    }
    parts
}

/// Each character raw or escaped, once or several times.
fn flexible(part: &str) -> String {
    let mut pattern = String::new();
    for c in part.chars() {
        pattern.push_str("(?:");
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            let _ = write!(pattern, "(?:\\x{byte:02x}|%(?:25)*(?i:{byte:02x}))");
        }
        let code = u32::from(c);
        pattern.push_str("|\\\\+");
        let units: Vec<String> = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("u(?i:{unit:04x})")).collect();
        pattern.push_str(&units.join("\\\\+"));
        let _ = write!(pattern, "|&#0*{code};|&#(?i:x0*{code:x});");
        match c {
            ' ' => pattern.push_str("|\\+"),
            '"' => pattern.push_str("|\\\\+\"|&quot;"),
            '\\' => pattern.push_str("|\\\\+"),
            '/' => pattern.push_str("|\\\\+/"),
            '&' => pattern.push_str("|&amp;"),
            '<' => pattern.push_str("|&lt;"),
            '>' => pattern.push_str("|&gt;"),
            '\'' => pattern.push_str("|&apos;"),
            _ => {}
        }
        pattern.push(')');
        if c.is_ascii() {
            // The other half of UTF-16.
            pattern.push_str("\\x00?");
        }
    }
    pattern
}

fn hex(part: &[u8]) -> String {
    let mut pattern = "(?i:".to_owned();
    for byte in part {
        let _ = write!(pattern, "{byte:02x}");
    }
    pattern + ")"
}

/// The characters of base64 that depend on this part, for each of the three places where it can begin.
fn base64(part: &[u8]) -> Vec<String> {
    if part.len() < MIN_PART {
        return vec![];
    }
    let aligned = |shift: usize| {
        let mut bytes = vec![0; shift];
        bytes.extend_from_slice(part);
        let whole = bytes.len() * 8 / 6;
        let text = BASE64_STANDARD_NO_PAD.encode(&bytes);
        let own = &text[(shift * 8).div_ceil(6)..whole];
        let letter = |c: char| match c {
            '+' => "(?:\\+|-|%2[bB])".to_owned(),
            '/' => "(?:/|_|%2[fF]|\\\\/)".to_owned(),
            c => c.to_string(),
        };
        // A character on either side may hold some bits of the part as well, and padding tells its length.
        let shared = "[A-Za-z0-9+/_-]?";
        let before = if shift == 0 { "" } else { shared };
        let after = if (bytes.len() * 8).is_multiple_of(6) { "" } else { "[A-Za-z0-9+/_-]?(?:=|%3[dD]){0,2}" };
        let own: String = own.chars().map(letter).collect();
        format!("{before}{own}{after}")
    };
    (0..3).map(aligned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    fn scrub(secret: &str, text: &str) -> String {
        let secret = Secret::new(secret).unwrap();
        Scrubber::new([&secret]).unwrap().text(text.to_owned())
    }

    #[test]
    fn a_secret_is_blanked_in_the_ways_programs_write_it() {
        let secret = "p@ss/w\"rd+1";
        for text in [
            "p@ss/w\"rd+1".to_owned(),
            "p%40ss%2Fw%22rd%2B1".to_owned(),
            "p%40ss%2fw%22rd%2b1".to_owned(),
            r#"p@ss\/w\"rd+1"#.to_owned(),
            r"p\u0040ss/w\u0022rd+1".to_owned(),
            r#"p@ss\\\/w\\\"rd+1"#.to_owned(),
            "p%2540ss%252Fw%2522rd%252B1".to_owned(),
            "p\0@\0s\0s\0/\0w\0\"\0r\0d\0+\x001\0".to_owned(),
            "p&#64;ss/w&quot;rd&#x2B;1".to_owned(),
            "7040737 32f7722726 42b31".replace(' ', ""),
            BASE64_STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        ] {
            let answer = scrub(secret, &format!("before {text} after"));
            assert!(answer.contains("[secret]") && !answer.contains("ss"), "{text} gives {answer}");
            assert!(answer.starts_with("before ") && answer.ends_with(" after"), "{text} gives {answer}");
        }
    }

    #[test]
    fn the_password_and_the_path_of_a_webhook_are_secrets_too() {
        assert_eq!(scrub("scraper:correct-horse", "is correct-horse right?"), "is [secret] right?");
        let hook = "https://hooks.example/services/T000/B000/abcdefghijklmnopqrst";
        assert_eq!(scrub(hook, "POST /services/T000/B000/abcdefghijklmnopqrst"), "POST [secret]");
        assert_eq!(scrub(hook, "no team has abcdefghijklmnopqrst"), "no team has [secret]");
        assert_eq!(scrub(hook, "hooks.example is fine"), "hooks.example is fine");
    }

    #[test]
    fn a_secret_beyond_ascii_is_blanked_when_it_is_escaped() {
        let secret = "pässwörd-🔑";
        for text in [
            secret,
            r"p\u00e4ssw\u00f6rd-\ud83d\udd11",
            "p%C3%A4ssw%C3%B6rd-%F0%9F%94%91",
            "p&#228;ssw&#xF6;rd-&#128273;",
        ] {
            assert_eq!(scrub(secret, text), "[secret]", "{text}");
        }
    }

    #[test]
    fn of_a_secret_in_base64_no_character_is_left() {
        for secret in ["scraper:pr0metheus-passw0rd", "scraper:pr0metheus-passw0rd1", "scraper:pr0metheus-passw0rd12"] {
            let scrubber = Scrubber::new(&[Secret::new(secret).unwrap()]).unwrap();
            let kept = scrubber.text(format!("Basic {}, and so on", BASE64_STANDARD.encode(secret)));
            assert_eq!(kept, "Basic [secret], and so on");
        }
    }

    #[test]
    fn a_digest_is_blanked_as_hex_and_in_base64() {
        let digest: Vec<u8> = (0..32).map(|byte| byte * 7).collect();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let scrubber = Scrubber::of_digests([&digest]).unwrap();
        for text in [hex.clone(), hex.to_uppercase(), BASE64_STANDARD.encode(&hex)] {
            let left = scrubber.text(text.trim_end_matches('=').to_owned());
            assert!(left.starts_with("[secret]") && left.len() < 12, "{text} gives {left}");
        }
        let raw = scrubber.text(BASE64_STANDARD.encode(&digest));
        assert!(raw.starts_with("[secret]") && raw.len() < 12, "{raw}");
    }

    #[test]
    fn the_longer_of_two_secrets_is_blanked_first() {
        let secrets = ["token", "token-of-prod"].map(|text| Secret::new(text).unwrap());
        let scrubber = Scrubber::new(&secrets).unwrap();
        assert_eq!(scrubber.text("token-of-prod token".into()), "[secret] [secret]");
    }

    #[test]
    fn without_secrets_nothing_changes() {
        assert_eq!(Scrubber::new([]).unwrap().bytes(vec![0, 255, 1]), [0, 255, 1]);
    }

    proptest! {
        #[test]
        fn no_secret_comes_through_whatever_surrounds_it(
            secret in "[ -~]{6,40}",
            before in prop::collection::vec(any::<u8>(), 0..12),
            after in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let secret = Secret::new(secret).unwrap();
            let scrubber = Scrubber::new([&secret]).unwrap();
            let whole = [before, secret.expose().as_bytes().to_vec(), after].concat();
            let contains = |bytes: &[u8], needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            let kept = scrubber.bytes(whole.clone());
            prop_assert!(!contains(&kept, secret.expose().as_bytes()) || b"[secret]".windows(secret.expose().len()).any(|w| w == secret.expose().as_bytes()));
            // Encoded together with its surroundings, what is left must not decode to the secret.
            for encoded in [BASE64_STANDARD.encode(&whole), BASE64_URL_SAFE_NO_PAD.encode(&whole)] {
                let kept = scrubber.text(encoded.clone());
                prop_assert!(kept.contains("[secret]"), "{encoded} gives {kept}");
            }
        }
    }
}
