//! What does the operator want? `lagdoctor.toml` says it, and `lagdoctor.example.toml` beside this crate documents every
//! field. A mistake is answered with file, line, column, field and what was expected. Start at [`Config::load`];
//! [`Sources`] is the part that says where to read from, and can be made from command-line flags as well.

mod command;
mod error;
mod host;
mod lines;
mod place;
mod running;
mod secrets;
mod sources;
mod topology;
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lagdoctor_model::Millis;
use lagdoctor_runtime::{GrantKind, GrantRule, HttpPattern};
use serde::Deserialize;

use crate::audit::Keep;

pub use error::ConfigError;
pub use host::{HostSection, LimitsSection};
pub use lines::Lines;
pub use running::{QuarantineSection, ServiceSection};
pub use secrets::SecretBook;
pub use sources::{Flags, Purpose, Sources};
pub use topology::read_topology;
pub use units::parse_millis;

/// The documented example.
pub const EXAMPLE: &str = include_str!("../../lagdoctor.example.toml");

/// Everything in `lagdoctor.toml`. Sections that are missing have the defaults named here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Kafka clusters to watch.
    #[serde(default)]
    pub kafka: Vec<KafkaSection>,
    /// Plugins to use; bundled scorers, ranker and forecaster run without being named.
    #[serde(default)]
    pub plugin: Vec<PluginSection>,
    /// How much room plugins have.
    #[serde(default)]
    pub host: HostSection,
    /// Where secrets come from, by the name that plugins and properties use.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretSection>,
    /// TLS to hosts that need more than what the system trusts. The first section that covers a host counts.
    #[serde(default)]
    pub tls: Vec<TlsSection>,
    /// Who depends on whom.
    #[serde(default)]
    pub topology: TopologySection,
    /// How often what is done.
    #[serde(default)]
    pub schedule: ScheduleSection,
    /// When people are told.
    #[serde(default)]
    pub notify: NotifySection,
    /// When a plugin that fails is left alone.
    #[serde(default)]
    pub quarantine: QuarantineSection,
    /// How reports are made.
    #[serde(default)]
    pub report: ReportSection,
    /// What is kept of each diagnosis, and where.
    #[serde(default)]
    pub audit: AuditSection,
    /// What the running service offers others.
    #[serde(default)]
    pub service: ServiceSection,
    /// The file itself, as errors call it. Not a field of the file.
    #[serde(skip)]
    pub file: PathBuf,
    /// The folder of the file, which relative paths in it start from. Not a field of the file.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// `[[kafka]]`: a cluster.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSection {
    /// What reports call it.
    pub cluster: String,
    /// `host:port`, several separated by commas.
    pub bootstrap: String,
    /// Further librdkafka properties; a value is a text or `{ secret = "NAME" }`.
    #[serde(default)]
    pub properties: BTreeMap<String, PropertyValue>,
    /// Which groups.
    #[serde(default)]
    pub groups: GroupsSection,
    /// Regular expressions of topics to report even when no group reads them.
    #[serde(default)]
    pub topics: Vec<String>,
    /// The longest wait for one answer; default 10s.
    #[serde(default, deserialize_with = "units::optional")]
    pub timeout: Option<Millis>,
}

/// A property's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyValue {
    /// As written.
    Text(String),
    /// That of a secret.
    Secret(String),
}

/// `groups` of a cluster: regular expressions that a group must match in full.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupsSection {
    /// Groups to look at; empty for all.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Groups to leave alone, whatever `allow` says.
    #[serde(default)]
    pub deny: Vec<String>,
}

/// `[[plugin]]`: a plugin to use. Exactly one of `name` and `file` says which.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginSection {
    /// A bundled plugin, such as `collector-prometheus`.
    #[serde(default)]
    pub name: Option<String>,
    /// A component file, relative to the configuration.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// What reports and gaps call it; default: its own name. Needed where one plugin is used twice.
    #[serde(default)]
    pub alias: Option<String>,
    /// Its own configuration, checked against its own schema.
    #[serde(default = "units::empty_table")]
    pub config: serde_json::Value,
    /// What it may do, besides what follows from the addresses and secrets in `config`. It gets the intersection of
    /// this and of what it asks for.
    #[serde(default)]
    pub grants: Vec<GrantRule>,
    /// What one call of it may use; the defaults are those of the host.
    #[serde(default)]
    pub limits: LimitsSection,
    /// Where in a file it stands. Not a field of the file.
    #[serde(skip)]
    pub lines: Option<Lines>,
}

impl PluginSection {
    /// A bundled plugin with nothing configured.
    pub fn bundled(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            file: None,
            alias: None,
            config: units::empty_table(),
            grants: vec![],
            limits: LimitsSection::default(),
            lines: None,
        }
    }

    /// A component file with nothing configured.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { name: None, file: Some(path.into()), ..Self::bundled("") }
    }
}

/// `[secrets]`: where one secret comes from. Exactly one of `env`, `file` and `command`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct SecretSection {
    /// An environment variable.
    #[serde(default)]
    pub env: Option<String>,
    /// A file, relative to the configuration; a line feed at its end is left out.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// A program and its arguments that prints it, started in the folder of the configuration, without a shell.
    #[serde(default, deserialize_with = "place::words")]
    pub command: Option<Vec<String>>,
    /// Time that the command has; default 10s.
    #[serde(default, deserialize_with = "units::optional")]
    pub timeout: Option<Millis>,
    /// How long what the command printed is used before it is asked again; default 5m.
    #[serde(default, deserialize_with = "units::optional")]
    pub keep: Option<Millis>,
}

/// `[[tls]]`: whom to trust, and who to be, towards some hosts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// Which hosts, as in a grant: `https://HOST[:PORT]`; the host may be `*` or `*.suffix`, the port `*`.
    pub hosts: String,
    /// Certificates of the authorities to trust there instead of those that the system trusts: a PEM file, relative to the
    /// configuration.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// The host's own certificate with those that lead to an authority: a PEM file.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its private key, not encrypted: a PEM file.
    #[serde(default)]
    pub key: Option<PathBuf>,
}

/// `[topology]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopologySection {
    /// Topology files, relative to the configuration; see the end of the example.
    #[serde(default)]
    pub files: Vec<PathBuf>,
}

/// `[schedule]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleSection {
    /// Distance of looks at Kafka; default 15s.
    #[serde(deserialize_with = "units::required")]
    pub collect: Millis,
    /// Distance of diagnoses; default 60s.
    #[serde(deserialize_with = "units::required")]
    pub diagnose: Millis,
    /// How far a diagnosis looks back; default 1h.
    #[serde(deserialize_with = "units::required")]
    pub window: Millis,
    /// Distance of readings; default 15s.
    #[serde(deserialize_with = "units::required")]
    pub step: Millis,
    /// A diagnosis answers within this time with what is there by then; default 20s.
    #[serde(deserialize_with = "units::required")]
    pub deadline: Millis,
}

impl Default for ScheduleSection {
    fn default() -> Self {
        Self {
            collect: Millis::seconds(15),
            diagnose: Millis::seconds(60),
            window: Millis::minutes(60),
            step: Millis::seconds(15),
            deadline: Millis::seconds(20),
        }
    }
}

/// `[notify]`. Who is told is decided by notifier plugins among `[[plugin]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifySection {
    /// How long an incident must hurt before it is opened; default 0s.
    #[serde(deserialize_with = "units::required")]
    pub open_after: Millis,
    /// How long nothing must hurt before an incident is closed; default 3m.
    #[serde(deserialize_with = "units::required")]
    pub close_after: Millis,
}

impl Default for NotifySection {
    fn default() -> Self {
        Self { open_after: Millis::ZERO, close_after: Millis::minutes(3) }
    }
}

/// `[report]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSection {
    /// Address of a graph, with `{query}`, `{start_ms}`, `{end_ms}`; default: the Prometheus that is read.
    #[serde(default)]
    pub graph_url: Option<String>,
}

/// `[audit]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSection {
    /// The database, relative to the configuration; default: `lagdoctor/audit.sqlite` in the user's state folder.
    pub file: Option<PathBuf>,
    /// The anchor, relative to the configuration; default: beside the database.
    pub anchor: Option<PathBuf>,
    /// How long records are kept; default 30d.
    #[serde(deserialize_with = "units::required")]
    pub keep: Millis,
    /// MiB of the database; default 512.
    pub max_mib: u32,
}

impl Default for AuditSection {
    fn default() -> Self {
        let Keep { age, bytes } = Keep::default();
        Self { file: None, anchor: None, keep: age, max_mib: u32::try_from(bytes >> 20).unwrap_or(u32::MAX) }
    }
}

impl AuditSection {
    /// How much is kept.
    pub fn how_much(&self) -> Keep {
        Keep { age: self.keep, bytes: u64::from(self.max_mib) << 20 }
    }
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML, or a field is missing, unknown, of the wrong type or contradicts another.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        Self::parse(path, &text)
    }

    /// The configuration in `text`; `path` is what errors call it, and where relative paths start.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut config: Config = toml::from_str(text).map_err(|error| ConfigError::toml(path, text, &error))?;
        config.file = path.to_owned();
        config.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let lines = Lines::of_sections("plugin", path, text);
        for (section, lines) in config.plugin.iter_mut().zip(lines) {
            section.lines = Some(lines);
        }
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let conflict = |section: String, why: String| ConfigError::Conflict { path: path.into(), section, why };
        for (name, secret) in &self.secrets {
            let places = [secret.env.is_some(), secret.file.is_some(), secret.command.is_some()];
            let why = if places.iter().filter(|is_given| **is_given).count() != 1 {
                "give exactly one of `env`, `file` and `command`"
            } else if secret.command.as_ref().is_some_and(|words| words.first().is_none_or(String::is_empty)) {
                "`command` must name a program, such as [\"pass\", \"show\", \"shop/kafka\"]"
            } else if secret.command.is_none() && (secret.timeout.is_some() || secret.keep.is_some()) {
                "`timeout` and `keep` are about `command`"
            } else {
                continue;
            };
            return Err(conflict(format!("secrets.{name}"), why.into()));
        }
        for (place, tls) in self.tls.iter().enumerate() {
            let section = format!("[[tls]] number {}", place + 1);
            if let Err(why) = HttpPattern::parse(&tls.hosts) {
                return Err(conflict(section, format!("`hosts` must read https://HOST[:PORT]: {why}")));
            }
            let why = if !tls.hosts.starts_with("https://") {
                "`hosts` must begin with https://: without TLS there is nothing to say here"
            } else if tls.certificate.is_some() != tls.key.is_some() {
                "give `certificate` and `key` together"
            } else if tls.ca.is_none() && tls.certificate.is_none() {
                "give `ca`, or `certificate` and `key`, or all three"
            } else {
                continue;
            };
            return Err(conflict(section, why.into()));
        }
        let mut clusters: Vec<&str> = vec![];
        for kafka in &self.kafka {
            let section = format!("[[kafka]] {}", kafka.cluster);
            if clusters.contains(&kafka.cluster.as_str()) {
                return Err(conflict(section, "this cluster is named twice".into()));
            }
            clusters.push(&kafka.cluster);
            let patterns = kafka.groups.allow.iter().chain(&kafka.groups.deny).chain(&kafka.topics);
            for pattern in patterns {
                if let Err(error) = regex::Regex::new(pattern) {
                    let why = format!("`{pattern}` is no regular expression: {}", error.to_string().replace('\n', " "));
                    return Err(conflict(section, why));
                }
            }
            for (property, value) in &kafka.properties {
                if let PropertyValue::Secret(name) = value
                    && !self.secrets.contains_key(name)
                {
                    let why = format!("`{property}` uses secret `{name}`, which [secrets] does not have");
                    return Err(conflict(section, why));
                }
            }
        }
        for (place, plugin) in self.plugin.iter().enumerate() {
            let line = plugin.lines.as_ref().map_or_else(String::new, |lines| format!(", line {}", lines.line("")));
            let section = format!("[[plugin]] number {}{line}", place + 1);
            if plugin.name.is_some() == plugin.file.is_some() {
                return Err(conflict(section, "give exactly one of `name` (bundled) and `file`".into()));
            }
            if let Some(fault) = plugin.limits.fault() {
                return Err(conflict(section, fault));
            }
            for grant in &plugin.grants {
                if grant.kind() == GrantKind::Secret && !self.secrets.contains_key(grant.pattern()) {
                    let why = format!("grants secret `{}`, which [secrets] does not have", grant.pattern());
                    return Err(conflict(section, why));
                }
            }
        }
        if let Some(fault) = self.host.fault() {
            return Err(conflict("[host]".into(), fault));
        }
        if let Some(fault) = self.quarantine.fault() {
            return Err(conflict("[quarantine]".into(), fault.into()));
        }
        let schedule = &self.schedule;
        let positive = [
            ("collect", schedule.collect),
            ("diagnose", schedule.diagnose),
            ("step", schedule.step),
            ("deadline", schedule.deadline),
        ];
        if let Some((field, _)) = positive.iter().find(|(_, time)| *time < Millis::seconds(1)) {
            return Err(conflict("[schedule]".into(), format!("`{field}` must be at least 1s")));
        }
        if self.audit.max_mib == 0 {
            return Err(conflict("[audit]".into(), "`max_mib` must be at least 1".into()));
        }
        if schedule.window < schedule.step {
            return Err(conflict("[schedule]".into(), "`window` must be at least one `step`".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod host_tests;
#[cfg(test)]
mod tests;
