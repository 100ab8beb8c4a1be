//! What may a plugin reach, use and emit? A plugin asks in its manifest ([`Ask`]); the operator allows ([`GrantRule`]);
//! it has the intersection ([`Grants`]). An `http` request passes when one ask *and* one rule cover it, so neither
//! side can widen the other. Start at [`Grants::new`].

mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use lagdoctor_model::Redactor;
use serde_json::Value;

use crate::egress::{HttpPattern, Reach};
use crate::manifest::{Ask, Manifest};

pub use rule::{GrantRule, InvalidGrant};

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
        self.secrets.get(name).is_some_and(|rule| self.hosts_of(rule).iter().any(|host| host.covers(url)))
    }

    fn hosts_of<'a>(&'a self, rule: &'a SecretRule) -> Vec<&'a HttpPattern> {
        if !rule.hosts.is_empty() {
            return rule.hosts.iter().collect();
        }
        if !self.config_hosts.is_empty() {
            return self.config_hosts.iter().collect();
        }
        match &self.http_rules[..] {
            [only] if only.pattern.names_one_host() => vec![&only.pattern],
            _ => vec![],
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
        let mut all = BTreeSet::new();
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
        for (name, rule) in &self.secrets {
            let hosts: Vec<String> = self.hosts_of(rule).iter().map(ToString::to_string).collect();
            let to = if hosts.is_empty() { String::new() } else { format!(" for {}", hosts.join(" ")) };
            all.insert(format!("secret {name}{to}"));
        }
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

    /// Those of these rules, which an operator wrote, that do nothing, because the plugin asks for no such thing; and why.
    pub fn idle(&self, rules: &[GrantRule]) -> Vec<IdleGrant> {
        let is_asked = |rule: &GrantRule| match rule.kind {
            GrantKind::Http => {
                HttpPattern::parse(&rule.pattern).is_ok_and(|rule| self.http_asks.iter().any(|ask| rule.overlaps(ask)))
            }
            GrantKind::Secret => self.secrets.contains_key(&rule.pattern),
            GrantKind::Signals => self.signal_asks.iter().any(|ask| signals_overlap(ask, &rule.pattern)),
        };
        let asked = |kind: GrantKind| -> BTreeSet<String> {
            let hosts = self.http_asks.iter().map(ToString::to_string);
            match kind {
                GrantKind::Http => hosts.collect(),
                GrantKind::Secret => {
                    let denied = self.denied.iter().filter(|ask| ask.kind == kind).map(|ask| ask.value.clone());
                    self.secrets().map(str::to_owned).chain(denied).collect()
                }
                GrantKind::Signals => self.signal_asks.iter().cloned().collect(),
            }
        };
        let idle = rules.iter().filter(|rule| !is_asked(rule));
        idle.map(|rule| IdleGrant { rule: rule.clone(), asked: asked(rule.kind).into_iter().collect() }).collect()
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

/// A grant that does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleGrant {
    /// What the operator wrote.
    pub rule: GrantRule,
    /// What of this kind the plugin does ask for.
    pub asked: Vec<String>,
}

impl fmt::Display for IdleGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, asked } = self;
        write!(f, "the grant `{rule}` does nothing: ")?;
        // The commonest slip: a prefix of signals without the dot that makes it one.
        let prefix = format!("{}.", rule.pattern);
        if rule.kind == GrantKind::Signals && asked.iter().any(|ask| ask.starts_with(&prefix)) {
            return write!(f, "no signal is called `{}`; for all that begin so write `signals {prefix}`", rule.pattern);
        }
        match (rule.kind, &asked[..]) {
            (GrantKind::Http, []) => f.write_str("the plugin asks for no host"),
            (GrantKind::Secret, []) => f.write_str("the plugin asks for no secret"),
            (GrantKind::Signals, []) => f.write_str("the plugin gives no signals"),
            (_, asked) => write!(f, "the plugin asks for `{}`", asked.join("`, `")),
        }
    }
}

fn signals_overlap(a: &str, b: &str) -> bool {
    SignalPattern::covers(a, b) || SignalPattern::covers(b, a)
}

#[cfg(test)]
mod tests;
