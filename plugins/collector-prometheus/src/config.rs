//! How an operator says which Prometheus, and what of it.

use lagdoctor_sdk::{Auth, Error, code};
use serde::Deserialize;

use crate::dialect;

/// The most points of one series that Prometheus gives in one answer.
pub(crate) const MAX_POINTS: i64 = 11_000;

/// The JSON Schema of [`Config`].
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["url"],
  "properties": {
    "url": {"type": "string", "pattern": "^https?://[^?#]+$", "description": "Address of Prometheus, Thanos, Mimir or VictoriaMetrics, up to but without `/api/v1`"},
    "auth": {"type": "string", "enum": ["none", "bearer", "basic"], "default": "none", "description": "How to prove who is asking"},
    "secret": {"type": "string", "minLength": 1, "description": "Name of the secret for `auth`: a token for bearer, user:password for basic"},
    "tenant": {"type": "string", "minLength": 1, "description": "Value of the header X-Scope-OrgID, for Mimir and Cortex"},
    "dialects": {"type": "array", "items": {"type": "string"}, "default": [], "description": "Exporters to read, by their names in dialects.toml; empty: all whose metrics exist"},
    "match": {"type": "array", "items": {"type": "string"}, "default": [], "description": "Label matchers added to every selector, such as env=\"prod\""},
    "max_points": {"type": "integer", "minimum": 2, "maximum": 11000, "default": 11000, "description": "Most points of one series in one answer"},
    "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 600000, "default": 10000, "description": "Longest wait for one answer"}
  },
  "dependentRequired": {"secret": ["auth"]}
}"#;

/// What an operator writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address up to but without `/api/v1`.
    pub url: String,
    /// `none`, `bearer` or `basic`.
    #[serde(default)]
    pub auth: AuthKind,
    /// Name of the secret for `auth`.
    pub secret: Option<String>,
    /// Value of `X-Scope-OrgID`.
    pub tenant: Option<String>,
    /// Exporters to read; empty for all.
    #[serde(default)]
    pub dialects: Vec<String>,
    /// Label matchers added to every selector.
    #[serde(default, rename = "match")]
    pub matchers: Vec<String>,
    /// Most points of one series in one answer.
    #[serde(default = "max_points")]
    pub max_points: i64,
    /// Longest wait for one answer.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
}

/// How to prove who is asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthKind {
    /// Not at all.
    #[default]
    None,
    /// With a token.
    Bearer,
    /// With user and password.
    Basic,
}

fn max_points() -> i64 {
    MAX_POINTS
}

fn timeout_ms() -> u32 {
    10_000
}

impl Config {
    /// Brings it into the form in which it is used.
    ///
    /// # Errors
    /// With code `bad-config`, naming the field.
    pub(crate) fn checked(mut self) -> Result<Self, Error> {
        let bad = |what: String| Err(Error::new(code::BAD_CONFIG, what));
        while self.url.ends_with('/') {
            self.url.pop();
        }
        if let Some(stem) = self.url.strip_suffix("/api/v1") {
            self.url = stem.to_owned();
        }
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") || self.url.contains(['?', '#']) {
            return bad(format!("`url` must read like http://prometheus:9090, without `?`; it is `{}`", self.url));
        }
        if self.auth != AuthKind::None && self.secret.is_none() {
            return bad("`auth` needs `secret`, the name of the secret that proves who is asking".to_owned());
        }
        if let Some(name) = self.dialects.iter().find(|name| !dialect::names().contains(&name.as_str())) {
            return bad(format!("`dialects` names `{name}`; known are {}", dialect::names().join(", ")));
        }
        if let Some(matcher) = self.matchers.iter().find(|matcher| !is_matcher(matcher)) {
            return bad(format!("`match` holds `{matcher}`; a matcher reads like env=\"prod\" or env!~\"dev|test\""));
        }
        self.max_points = self.max_points.clamp(2, MAX_POINTS);
        Ok(self)
    }

    /// The proof of who is asking, by the name of its secret.
    pub(crate) fn proof(&self) -> Option<Auth> {
        let secret = self.secret.as_deref()?;
        match self.auth {
            AuthKind::None => None,
            AuthKind::Bearer => Some(Auth::bearer(secret)),
            AuthKind::Basic => Some(Auth::basic(secret)),
        }
    }
}

/// Whether this is one label matcher of PromQL. What is not could change the meaning of a whole selector.
fn is_matcher(text: &str) -> bool {
    let name_end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let value = ["=~", "!~", "!=", "="].iter().find_map(|operator| rest.strip_prefix(operator));
    let inside = value.and_then(|value| value.strip_prefix('"')).and_then(|value| value.strip_suffix('"'));
    let Some(inside) = inside else { return false };
    let mut escaped = false;
    for c in inside.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' | '\n' => return false,
            _ => {}
        }
    }
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && !escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_cannot_break_out_of_its_selector() {
        for matcher in [r#"env="prod""#, r#"env!~"dev|test""#, r#"a_1!="""#, r#"path=~"a\"b""#] {
            assert!(is_matcher(matcher), "{matcher}");
        }
        for matcher in
            ["", "env", "env=prod", r#"env="prod"} or vector(1) or up{a="b""#, r#"env="prod\""#, r#"1a="b""#, r#"="b""#]
        {
            assert!(!is_matcher(matcher), "{matcher}");
        }
    }

    fn check(json: &str) -> Result<Config, Error> {
        lagdoctor_sdk::json::from_str::<Config>(json).unwrap().checked()
    }

    #[test]
    fn an_address_is_accepted_however_far_it_was_copied() {
        for url in ["http://p:9090", "http://p:9090/", "http://p:9090/api/v1", "http://p:9090/api/v1/"] {
            assert_eq!(check(&format!(r#"{{"url": "{url}"}}"#)).unwrap().url, "http://p:9090");
        }
        assert_eq!(check(r#"{"url": "https://m/prometheus/"}"#).unwrap().url, "https://m/prometheus");
    }

    #[test]
    fn each_mistake_names_its_field() {
        for (json, field) in [
            (r#"{"url": "prometheus:9090"}"#, "`url`"),
            (r#"{"url": "http://p/?a=b"}"#, "`url`"),
            (r#"{"url": "http://p", "auth": "bearer"}"#, "`secret`"),
            (r#"{"url": "http://p", "dialects": ["kafka-exporter"]}"#, "kafka_exporter"),
            (r#"{"url": "http://p", "match": ["prod"]}"#, "`match`"),
        ] {
            let error = check(json).unwrap_err();
            assert_eq!(error.code, "bad-config");
            assert!(error.message.contains(field), "{json}: {}", error.message);
        }
    }
}
