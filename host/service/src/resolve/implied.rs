//! Edges that nobody wrote down but that follow from what is there: partitions from the series of a group, pools and
//! JVMs from their names, services from the labels and names of instances. An edge of the operator is never doubled or
//! contradicted. What is only a guess is marked on the dependent node, in the label `guessed`. Start at [`add_edges`].

use lagdoctor_model::{Edge, Labels, Node, NodeId, SeriesKey, Topology};

use super::names::{Attributes, NodeResolver, SERVICE};

/// The label that names the guessed edges of a node.
const GUESSED: &str = "guessed";

/// Adds the edges that follow. `measured` are the series that there are, `members` are group, client id and address of the
/// members of groups.
pub(super) fn add_edges<'a>(
    nodes: &mut NodeResolver,
    measured: impl Iterator<Item = &'a SeriesKey>,
    members: &[(String, String, String)],
) {
    for key in measured.filter(|key| key.node.kind() == "group") {
        of_group(nodes.topology_mut(), key);
    }
    let found: Vec<NodeId> = nodes.topology().nodes().map(|node| node.id.clone()).collect();
    for id in &found {
        let topology = nodes.topology_mut();
        match id.kind() {
            "partition" => of_partition(topology, id),
            "jvm" => of_instance(topology, "runs-on", id.name(), id),
            "pool" => of_pool(topology, id),
            "instance" => of_service(topology, id),
            _ => {}
        }
    }
    for (group, client, address) in members {
        of_member(nodes, group, client, address);
    }
    for id in found.iter().filter(|id| id.kind() == "group") {
        guess_service(nodes.topology_mut(), id);
    }
}

fn id(kind: &str, name: &str) -> Option<NodeId> {
    NodeId::new(format!("{kind}:{name}")).ok()
}

fn connect(topology: &mut Topology, dependent: &NodeId, kind: &str, dependency: &NodeId) {
    if let Ok(edge) = Edge::new(dependent.clone(), kind, dependency.clone()) {
        topology.connect(edge);
    }
}

/// A group that has an offset or a lag of a partition reads it; where a source only knows topics, it reads the topic.
fn of_group(topology: &mut Topology, key: &SeriesKey) {
    let Some(name) = key.labels.get("topic") else { return };
    let read = match key.labels.get("partition") {
        Some(number) => id("partition", &format!("{name}/{number}")),
        None => id("topic", name),
    };
    if let Some(read) = read {
        connect(topology, &key.node, "consumes", &read);
    }
}

fn of_partition(topology: &mut Topology, partition: &NodeId) {
    if let Some(topic) = partition.name().rsplit_once('/').and_then(|(topic, _)| id("topic", topic)) {
        connect(topology, partition, "part-of", &topic);
    }
}

fn of_instance(topology: &mut Topology, kind: &str, instance: &str, part: &NodeId) {
    // A JVM whose owner the operator named (a broker's, say) is not an instance's.
    let has_owner = topology.edges().any(|edge| edge.dependency == *part);
    if let Some(instance) = id("instance", instance).filter(|_| !has_owner) {
        connect(topology, &instance, kind, part);
        of_service(topology, &instance);
    }
}

fn of_pool(topology: &mut Topology, pool: &NodeId) {
    let Some((instance, target)) = pool.name().rsplit_once('/') else { return };
    of_instance(topology, "uses-pool", instance, pool);
    let has_target = topology.edges().any(|edge| edge.dependent == *pool);
    if let Some(database) = id("database", target).filter(|_| !has_target)
        && topology.node(&database).is_some()
    {
        connect(topology, pool, "connects-to", &database);
    }
}

/// By its label, else by its name: `fulfilment-0` and `fulfilment-7c9d8f-x2x9z` are copies of `fulfilment`.
fn of_service(topology: &mut Topology, instance: &NodeId) {
    let has_service = topology.edges().any(|edge| edge.dependency == *instance && edge.dependent.kind() == "service");
    if has_service {
        return;
    }
    let labelled =
        topology.node(instance).and_then(|node| node.labels.get(SERVICE)).and_then(|name| id("service", name));
    let by_name = || {
        let prefix = |node: &&Node| {
            instance.name().strip_prefix(node.id.name()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let services = topology.nodes().filter(|node| node.id.kind() == "service").filter(prefix);
        // The longest: `orders-api-0` is a copy of `orders-api` and not of `orders`.
        services.max_by_key(|node| node.id.name().len()).map(|node| node.id.clone())
    };
    if let Some(service) = labelled.or_else(by_name) {
        connect(topology, &service, "runs-as", instance);
    }
}

fn works(topology: &Topology, group: &NodeId) -> bool {
    topology.edges().any(|edge| edge.dependent == *group && edge.kind.as_str() == "worked-by")
}

/// A member of the group is an instance that we know, so the group is worked by its service.
fn of_member(nodes: &mut NodeResolver, group: &str, client: &str, address: &str) {
    let Some(group) = id("group", group).filter(|group| !works(nodes.topology(), group)) else { return };
    let attributes = Attributes::new([("service.instance.id", client), ("instance", address)]);
    let Some(instance) = nodes.find("instance", &attributes) else { return };
    let service = nodes
        .topology()
        .edges()
        .find(|edge| edge.dependency == instance && edge.dependent.kind() == "service")
        .map(|edge| edge.dependent.clone());
    if let Some(service) = service {
        connect(nodes.topology_mut(), &group, "worked-by", &service);
    }
}

/// Nobody says who works for the group, and a service has its name.
fn guess_service(topology: &mut Topology, group: &NodeId) {
    let Some(service) = id("service", group.name()) else { return };
    if topology.node(&service).is_none() || works(topology, group) {
        return;
    }
    connect(topology, group, "worked-by", &service);
    let labels = Labels::from([(GUESSED.to_owned(), format!("worked-by {service}"))]);
    topology.add_node(Node { id: group.clone(), labels });
}
