//! What a plugin says of itself, built step by step.

use crate::bindings::shared::lagdoctor::plugin::types;

/// What a plugin says of itself. A signal that is not listed is not sent, and a class that is not listed is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest(types::Manifest);

impl Manifest {
    /// A manifest that asks for nothing. `version` is the plugin's own, `env!("CARGO_PKG_VERSION")` as a rule;
    /// `summary` is one sentence for people.
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self(types::Manifest {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            signals: vec![],
            classes: vec![],
            config_schema: r#"{"type":"object","additionalProperties":false}"#.to_owned(),
            grants: vec![],
            ext: vec![],
        })
    }

    /// Signals that it reads: names, prefixes ending in `.`, or `*`. `log` asks for log lines.
    #[must_use]
    pub fn reads(mut self, signals: &[&str]) -> Self {
        self.0.signals.extend(signals.iter().map(|signal| (*signal).to_owned()));
        self
    }

    /// Signals that a collector produces, and may produce: the same words, and a grant asked for each.
    #[must_use]
    pub fn produces(mut self, signals: &[&str]) -> Self {
        for signal in signals {
            self = self.asks("signals", signal, "it is what this plugin collects");
        }
        self.reads(signals)
    }

    /// Classes that it can name.
    #[must_use]
    pub fn names(mut self, classes: &[&str]) -> Self {
        self.0.classes.extend(classes.iter().map(|class| (*class).to_owned()));
        self
    }

    /// The JSON Schema (2020-12) of its configuration.
    #[must_use]
    pub fn configured_by(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.0.config_schema);
        self
    }

    /// Asks to reach a host: `scheme://host[:port]`, or `config:FIELD` for the URL in that field.
    #[must_use]
    pub fn asks_http(self, pattern: &str, reason: &str) -> Self {
        self.asks("http", pattern, reason)
    }

    /// Asks to use a secret: its name, or `config:FIELD` for the name in that field.
    #[must_use]
    pub fn asks_secret(self, name: &str, reason: &str) -> Self {
        self.asks("secret", name, reason)
    }

    fn asks(mut self, kind: &str, value: &str, reason: &str) -> Self {
        self.0.grants.push(types::Grant {
            kind: kind.to_owned(),
            value: value.to_owned(),
            reason: reason.to_owned(),
            ext: vec![],
        });
        self
    }

    /// The record of the contract.
    pub fn record(&self) -> &types::Manifest {
        &self.0
    }

    /// The record of the contract, given away.
    pub fn into_record(self) -> types::Manifest {
        self.0
    }
}
