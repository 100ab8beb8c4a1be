//! The words that plugins and sources may use: signals, kinds of nodes and edges, classes, attributes. Read from the
//! contract's own files, so that there is one home for each word.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::names::nearest;

/// What a plugin sees of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignalKind {
    /// A level.
    Gauge,
    /// A change per second; a counter at its source.
    Rate,
}

/// Which direction hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Worse {
    /// More is worse.
    Up,
    /// Less is worse.
    Down,
    /// It depends.
    Either,
}

/// An entry of `signals.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalSpec {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// What a plugin sees of it.
    pub kind: SignalKind,
    /// The kind of node it is measured on.
    pub node: String,
    /// Labels that tell its series on one node apart.
    pub labels: Vec<String>,
    /// Which direction hurts.
    pub worse: Worse,
    /// Whether it has a side, so that values below zero are values; false where the entry does not say it.
    #[serde(default)]
    pub signed: bool,
    /// For people.
    pub meaning: String,
}

/// An entry of `nodes.toml`: a kind of node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// The kind.
    pub kind: String,
    /// Attributes that make up its name, joined by `/`; empty when no source gives such nodes.
    pub attributes: Vec<String>,
    /// How its id reads.
    pub id: String,
    /// For people.
    pub meaning: String,
    /// Signals without which it cannot be judged.
    pub expects: Vec<String>,
}

/// An entry of `nodes.toml`: a kind of edge.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeSpec {
    /// The kind.
    pub kind: String,
    /// Kinds of node at the dependent end; `*` for any.
    pub dependent: Vec<String>,
    /// Kinds of node at the other end; `*` for any.
    pub dependency: Vec<String>,
    /// For people.
    pub meaning: String,
}

/// An entry of `nodes.toml`: an attribute by which sources name nodes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeSpec {
    /// What lagdoctor calls it.
    pub name: String,
    /// What sources call it, the surest first.
    pub aliases: Vec<String>,
    /// `port` cuts a trailing `:1234`.
    #[serde(default)]
    pub strip: Option<String>,
}

/// Something to do about a class.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionSpec {
    /// What to do, with placeholders.
    pub say: String,
    /// A command that only reads, with placeholders.
    #[serde(default)]
    pub command: Option<String>,
}

/// An entry of `classes.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassSpec {
    /// What plugins say.
    pub slug: String,
    /// A to E.
    pub family: String,
    /// Kinds of node that it can be the fault of.
    pub nodes: Vec<String>,
    /// What people read.
    pub words: String,
    /// Signals that decide for or against it.
    pub settles: Vec<String>,
    /// What to do, best first.
    #[serde(default)]
    pub actions: Vec<ActionSpec>,
}

/// All the words.
#[derive(Debug)]
pub struct Vocabulary {
    signals: BTreeMap<String, SignalSpec>,
    nodes: BTreeMap<String, NodeSpec>,
    edges: BTreeMap<String, EdgeSpec>,
    classes: BTreeMap<String, ClassSpec>,
    attributes: Vec<AttributeSpec>,
    sources: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct SignalsFile {
    signal: Vec<SignalSpec>,
}

#[derive(Deserialize)]
struct NodesFile {
    node: Vec<NodeSpec>,
    edge: Vec<EdgeSpec>,
    attribute: Vec<AttributeSpec>,
}

#[derive(Deserialize)]
struct ClassesFile {
    class: Vec<ClassSpec>,
}

/// Of `dialects.toml` only who gives what; how it is read is the collectors' business.
#[derive(Deserialize)]
struct DialectsFile {
    dialect: Vec<Dialect>,
}

#[derive(Deserialize)]
struct Dialect {
    name: String,
    #[serde(default)]
    entry: Vec<DialectEntry>,
}

#[derive(Deserialize)]
struct DialectEntry {
    signal: String,
}

static BUNDLED: LazyLock<Vocabulary> = LazyLock::new(|| {
    Vocabulary::parse(lagdoctor_wit::SIGNALS, lagdoctor_wit::NODES, lagdoctor_wit::CLASSES, lagdoctor_wit::DIALECTS)
        .expect("the vocabulary built into this program is checked by its tests")
});

impl Vocabulary {
    /// The vocabulary of the contract that this program was built with.
    ///
    /// ```
    /// # use lagdoctor_model::Vocabulary;
    /// assert_eq!(Vocabulary::bundled().signal("db.replication.delay").unwrap().unit, "s");
    /// assert!(Vocabulary::bundled().class("db.gremlins").is_none());
    /// ```
    pub fn bundled() -> &'static Vocabulary {
        &BUNDLED
    }

    fn parse(signals: &str, nodes: &str, classes: &str, dialects: &str) -> Result<Self, toml::de::Error> {
        let signals: SignalsFile = toml::from_str(signals)?;
        let nodes: NodesFile = toml::from_str(nodes)?;
        let classes: ClassesFile = toml::from_str(classes)?;
        let dialects: DialectsFile = toml::from_str(dialects)?;
        let mut sources: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for dialect in dialects.dialect {
            for entry in dialect.entry {
                let known = sources.entry(entry.signal).or_default();
                if known.last() != Some(&dialect.name) {
                    known.push(dialect.name.clone());
                }
            }
        }
        Ok(Self {
            signals: signals.signal.into_iter().map(|spec| (spec.name.clone(), spec)).collect(),
            nodes: nodes.node.into_iter().map(|spec| (spec.kind.clone(), spec)).collect(),
            edges: nodes.edge.into_iter().map(|spec| (spec.kind.clone(), spec)).collect(),
            classes: classes.class.into_iter().map(|spec| (spec.slug.clone(), spec)).collect(),
            attributes: nodes.attribute,
            sources,
        })
    }

    /// The signal of this name.
    pub fn signal(&self, name: &str) -> Option<&SignalSpec> {
        self.signals.get(name)
    }

    /// Whether something that a plugin lists is found here: a signal, `log` or `event`, `*`, or, ending in `.`, what the
    /// name of a signal begins with.
    pub fn knows(&self, listed: &str) -> bool {
        match listed {
            "*" | "log" | "event" => true,
            prefix if prefix.ends_with('.') => self.signals.keys().any(|name| name.starts_with(prefix)),
            name => self.signals.contains_key(name),
        }
    }

    /// What may have been meant by something that a plugin lists and that is not known.
    ///
    /// ```
    /// # use lagdoctor_model::Vocabulary;
    /// let words = Vocabulary::bundled();
    /// assert_eq!(words.nearest("db.replication.dealy"), Some("db.replication.delay"));
    /// assert_eq!(words.nearest("kafak."), Some("kafka."));
    /// assert_eq!(words.nearest("weather"), None);
    /// ```
    pub fn nearest(&self, listed: &str) -> Option<&str> {
        let names = self.signals.keys().map(String::as_str).chain(["log", "event"]);
        if listed.ends_with('.') {
            let beginnings = names.flat_map(|name| name.match_indices('.').map(|(at, _)| &name[..=at]));
            return nearest(listed, beginnings);
        }
        nearest(listed, names)
    }

    /// All signals, in order of their names.
    pub fn signals(&self) -> impl Iterator<Item = &SignalSpec> {
        self.signals.values()
    }

    /// This kind of node.
    pub fn node(&self, kind: &str) -> Option<&NodeSpec> {
        self.nodes.get(kind)
    }

    /// All kinds of node, in order of their names.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeSpec> {
        self.nodes.values()
    }

    /// This kind of edge.
    pub fn edge(&self, kind: &str) -> Option<&EdgeSpec> {
        self.edges.get(kind)
    }

    /// All kinds of edge, in order of their names.
    pub fn edges(&self) -> impl Iterator<Item = &EdgeSpec> {
        self.edges.values()
    }

    /// The class of this slug.
    pub fn class(&self, slug: &str) -> Option<&ClassSpec> {
        self.classes.get(slug)
    }

    /// All classes, in order of their slugs.
    pub fn classes(&self) -> impl Iterator<Item = &ClassSpec> {
        self.classes.values()
    }

    /// The exporters and libraries that give this signal, by their names in `dialects.toml` and in its order; none for a
    /// signal that only Kafka itself or lagdoctor gives.
    ///
    /// ```
    /// # use lagdoctor_model::Vocabulary;
    /// assert_eq!(Vocabulary::bundled().sources("db.replication.delay"), ["mysqld_exporter", "postgres_exporter"]);
    /// ```
    pub fn sources(&self, signal: &str) -> &[String] {
        self.sources.get(signal).map_or(&[], Vec::as_slice)
    }

    /// The attribute that lagdoctor calls so.
    pub fn attribute(&self, name: &str) -> Option<&AttributeSpec> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// All attributes, in the order of the contract.
    pub fn attributes(&self) -> &[AttributeSpec] {
        &self.attributes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let words = Vocabulary::bundled();
        for (listed, meant) in [
            ("executor.queued_task", Some("executor.queued_tasks")),
            ("executor_queued_tasks", Some("executor.queued_tasks")),
            ("logs", Some("log")),
            ("jmv.", Some("jvm.")),
            ("weather", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(words.nearest(listed), meant, "{listed}");
            assert!(!words.knows(listed), "{listed}");
        }
        for listed in ["*", "log", "event", "jvm.", "executor.queued_tasks"] {
            assert!(words.knows(listed), "{listed}");
        }
    }

    #[test]
    fn every_word_that_an_entry_uses_is_an_entry_itself() {
        let words = Vocabulary::bundled();
        for signal in words.signals() {
            assert!(
                words.node(&signal.node).is_some(),
                "{} is measured on an unknown kind {}",
                signal.name,
                signal.node
            );
            crate::SignalName::new(signal.name.as_str()).unwrap();
        }
        for node in words.nodes() {
            assert!(
                node.expects.iter().all(|name| words.signal(name).is_some()),
                "{} expects an unknown signal",
                node.kind
            );
            assert!(
                node.attributes.iter().all(|name| words.attribute(name).is_some()),
                "{} has an unknown attribute",
                node.kind
            );
        }
        for edge in words.edges() {
            for kind in edge.dependent.iter().chain(&edge.dependency) {
                assert!(kind == "*" || words.node(kind).is_some(), "edge {} joins an unknown kind {kind}", edge.kind);
            }
        }
        for class in words.classes() {
            crate::Class::new(class.slug.as_str()).unwrap();
            assert!(
                class.settles.iter().all(|name| words.signal(name).is_some()),
                "{} is settled by an unknown signal",
                class.slug
            );
            assert!(
                class.nodes.iter().all(|kind| words.node(kind).is_some()),
                "{} is the fault of an unknown kind",
                class.slug
            );
        }
    }

    #[test]
    fn no_entry_stands_twice() {
        let words = Vocabulary::bundled();
        assert_eq!(words.signals().count(), lagdoctor_wit::SIGNALS.matches("[[signal]]").count());
        assert_eq!(words.classes().count(), lagdoctor_wit::CLASSES.matches("[[class]]").count());
        assert_eq!(words.nodes().count(), lagdoctor_wit::NODES.matches("[[node]]").count());
        assert_eq!(words.edges().count(), lagdoctor_wit::NODES.matches("[[edge]]").count());
    }
}
