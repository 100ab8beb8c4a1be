//! Which URLs a grant covers: `scheme://host[:port]`. Hosts are compared in the canonical form of the URL standard, so
//! that `0x7f.1`, `2130706433` and `127.0.0.1` are one host.

use std::fmt;

use url::{Host, Url};

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// Hosts below this domain, not the domain itself.
    Below(String),
    One(String),
}

/// A pattern `scheme://host[:port]`. The host may be `*` or `*.suffix`, the port `*`; without a port it is the
/// scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpPattern {
    scheme: String,
    host: HostPattern,
    port: Option<u16>,
}

/// The host of a URL in the one form in which hosts are compared: lower case, no dot at the end, IPv6 in brackets.
pub(crate) fn host_of(url: &Url) -> Option<String> {
    let host = match url.host()? {
        Host::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => format!("[{address}]"),
    };
    (!host.is_empty()).then_some(host)
}

/// `host:port` of a URL, for people.
pub(crate) fn authority(url: &Url) -> String {
    let host = host_of(url).unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
}

impl HttpPattern {
    /// A pattern from its text. Path, query, fragment and user information are refused.
    ///
    /// # Errors
    /// With the reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme: write `scheme://host[:port]`")?;
        if !matches!(scheme, "http" | "https") {
            return Err("the scheme must be `http` or `https`".to_owned());
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '\\', '@']) || rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("after the scheme only host and port may stand".to_owned());
        }
        let (rest, any_port) = rest.strip_suffix(":*").map_or((rest, false), |rest| (rest, true));
        // `*` is no host for the URL parser, so it stands in a letter that the parser leaves alone.
        let (wild, probe) = match rest.strip_prefix('*') {
            Some("") => (true, "any".to_owned()),
            Some(tail) if tail.starts_with(':') => (true, format!("any{tail}")),
            Some(tail) if tail.starts_with('.') => (true, format!("any{tail}")),
            Some(_) => return Err("`*` stands for a whole host or before a dot".to_owned()),
            None => (false, rest.to_owned()),
        };
        if probe.contains('*') {
            return Err("`*` stands only at the beginning of the host".to_owned());
        }
        let url = Url::parse(&format!("{scheme}://{probe}/")).map_err(|error| format!("the host is none: {error}"))?;
        let host = host_of(&url).ok_or("the host is missing")?;
        let host = match (wild, host.strip_prefix("any")) {
            (true, Some("")) => HostPattern::Any,
            (true, Some(suffix)) => HostPattern::Below(suffix.to_owned()),
            _ => HostPattern::One(host),
        };
        Ok(Self { scheme: scheme.to_owned(), host, port: if any_port { None } else { url.port_or_known_default() } })
    }

    /// The pattern that covers just scheme, host and port of this URL.
    ///
    /// # Errors
    /// When it is no `http` or `https` URL, or holds user information.
    pub fn of_url(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the scheme must be `http` or `https`".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("user and password do not belong into a URL: name a secret".to_owned());
        }
        let host = host_of(&url).ok_or("the host is missing")?;
        Ok(Self { scheme: url.scheme().to_owned(), host: HostPattern::One(host), port: url.port_or_known_default() })
    }

    /// Whether it covers scheme, host and port of this URL.
    pub fn covers(&self, url: &Url) -> bool {
        let Some(host) = host_of(url) else { return false };
        let host_fits = match &self.host {
            HostPattern::Any => true,
            HostPattern::Below(suffix) => host.ends_with(suffix.as_str()) && host.len() > suffix.len(),
            HostPattern::One(one) => *one == host,
        };
        let port_fits = self.port.is_none() || self.port == url.port_or_known_default();
        self.scheme == url.scheme() && host_fits && port_fits
    }

    /// The host, when it is about one.
    pub(crate) fn host(&self) -> Option<&str> {
        match &self.host {
            HostPattern::One(host) => Some(host),
            _ => None,
        }
    }

    /// Whether it is about one host, not about all or those below a domain.
    pub fn names_one_host(&self) -> bool {
        self.host().is_some()
    }

    /// Whether some URL is covered by both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        use HostPattern::{Any, Below, One};
        let hosts = match (&self.host, &other.host) {
            (Any, _) | (_, Any) => true,
            (One(a), One(b)) => a == b,
            (One(one), Below(suffix)) | (Below(suffix), One(one)) => one.ends_with(suffix.as_str()),
            (Below(a), Below(b)) => a.ends_with(b.as_str()) || b.ends_with(a.as_str()),
        };
        let ports = self.port.is_none() || other.port.is_none() || self.port == other.port;
        self.scheme == other.scheme && hosts && ports
    }
}

impl fmt::Display for HttpPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = if self.scheme == "http" { 80 } else { 443 };
        let host = match &self.host {
            HostPattern::Any => "*".to_owned(),
            HostPattern::Below(suffix) => format!("*{suffix}"),
            HostPattern::One(host) => host.clone(),
        };
        write!(f, "{}://{host}", self.scheme)?;
        match self.port {
            None => f.write_str(":*"),
            Some(port) if port == usual => Ok(()),
            Some(port) => write!(f, ":{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pattern: &str, url: &str, covered: bool) {
        let parsed = HttpPattern::parse(pattern).unwrap();
        assert_eq!(parsed.covers(&Url::parse(url).unwrap()), covered, "{pattern} and {url}");
    }

    #[test]
    fn a_pattern_covers_its_scheme_host_and_port_only() {
        check("https://a.example", "https://a.example/x?y", true);
        check("https://a.example", "https://A.EXAMPLE.:443/", true);
        check("https://a.example", "http://a.example/", false);
        check("https://a.example", "https://a.example:8443/", false);
        check("https://a.example", "https://b.a.example/", false);
        check("https://a.example", "https://a.example.evil.test/", false);
        check("http://a.example:9090", "http://a.example:9090/api", true);
        check("http://a.example:*", "http://a.example:9090/api", true);
    }

    #[test]
    fn a_star_covers_hosts_below_a_domain_and_not_the_domain() {
        check("https://*.example", "https://a.example/", true);
        check("https://*.example", "https://a.b.example/", true);
        check("https://*.example", "https://example/", false);
        check("https://*.example", "https://badexample/", false);
        check("https://*", "https://anything.test/", true);
        check("https://*", "https://anything.test:444/", false);
        check("https://*:*", "https://anything.test:444/", true);
    }

    #[test]
    fn one_address_has_one_form_whatever_its_notation() {
        for url in ["http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/"]
        {
            check("http://127.0.0.1", url, true);
        }
        check("http://[::1]:80", "http://[0:0:0:0:0:0:0:1]/", true);
        check("https://bücher.example", "https://xn--bcher-kva.example/", true);
    }

    #[test]
    fn a_url_with_more_than_host_and_port_is_no_pattern() {
        for text in [
            "a.example",
            "ftp://a.example",
            "https://",
            "https://a.example/path",
            "https://a.example?x",
            "https://user@a.example",
            "https://a.*",
            "https://*a.example",
            "https://a example",
            "https://a.example:99999",
            "https://a\\b",
        ] {
            assert!(HttpPattern::parse(text).is_err(), "{text}");
        }
    }

    fn pattern() -> impl Strategy<Value = String> {
        let host = prop_oneof!["\\*", "\\*\\.[ab]\\.t", "\\*\\.t", "[ab]\\.[ab]\\.t", "[ab]\\.t"];
        ("https?", host, prop_oneof![Just(""), Just(":80"), Just(":443"), Just(":*")])
            .prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}"))
    }

    proptest! {
        #[test]
        fn what_both_cover_overlaps(a in pattern(), b in pattern(), url in "https?://([ab]\\.)?[ab]\\.t(:80|:443)?/") {
            let (a, b, url) = (HttpPattern::parse(&a).unwrap(), HttpPattern::parse(&b).unwrap(), Url::parse(&url).unwrap());
            prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
            prop_assert!(!(a.covers(&url) && b.covers(&url)) || a.overlaps(&b));
        }

        #[test]
        fn a_pattern_reads_back_as_it_prints(text in pattern()) {
            let parsed = HttpPattern::parse(&text).unwrap();
            prop_assert_eq!(HttpPattern::parse(&parsed.to_string()).unwrap(), parsed);
        }

        #[test]
        fn no_text_breaks_the_parser(text in any::<String>(), host in "[a-z*.:@/\\\\\\[\\]0-9%]{0,20}") {
            let _ = HttpPattern::parse(&text);
            let _ = HttpPattern::parse(&format!("https://{host}"));
        }

        #[test]
        fn the_pattern_of_a_url_covers_that_url(url in "https?://[a-z]{1,8}(\\.[a-z]{1,8}){0,2}(:[1-9][0-9]{0,3})?/[a-z]{0,4}") {
            prop_assert!(HttpPattern::of_url(&url).unwrap().covers(&Url::parse(&url).unwrap()));
        }
    }
}
