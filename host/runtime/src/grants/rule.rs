//! What an operator allows, one rule at a time, and how such a rule is written.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{GrantKind, field_values};
use crate::egress::HttpPattern;
use crate::manifest::Manifest;

/// A rule that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{rule}` is no grant: {reason}; write `KIND VALUE [private] [methods=PUT,DELETE] [for=URL]`, such as `http https://prometheus.example:9090 private` or `secret token for=https://api.example`"
)]
pub struct InvalidGrant {
    rule: String,
    reason: String,
}

/// What an operator allows. As text, in a configuration file: `KIND VALUE`, then `private`, `methods=A,B` and
/// `for=SCHEME://HOST[:PORT]` where wanted.
///
/// ```
/// # use lagdoctor_runtime::GrantRule;
/// let rule: GrantRule = "http https://prometheus.example:9090 private".parse().unwrap();
/// assert!(rule.is_private());
/// assert!("http https://*.example private".parse::<GrantRule>().is_err(), "private hosts are named one by one");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GrantRule {
    pub(super) kind: GrantKind,
    pub(super) pattern: String,
    pub(super) private: bool,
    pub(super) methods: Vec<String>,
    pub(super) hosts: Vec<String>,
}

impl GrantRule {
    /// Allows a pattern `scheme://host[:port]`, the name of a secret, or signals by name, prefix or `*`. A host may be
    /// `*` or `*.suffix`, a port `*`; without a port only the scheme's own is meant.
    ///
    /// # Errors
    /// When the pattern has the wrong form for its kind.
    pub fn new(kind: GrantKind, pattern: impl Into<String>) -> Result<Self, InvalidGrant> {
        let pattern = pattern.into();
        match kind.check_pattern(&pattern) {
            Ok(()) => Ok(Self { kind, pattern, private: false, methods: vec![], hosts: vec![] }),
            Err(reason) => Err(InvalidGrant { rule: crate::text::clean(&format!("{kind} {pattern}"), 200), reason }),
        }
    }

    /// Allows the host even when its address is private or loopback. An address of cloud metadata or another
    /// link-local one must moreover be written as that very address. For a secret: the host of a `secret-url`.
    ///
    /// # Errors
    /// When the rule names no single host.
    pub fn private(mut self) -> Result<Self, InvalidGrant> {
        let reason = match self.kind {
            GrantKind::Signals => "signals are not private",
            GrantKind::Http if HttpPattern::parse(&self.pattern).is_ok_and(|p| !p.names_one_host()) => {
                "a private host must be named, not covered by `*`"
            }
            _ => {
                self.private = true;
                return Ok(self);
            }
        };
        Err(InvalidGrant { rule: format!("{self} private"), reason: reason.to_owned() })
    }

    /// Allows these methods besides `GET` and `POST`.
    ///
    /// # Errors
    /// When a method is no upper-case word, or the rule is not about HTTP.
    pub fn with_methods(mut self, methods: impl IntoIterator<Item = String>) -> Result<Self, InvalidGrant> {
        self.methods = methods.into_iter().collect();
        let valid = |method: &String| !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        if self.kind == GrantKind::Http && self.methods.iter().all(valid) && !self.methods.contains(&"CONNECT".into()) {
            Ok(self)
        } else {
            let reason = "methods are upper-case words of an `http` grant, and never CONNECT".to_owned();
            Err(InvalidGrant { rule: self.to_string(), reason })
        }
    }

    /// Lets a secret go to hosts of these patterns and nowhere else. A secret without any goes to the hosts that the
    /// operator wrote into the plugin's configuration, else to the one host that the plugin is granted.
    ///
    /// # Errors
    /// When a pattern has the wrong form, or the rule is not about a secret.
    pub fn for_hosts(mut self, hosts: impl IntoIterator<Item = String>) -> Result<Self, InvalidGrant> {
        self.hosts = hosts.into_iter().collect();
        let wrong = match self.hosts.iter().find_map(|host| HttpPattern::parse(host).err()) {
            Some(why) => format!("`for=` must name a host: {why}"),
            None if self.kind != GrantKind::Secret => "`for=` is about secrets".to_owned(),
            None => return Ok(self),
        };
        Err(InvalidGrant { rule: crate::text::clean(&self.to_string(), 200), reason: wrong })
    }

    /// What follows from a plugin's own configuration: the hosts of the URLs, and the names of the secrets, that the
    /// operator wrote into fields for which the plugin asks by `config:FIELD`. Hosts may be private, because the
    /// operator named each of them. Nobody is granted anything by this alone: the caller adds the rules to the
    /// operator's, and says so in its documentation.
    pub fn from_config(manifest: &Manifest, config: &Value) -> Vec<GrantRule> {
        let mut rules = Vec::new();
        for ask in &manifest.grants {
            let Some(field) = ask.value.strip_prefix("config:") else { continue };
            for value in field_values(config, field) {
                let pattern = match ask.kind {
                    GrantKind::Http => match HttpPattern::of_url(value) {
                        Ok(pattern) => pattern.to_string(),
                        Err(_) => continue,
                    },
                    _ => value.to_owned(),
                };
                rules.extend(GrantRule::new(ask.kind, pattern).and_then(GrantRule::private));
            }
        }
        rules
    }

    /// All that a manifest asks for, literally, and the signals that it lists: for plugins that the operator trusts as
    /// a whole, such as those that come with the program. Asks by `config:FIELD` are left to [`GrantRule::from_config`].
    pub fn from_manifest(manifest: &Manifest) -> Vec<GrantRule> {
        let asks = manifest.grants.iter().map(|ask| (ask.kind, &ask.value));
        let lists = manifest.signals.iter().map(|signal| (GrantKind::Signals, signal));
        asks.chain(lists).filter_map(|(kind, value)| GrantRule::new(kind, value.as_str()).ok()).collect()
    }

    /// What kind of thing it allows.
    pub fn kind(&self) -> GrantKind {
        self.kind
    }

    /// Which.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether a private address is allowed.
    pub fn is_private(&self) -> bool {
        self.private
    }
}

impl fmt::Display for GrantRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.pattern)?;
        if self.private {
            f.write_str(" private")?;
        }
        if !self.methods.is_empty() {
            write!(f, " methods={}", self.methods.join(","))?;
        }
        if !self.hosts.is_empty() {
            write!(f, " for={}", self.hosts.join(","))?;
        }
        Ok(())
    }
}

impl std::str::FromStr for GrantRule {
    type Err = InvalidGrant;
    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        let invalid = |reason: &str| InvalidGrant { rule: crate::text::clean(text, 200), reason: reason.to_owned() };
        let mut words = text.split_whitespace();
        let kind = words.next().and_then(GrantKind::parse);
        let kind = kind.ok_or_else(|| invalid("it starts with neither `http`, `secret` nor `signals`"))?;
        let mut rule = GrantRule::new(kind, words.next().ok_or_else(|| invalid("nothing is named"))?)?;
        for word in words {
            let list = |words: &str| words.split(',').map(str::to_owned).collect::<Vec<_>>();
            rule = match word.split_once('=') {
                Some(("methods", methods)) => rule.with_methods(list(methods))?,
                Some(("for", hosts)) => rule.for_hosts(list(hosts))?,
                None if word == "private" => rule.private()?,
                _ => return Err(invalid("it ends with a word that is neither `private`, `methods=` nor `for=`")),
            };
        }
        Ok(rule)
    }
}

impl TryFrom<String> for GrantRule {
    type Error = InvalidGrant;
    fn try_from(text: String) -> Result<Self, InvalidGrant> {
        text.parse()
    }
}

impl From<GrantRule> for String {
    fn from(rule: GrantRule) -> String {
        rule.to_string()
    }
}
