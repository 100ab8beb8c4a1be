//! Which cluster, which groups, and how long to wait. Start at [`KafkaConfig`].

use std::collections::BTreeMap;
use std::fmt;

use lagdoctor_model::Millis;
use regex::{Regex, RegexSet};

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
    #[error("kafka property `{property}` of cluster `{cluster}` is refused: {why}")]
    Property {
        /// The cluster.
        cluster: String,
        /// The property.
        property: String,
        /// What is wrong with it, without its value.
        why: String,
    },
    /// librdkafka refuses the properties together: one lacks another, or a file cannot be read.
    #[error("the kafka properties of cluster `{cluster}` do not go together: {why}")]
    Properties {
        /// The cluster.
        cluster: String,
        /// What is wrong with them, without secret values.
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
    #[error("no broker of cluster `{cluster}` answers at {bootstrap}: {why}; check address, network, TLS and SASL")]
    Unreachable {
        /// The cluster.
        cluster: String,
        /// Where it was looked for.
        bootstrap: String,
        /// What librdkafka says.
        why: String,
    },
}

/// Which groups and topics to look at. Patterns match names in full.
#[derive(Debug)]
pub(crate) struct Patterns {
    allow: Option<RegexSet>,
    deny: RegexSet,
    topics: RegexSet,
    /// Groups that `allow` spells out: they can be looked at even where groups cannot be listed.
    spelled_out: Vec<String>,
}

impl Patterns {
    pub(crate) fn compile(config: &KafkaConfig) -> Result<Self, KafkaError> {
        let set = |setting, patterns: &[String]| {
            // Each is compiled alone first, so that the error can name it.
            for pattern in patterns {
                if let Err(source) = Regex::new(&in_full(pattern)) {
                    let (cluster, pattern) = (config.cluster.clone(), pattern.clone());
                    return Err(KafkaError::Pattern { cluster, setting, pattern, source });
                }
            }
            RegexSet::new(patterns.iter().map(|pattern| in_full(pattern))).map_err(|source| KafkaError::Pattern {
                cluster: config.cluster.clone(),
                setting,
                pattern: patterns.join(" | "),
                source,
            })
        };
        let allow = set("allow", &config.allow)?;
        Ok(Self {
            allow: (!config.allow.is_empty()).then_some(allow),
            deny: set("deny", &config.deny)?,
            topics: set("topics", &config.topics)?,
            spelled_out: config.allow.iter().filter_map(|pattern| spelled_out(pattern)).collect(),
        })
    }

    pub(crate) fn wants_group(&self, group: &str) -> bool {
        !self.deny.is_match(group) && self.allow.as_ref().is_none_or(|allow| allow.is_match(group))
    }

    pub(crate) fn wants_topic(&self, topic: &str) -> bool {
        self.topics.is_match(topic)
    }

    pub(crate) fn spelled_out(&self) -> impl Iterator<Item = &str> {
        self.spelled_out.iter().map(String::as_str).filter(|group| self.wants_group(group))
    }
}

fn in_full(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// The one name that a pattern matches. A dot is taken as itself: names of groups are full of them, and a name that
/// does not exist does no harm.
fn spelled_out(pattern: &str) -> Option<String> {
    let name = pattern.replace("\\.", ".").replace("\\-", "-");
    let plain = |c: char| c.is_alphanumeric() || "._-:/ @".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allow: &[&str], deny: &[&str], group: &str, wanted: bool) {
        let mut config = KafkaConfig::new("test", "127.0.0.1:1");
        config.allow = allow.iter().map(|pattern| (*pattern).into()).collect();
        config.deny = deny.iter().map(|pattern| (*pattern).into()).collect();
        assert_eq!(Patterns::compile(&config).unwrap().wants_group(group), wanted, "{allow:?} {deny:?} {group}");
    }

    #[test]
    fn a_group_is_looked_at_when_a_pattern_matches_all_of_its_name_and_none_forbids_it() {
        check(&[], &[], "fulfilment", true);
        check(&["fulfil"], &[], "fulfilment", false);
        check(&["fulfil.*"], &[], "fulfilment", true);
        check(&["a|fulfilment"], &[], "fulfilment", true);
        check(&["fulfil.*"], &[".*ment"], "fulfilment", false);
    }

    #[test]
    fn a_pattern_that_is_none_is_named() {
        let mut config = KafkaConfig::new("prod", "127.0.0.1:1");
        config.deny = vec!["ok".into(), "a(".into()];
        let error = Patterns::compile(&config).unwrap_err().to_string();
        assert_eq!(error, "`a(` in `deny` of cluster `prod` is no regular expression");
    }

    #[test]
    fn secrets_are_not_in_what_debugging_prints() {
        let mut config = KafkaConfig::new("prod", "127.0.0.1:1");
        config.properties.insert("sasl.password".into(), "hunter2".into());
        let printed = format!("{config:?}");
        assert!(printed.contains("sasl.password") && !printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn only_names_are_taken_for_names() {
        assert_eq!(spelled_out("orders\\.v1"), Some("orders.v1".into()));
        assert_eq!(spelled_out("orders-.*"), None);
    }
}
