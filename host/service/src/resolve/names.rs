//! Which node is it about? Sources name things by labels of their own; the vocabulary says which labels name which kind
//! of node. One resolver does this for series, logs, events, nodes and edges, so that all agree. Start at
//! [`NodeResolver::place`].
//!
//! A node that the topology has is preferred: first by name, over all labels that could name it, the surest first; then
//! by its own labels (`address`, or any alias of the attribute), where `10.0.0.7:8080` also finds `10.0.0.7` if only one
//! node has that address. Only what is not found becomes a new node, named by the surest label. The same label may name
//! different things (`instance` is used by every exporter), so the kind of node that a signal is measured on decides.

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::{AttributeSpec, Labels, Node, NodeId, NodeSpec, SignalSpec, Topology, Vocabulary};

/// What a source says of one series, line or node. Of a name given twice the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// From pairs; empty values are left out, since Prometheus says "no such label" so.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut known = BTreeMap::new();
        for (name, value) in pairs {
            if !value.is_empty() {
                known.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        Self(known)
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All pairs, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names, for a sentence about them.
    pub fn names(&self) -> String {
        self.0.keys().take(8).map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// Labels of a node that hold its address.
const ADDRESS: &str = "address";
/// Label under which an instance keeps the name of its service.
pub(super) const SERVICE: &str = "service";
/// A source that names more nodes than this is mistaken or hostile.
const MOST_NODES: usize = 50_000;

/// Maps what sources say to nodes of one topology, which grows as new nodes are named.
#[derive(Clone, Debug)]
pub struct NodeResolver {
    topology: Topology,
    /// Kind and label value to name; `None` where several nodes have that value.
    by_label: BTreeMap<(String, String), Option<String>>,
    refused: usize,
}

impl NodeResolver {
    /// A resolver that prefers the nodes of this topology.
    pub fn new(topology: Topology) -> Self {
        let mut resolver = Self { topology: Topology::new(), by_label: BTreeMap::new(), refused: 0 };
        for node in topology.nodes() {
            resolver.add_node(node.clone());
        }
        for edge in topology.edges() {
            resolver.topology.connect(edge.clone());
        }
        resolver
    }

    /// What is known so far.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    pub(super) fn topology_mut(&mut self) -> &mut Topology {
        &mut self.topology
    }

    pub(super) fn into_topology(self) -> Topology {
        self.topology
    }

    /// How many nodes were refused because there were too many.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    /// Adds a node, with its labels as further names of it.
    pub fn add_node(&mut self, node: Node) {
        if let Some(spec) = Vocabulary::bundled().node(node.id.kind()) {
            // A pool is called by its instance and by what its label says: `fulfilment-0/HikariPool-1`.
            let prefix = match (spec.attributes.len(), node.id.name().rfind('/')) {
                (2.., Some(slash)) => node.id.name()[..=slash].to_owned(),
                _ => String::new(),
            };
            for (_, values) in node.labels.iter().filter(|(label, _)| names_it(spec, label)) {
                for value in values.split(',').map(str::trim) {
                    self.index(&node.id, &format!("{prefix}{value}"));
                    self.index(&node.id, &format!("{prefix}{}", without_port(value)));
                }
            }
        }
        self.topology.add_node(node);
    }

    fn index(&mut self, id: &NodeId, value: &str) {
        let name = id.name().to_owned();
        let slot = self.by_label.entry((id.kind().to_owned(), value.to_owned())).or_insert_with(|| Some(name.clone()));
        if slot.as_ref() != Some(&name) {
            *slot = None;
        }
    }

    /// The node of this kind that the attributes name; added when it is new. `None` when they name none, or the
    /// vocabulary has no such kind, or the name is no name.
    pub fn place(&mut self, kind: &str, attributes: &Attributes) -> Option<NodeId> {
        let spec = Vocabulary::bundled().node(kind)?;
        let id = match self.find(kind, attributes) {
            Some(id) => id,
            None => {
                let parts: Option<Vec<_>> =
                    spec.attributes.iter().map(|attribute| self.part(spec, attribute, attributes)).collect();
                let parts = parts.filter(|parts| !parts.is_empty())?;
                NodeId::new(format!("{kind}:{}", parts.join("/"))).ok()?
            }
        };
        if self.topology.node(&id).is_none() {
            if self.topology.len() >= MOST_NODES {
                self.refused += 1;
                return None;
            }
            self.topology.add_node(Node::new(id.clone()));
        }
        if kind == "instance"
            && let Some(service) = service_of(attributes)
        {
            let labels = Labels::from([(SERVICE.to_owned(), service)]);
            self.topology.add_node(Node { id: id.clone(), labels });
        }
        Some(id)
    }

    /// The node of this kind that the attributes name, if the topology has it.
    pub fn find(&self, kind: &str, attributes: &Attributes) -> Option<NodeId> {
        let spec = Vocabulary::bundled().node(kind)?;
        let (last, leading) = spec.attributes.split_last()?;
        let mut prefix = String::new();
        for attribute in leading {
            prefix.push_str(&self.part(spec, attribute, attributes)?);
            prefix.push('/');
        }
        let attribute = Vocabulary::bundled().attribute(last)?;
        let exists = |name: &str| {
            let id = NodeId::new(format!("{kind}:{prefix}{name}")).ok()?;
            self.topology.node(&id).is_some().then_some(id)
        };
        if leading.is_empty() {
            if let Some(name) = self.named(spec, attribute, attributes) {
                return exists(&name);
            }
            return None;
        }
        let spellings = || present(attribute, attributes).flat_map(|(_, value)| spellings(attribute, value));
        spellings().find_map(exists).or_else(|| {
            // A pool that the operator calls by its database while the source calls it `HikariPool-1`.
            spellings().find_map(|value| {
                let name = self.by_label.get(&(kind.to_owned(), format!("{prefix}{value}"))).cloned().flatten()?;
                NodeId::new(format!("{kind}:{name}")).ok()
            })
        })
    }

    /// The node of this kind and name, if the topology has it.
    pub(super) fn known(&self, kind: &str, name: &str) -> Option<NodeId> {
        let id = NodeId::new(format!("{kind}:{name}")).ok()?;
        self.topology.node(&id).map(|node| node.id.clone())
    }

    /// The part of a node's name that this attribute gives: as the topology spells it, else as the surest label does.
    fn part(&self, spec: &NodeSpec, attribute: &str, attributes: &Attributes) -> Option<String> {
        let attribute = Vocabulary::bundled().attribute(attribute)?;
        self.named(spec, attribute, attributes).or_else(|| {
            let (_, value) = present(attribute, attributes).next()?;
            spellings(attribute, value).last().map(str::to_owned)
        })
    }

    /// The name of a node in the topology that this attribute names: one of the kind itself, or of the kind that is
    /// called like the attribute (the `instance` in the name of a JVM is that of an instance).
    fn named(&self, spec: &NodeSpec, attribute: &AttributeSpec, attributes: &Attributes) -> Option<String> {
        let words = Vocabulary::bundled();
        let single = |kind: &str| words.node(kind).is_some_and(|spec| spec.attributes.len() == 1);
        let kinds: Vec<&str> =
            [spec.kind.as_str(), attribute.name.as_str()].into_iter().filter(|kind| single(kind)).collect();
        let candidates = || {
            present(attribute, attributes)
                .flat_map(|(_, value)| spellings(attribute, value))
                .flat_map(|value| kinds.iter().map(move |kind| (*kind, value)))
        };
        let by_name = |(kind, value): (&str, &str)| {
            let id = NodeId::new(format!("{kind}:{value}")).ok()?;
            self.topology.node(&id).map(|_| value.to_owned())
        };
        let by_label =
            |(kind, value): (&str, &str)| self.by_label.get(&(kind.to_owned(), value.to_owned())).cloned().flatten();
        candidates().find_map(by_name).or_else(|| candidates().find_map(by_label))
    }

    /// The labels that tell the series of this signal apart, by the names of the vocabulary; all others are dropped.
    pub fn labels(&self, signal: &SignalSpec, attributes: &Attributes) -> Labels {
        let value = |label: &str| match Vocabulary::bundled().attribute(label) {
            Some(attribute) => present(attribute, attributes).next().map(|(_, value)| value.to_owned()),
            None => attributes.get(label).map(str::to_owned),
        };
        signal.labels.iter().filter_map(|label| Some((label.clone(), value(label)?))).collect()
    }
}

/// The labels that decided where a series of this signal belongs: the surest present alias of each attribute.
pub(super) fn deciding<'a>(signal: &'a SignalSpec, attributes: &'a Attributes) -> BTreeSet<&'a str> {
    let words = Vocabulary::bundled();
    let of_node = words.node(&signal.node).map_or(&[][..], |spec| &spec.attributes);
    let surest = |name: &'a String| match words.attribute(name) {
        Some(attribute) => present(attribute, attributes).next().map(|(alias, _)| alias),
        None => Some(name.as_str()),
    };
    of_node.iter().chain(&signal.labels).filter_map(surest).collect()
}

/// The service that an instance says it belongs to. A scrape job's name is a guess and counts only where the topology
/// has such a service, so it is left to the edges that are implied by names.
fn service_of(attributes: &Attributes) -> Option<String> {
    let attribute = Vocabulary::bundled().attribute("service")?;
    present(attribute, attributes).find(|(alias, _)| *alias != "job").map(|(_, value)| value.to_owned())
}

/// The aliases of an attribute that a source gives, the surest first, with their values.
pub(super) fn present<'a>(
    attribute: &'a AttributeSpec,
    attributes: &'a Attributes,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    attribute.aliases.iter().filter_map(|alias| Some((alias.as_str(), attributes.get(alias)?)))
}

/// A value as it stands, and without its port where the vocabulary says so; the last one is the name of a new node.
fn spellings<'a>(attribute: &AttributeSpec, value: &'a str) -> impl Iterator<Item = &'a str> {
    let stripped = (attribute.strip.as_deref() == Some("port")).then(|| without_port(value));
    std::iter::once(value).chain(stripped.filter(|stripped| *stripped != value))
}

/// `db:3306` without `:3306`; an IPv6 address keeps its colons.
fn without_port(value: &str) -> &str {
    match value.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty()
                && !port.is_empty()
                && port.bytes().all(|b| b.is_ascii_digit())
                && (!host.contains(':') || host.ends_with(']')) =>
        {
            host
        }
        _ => value,
    }
}

/// Whether this label of a node is a further name of it, or of the last part of its name.
fn names_it(spec: &NodeSpec, label: &str) -> bool {
    let is_alias = |attribute: &String| {
        Vocabulary::bundled().attribute(attribute).is_some_and(|spec| spec.aliases.iter().any(|alias| alias == label))
    };
    (spec.attributes.len() == 1 && label == ADDRESS) || spec.attributes.last().is_some_and(is_alias)
}

#[cfg(test)]
mod tests;
