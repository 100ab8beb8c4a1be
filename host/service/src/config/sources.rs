//! Where to read from: the part of the configuration that `status`, `diagnose` and `record` need, made from a file or
//! from flags. Topology files are read here, and every secret is looked for. Start at [`Sources`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lagdoctor_kafka::KafkaConfig;
use lagdoctor_model::{Millis, Topology};
use lagdoctor_runtime::{HttpPattern, Identity, Limits, Network, Pool, TlsTarget};

use crate::duration;
use crate::report::Links;

use super::command::SecretCommand;
use super::secrets::{Place, SecretBook};
use super::{Config, ConfigError, HostSection, PluginSection, PropertyValue, TlsSection, read_topology};

/// Name of the bundled collector that reads Prometheus; its config has `url`.
const PROMETHEUS: &str = "collector-prometheus";
/// Name of the bundled collector that reads Elasticsearch; its config has `url`.
const ELASTICSEARCH: &str = "collector-elasticsearch";

/// Where to read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Kafka clusters.
    pub kafka: Vec<KafkaConfig>,
    /// Plugins with their configuration and grants, collectors among them.
    pub plugins: Vec<PluginSection>,
    /// How much room plugins have, and where compiled ones are kept.
    pub host: HostSection,
    /// Where secrets are to be found.
    pub secrets: SecretBook,
    /// Whom to trust, and who to be, towards some hosts.
    pub tls: Vec<TlsTarget>,
    /// Who depends on whom, as the operator says.
    pub topology: Topology,
    /// What each topology file named: the file, and its part of `topology`.
    pub topology_files: Vec<(PathBuf, Topology)>,
    /// The configuration file; `None` for sources of flags.
    pub file: Option<PathBuf>,
    /// Base address of the Prometheus that is read, for links.
    pub prometheus: Option<String>,
    /// Address of a graph, where the operator gives one: see [`Links::template`].
    pub graph_url: Option<String>,
    /// What for.
    pub purpose: Purpose,
}

/// What sources are wanted for, which decides what of them must be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To read, to judge and to tell: all must be there.
    #[default]
    Live,
    /// To judge signals that are recorded already: collectors and notifiers are not wanted, nor what they would need.
    Recorded,
    /// To see what would run: no secret is looked for.
    Review,
}

/// Sources as flags of the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Name of the cluster in reports.
    pub cluster: String,
    /// `--bootstrap`.
    pub bootstrap: Option<String>,
    /// `--kafka-property KEY=VALUE`.
    pub kafka_properties: Vec<String>,
    /// `--prometheus URL`.
    pub prometheus: Option<String>,
    /// `--logs URL`.
    pub logs: Option<String>,
    /// `--topology FILE`.
    pub topology: Option<PathBuf>,
}

impl Sources {
    /// The sources that a configuration names. Reads topology files, and the secrets that Kafka needs; those of plugins
    /// are read when they are bound.
    ///
    /// # Errors
    /// When a secret is not to be had or a topology file is wrong.
    pub fn from_config(config: &Config) -> Result<Self, ConfigError> {
        Self::wanted(config, Purpose::Live)
    }

    /// The same for a purpose, for which less may have to be there.
    ///
    /// # Errors
    /// As [`Sources::from_config`].
    pub fn wanted(config: &Config, purpose: Purpose) -> Result<Self, ConfigError> {
        let mut secrets = SecretBook::default();
        // Nobody uses a secret for what is recorded, so that no program is started for one.
        for (name, section) in config.secrets.iter().filter(|_| purpose != Purpose::Recorded) {
            let place = match (&section.env, &section.command) {
                (Some(variable), _) => Place::Variable(variable.clone()),
                (None, Some(words)) => {
                    let time = |given: Option<Millis>, usual| duration(given.unwrap_or(usual));
                    let (timeout, keep) = (Millis::seconds(10), Millis::minutes(5));
                    let (timeout, keep) = (time(section.timeout, timeout), time(section.keep, keep));
                    Place::Command(Arc::new(SecretCommand::new(words.clone(), config.folder.clone(), timeout, keep)))
                }
                (None, None) => Place::File(config.folder.join(section.file.clone().unwrap_or_default())),
            };
            secrets.add(name, place);
        }
        let tls = config.tls.iter().map(|section| target(config, section)).collect::<Result<_, _>>()?;
        let mut kafka = vec![];
        for section in config.kafka.iter().filter(|_| purpose == Purpose::Live) {
            let mut cluster = KafkaConfig::new(section.cluster.clone(), section.bootstrap.clone());
            for (property, value) in &section.properties {
                let value = match value {
                    PropertyValue::Text(text) => text.clone(),
                    PropertyValue::Secret(name) => secrets.text(name).map_err(|error| ConfigError::Used {
                        by: format!("{}: `{property}` of [[kafka]] {}", config.file.display(), section.cluster),
                        source: Box::new(error),
                    })?,
                };
                cluster.properties.insert(property.clone(), value);
            }
            cluster.allow = section.groups.allow.clone();
            cluster.deny = section.groups.deny.clone();
            cluster.topics = section.topics.clone();
            cluster.timeout = section.timeout.unwrap_or(cluster.timeout);
            cluster.window = config.schedule.window;
            kafka.push(cluster);
        }
        let (mut topology, mut topology_files) = (Topology::new(), vec![]);
        for file in &config.topology.files {
            let named = read_topology(&config.folder.join(file))?;
            merge(&mut topology, &named);
            topology_files.push((file.clone(), named));
        }
        let mut plugins = config.plugin.clone();
        for plugin in &mut plugins {
            plugin.file = plugin.file.as_ref().map(|file| config.folder.join(file));
        }
        let prometheus = plugins
            .iter()
            .find(|plugin| plugin.name.as_deref() == Some(PROMETHEUS))
            .and_then(|plugin| plugin.config.get("url")?.as_str().map(str::to_owned));
        let mut host = config.host.clone();
        host.cache = host.cache.map(|place| if place == Path::new("off") { place } else { config.folder.join(place) });
        let (file, graph_url) = (Some(config.file.clone()), config.report.graph_url.clone());
        Ok(Self { kafka, plugins, host, secrets, tls, topology, topology_files, file, prometheus, graph_url, purpose })
    }

    /// What one call of a plugin may use, unless its own section says otherwise.
    pub fn limits(&self) -> Limits {
        self.host.limits()
    }

    /// Room for calls of all plugins.
    pub fn pool(&self) -> Pool {
        self.host.pool(self.plugins.iter().map(|plugin| &plugin.limits))
    }

    /// The way out to the network, with TLS as the operator says.
    ///
    /// # Errors
    /// When a certificate or key cannot be used.
    pub fn network(&self) -> Result<Network, ConfigError> {
        self.tls.iter().try_fold(Network::new(), |network, target| {
            let wrong = |source| ConfigError::Tls { hosts: target.hosts.to_string(), source };
            network.with_tls([target]).map_err(wrong)
        })
    }

    /// How reports link to graphs: as the operator says, else into the Prometheus that is read.
    pub fn links(&self) -> Links {
        match (&self.graph_url, &self.prometheus) {
            (Some(template), _) => Links::template(template),
            (None, Some(base)) => Links::prometheus(base),
            (None, None) => Links::none(),
        }
    }

    /// The sources that flags name.
    ///
    /// # Errors
    /// When an address is no address, holds a password, or the topology file is wrong.
    pub fn from_flags(flags: &Flags) -> Result<Self, ConfigError> {
        let mut sources = Self::default();
        if let Some(bootstrap) = &flags.bootstrap {
            let mut kafka = KafkaConfig::new(flags.cluster.clone(), bootstrap.clone());
            for property in &flags.kafka_properties {
                let Some((key, value)) = property.split_once('=') else {
                    let why = format!("`{property}` must read KEY=VALUE, such as security.protocol=SSL");
                    return Err(ConfigError::Flag { flag: "--kafka-property", why });
                };
                kafka.properties.insert(key.trim().into(), value.into());
            }
            sources.kafka.push(kafka);
        }
        if let Some(url) = &flags.prometheus {
            sources.plugins.push(collector(PROMETHEUS, "--prometheus", url)?);
            sources.prometheus = Some(url.clone());
        }
        if let Some(url) = &flags.logs {
            sources.plugins.push(collector(ELASTICSEARCH, "--logs", url)?);
        }
        if let Some(file) = &flags.topology {
            sources.topology = read_topology(file)?;
            sources.topology_files.push((file.clone(), sources.topology.clone()));
        }
        Ok(sources)
    }
}

/// What one `[[tls]]` section says, with its files read.
fn target(config: &Config, section: &TlsSection) -> Result<TlsTarget, ConfigError> {
    let read = |path: &Option<PathBuf>| match path {
        None => Ok(None),
        Some(path) => {
            let path = config.folder.join(path);
            std::fs::read(&path).map(Some).map_err(|source| ConfigError::Read { path, source })
        }
    };
    let identity = match (read(&section.certificate)?, read(&section.key)?) {
        (Some(certificates), Some(key)) => Some(Identity { certificates, key }),
        _ => None,
    };
    let hosts = HttpPattern::parse(&section.hosts).map_err(|why| ConfigError::Conflict {
        path: config.folder.clone(),
        section: "[[tls]]".to_owned(),
        why,
    })?;
    Ok(TlsTarget { hosts, authorities: read(&section.ca)?, identity })
}

/// Joins `more` into `topology`.
pub(crate) fn merge(topology: &mut Topology, more: &Topology) {
    for node in more.nodes() {
        topology.add_node(node.clone());
    }
    for edge in more.edges() {
        topology.connect(edge.clone());
    }
}

/// A bundled collector of one address. The grant to reach it follows from the address itself, see `plugins`.
fn collector(name: &str, flag: &'static str, url: &str) -> Result<PluginSection, ConfigError> {
    let fault = |why: &str| ConfigError::Flag { flag, why: why.to_owned() };
    let parsed = url::Url::parse(url).map_err(|error| ConfigError::Flag {
        flag,
        why: format!("is no address ({error}); write it like http://prometheus:9090"),
    })?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(fault("must begin with http:// or https://"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(fault("must not hold a user or password; use a configuration file with [secrets]"));
    }
    if parsed.host_str().is_none() {
        return Err(fault("names no host"));
    }
    Ok(PluginSection { config: serde_json::json!({ "url": url }), ..PluginSection::bundled(name) })
}
