//! What may a plugin reach, use and emit? A plugin asks in its manifest ([`Ask`]); the operator allows ([`GrantRule`]);
//! it has the intersection ([`Grants`]). An `http` request passes when one ask *and* one rule cover it, so neither
//! side can widen the other. Start at [`Grants::new`].

use std::collections::BTreeMap;
use std::fmt;

use lagdoctor_model::Redactor;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::egress::{HttpPattern, Reach};
use crate::manifest::{Ask, Manifest};

/// What kind of thing is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantKind {
    /// To send HTTP requests to a host.
    Http,
    /// To have a named secret added to a request.
    Secret,
    /// To emit signals of a namespace.
    Signals,
}

impl GrantKind {
    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "http" => Some(Self::Http),
            "secret" => Some(Self::Secret),
            "signals" => Some(Self::Signals),
            _ => None,
        }
    }

    /// Whether a plugin may ask for this.
    pub(crate) fn check_ask(self, value: &str) -> Result<(), String> {
        match value.strip_prefix("config:") {
            Some(_) if self == Self::Signals => Err("signals cannot come from the configuration".to_owned()),
            Some(field) if is_word(field) => Ok(()),
            Some(_) => Err("`config:` is followed by no field".to_owned()),
            None => self.check_pattern(value),
        }
    }

    fn check_pattern(self, pattern: &str) -> Result<(), String> {
        match self {
            Self::Http => HttpPattern::parse(pattern).map(drop),
            Self::Secret if is_word(pattern) => Ok(()),
            Self::Secret => {
                Err("a secret has a name without spaces and control characters, at most 256 bytes".to_owned())
            }
            Self::Signals if SignalPattern::new(pattern).is_some() => Ok(()),
            Self::Signals => Err("it is neither a name, a prefix ending in `.`, nor `*`".to_owned()),
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && !text.chars().any(|c| lagdoctor_model::is_obeyed(c) || c.is_whitespace())
}

impl fmt::Display for GrantKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Secret => "secret",
            Self::Signals => "signals",
        })
    }
}

/// Which signals: a name, a prefix ending in `.`, or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignalPattern(String);

impl SignalPattern {
    pub(crate) fn new(text: &str) -> Option<Self> {
        let plain = is_word(text) && !text.contains('*') && text != ".";
        (text == "*" || plain).then(|| Self(text.to_owned()))
    }

    pub(crate) fn covers(pattern: &str, signal: &str) -> bool {
        pattern == "*" || pattern == signal || (pattern.ends_with('.') && signal.starts_with(pattern))
    }
}

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
    kind: GrantKind,
    pattern: String,
    private: bool,
    methods: Vec<String>,
    hosts: Vec<String>,
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

/// The texts in a field of a configuration: a string, or a list of them. The field is a key, or keys joined by `.`.
fn field_values<'a>(config: &'a Value, field: &str) -> Vec<&'a str> {
    let value = config.get(field).or_else(|| field.split('.').try_fold(config, |value, key| value.get(key)));
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

#[derive(Clone, Debug)]
struct HttpRule {
    pattern: HttpPattern,
    reach: Reach,
    methods: Vec<String>,
}

/// Where a secret may go.
#[derive(Clone, Debug)]
struct SecretRule {
    /// How far the URL may go that a `secret-url` holds.
    reach: Reach,
    /// Hosts that the operator names for it; empty for those that follow from the rest.
    hosts: Vec<HttpPattern>,
}

/// What a plugin has: what it asks for and the operator allows.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    http_asks: Vec<HttpPattern>,
    http_rules: Vec<HttpRule>,
    secrets: BTreeMap<String, SecretRule>,
    /// The hosts that the operator wrote into the configuration, as far as the plugin asks for them and has them.
    config_hosts: Vec<HttpPattern>,
    signal_asks: Vec<String>,
    signal_rules: Vec<String>,
    denied: Vec<Ask>,
}

impl Grants {
    /// The intersection of what a manifest asks for, with this configuration, and of what these rules allow.
    ///
    /// # Errors
    /// With field and reason, when a field that an ask refers to holds no URL or no name.
    pub fn new(manifest: &Manifest, config: &Value, rules: &[GrantRule]) -> Result<Self, (String, String)> {
        let mut grants = Self { signal_asks: manifest.signals.clone(), ..Self::default() };
        let of_kind = |kind| rules.iter().filter(move |rule| rule.kind == kind);
        let reach = |rule: &GrantRule| if rule.private { Reach::Private } else { Reach::Public };
        grants.signal_rules = of_kind(GrantKind::Signals).map(|rule| rule.pattern.clone()).collect();
        for rule in of_kind(GrantKind::Http) {
            if let Ok(pattern) = HttpPattern::parse(&rule.pattern) {
                grants.http_rules.push(HttpRule { pattern, reach: reach(rule), methods: rule.methods.clone() });
            }
        }
        for ask in &manifest.grants {
            let field = ask.value.strip_prefix("config:");
            let values = field.map_or_else(|| vec![ask.value.as_str()], |field| field_values(config, field));
            for value in values {
                let wrong = |reason: String| (field.unwrap_or_default().to_owned(), reason);
                let covered = match ask.kind {
                    GrantKind::Http => {
                        let pattern =
                            if field.is_some() { HttpPattern::of_url(value) } else { HttpPattern::parse(value) };
                        let pattern = pattern.map_err(|why| wrong(format!("must hold an http or https URL: {why}")))?;
                        let covered = grants.http_rules.iter().any(|rule| rule.pattern.overlaps(&pattern));
                        if field.is_some() && covered {
                            grants.config_hosts.push(pattern.clone());
                        }
                        grants.http_asks.push(pattern);
                        covered
                    }
                    GrantKind::Secret => {
                        GrantKind::Secret
                            .check_pattern(value)
                            .map_err(|why| wrong(format!("must name a secret: {why}")))?;
                        let rules = of_kind(GrantKind::Secret).filter(|rule| rule.pattern == value);
                        let rules: Vec<&GrantRule> = rules.collect();
                        let best = rules.iter().map(|rule| reach(rule)).max();
                        let hosts = rules.iter().flat_map(|rule| &rule.hosts);
                        let hosts = hosts.filter_map(|host| HttpPattern::parse(host).ok()).collect();
                        let rule = best.map(|reach| (value.to_owned(), SecretRule { reach, hosts }));
                        grants.secrets.extend(rule);
                        best.is_some()
                    }
                    GrantKind::Signals => {
                        grants.signal_asks.push(value.to_owned());
                        grants.signal_rules.iter().any(|rule| signals_overlap(rule, value))
                    }
                };
                if !covered {
                    grants.denied.push(Ask { value: value.to_owned(), ..ask.clone() });
                }
            }
        }
        Ok(grants)
    }

    /// How far a request to this URL may go; `None` when it may not be sent. Whether its address may be dialled is
    /// decided later, when it is known.
    pub fn reach(&self, method: &str, url: &url::Url) -> Option<Reach> {
        if !self.http_asks.iter().any(|ask| ask.covers(url)) {
            return None;
        }
        let usual = matches!(method, "GET" | "POST");
        let rules = self.http_rules.iter().filter(|rule| rule.pattern.covers(url));
        rules.filter(|rule| usual || rule.methods.iter().any(|known| known == method)).map(|rule| rule.reach).max()
    }

    /// Whether it may use this secret; how far the URL may go that a `secret-url` holds.
    pub fn secret(&self, name: &str) -> Option<Reach> {
        self.secrets.get(name).map(|rule| rule.reach)
    }

    /// Whether this secret may go to this URL: to the hosts that its grant names; without any, to those that the
    /// operator wrote into the configuration; without any, to the one host that the plugin is granted. A plugin that
    /// may reach two hosts must not hand the credentials of one to the other.
    pub fn secret_may_go(&self, name: &str, url: &url::Url) -> bool {
        let Some(rule) = self.secrets.get(name) else { return false };
        if !rule.hosts.is_empty() {
            return rule.hosts.iter().any(|host| host.covers(url));
        }
        if !self.config_hosts.is_empty() {
            return self.config_hosts.iter().any(|host| host.covers(url));
        }
        match &self.http_rules[..] {
            [only] => only.pattern.names_one_host() && only.pattern.covers(url),
            _ => false,
        }
    }

    /// Whether the grant of this secret names hosts and this URL's is none of them: what a `secret-url` must fit.
    pub(crate) fn secret_is_tied_elsewhere(&self, name: &str, url: &url::Url) -> bool {
        let hosts = self.secrets.get(name).map_or(&[][..], |rule| &rule.hosts);
        !hosts.is_empty() && !hosts.iter().any(|host| host.covers(url))
    }

    /// The secrets that it may use.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.keys().map(String::as_str)
    }

    /// Whether it may emit this signal.
    pub fn may_emit(&self, signal: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| SignalPattern::covers(pattern, signal));
        any(&self.signal_asks) && any(&self.signal_rules)
    }

    /// What it has in the end, one rule a line: of each pair of an ask and a rule that meet, the rule; of signals the
    /// narrower of the two.
    pub fn effective(&self) -> Vec<String> {
        let mut all = std::collections::BTreeSet::new();
        for rule in &self.http_rules {
            if self.http_asks.iter().any(|ask| rule.pattern.overlaps(ask)) {
                let private = if rule.reach == Reach::Private { " private" } else { "" };
                let more = if rule.methods.is_empty() {
                    String::new()
                } else {
                    format!(" methods={}", rule.methods.join(","))
                };
                all.insert(format!("http {}{private}{more}", rule.pattern));
            }
        }
        all.extend(self.secrets().map(|name| format!("secret {name}")));
        for ask in &self.signal_asks {
            for rule in &self.signal_rules {
                if SignalPattern::covers(rule, ask) {
                    all.insert(format!("signals {ask}"));
                } else if SignalPattern::covers(ask, rule) {
                    all.insert(format!("signals {rule}"));
                }
            }
        }
        all.into_iter().collect()
    }

    /// A redactor for what the plugin says, which keeps the hosts that it may reach: they are the operator's, and an
    /// error about one of them is of no use without its name.
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::new(self.http_asks.iter().filter_map(HttpPattern::host).map(str::to_owned))
    }

    /// What it asks for and no rule allows, `config:FIELD` replaced by what the field holds.
    pub fn denied(&self) -> &[Ask] {
        &self.denied
    }
}

fn signals_overlap(a: &str, b: &str) -> bool {
    SignalPattern::covers(a, b) || SignalPattern::covers(b, a)
}

#[cfg(test)]
mod tests;
