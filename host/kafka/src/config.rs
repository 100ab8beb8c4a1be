//! Which cluster, which groups, and how long to wait. Start at [`KafkaConfig`].

use std::collections::BTreeMap;
use std::fmt;

use lagdoctor_model::Millis;

/// Which cluster to read, which groups, and how long to wait.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// What the operator calls the cluster.
    pub cluster: String,
    /// `host:port`, several separated by commas.
    pub bootstrap: String,
    /// Further librdkafka properties, such as `security.protocol` or `sasl.password`.
    pub properties: BTreeMap<String, String>,
    /// Regular expressions of groups to look at; a group must match one in full. Empty: all groups.
    pub allow: Vec<String>,
    /// Regular expressions of groups to leave alone, whatever `allow` says.
    pub deny: Vec<String>,
    /// Regular expressions of topics to report even when no group reads them; a topic must match one in full.
    pub topics: Vec<String>,
    /// The longest that one [`crate::LagReader::read`] waits for any one answer.
    pub timeout: Millis,
    /// How far back commits are read when connecting.
    pub window: Millis,
}

impl KafkaConfig {
    /// Reads the cluster at `bootstrap` with everything else at its default: all groups, 10 s of patience, one hour
    /// of past commits.
    pub fn new(cluster: impl Into<String>, bootstrap: impl Into<String>) -> Self {
        Self {
            cluster: cluster.into(),
            bootstrap: bootstrap.into(),
            properties: BTreeMap::new(),
            allow: vec![],
            deny: vec![],
            topics: vec![],
            timeout: Millis::seconds(10),
            window: Millis::minutes(60),
        }
    }
}

/// Values of properties may be secrets, so only their names are shown.
impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.properties.keys().collect();
        f.debug_struct("KafkaConfig")
            .field("cluster", &self.cluster)
            .field("bootstrap", &self.bootstrap)
            .field("properties", &names)
            .field("allow", &self.allow)
            .field("deny", &self.deny)
            .field("topics", &self.topics)
            .field("timeout", &self.timeout)
            .field("window", &self.window)
            .finish()
    }
}

/// Why a cluster cannot be read at all. What fails later, or only in part, is a [`lagdoctor_model::Gap`].
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// librdkafka refuses a property.
    #[error("kafka property `{property}` of cluster `{cluster}` is refused: {why}; see librdkafka's CONFIGURATION.md")]
    Property {
        /// The cluster.
        cluster: String,
        /// The property.
        property: String,
        /// What is wrong with it, without its value.
        why: String,
    },
    /// A pattern of groups or topics is no regular expression.
    #[error("`{pattern}` in `{setting}` of cluster `{cluster}` is no regular expression")]
    Pattern {
        /// The cluster.
        cluster: String,
        /// The setting.
        setting: &'static str,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: regex::Error,
    },
    /// No broker answered in time.
    #[error("cluster `{cluster}` at {bootstrap} does not answer: {why}; check the address, the network and TLS/SASL")]
    Unreachable {
        /// The cluster.
        cluster: String,
        /// Where it was looked for.
        bootstrap: String,
        /// What librdkafka says.
        why: String,
    },
}
