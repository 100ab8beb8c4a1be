//! Sends each step of an incident to an HTTP endpoint: everything as JSON, or a body made by a template. Start at
//! [`WebhookNotifier`]; `template` says what a template may hold.
//!
//! Every request carries `idempotency-key`, so that a receiver can drop what it has, and if wanted a signature: the hex
//! HMAC-SHA-256 of the body, so that it can tell who sent it.

mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use lagdoctor_sdk::json::{Value, json};
use lagdoctor_sdk::{
    Auth, Error, Host, IncidentEvent, Manifest, Notifier, Plugin, Receipt, Rendering, Request, Response, code, json,
    log,
};
use serde::Deserialize;

use template::Template;

/// The phases of an incident, and so those that can be chosen.
const PHASES: [&str; 3] = ["opened", "updated", "closed"];
/// What the document holds that is sent, and that a template may take from.
const ROOTS: [&str; 6] = ["schema", "event", "headline", "text", "markdown", "diagnosis"];
/// Headers that this plugin sets itself.
const OWN_HEADERS: [&str; 2] = ["content-type", "idempotency-key"];

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "url": {"type": "string", "pattern": "^https?://[^#]+$", "description": "Where to send; not needed with auth = secret-url, where the secret is the address"},
    "secret": {"type": "string", "minLength": 1, "description": "Name of the secret for `auth`"},
    "auth": {"type": "string", "enum": ["none", "hmac", "bearer", "basic", "header", "secret-url"], "description": "How to prove who sends; hmac when there is a secret, else none"},
    "auth_header": {"type": "string", "pattern": "^[a-z0-9-]+$", "default": "x-lagdoctor-signature", "description": "Header of the signature (hmac) or of the secret (header)"},
    "method": {"type": "string", "enum": ["POST", "PUT"], "default": "POST", "description": "Method; PUT must be granted"},
    "headers": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}, "description": "More headers, names in lower case"},
    "template": {"description": "The body: JSON whose texts hold placeholders such as {{headline}} or {{diagnosis.causes.0.node | unknown}}; a text alone is sent as text/plain. Without it everything is sent"},
    "words": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}, "description": "What the receiver calls the phases opened, updated and closed; {{event.word}} in a template"},
    "phases": {"type": "array", "items": {"enum": ["opened", "updated", "closed"]}, "default": ["opened", "updated", "closed"], "description": "Which steps of an incident to tell"},
    "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 600000, "default": 10000, "description": "Longest wait for the receiver"}
  },
  "anyOf": [{"required": ["url"]}, {"required": ["secret"], "properties": {"auth": {"const": "secret-url"}}}]
}"#;

/// What an operator writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to send.
    pub url: Option<String>,
    /// Name of the secret for `auth`.
    pub secret: Option<String>,
    /// How to prove who sends.
    pub auth: Option<AuthKind>,
    /// Header of the signature or of the secret.
    pub auth_header: String,
    /// Method.
    pub method: String,
    /// More headers.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub template: Option<Value>,
    /// What the receiver calls the phases.
    pub words: BTreeMap<String, String>,
    /// Which steps to tell.
    pub phases: Vec<String>,
    /// Longest wait.
    pub timeout_ms: u32,
}

/// How to prove who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthKind {
    /// Not at all.
    None,
    /// By signing the body.
    Hmac,
    /// With a token.
    Bearer,
    /// With user and password.
    Basic,
    /// With a header that is the secret.
    Header,
    /// With an address that is the secret.
    SecretUrl,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: None,
            secret: None,
            auth: None,
            auth_header: "x-lagdoctor-signature".to_owned(),
            method: "POST".to_owned(),
            headers: BTreeMap::new(),
            template: None,
            words: BTreeMap::new(),
            phases: PHASES.map(str::to_owned).to_vec(),
            timeout_ms: 10_000,
        }
    }
}

/// Tells one HTTP endpoint.
#[derive(Clone, Debug)]
pub struct WebhookNotifier {
    config: Config,
    auth: Option<Auth>,
    template: Option<Template>,
    destination: String,
}

impl Plugin for WebhookNotifier {
    type Config = Config;

    fn manifest() -> Manifest {
        let about = "Sends each step of an incident to an HTTP endpoint, as JSON or by a template.";
        Manifest::new("notifier-webhook", env!("CARGO_PKG_VERSION"), about)
            .configured_by(SCHEMA)
            .asks_http("config:url", "it is where to send")
            .asks_secret("config:secret", "it proves to the receiver who sends")
    }

    fn new(config: Config) -> Result<Self, Error> {
        let bad = |what: String| Err(Error::new(code::BAD_CONFIG, what));
        let is_signed = config.secret.is_some();
        let kind = config.auth.unwrap_or(if is_signed { AuthKind::Hmac } else { AuthKind::None });
        let auth = match (kind, config.secret.as_deref()) {
            (AuthKind::None, _) => None,
            (_, None) => return bad("`auth` needs `secret`, the name of the secret that proves who sends".to_owned()),
            (AuthKind::Hmac, Some(secret)) => Some(Auth::hmac(&config.auth_header, secret)),
            (AuthKind::Bearer, Some(secret)) => Some(Auth::bearer(secret)),
            (AuthKind::Basic, Some(secret)) => Some(Auth::basic(secret)),
            (AuthKind::Header, Some(secret)) => Some(Auth::header(&config.auth_header, secret)),
            (AuthKind::SecretUrl, Some(secret)) => Some(Auth::secret_url(secret)),
        };
        let destination = match (&config.url, kind, &config.secret) {
            (None, AuthKind::SecretUrl, Some(secret)) => format!("webhook at the address in secret `{secret}`"),
            (Some(_), AuthKind::SecretUrl, _) => return bad("with `auth` secret-url leave `url` out".to_owned()),
            (Some(url), ..) => match origin(url) {
                Some(origin) => format!("webhook at {origin}"),
                None => return bad(format!("`url` must read like https://hooks.example.com/lagdoctor; it is `{url}`")),
            },
            (None, ..) => return bad("`url` is missing: where shall it be sent?".to_owned()),
        };
        for name in config.headers.keys() {
            if OWN_HEADERS.contains(&name.as_str()) || name.chars().any(|c| c.is_ascii_uppercase()) {
                return bad(format!(
                    "`headers` holds `{name}`; names are in lower case, and {OWN_HEADERS:?} are set already"
                ));
            }
        }
        for phase in config.phases.iter().chain(config.words.keys()) {
            if !PHASES.contains(&phase.as_str()) {
                return bad(format!("`{phase}` is no phase; known are {}", PHASES.join(", ")));
            }
        }
        let template = config.template.as_ref().map(|template| Template::read(template, &ROOTS)).transpose();
        let template = template.map_err(|why| Error::new(code::BAD_CONFIG, format!("`template`: {why}")))?;
        Ok(Self { auth, template, destination, config })
    }
}

impl Notifier for WebhookNotifier {
    fn notify(
        &self,
        host: &dyn Host,
        event: &IncidentEvent,
        diagnosis_json: &str,
        renderings: &[Rendering],
    ) -> Result<Vec<Receipt>, Error> {
        if !self.config.phases.contains(&event.phase) {
            return Ok(vec![]);
        }
        let document = self.document(event, diagnosis_json, renderings);
        let body = self.template.as_ref().map_or_else(|| document.clone(), |template| template.fill(&document));
        let (content_type, body) = match body {
            Value::String(text) => ("text/plain; charset=utf-8", text.into_bytes()),
            body => ("application/json", body.to_string().into_bytes()),
        };
        let url = self.config.url.as_deref().unwrap_or_default();
        let mut request = Request { body, ..Request::new(&self.config.method, url) }
            .header("content-type", content_type)
            .header("idempotency-key", &event.idempotency_key);
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        let response = host.fetch(&request.auth(self.auth.clone()).patience_ms(self.config.timeout_ms))?;
        if response.is_success() {
            let reference = response.header("x-request-id").unwrap_or_default();
            return Ok(vec![Receipt::new(&self.destination, reference)]);
        }
        Err(self.refusal(&response))
    }
}

impl WebhookNotifier {
    /// All there is to tell.
    fn document(&self, event: &IncidentEvent, diagnosis_json: &str, renderings: &[Rendering]) -> Value {
        let diagnosis: Value = json::from_str(diagnosis_json)
            .inspect_err(|error| log::warn(&format!("the diagnosis cannot be read and is left out: {error}")))
            .unwrap_or(Value::Null);
        let rendered = |format: &str| {
            renderings.iter().find(|rendering| rendering.format == format).map(|rendering| rendering.text.as_str())
        };
        let word = self.config.words.get(&event.phase).unwrap_or(&event.phase);
        json!({
            "schema": 1,
            "event": {
                "incident": event.incident,
                "phase": event.phase,
                "word": word,
                "at_ms": event.at_ms,
                "idempotency_key": event.idempotency_key,
            },
            "headline": rendered("headline"),
            "text": rendered("text"),
            "markdown": rendered("markdown"),
            "diagnosis": diagnosis,
        })
    }

    fn refusal(&self, response: &Response) -> Error {
        let status = response.status;
        let (code, advice) = match status {
            401 | 403 => (code::UNAUTHORISED, "check `auth`, and the secret that `secret` names"),
            404 | 410 => (code::BAD_CONFIG, "check `url`"),
            400 | 413 | 415 | 422 => (code::BAD_CONFIG, "check `template` against what the receiver wants"),
            300..=399 => (code::BAD_CONFIG, "it points elsewhere; set `url` to where it really is"),
            429 => (code::RATE_LIMITED, "it is told again with the next change"),
            _ => (code::UPSTREAM, "look at the receiver"),
        };
        let said: String = response.text().chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let said = said.trim();
        let said = if said.is_empty() { String::new() } else { format!(" and `{said}`") };
        Error::new(code, format!("{} answered {status}{said}; {advice}", self.destination))
    }
}

/// Scheme, host and port. The path of a webhook is often as good as a password, so it is not shown.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let is_url = matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('@');
    is_url.then(|| format!("{scheme}://{host}"))
}

lagdoctor_sdk::export_notifier!(WebhookNotifier);
