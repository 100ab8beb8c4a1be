//! Conveniences on the records of the contract: making errors, findings, requests and pages without spelling out every
//! field. Start at [`Finding::about`] and [`Error::new`].

use crate::{
    Auth, Cause, Dismissal, Error, Finding, NodeRef, Page, RawEdge, RawGap, RawLog, RawNode, RawSeries, Receipt,
    Request, Response, SeriesRef,
};

/// The codes of [`Error`]. `unreachable`, `rate-limited` and `upstream` are passing trouble of the far side;
/// `internal` counts against the plugin.
pub mod code {
    /// The operator's configuration cannot be used.
    pub const BAD_CONFIG: &str = "bad-config";
    /// What the host gave cannot be used.
    pub const BAD_INPUT: &str = "bad-input";
    /// Something was needed that the operator did not grant.
    pub const NOT_GRANTED: &str = "not-granted";
    /// The far side could not be reached.
    pub const UNREACHABLE: &str = "unreachable";
    /// The far side refused the credentials.
    pub const UNAUTHORISED: &str = "unauthorised";
    /// The far side, or the host, asks for patience.
    pub const RATE_LIMITED: &str = "rate-limited";
    /// The far side answered with an error.
    pub const UPSTREAM: &str = "upstream";
    /// This plugin cannot do that.
    pub const UNSUPPORTED: &str = "unsupported";
    /// A fault of the plugin itself.
    pub const INTERNAL: &str = "internal";
}

impl Error {
    /// An error with one of the codes of [`code`]. The message says what was tried, why it failed and what to do next.
    ///
    /// ```
    /// # use lagdoctor_sdk::{Error, code};
    /// let error = Error::new(code::UPSTREAM, "Prometheus answered 503 to `up`; is it still starting?");
    /// assert_eq!(error.code, "upstream");
    /// ```
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), ext: vec![] }
    }
}

/// A score from 0 to 1 for a distance in robust standard deviations: 0.04 at 1, 0.5 at 5, 0.94 at 20. The sign does not
/// matter; a distance that is no number scores 0.
///
/// ```
/// # use lagdoctor_sdk::score_of;
/// assert_eq!(score_of(5.0), 0.5);
/// assert!(score_of(1.0) < 0.05 && score_of(-20.0) > 0.9);
/// assert_eq!(score_of(f64::NAN), 0.0);
/// ```
pub fn score_of(deviations: f64) -> f64 {
    let square = deviations * deviations;
    if square.is_nan() {
        0.0
    } else if square.is_infinite() {
        1.0
    } else {
        square / (square + 25.0)
    }
}

impl Finding {
    /// A finding on one node that rests on this signal: score 0, nothing else said yet.
    pub fn on(node: NodeRef<'_>, signal: &str) -> Self {
        Self {
            node: node.handle,
            signal: signal.to_owned(),
            score: 0.0,
            magnitude: 0.0,
            onset_ms: None,
            class: String::new(),
            observed: f64::NAN,
            expected: f64::NAN,
            series: None,
            log_line: None,
            statement: String::new(),
            ext: vec![],
        }
    }

    /// A finding that rests on this series.
    pub fn about(series: &SeriesRef<'_>) -> Self {
        Self { series: Some(series.handle), ..Self::on(series.node, series.signal) }
    }

    /// How unusual, from 0 to 1, and brought into that range. What is no number stays none, so that the host refuses the
    /// answer: 0 would say that all is well.
    #[must_use]
    pub fn score(mut self, score: f64) -> Self {
        self.score = score.clamp(0.0, 1.0);
        self
    }

    /// Signed size in robust standard deviations; what is not finite becomes 0.
    #[must_use]
    pub fn magnitude(mut self, deviations: f64) -> Self {
        self.magnitude = if deviations.is_finite() { deviations } else { 0.0 };
        self
    }

    /// When it began.
    #[must_use]
    pub fn since(mut self, onset_ms: Option<i64>) -> Self {
        self.onset_ms = onset_ms;
        self
    }

    /// The class that it speaks for; with a score near 0 the one that it speaks against.
    #[must_use]
    pub fn class(mut self, class: &str) -> Self {
        class.clone_into(&mut self.class);
        self
    }

    /// What was seen and what was to be expected, in the unit of the signal. Infinity becomes missing.
    #[must_use]
    pub fn saw(mut self, observed: f64, expected: f64) -> Self {
        let finite = |value: f64| if value.is_finite() { value } else { f64::NAN };
        self.observed = finite(observed);
        self.expected = finite(expected);
        self
    }

    /// The series it rests on.
    #[must_use]
    pub fn rests_on(mut self, series: &SeriesRef<'_>) -> Self {
        self.series = Some(series.handle);
        self
    }

    /// The first log line that it rests on, by its place in the batch.
    #[must_use]
    pub fn log_line(mut self, line: u32) -> Self {
        self.log_line = Some(line);
        self
    }

    /// One sentence for people, without the name of the node.
    #[must_use]
    pub fn says(mut self, statement: impl Into<String>) -> Self {
        self.statement = statement.into();
        self
    }
}

impl Cause {
    /// A cause at this node; `confidence` is brought into 0 to 1. What is no number stays none, and the host refuses it.
    pub fn new(node: u32, class: &str, confidence: f64, because: impl Into<String>) -> Self {
        let confidence = confidence.clamp(0.0, 1.0);
        Self {
            node,
            class: class.to_owned(),
            confidence,
            path: vec![],
            findings: vec![],
            because: because.into(),
            ext: vec![],
        }
    }
}

impl Dismissal {
    /// Something set aside.
    pub fn new(node: u32, class: &str, findings: Vec<u32>, because: impl Into<String>) -> Self {
        Self { node, class: class.to_owned(), findings, because: because.into(), ext: vec![] }
    }
}

fn pairs(attributes: &[(&str, &str)]) -> Vec<(String, String)> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Page {
    /// A last page with nothing on it.
    pub fn empty() -> Self {
        Self {
            series: vec![],
            logs: vec![],
            events: vec![],
            nodes: vec![],
            edges: vec![],
            gaps: vec![],
            next: String::new(),
            ext: vec![],
        }
    }
}

impl RawSeries {
    /// A series of levels. Readings are added to `times_ms` and `values`.
    pub fn gauge(signal: &str, attributes: &[(&str, &str)]) -> Self {
        Self {
            signal: signal.to_owned(),
            attributes: pairs(attributes),
            temporality: "gauge".to_owned(),
            times_ms: vec![],
            values: vec![],
            query: String::new(),
            ext: vec![],
        }
    }

    /// A series of ever growing counts, which the host turns into rates.
    pub fn counter(signal: &str, attributes: &[(&str, &str)]) -> Self {
        Self { temporality: "counter".to_owned(), ..Self::gauge(signal, attributes) }
    }
}

impl RawLog {
    /// A log line.
    pub fn new(at_ms: i64, severity: u8, message: impl Into<String>, attributes: &[(&str, &str)]) -> Self {
        Self { at_ms, severity, message: message.into(), attributes: pairs(attributes), ext: vec![] }
    }
}

impl RawNode {
    /// A node.
    pub fn new(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned(), attributes: vec![], ext: vec![] }
    }
}

impl RawGap {
    /// The source did not answer, or not in time.
    pub fn unreachable(statement: impl Into<String>) -> Self {
        Self::new("unreachable", statement)
    }

    /// The source refused: credentials, rights or a limit of its own.
    pub fn refused(statement: impl Into<String>) -> Self {
        Self::new("refused", statement)
    }

    /// The answer makes no sense, is an error, or is known to be incomplete.
    pub fn malformed(statement: impl Into<String>) -> Self {
        Self::new("malformed", statement)
    }

    /// There is more than can be read.
    pub fn truncated(statement: impl Into<String>) -> Self {
        Self::new("truncated", statement)
    }

    /// A gap with its cause in one of these words; `statement` is one sentence with a way out.
    pub fn new(cause: &str, statement: impl Into<String>) -> Self {
        Self { cause: cause.to_owned(), statement: statement.into(), ext: vec![] }
    }
}

impl RawEdge {
    /// An edge; both ends as `kind:name`.
    pub fn new(dependent: &str, kind: &str, dependency: &str) -> Self {
        Self { dependent: dependent.to_owned(), dependency: dependency.to_owned(), kind: kind.to_owned(), ext: vec![] }
    }
}

impl Receipt {
    /// What was sent where, without secrets.
    pub fn new(destination: impl Into<String>, reference: impl Into<String>) -> Self {
        Self { destination: destination.into(), reference: reference.into(), ext: vec![] }
    }
}

impl Auth {
    fn by(kind: &str, secret: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), secret: secret.to_owned(), name: name.to_owned(), ext: vec![] }
    }

    /// `authorization: Bearer SECRET`.
    pub fn bearer(secret: &str) -> Self {
        Self::by("bearer", secret, "")
    }

    /// Basic authentication; the secret is `user:password`.
    pub fn basic(secret: &str) -> Self {
        Self::by("basic", secret, "")
    }

    /// The secret is the value of the header `name`.
    pub fn header(name: &str, secret: &str) -> Self {
        Self::by("header", secret, name)
    }

    /// The secret is the URL; the request's own URL only adds to its path and query.
    pub fn secret_url(secret: &str) -> Self {
        Self::by("secret-url", secret, "")
    }

    /// The header `name` gets the hex HMAC-SHA-256 of the body, keyed by the secret.
    pub fn hmac(name: &str, secret: &str) -> Self {
        Self::by("hmac", secret, name)
    }
}

impl Request {
    /// A request without headers, body or credentials; ten seconds of patience.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            url: url.into(),
            headers: vec![],
            body: vec![],
            auth: None,
            timeout_ms: 10_000,
            ext: vec![],
        }
    }

    /// `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// `POST` of a JSON body.
    pub fn post_json(url: impl Into<String>, body: &serde_json::Value) -> Self {
        Self { body: body.to_string().into_bytes(), ..Self::new("POST", url) }
            .header("content-type", "application/json")
    }

    /// `POST` of a form; names and values are percent-encoded.
    ///
    /// ```
    /// # use lagdoctor_sdk::Request;
    /// let request = Request::post_form("http://prometheus:9090/api/v1/query", &[("query", "up == 1")]);
    /// assert_eq!(request.body, b"query=up%20%3D%3D%201");
    /// ```
    pub fn post_form(url: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let body = fields.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value)));
        let body = body.collect::<Vec<_>>().join("&").into_bytes();
        Self { body, ..Self::new("POST", url) }.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Adds a header; its name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Says how to prove who is asking.
    #[must_use]
    pub fn auth(mut self, auth: Option<Auth>) -> Self {
        self.auth = auth;
        self
    }

    /// How long to wait.
    #[must_use]
    pub fn patience_ms(mut self, timeout_ms: u32) -> Self {
        self.timeout_ms = timeout_ms.max(1);
        self
    }
}

/// Percent-encodes everything but letters, digits and `-._~`.
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}

impl Response {
    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON of this type.
    ///
    /// # Errors
    /// With code `upstream` when it is not.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::new(code::UPSTREAM, format!("the answer is not the JSON expected: {error}")))
    }

    /// The first header of this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}
