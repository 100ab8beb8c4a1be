//! How an operator says which Elasticsearch, which index, and what its fields are called.

use lagdoctor_sdk::{Auth, Error, code};
use serde::Deserialize;

use crate::severity;

/// Indices that are read when none is named: what Elastic Agent, Filebeat and Logstash write.
const USUAL_INDICES: &str = "logs-*,filebeat-*,logstash-*";

/// The largest `max_lines`; a page with all of them fits into the limits of the host.
pub(crate) const MOST_LINES: usize = 20_000;

/// The JSON Schema of [`Config`].
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["url"],
  "properties": {
    "url": {"type": "string", "pattern": "^https?://[^?#]+$", "description": "Address of Elasticsearch or OpenSearch; may end in an index pattern, such as http://elasticsearch:9200/logs-*"},
    "index": {"type": "string", "minLength": 1, "description": "Index, data stream or pattern, several joined by commas; default: that of `url`, else logs-*,filebeat-*,logstash-*"},
    "auth": {"type": "string", "enum": ["none", "bearer", "basic", "header"], "default": "none", "description": "How to prove who is asking; header: the secret is the whole authorization header, such as ApiKey BASE64"},
    "secret": {"type": "string", "minLength": 1, "description": "Name of the secret for `auth`"},
    "min_level": {"type": "string", "enum": ["trace", "debug", "info", "warn", "error"], "default": "info", "description": "Lines below this level are left out"},
    "max_lines": {"type": "integer", "minimum": 1, "maximum": 20000, "default": 10000, "description": "Most lines of one window; warnings and errors come first, and what does not fit is thinned evenly over the window"},
    "services": {"type": "array", "items": {"type": "string", "minLength": 1}, "default": [], "description": "Only lines of these services; empty: of all"},
    "fields": {
      "type": "object", "additionalProperties": false, "default": {}, "description": "What the fields are called where they have no usual name",
      "properties": {
        "time": {"type": "string", "default": "@timestamp", "description": "Time of the line; a date field"},
        "tiebreaker": {"type": "string", "default": "_doc", "description": "Orders lines of one time; a sortable field, best one that is different in each line"},
        "message": {"type": "string", "description": "Text of the line"},
        "level": {"type": "string", "description": "Level of the line"},
        "service": {"type": "string", "description": "Service that wrote it"},
        "instance": {"type": "string", "description": "Instance that wrote it"}
      }
    },
    "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 600000, "default": 10000, "description": "Longest wait for one answer"}
  },
  "dependentRequired": {"secret": ["auth"]}
}"#;

/// What an operator writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address, perhaps with an index pattern.
    pub url: String,
    /// Index, data stream or pattern.
    pub index: Option<String>,
    /// How to prove who is asking.
    #[serde(default)]
    pub auth: AuthKind,
    /// Name of the secret for `auth`.
    pub secret: Option<String>,
    /// Lines below this level are left out.
    #[serde(default = "info")]
    pub min_level: String,
    /// Most lines of one window.
    #[serde(default = "max_lines")]
    pub max_lines: usize,
    /// Only lines of these services; empty for all.
    #[serde(default)]
    pub services: Vec<String>,
    /// What the fields are called.
    #[serde(default)]
    pub fields: Fields,
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
    /// With a whole authorization header, such as that of an API key.
    Header,
}

/// What the fields are called; those that are not named are looked for under their usual names.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fields {
    /// Time of the line.
    pub time: String,
    /// Orders lines of one time.
    pub tiebreaker: String,
    /// Text.
    pub message: Option<String>,
    /// Level.
    pub level: Option<String>,
    /// Service.
    pub service: Option<String>,
    /// Instance.
    pub instance: Option<String>,
}

impl Default for Fields {
    fn default() -> Self {
        let (time, tiebreaker) = ("@timestamp".to_owned(), "_doc".to_owned());
        Self { time, tiebreaker, message: None, level: None, service: None, instance: None }
    }
}

fn info() -> String {
    "info".to_owned()
}

fn max_lines() -> usize {
    10_000
}

fn timeout_ms() -> u32 {
    10_000
}

/// A configuration that fits together.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) config: Config,
    /// Address without an index, without a slash at its end.
    pub(crate) base: String,
    pub(crate) index: String,
    /// SeverityNumber of `min_level`.
    pub(crate) least: u8,
}

impl Checked {
    /// What an operator writes to read more lines, or only those that matter.
    pub(crate) fn to_read_more(&self) -> String {
        let more = if self.config.max_lines < MOST_LINES { "" } else { ", min_level = \"warn\"" };
        format!(
            "write under [[plugin]] with name = \"collector-elasticsearch\": config = {{ url = \"{}\", max_lines = \
             {MOST_LINES}{more} }}",
            self.config.url
        )
    }
}

impl Config {
    /// # Errors
    /// With code `bad-config`, naming the field.
    pub(crate) fn checked(self) -> Result<Checked, Error> {
        let bad = |what: String| Err(Error::new(code::BAD_CONFIG, what));
        let Some((scheme, rest)) = self.url.split_once("://").filter(|_| !self.url.contains(['?', '#'])) else {
            return bad(format!("`url` must read like http://elasticsearch:9200/logs-*; it is `{}`", self.url));
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        if host.is_empty() || !matches!(scheme, "http" | "https") {
            return bad(format!("`url` must read like http://elasticsearch:9200/logs-*; it is `{}`", self.url));
        }
        // With `index` all of the path leads to Elasticsearch; without, its last part is the index.
        let (prefix, last) = match (&self.index, path.rsplit_once('/')) {
            (Some(_), _) => (path, ""),
            (None, Some((prefix, last))) => (prefix, last),
            (None, None) => ("", path),
        };
        let index = self.index.clone().unwrap_or_else(|| last.to_owned());
        let index = if index.is_empty() { USUAL_INDICES.to_owned() } else { index };
        if index.contains(|c: char| c.is_whitespace() || c.is_control() || "/\\?#\"<>|%".contains(c)) {
            return bad(format!("`{index}` is no index pattern; write it like logs-* or logs-shop,logs-pay"));
        }
        let base = if prefix.is_empty() { format!("{scheme}://{host}") } else { format!("{scheme}://{host}/{prefix}") };
        if self.auth != AuthKind::None && self.secret.is_none() {
            return bad("`auth` needs `secret`, the name of the secret that proves who is asking".to_owned());
        }
        let Some(least) = severity::of_word(&self.min_level) else {
            return bad(format!("`min_level` is `{}`; known are trace, debug, info, warn, error", self.min_level));
        };
        Ok(Checked { config: self, base, index, least })
    }

    /// The proof of who is asking, by the name of its secret.
    pub(crate) fn proof(&self) -> Option<Auth> {
        let secret = self.secret.as_deref()?;
        match self.auth {
            AuthKind::None => None,
            AuthKind::Bearer => Some(Auth::bearer(secret)),
            AuthKind::Basic => Some(Auth::basic(secret)),
            AuthKind::Header => Some(Auth::header("authorization", secret)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<Checked, Error> {
        lagdoctor_sdk::json::from_str::<Config>(json).unwrap().checked()
    }

    #[test]
    fn the_index_may_stand_in_the_address() {
        for (json, base, index) in [
            (r#"{"url": "http://es:9200"}"#, "http://es:9200", USUAL_INDICES),
            (r#"{"url": "http://es:9200/"}"#, "http://es:9200", USUAL_INDICES),
            (r#"{"url": "http://es:9200/logs-*"}"#, "http://es:9200", "logs-*"),
            (r#"{"url": "https://proxy/es/logs-*/"}"#, "https://proxy/es", "logs-*"),
            (r#"{"url": "https://proxy/es", "index": "a,b"}"#, "https://proxy/es", "a,b"),
        ] {
            let checked = check(json).unwrap();
            assert_eq!((checked.base.as_str(), checked.index.as_str()), (base, index), "{json}");
        }
    }

    #[test]
    fn each_mistake_names_its_field() {
        for (json, field) in [
            (r#"{"url": "es:9200"}"#, "`url`"),
            (r#"{"url": "http://es/?q=1"}"#, "`url`"),
            (r#"{"url": "ftp://es"}"#, "`url`"),
            (r#"{"url": "http://es", "auth": "basic"}"#, "`secret`"),
            (r#"{"url": "http://es", "index": "a/../_cluster"}"#, "index"),
            (r#"{"url": "http://es", "min_level": "loud"}"#, "`min_level`"),
        ] {
            let error = check(json).unwrap_err();
            assert_eq!(error.code, "bad-config");
            assert!(error.message.contains(field), "{json}: {}", error.message);
        }
    }
}
