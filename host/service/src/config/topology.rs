//! Who depends on whom, as the operator writes it down. TOML and JSON have the same shape:
//!
//! ```toml
//! [[node]]
//! id = "group:fulfilment"
//! owner = "team-fulfilment"                      # owner, pager, tier, runbook, rack, address
//! labels = { region = "eu" }                     # anything else
//! depends = ["service:fulfilment", "topic:orders"]
//!
//! [[node]]
//! id = "database:orders-db-replica"
//! address = "10.0.0.9:3306"
//! depends = [{ on = "database:orders-db", as = "replicates" }]
//!
//! [[edge]]                                       # the long form of `depends`
//! dependent = "pool:fulfilment-0/orders-db"
//! dependency = "database:orders-db"
//! kind = "connects-to"
//! ```
//!
//! In JSON: `{"nodes": [{"id": …}], "edges": [{"dependent": …, "dependency": …, "kind": …}]}`, which is also what a
//! bundle's `topology.json` holds. Where `as` is left out, the kind of edge follows from the kinds of the two nodes.
//! A node that is only depended on need not be listed. Cycles are fine.

use std::collections::BTreeMap;
use std::path::Path;

use lagdoctor_model::{Edge, Labels, Node, NodeId, Topology, Vocabulary};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::ConfigError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, alias = "nodes")]
    node: Vec<NodeEntry>,
    #[serde(default, alias = "edges")]
    edge: Vec<EdgeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeEntry {
    id: NodeId,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    pager: Option<String>,
    #[serde(default)]
    tier: Option<String>,
    #[serde(default)]
    runbook: Option<String>,
    #[serde(default)]
    rack: Option<String>,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    depends: Vec<Dependency>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EdgeEntry {
    dependent: NodeId,
    dependency: NodeId,
    kind: String,
}

struct Dependency {
    on: String,
    kind: Option<String>,
}

struct DependencyVisitor;

impl<'de> Visitor<'de> for DependencyVisitor {
    type Value = Dependency;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"kind:name\" or { on = \"kind:name\", as = \"EDGE KIND\" }")
    }

    fn visit_str<E: de::Error>(self, on: &str) -> Result<Dependency, E> {
        Ok(Dependency { on: on.to_owned(), kind: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Dependency, A::Error> {
        let (mut on, mut kind) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "on" => on = Some(map.next_value()?),
                "as" => kind = Some(map.next_value()?),
                other => return Err(de::Error::unknown_field(other, &["on", "as"])),
            }
        }
        Ok(Dependency { on: on.ok_or_else(|| de::Error::missing_field("on"))?, kind })
    }
}

impl<'de> Deserialize<'de> for Dependency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DependencyVisitor)
    }
}

/// Reads a topology file: JSON when its name ends in `.json`, else TOML. See the module for the format.
///
/// # Errors
/// When it cannot be read, a field is missing, unknown or of the wrong type, a kind of node or edge is not in the
/// vocabulary, or two kinds of node cannot be joined so.
pub fn read_topology(path: &Path) -> Result<Topology, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
    parse(path, &text)
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Topology, ConfigError> {
    let file: File = if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        serde_json::from_str(text).map_err(|error| ConfigError::json(path, &error))?
    } else {
        toml::from_str(text).map_err(|error| ConfigError::toml(path, text, &error))?
    };
    let fault = |subject: String, why: String| ConfigError::Topology { path: path.into(), subject, why };
    let mut topology = Topology::new();
    let mut edges = vec![];
    for entry in file.node {
        known_kind(&entry.id).map_err(|why| fault(format!("node `{}`", entry.id), why))?;
        let mut node = Node { id: entry.id.clone(), labels: Labels::new() };
        node.labels.extend(entry.labels);
        let own = [
            ("owner", entry.owner),
            ("pager", entry.pager),
            ("tier", entry.tier),
            ("runbook", entry.runbook),
            ("rack", entry.rack),
            ("address", entry.address),
        ];
        node.labels.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        topology.add_node(node);
        edges.extend(entry.depends.into_iter().map(|on| (entry.id.clone(), on.on, on.kind)));
    }
    edges.extend(file.edge.into_iter().map(|edge| (edge.dependent, edge.dependency.to_string(), Some(edge.kind))));
    for (dependent, on, kind) in edges {
        let subject = format!("edge `{dependent}` -> `{on}`");
        let edge = joined(dependent, &on, kind).map_err(|why| fault(subject, why))?;
        topology.connect(edge);
    }
    Ok(topology)
}

fn known_kind(id: &NodeId) -> Result<(), String> {
    let words = Vocabulary::bundled();
    if words.node(id.kind()).is_some() {
        return Ok(());
    }
    let kinds: Vec<_> = words.nodes().map(|spec| spec.kind.as_str()).collect();
    Err(format!("`{}` is no kind of node; there are {}", id.kind(), kinds.join(", ")))
}

fn joined(dependent: NodeId, on: &str, kind: Option<String>) -> Result<Edge, String> {
    let words = Vocabulary::bundled();
    let dependency = NodeId::new(on).map_err(|error| error.to_string())?;
    known_kind(&dependent)?;
    known_kind(&dependency)?;
    if dependent == dependency {
        return Err("a node does not depend on itself".into());
    }
    let fits = |ends: &[String], kind: &str| ends.iter().any(|end| end == kind || end == "*");
    let kind = match kind {
        Some(kind) => {
            let Some(spec) = words.edge(&kind) else {
                let kinds: Vec<_> = words.edges().map(|spec| spec.kind.as_str()).collect();
                return Err(format!("`{kind}` is no kind of edge; there are {}", kinds.join(", ")));
            };
            if !fits(&spec.dependent, dependent.kind()) || !fits(&spec.dependency, dependency.kind()) {
                let why = format!(
                    "`{kind}` goes from {} to {}; is the edge the wrong way round? It points from what needs to what is needed",
                    spec.dependent.join(" or "),
                    spec.dependency.join(" or ")
                );
                return Err(why);
            }
            kind
        }
        // `contends` joins anything and says something else, so it is never guessed.
        None => words
            .edges()
            .filter(|spec| spec.kind != Edge::CONTENDS)
            .find(|spec| fits(&spec.dependent, dependent.kind()) && fits(&spec.dependency, dependency.kind()))
            .map(|spec| spec.kind.clone())
            .ok_or_else(|| no_way(dependent.kind(), dependency.kind()))?,
    };
    Edge::new(dependent, &kind, dependency).map_err(|error| error.to_string())
}

fn no_way(dependent: &str, dependency: &str) -> String {
    let specs = Vocabulary::bundled().edges().filter(|spec| spec.dependent.iter().any(|kind| kind == dependent));
    let mut ends: Vec<_> = specs.flat_map(|spec| spec.dependency.iter().map(String::as_str)).collect();
    ends.sort_unstable();
    ends.dedup();
    if ends.is_empty() {
        format!("a {dependent} depends on nothing but links")
    } else {
        format!("a {dependent} does not depend on a {dependency}, but may on: {}", ends.join(", "))
    }
}
