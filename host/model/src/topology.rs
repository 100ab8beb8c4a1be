//! Who depends on whom. An edge points from a dependent to what it depends on; cycles are normal.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{InvalidName, Labels, NodeId, NodeKind};

/// Something that can be healthy or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Node {
    /// Its id, which holds kind and name.
    pub id: NodeId,
    /// Owner, pager, tier, runbook, rack and the like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Labels,
}

impl Node {
    /// A node without labels.
    pub fn new(id: NodeId) -> Self {
        Self { id, labels: Labels::new() }
    }
}

/// What kind of dependency: an edge kind of `nodes.toml`, such as `calls`.
pub type EdgeKind = NodeKind;

/// `dependent` needs `dependency`. The kind `contends` has no direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// The node that needs the other.
    pub dependent: NodeId,
    /// The node that is needed.
    pub dependency: NodeId,
    /// How.
    pub kind: EdgeKind,
}

impl Edge {
    /// The name of the edge kind without direction.
    pub const CONTENDS: &str = "contends";

    /// An edge of this kind.
    ///
    /// # Errors
    /// When the kind is no word.
    pub fn new(dependent: NodeId, kind: &str, dependency: NodeId) -> Result<Self, InvalidName> {
        Ok(Self { dependent, dependency, kind: EdgeKind::new(kind)? })
    }
}

/// An edge that hangs in the air.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// One end is no node of the topology.
    #[error("edge `{dependent}` -{kind}-> `{dependency}` names `{missing}`, which is no node of this topology")]
    UnknownNode {
        /// The dependent end.
        dependent: NodeId,
        /// The kind of edge.
        kind: EdgeKind,
        /// The dependency end.
        dependency: NodeId,
        /// The end that is missing.
        missing: NodeId,
    },
    /// Both ends are one node.
    #[error("edge `{node}` -{kind}-> `{node}` makes a node depend on itself")]
    SelfLoop {
        /// The node.
        node: NodeId,
        /// The kind of edge.
        kind: EdgeKind,
    },
}

/// Nodes and edges. Invariant: both ends of every edge are nodes, and no edge is a loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    nodes: BTreeMap<NodeId, Node>,
    edges: BTreeSet<Edge>,
}

impl Topology {
    /// An empty topology.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node; labels of a node already there are kept, and new ones join them.
    pub fn add_node(&mut self, node: Node) {
        let known = self.nodes.entry(node.id.clone()).or_insert_with(|| Node::new(node.id));
        for (name, value) in node.labels {
            known.labels.entry(name).or_insert(value);
        }
    }

    /// Adds an edge between two nodes of the topology. Adding it twice is harmless.
    ///
    /// # Errors
    /// When an end is unknown, or both ends are the same.
    pub fn add_edge(&mut self, edge: Edge) -> Result<(), TopologyError> {
        if edge.dependent == edge.dependency {
            return Err(TopologyError::SelfLoop { node: edge.dependent, kind: edge.kind });
        }
        let missing =
            [&edge.dependent, &edge.dependency].into_iter().find(|end| !self.nodes.contains_key(*end)).cloned();
        if let Some(missing) = missing {
            let Edge { dependent, dependency, kind } = edge;
            return Err(TopologyError::UnknownNode { dependent, kind, dependency, missing });
        }
        self.edges.insert(edge);
        Ok(())
    }

    /// Adds an edge, and the nodes at its ends where they are missing. A loop is left out.
    pub fn connect(&mut self, edge: Edge) {
        if edge.dependent != edge.dependency {
            self.add_node(Node::new(edge.dependent.clone()));
            self.add_node(Node::new(edge.dependency.clone()));
            self.edges.insert(edge);
        }
    }

    /// The node of this id.
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// All nodes, in order of their ids.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// All edges, in order.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter()
    }

    /// How many nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(name: &str) -> NodeId {
        NodeId::new(format!("service:{name}")).unwrap()
    }

    fn calls(dependent: &str, dependency: &str) -> Edge {
        Edge::new(id(dependent), "calls", id(dependency)).unwrap()
    }

    fn of(names: &[&str]) -> Topology {
        let mut topology = Topology::new();
        names.iter().for_each(|name| topology.add_node(Node::new(id(name))));
        topology
    }

    #[test]
    fn an_edge_that_hangs_in_the_air_is_refused_and_says_which_end() {
        let error = of(&["a"]).add_edge(calls("a", "b")).unwrap_err().to_string();
        assert_eq!(error, "edge `service:a` -calls-> `service:b` names `service:b`, which is no node of this topology");
    }

    #[test]
    fn nothing_depends_on_itself_but_two_may_depend_on_each_other() {
        let mut topology = of(&["a", "b"]);
        assert!(topology.add_edge(calls("a", "a")).is_err());
        topology.add_edge(calls("a", "b")).unwrap();
        topology.add_edge(calls("b", "a")).unwrap();
        assert_eq!(topology.edges().count(), 2);
    }

    #[test]
    fn what_is_said_first_of_a_node_stays_and_more_may_join() {
        let labelled = |labels: &[(&str, &str)]| Node {
            id: id("a"),
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let mut topology = Topology::new();
        topology.add_node(labelled(&[("owner", "team-a")]));
        topology.add_node(labelled(&[("owner", "team-b"), ("tier", "1")]));
        assert_eq!(topology.node(&id("a")), Some(&labelled(&[("owner", "team-a"), ("tier", "1")])));
    }

    proptest! {
        #[test]
        fn both_ends_of_every_edge_are_nodes_whatever_is_added(
            steps in prop::collection::vec((0_u8..3, "[a-d]", "[a-d]"), 0..20),
        ) {
            let mut topology = Topology::new();
            for (kind, a, b) in &steps {
                match kind {
                    0 => topology.add_node(Node::new(id(a))),
                    1 => topology.connect(calls(a, b)),
                    _ => drop(topology.add_edge(calls(a, b))),
                }
            }
            for edge in topology.edges() {
                prop_assert!(topology.node(&edge.dependent).is_some() && topology.node(&edge.dependency).is_some());
                prop_assert_ne!(&edge.dependent, &edge.dependency);
            }
        }

        #[test]
        fn the_order_in_which_edges_are_told_does_not_matter(
            edges in prop::collection::vec(("[a-e]", "[a-e]"), 0..12),
        ) {
            let build = |edges: &mut dyn Iterator<Item = &(String, String)>| {
                let mut topology = Topology::new();
                edges.for_each(|(a, b)| topology.connect(calls(a, b)));
                topology
            };
            prop_assert_eq!(build(&mut edges.iter()), build(&mut edges.iter().rev()));
        }
    }
}
