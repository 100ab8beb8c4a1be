//! Who may be the cause of whose trouble? A cause travels from a dependency to its dependents, so that inference walks
//! from the symptom *along* the edges: group -> service -> database. (Starting at the topic and visiting predecessors, as
//! is often advised, never leaves the topic when edges are drawn so.) Cycles are normal and condensed. Two things beside
//! dependencies lead to causes: `contends` edges, which have no direction, and the other users of a shared host, pool or
//! database, who may starve us without our depending on them. Start at [`DependencyGraph::reach`].

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::{Edge, NodeId, Topology};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

/// What one step costs, beside what the node at its end costs; thousandths of a plain step.
const STEP: u64 = 1_000;
/// A step over a `contends` edge, or to another user of a shared resource: possible, but no dependency.
const SIDEWAYS: u64 = 3 * STEP;
/// Kinds of node whose users may starve each other.
const SHARED: [&str; 3] = ["host", "pool", "database"];

/// How a node is reached from the symptom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Distance {
    /// The cost of the cheapest way, in thousandths of a plain step.
    pub cost: u64,
    /// Whether the way ends with a step from a shared resource to another user of it.
    pub is_sharer: bool,
}

/// Nodes and edges of a [`Topology`], ready to be walked from dependents to dependencies.
#[derive(Clone, Debug)]
pub struct DependencyGraph {
    graph: DiGraph<NodeId, Step>,
    places: BTreeMap<NodeId, NodeIndex>,
    component: Vec<usize>,
    /// Other users of shared resources: from the resource to each of its users.
    sharers: BTreeMap<NodeIndex, BTreeSet<NodeIndex>>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    cost: u64,
    is_dependency: bool,
}

impl DependencyGraph {
    /// The graph of this topology.
    pub fn new(topology: &Topology) -> Self {
        let mut graph = DiGraph::new();
        let mut places = BTreeMap::new();
        for node in topology.nodes() {
            places.insert(node.id.clone(), graph.add_node(node.id.clone()));
        }
        let mut sharers: BTreeMap<NodeIndex, BTreeSet<NodeIndex>> = BTreeMap::new();
        for edge in topology.edges() {
            let (Some(from), Some(to)) = (places.get(&edge.dependent), places.get(&edge.dependency)) else { continue };
            let (from, to) = (*from, *to);
            if edge.kind.as_str() == Edge::CONTENDS {
                let step = Step { cost: SIDEWAYS, is_dependency: false };
                graph.update_edge(from, to, step);
                graph.update_edge(to, from, step);
                continue;
            }
            // Two nodes may be joined twice; the dependency is what counts.
            graph.update_edge(from, to, Step { cost: STEP, is_dependency: true });
            if SHARED.contains(&edge.dependency.kind()) && edge.dependent.kind() != edge.dependency.kind() {
                sharers.entry(to).or_default().insert(from);
            }
        }
        let mut component = vec![0; graph.node_count()];
        for (number, members) in tarjan_scc(&graph).into_iter().enumerate() {
            for member in members {
                component[member.index()] = number;
            }
        }
        Self { graph, places, component, sharers }
    }

    /// Whether this node is in the graph.
    pub fn contains(&self, node: &NodeId) -> bool {
        self.places.contains_key(node)
    }

    /// What `node` depends on directly, in order; for `contends`, the other end.
    pub fn dependencies<'a>(&'a self, node: &NodeId) -> impl Iterator<Item = &'a NodeId> {
        let place = self.places.get(node);
        let mut found: Vec<&NodeId> =
            place.into_iter().flat_map(|place| self.graph.neighbors(*place)).map(|next| &self.graph[next]).collect();
        found.sort();
        found.into_iter()
    }

    /// Whether one step of inference leads from `node` to `next`: a dependency, a `contends` edge either way, or from a
    /// shared resource to one of its users.
    pub fn is_step(&self, node: &NodeId, next: &NodeId) -> bool {
        let (Some(from), Some(to)) = (self.places.get(node), self.places.get(next)) else { return false };
        self.graph.contains_edge(*from, *to) || self.sharers.get(from).is_some_and(|users| users.contains(to))
    }

    /// Whether each of the two leads to the other, so that neither comes first.
    pub fn is_cycle(&self, one: &NodeId, other: &NodeId) -> bool {
        match (self.places.get(one), self.places.get(other)) {
            (Some(one), Some(other)) => self.component[one.index()] == self.component[other.index()],
            _ => false,
        }
    }

    /// Every node that may be the cause of what `symptom` shows, itself included, and how far it is.
    pub fn reach(&self, symptom: &NodeId) -> BTreeMap<&NodeId, Distance> {
        let (reached, _) = self.walk(symptom, &|_| 0);
        reached.into_iter().map(|(place, distance)| (&self.graph[place], distance)).collect()
    }

    /// Every node that may be the cause of what one of these shows: all that [`DependencyGraph::reach`] gives for each of
    /// them, in one walk for all.
    pub fn reach_of_any<'n>(&self, symptoms: impl IntoIterator<Item = &'n NodeId>) -> BTreeSet<&NodeId> {
        let mut open: Vec<NodeIndex> = symptoms.into_iter().filter_map(|node| self.places.get(node).copied()).collect();
        let mut is_reached = vec![false; self.graph.node_count()];
        while let Some(place) = open.pop() {
            if !std::mem::replace(&mut is_reached[place.index()], true) {
                open.extend(self.graph.neighbors(place));
            }
        }
        let shared = self.sharers.iter().filter(|(resource, _)| is_reached[resource.index()]);
        let users = shared.flat_map(|(_, users)| users).map(|user| &self.graph[*user]);
        let reached = self.graph.node_indices().filter(|place| is_reached[place.index()]);
        reached.map(|place| &self.graph[place]).chain(users).collect()
    }

    /// The way from `symptom` to `node`, both included, that costs least. `cost` says what a stay at a node costs, 0 to
    /// 1000: less for nodes that show trouble, so that the way explains something. `None` when no way leads there.
    pub fn path(&self, symptom: &NodeId, node: &NodeId, cost: impl Fn(&NodeId) -> u64) -> Option<Vec<NodeId>> {
        let target = *self.places.get(node)?;
        let (reached, before) = self.walk(symptom, &cost);
        reached.get(&target)?;
        let mut path = vec![node.clone()];
        let mut place = target;
        while let Some(previous) = before.get(&place) {
            place = *previous;
            path.push(self.graph[place].clone());
        }
        path.reverse();
        Some(path)
    }

    /// Whether following dependencies alone leads from `node` to `other`.
    pub fn depends(&self, node: &NodeId, other: &NodeId) -> bool {
        self.below(node).contains(other)
    }

    /// All that `node` depends on, however indirectly, by dependencies alone; itself only when in a cycle.
    pub fn below(&self, node: &NodeId) -> BTreeSet<&NodeId> {
        let mut found = BTreeSet::new();
        let mut open: Vec<NodeIndex> = self.places.get(node).copied().into_iter().collect();
        while let Some(place) = open.pop() {
            for edge in self.graph.edges(place).filter(|edge| edge.weight().is_dependency) {
                if found.insert(&self.graph[edge.target()]) {
                    open.push(edge.target());
                }
            }
        }
        found
    }

    /// Dijkstra's algorithm. Ties go to the node whose id comes first, so that unrelated nodes never change a path.
    fn walk(
        &self,
        symptom: &NodeId,
        cost: &dyn Fn(&NodeId) -> u64,
    ) -> (BTreeMap<NodeIndex, Distance>, BTreeMap<NodeIndex, NodeIndex>) {
        let mut reached: BTreeMap<NodeIndex, Distance> = BTreeMap::new();
        let mut before = BTreeMap::new();
        let Some(start) = self.places.get(symptom) else { return (reached, before) };
        let mut open = BTreeSet::from([(0, *start)]);
        reached.insert(*start, Distance { cost: 0, is_sharer: false });
        let stay = |place: NodeIndex| cost(&self.graph[place]).min(STEP);
        while let Some((so_far, place)) = open.pop_first() {
            for edge in self.graph.edges(place) {
                let next = edge.target();
                let total = so_far + edge.weight().cost + stay(next);
                let known = reached.get(&next).map(|known| known.cost);
                if known.is_none_or(|known| total < known) {
                    open.remove(&(known.unwrap_or(0), next));
                    open.insert((total, next));
                    reached.insert(next, Distance { cost: total, is_sharer: false });
                    before.insert(next, place);
                }
            }
        }
        // A sharer is the end of a way: what it depends on itself is its own affair.
        let mut sharers: BTreeMap<NodeIndex, (u64, NodeIndex)> = BTreeMap::new();
        for (resource, users) in &self.sharers {
            let Some(distance) = reached.get(resource) else { continue };
            for user in users.iter().filter(|user| !reached.contains_key(user)) {
                let total = (distance.cost + SIDEWAYS + stay(*user), *resource);
                sharers.entry(*user).and_modify(|known| *known = total.min(*known)).or_insert(total);
            }
        }
        for (user, (cost, resource)) in sharers {
            reached.insert(user, Distance { cost, is_sharer: true });
            before.insert(user, resource);
        }
        (reached, before)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{id, topology};

    /// The way from `from` to `to`, or `none`.
    fn check(edges: &[(&str, &str, &str)], from: &str, to: &str, expected: &str) {
        let graph = DependencyGraph::new(&topology(edges));
        let path = graph.path(&id(from), &id(to), |_| 0).map(|path| {
            let names: Vec<_> = path.iter().map(NodeId::as_str).collect();
            names.join(" ")
        });
        assert_eq!(path.as_deref().unwrap_or("none"), expected);
    }

    const SHOP: &[(&str, &str, &str)] = &[
        ("group:g", "consumes", "partition:orders/0"),
        ("partition:orders/0", "part-of", "topic:orders"),
        ("topic:orders", "fed-by", "producer:shop"),
        ("group:g", "worked-by", "service:s"),
        ("service:s", "runs-as", "instance:s-0"),
        ("instance:s-0", "runs-on", "host:h1"),
        ("instance:s-0", "uses-pool", "pool:s-0/db"),
        ("pool:s-0/db", "connects-to", "database:db"),
        ("service:s", "calls", "database:db"),
    ];

    #[test]
    fn the_database_is_found_from_the_group_and_not_from_the_topic() {
        check(SHOP, "group:g", "database:db", "group:g service:s database:db");
        check(SHOP, "topic:orders", "database:db", "none");
        check(SHOP, "group:g", "producer:shop", "group:g partition:orders/0 topic:orders producer:shop");
        check(SHOP, "database:db", "group:g", "none");
    }

    #[test]
    fn a_way_over_nodes_that_show_trouble_explains_more_than_a_short_one() {
        let graph = DependencyGraph::new(&topology(SHOP));
        let calm_costs = |node: &NodeId| if node.kind() == "database" { 1_000 } else { 0 };
        let path = graph.path(&id("group:g"), &id("database:db"), calm_costs).unwrap();
        assert_eq!(path.len(), 3, "what the end costs does not change the way");
        let graph = DependencyGraph::new(&topology(&[
            ("group:g", "worked-by", "service:a"),
            ("group:g", "worked-by", "service:b"),
            ("service:a", "calls", "database:db"),
            ("service:b", "calls", "database:db"),
        ]));
        let sick = |node: &NodeId| if node.as_str() == "service:b" { 0 } else { 1_000 };
        assert!(graph.path(&id("group:g"), &id("database:db"), sick).unwrap().contains(&id("service:b")));
    }

    #[test]
    fn contention_is_walked_both_ways_and_dependency_one_way() {
        let edges = [("group:g", "worked-by", "service:s"), ("service:batch", "contends", "service:s")];
        check(&edges, "group:g", "service:batch", "group:g service:s service:batch");
        check(&edges, "service:batch", "service:s", "service:batch service:s");
        check(&edges, "service:batch", "group:g", "none");
    }

    #[test]
    fn who_shares_our_host_or_database_is_near_but_what_they_depend_on_is_not() {
        let mut edges = SHOP.to_vec();
        edges.extend([
            ("instance:report-0", "runs-on", "host:h1"),
            ("instance:report-0", "calls", "cache:reports"),
            ("service:nightly", "calls", "database:db"),
        ]);
        check(&edges, "group:g", "instance:report-0", "group:g service:s instance:s-0 host:h1 instance:report-0");
        check(&edges, "group:g", "service:nightly", "group:g service:s database:db service:nightly");
        check(&edges, "group:g", "cache:reports", "none");
        let graph = DependencyGraph::new(&topology(&edges));
        assert!(graph.reach(&id("group:g"))[&id("service:nightly")].is_sharer);
        assert!(!graph.reach(&id("group:g"))[&id("database:db")].is_sharer);
    }

    #[test]
    fn a_replica_is_no_rival_of_the_service_that_reads_its_primary() {
        let edges = [("service:s", "calls", "database:a"), ("database:b", "replicates", "database:a")];
        check(&edges, "service:s", "database:b", "none");
        check(&edges, "database:b", "database:a", "database:b database:a");
    }

    #[test]
    fn services_that_call_each_other_are_one_component() {
        let edges = [
            ("service:a", "calls", "service:b"),
            ("service:b", "calls", "service:a"),
            ("service:b", "calls", "service:c"),
        ];
        let graph = DependencyGraph::new(&topology(&edges));
        assert!(graph.is_cycle(&id("service:a"), &id("service:b")));
        assert!(!graph.is_cycle(&id("service:b"), &id("service:c")));
        check(&edges, "service:a", "service:c", "service:a service:b service:c");
        assert!(graph.depends(&id("service:b"), &id("service:a")));
        assert!(!graph.depends(&id("service:c"), &id("service:a")));
    }

    #[test]
    fn a_node_that_nobody_knows_leads_nowhere() {
        check(&[], "group:g", "group:g", "none");
        assert!(DependencyGraph::new(&topology(&[])).reach(&id("group:g")).is_empty());
    }

    proptest! {
        #[test]
        fn every_path_starts_at_the_symptom_and_takes_steps_that_exist(edges in crate::testing::edges()) {
            let topology = crate::testing::connected(&edges);
            let graph = DependencyGraph::new(&topology);
            for from in topology.nodes() {
                let reach = graph.reach(&from.id);
                for to in topology.nodes() {
                    let path = graph.path(&from.id, &to.id, |_| 0);
                    prop_assert_eq!(path.is_some(), reach.contains_key(&to.id));
                    let Some(path) = path else { continue };
                    prop_assert_eq!((path.first(), path.last()), (Some(&from.id), Some(&to.id)));
                    for pair in path.windows(2) {
                        prop_assert!(graph.is_step(&pair[0], &pair[1]));
                    }
                }
            }
        }

        #[test]
        fn one_walk_for_several_reaches_what_a_walk_for_each_does(edges in crate::testing::edges(), count in 0_usize..6) {
            let topology = crate::testing::connected(&edges);
            let graph = DependencyGraph::new(&topology);
            let from: Vec<&NodeId> = topology.nodes().map(|node| &node.id).take(count).collect();
            let each: BTreeSet<&NodeId> = from.iter().flat_map(|node| graph.reach(node).into_keys()).collect();
            prop_assert_eq!(graph.reach_of_any(from), each);
        }

        #[test]
        fn a_node_without_edges_changes_no_path(edges in crate::testing::edges()) {
            let topology = crate::testing::connected(&edges);
            let mut larger = topology.clone();
            larger.add_node(lagdoctor_model::Node::new(id("cache:aside")));
            let (graph, wider) = (DependencyGraph::new(&topology), DependencyGraph::new(&larger));
            for from in topology.nodes() {
                for to in topology.nodes() {
                    prop_assert_eq!(graph.path(&from.id, &to.id, |_| 0), wider.path(&from.id, &to.id, |_| 0));
                }
            }
        }
    }
}
