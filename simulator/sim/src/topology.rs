//! Who depends on whom: as it is, and as an operator wrote it down some time ago. Edges point from what needs to what is
//! needed.

use lagdoctor_model::{Edge, Labels, Node, NodeId, Topology};

use crate::cluster::Cluster;
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::scenario::node::{NodeOf, NodeSpec, ServiceSpec};
use crate::simulation::Simulation;

/// As it is.
pub(crate) fn whole(scenario: &Scenario, cluster: &Cluster) -> Topology {
    let mut drawn = Drawing(Topology::new());
    for node in &scenario.nodes {
        let id = |kind: &str| format!("{kind}:{}", node.id);
        match &node.of {
            NodeOf::Producer => drawn.node(&id("producer"), node),
            NodeOf::Topic(_) => {
                drawn.node(&id("topic"), node);
                draw_partitions(&mut drawn, cluster, &node.id);
                for producer in scenario.workloads.get(&node.id).into_iter().flat_map(|load| &load.producers) {
                    drawn.edge(&id("topic"), "fed-by", &format!("producer:{producer}"));
                }
            }
            NodeOf::Broker => drawn.node(&id("broker"), node),
            NodeOf::Service(service) => draw_service(&mut drawn, scenario, cluster, node, service),
            NodeOf::Primary(_) => drawn.node(&id("database"), node),
            NodeOf::Replica(replica) => {
                drawn.node(&id("database"), node);
                replica.of.iter().for_each(|of| drawn.edge(&id("database"), "replicates", &format!("database:{of}")));
            }
            NodeOf::Cache(_) => drawn.node(&id("cache"), node),
            NodeOf::Http(_) => drawn.node(&id("endpoint"), node),
            NodeOf::Host(_) => drawn.node(&id("host"), node),
        }
        let kind = match &node.of {
            NodeOf::Producer => "producer",
            NodeOf::Broker => "broker",
            NodeOf::Primary(_) | NodeOf::Replica(_) => "database",
            NodeOf::Cache(_) => "cache",
            _ => continue,
        };
        node.host.iter().for_each(|host| drawn.edge(&id(kind), "runs-on", &format!("host:{host}")));
    }
    for (who, way) in &cluster.crossings {
        drawn.edge(who, "crosses", &format!("link:{way}"));
    }
    drawn.0
}

/// As it is, with these nodes too if they are partitions that nobody draws.
pub(crate) fn whole_with<'a>(run: &Simulation, nodes: impl Iterator<Item = &'a str>) -> Topology {
    let mut topology = whole(&run.scenario, &run.cluster);
    nodes.for_each(|node| add_partition(&mut topology, node));
    topology
}

/// Adds a partition that nobody draws: its group reads it, and it is a part of its topic.
pub(crate) fn add_partition(topology: &mut Topology, id: &str) {
    let Some((topic, _)) = id.strip_prefix("partition:").and_then(|name| name.rsplit_once('/')) else { return };
    let topic = format!("topic:{topic}");
    let readers = topology.edges().filter(|edge| edge.kind.as_str() == "consumes" && edge.dependency.as_str() == topic);
    let readers: Vec<String> = readers.map(|edge| edge.dependent.to_string()).collect();
    let mut drawn = Drawing(std::mem::take(topology));
    drawn.bare(id, Labels::new());
    drawn.edge(id, "part-of", &topic);
    readers.iter().for_each(|group| drawn.edge(group, "consumes", id));
    *topology = drawn.0;
}

/// Partitions of a topic and who leads each of them. Where there are very many, nobody keeps them in a file.
fn draw_partitions(drawn: &mut Drawing, cluster: &Cluster, name: &str) {
    const MOST: usize = 128;
    let Some(topic) = cluster.topics.iter().find(|topic| topic.name == name) else { return };
    for (number, partition) in topic.partitions.iter().enumerate().take(MOST) {
        let id = format!("partition:{name}/{number}");
        drawn.edge(&id, "part-of", &format!("topic:{name}"));
        if let Some(broker) = cluster.kafka.brokers.get(partition.first_replica) {
            drawn.edge(&id, "led-by", &format!("broker:{}", broker.number));
        }
        for group in cluster.groups.iter().filter(|group| cluster.topics[group.topic].name == name) {
            drawn.edge(&format!("group:{}", group.name), "consumes", &id);
        }
    }
}

struct Drawing(Topology);

impl Drawing {
    fn node(&mut self, id: &str, spec: &NodeSpec) {
        if let Ok(id) = NodeId::new(id) {
            self.0.add_node(Node { id, labels: spec.labels.clone() });
        }
    }

    fn bare(&mut self, id: &str, labels: Labels) {
        if let Ok(id) = NodeId::new(id) {
            self.0.add_node(Node { id, labels });
        }
    }

    fn edge(&mut self, dependent: &str, kind: &str, dependency: &str) {
        if let (Ok(dependent), Ok(dependency)) = (NodeId::new(dependent), NodeId::new(dependency))
            && let Ok(edge) = Edge::new(dependent, kind, dependency)
        {
            self.0.connect(edge);
        }
    }
}

fn draw_service(drawn: &mut Drawing, scenario: &Scenario, cluster: &Cluster, node: &NodeSpec, service: &ServiceSpec) {
    let id = format!("service:{}", node.id);
    drawn.node(&id, node);
    let group = format!("group:{}", service.kafka.group);
    // A group belongs to whoever owns the service, and is woken for like it.
    drawn.bare(&group, node.labels.clone());
    drawn.edge(&group, "worked-by", &id);
    drawn.edge(&group, "consumes", &format!("topic:{}", service.kafka.topic));
    for output in &service.produces {
        drawn.edge(&format!("topic:{}", output.topic), "fed-by", &group);
    }
    for call in &service.calls {
        let called = scenario.nodes.iter().find(|node| node.id == call.to).map(|node| &node.of);
        let kind = match called {
            Some(NodeOf::Cache(_)) => "cache",
            Some(NodeOf::Http(_)) => "endpoint",
            _ => "database",
        };
        drawn.edge(&id, "calls", &format!("{kind}:{}", call.to));
    }
    for instance in cluster.instances.iter().filter(|instance| instance.plan.service == node.id) {
        let own = format!("instance:{}", instance.name);
        drawn.edge(&id, "runs-as", &own);
        drawn.edge(&own, "runs-on", &format!("jvm:{}", instance.name));
        if let Some(host) = instance.host {
            drawn.edge(&own, "runs-on", &format!("host:{}", cluster.hosts[host].name));
        }
        for pool in &instance.pools {
            let lent = format!("pool:{}/{}", instance.name, pool.name);
            drawn.edge(&own, "uses-pool", &lent);
            drawn.edge(&lent, "connects-to", &format!("database:{}", pool.name));
        }
    }
}

/// As the operator has it: some edges are missing, and some have long been wrong.
pub(crate) fn seen(scenario: &Scenario, cluster: &Cluster, streams: &Streams) -> Topology {
    let whole = whole(scenario, cluster);
    let spec = &scenario.telemetry.topology;
    let mut stream = streams.stream("topology", "edges");
    let mut seen = Topology::new();
    whole.nodes().cloned().for_each(|node| seen.add_node(node));
    for edge in whole.edges() {
        if !stream.chance(spec.missing_edges) {
            seen.connect(edge.clone());
        }
    }
    // An edge of old times: a service that once called something else.
    let of_kind = |kind: &'static str| whole.nodes().map(|node| &node.id).filter(move |id| id.kind() == kind);
    let (services, hosts): (Vec<_>, Vec<_>) = (of_kind("service").collect(), of_kind("database").collect());
    let count = stream.part(whole.edges().count() as u32, spec.stale_edges);
    for _ in 0..count {
        let place = (stream.unit(), stream.unit());
        let pick = |list: &[&NodeId], unit: f64| list.get((unit * list.len() as f64) as usize).map(|id| (*id).clone());
        if let (Some(service), Some(database)) = (pick(&services, place.0), pick(&hosts, place.1))
            && let Ok(edge) = Edge::new(service, "calls", database)
        {
            seen.connect(edge);
        }
    }
    seen
}
