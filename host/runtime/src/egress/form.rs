//! What may a guest's request look like? Everything that two programs could read in two ways is refused here, before
//! anybody asks whether it is granted: methods, URLs, header names and values.

use url::Url;

use crate::egress::policy::{Refusal, refuse};
use crate::text::clean;

/// Longest URL, in bytes.
const MAX_URL: usize = 8192;
/// Most headers in either direction.
pub(crate) const MAX_HEADERS: usize = 64;
/// Most bytes of all header names and values in either direction.
pub(crate) const MAX_HEADER_BYTES: usize = 16 << 10;

pub(crate) fn method(text: &str) -> Result<String, Refusal> {
    let valid = !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    if valid && text != "CONNECT" {
        Ok(text.to_owned())
    } else {
        refuse("bad-input", format!("`{}` is no method: write an upper-case word such as GET", clean(text, 40)))
    }
}

/// An absolute URL that could be sent. What is wrong is said without the URL, which may be a secret.
pub(crate) fn parse(text: &str) -> Result<Url, Refusal> {
    let wrong = |what: &str| Refusal { code: "bad-input", message: format!("the URL {what}") };
    if text.len() > MAX_URL {
        return Err(wrong("is longer than 8192 bytes"));
    }
    // The URL standard silently drops tabs and line breaks; two parsers that disagree are how filters are passed.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(wrong("holds a space, a backslash or a control character"));
    }
    let mut url = Url::parse(text).map_err(|error| wrong(&format!("is none: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user or password: name a secret in `auth`"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// `base` with what a guest adds to its path and query. The guest cannot leave the path: the rest of the URL is the
/// operator's secret.
pub(crate) fn below(mut base: Url, more: &str) -> Result<Url, Refusal> {
    let wrong = |what: &str| Refusal { code: "bad-input", message: format!("the addition {what}") };
    if more.len() > MAX_URL || more.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '#')) {
        return Err(wrong("is too long, or holds a space, a backslash, `#` or a control character"));
    }
    let (path, query) = more.split_once('?').map_or((more, None), |(path, query)| (path, Some(query)));
    if path.starts_with("//") || path.contains("://") {
        return Err(wrong("is a URL of its own: with `secret-url` only path and query can be added"));
    }
    let is_dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    if path.split('/').any(is_dots) {
        return Err(wrong("climbs out of the secret's path"));
    }
    if !path.is_empty() {
        let joined = format!("{}/{}", base.path().trim_end_matches('/'), path.trim_start_matches('/'));
        base.set_path(&joined);
    }
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        let joined = base.query().map_or_else(|| query.to_owned(), |own| format!("{own}&{query}"));
        base.set_query(Some(&joined));
    }
    Ok(base)
}

/// Headers that a guest may not set: they frame the message, speak for the connection, or prove who is asking.
pub(crate) fn is_hosts_own(name: &str) -> bool {
    const OWN: [&str; 19] = [
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "origin",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-real-ip",
    ];
    OWN.contains(&name) || name.starts_with("x-forwarded-") || name.starts_with("proxy-") || name.starts_with("sec-")
}

pub(crate) fn is_header_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= 256 && name.bytes().all(token)
}

pub(crate) fn headers(given: Vec<(String, String)>) -> Result<Vec<(String, String)>, Refusal> {
    let bytes: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if given.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return refuse("bad-input", format!("a request has at most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes"));
    }
    for (name, value) in &given {
        let shown = clean(name, 80);
        if !is_header_name(name) {
            return refuse("bad-input", format!("`{shown}` is no header name in lower case"));
        }
        if is_hosts_own(name) {
            return refuse("bad-input", format!("header `{shown}` is the host's; credentials go into `auth`"));
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return refuse("bad-input", format!("header `{shown}` holds a control character"));
        }
    }
    Ok(given)
}
