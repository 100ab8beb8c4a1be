//! What a fault happens to: which things of a scenario can have it, what people call them, and which nodes of the truth
//! they are. Said once for all kinds. Start at [`Target`].

use crate::scenario::Scenario;
use crate::scenario::node::{NodeOf, ServiceSpec};
use crate::telemetry::exporter::LAG_EXPORTER;

/// What a kind of fault happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Producer,
    /// A producer whose topic is read only so far as it is committed.
    CommittedProducer,
    Topic,
    Partition,
    Broker,
    Group,
    /// A group, by its service.
    GroupOf,
    Service,
    Instance,
    /// The machine that an instance runs in, by the instance.
    Jvm,
    /// A service or one of its instances.
    ServiceOrInstance,
    /// The pools of a service to a database, or that of one instance.
    Pool,
    Primary,
    Replica,
    Database,
    Cache,
    Http,
    /// The name of something that is called.
    Name,
    Host,
    /// Whatever is scraped, or the exporter that tells of lag.
    Exporter,
    /// A way between nodes.
    Link(Between),
}

/// Between whom a way goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// Any two who talk to each other.
    Any,
    /// A client and what it calls.
    OfClient,
    ClientAndBroker,
    Brokers,
}

/// The name that stands for all brokers, at an end of a way.
pub(super) const KAFKA: &str = "kafka";

impl Target {
    /// For people, after "it happens to".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Producer => "a producer",
            Self::CommittedProducer => {
                "a producer whose topic is read by a service with `isolation = \"read_committed\"`"
            }
            Self::Topic => "a topic",
            Self::Partition => "a partition, as TOPIC/NUMBER",
            Self::Broker => "a broker, by its number",
            Self::Group => "a group",
            Self::GroupOf => "a service, whose group it is",
            Self::Service => "a service",
            Self::Instance | Self::Jvm => "an instance, as SERVICE-NUMBER",
            Self::ServiceOrInstance => "a service, or one of its instances",
            Self::Pool => "a pool, as INSTANCE/DATABASE or SERVICE/DATABASE",
            Self::Primary => "a primary",
            Self::Replica => "a replica",
            Self::Database => "a database",
            Self::Cache => "a cache",
            Self::Http => "something called over HTTP",
            Self::Name => "something called over HTTP, or the way SERVICE>DATABASE",
            Self::Host => "a host",
            Self::Exporter => {
                "whatever has an exporter, such as `fulfilment-2`, a database or a host, or `kafka-exporter`"
            }
            Self::Link(Between::Any | Between::OfClient) => {
                "a way such as `fulfilment>orders-db` or `fulfilment>kafka`"
            }
            Self::Link(Between::ClientAndBroker) => {
                "a way from a client to brokers, such as `fulfilment-2>kafka` or `fulfilment>3`"
            }
            Self::Link(Between::Brokers) => "a way between brokers, such as `1>2` or `3>kafka`",
        }
    }

    /// Whether a name is that of such a thing.
    pub(crate) fn fits(self, scenario: &Scenario, name: &str) -> bool {
        let is = |fits: fn(&NodeOf) -> bool| node(scenario, name).is_some_and(fits);
        match self {
            Self::Producer => is(|of| matches!(of, NodeOf::Producer)),
            Self::CommittedProducer => Self::Producer.fits(scenario, name) && is_read_committed(scenario, name),
            Self::Topic => is(|of| matches!(of, NodeOf::Topic(_))),
            Self::Partition => is_partition(scenario, name),
            Self::Broker => is(|of| matches!(of, NodeOf::Broker)),
            Self::Group => groups(scenario).any(|(_, group)| group == name),
            Self::GroupOf | Self::Service => is(|of| matches!(of, NodeOf::Service(_))),
            Self::Instance | Self::Jvm => is_instance(scenario, name),
            Self::ServiceOrInstance => Self::Service.fits(scenario, name) || is_instance(scenario, name),
            Self::Pool => is_pool(scenario, name),
            Self::Primary => is(|of| matches!(of, NodeOf::Primary(_))),
            Self::Replica => is(|of| matches!(of, NodeOf::Replica(_))),
            Self::Database => is(|of| matches!(of, NodeOf::Primary(_) | NodeOf::Replica(_))),
            Self::Cache => is(|of| matches!(of, NodeOf::Cache(_))),
            Self::Http => is(|of| matches!(of, NodeOf::Http(_))),
            Self::Name => Self::Http.fits(scenario, name) || is_pool(scenario, &pool_name(name)),
            Self::Host => is(|of| matches!(of, NodeOf::Host(_))),
            Self::Exporter => {
                let own = [Self::Producer, Self::Instance, Self::Database, Self::Cache, Self::Host];
                name == LAG_EXPORTER || own.into_iter().any(|target| target.fits(scenario, name))
            }
            Self::Link(between) => ends(scenario, name).is_some_and(|ends| between.joins(ends)),
        }
    }

    /// Ids of the nodes that such a thing is: one, or one for each when it stands for several.
    pub(crate) fn ids(self, scenario: &Scenario, name: &str) -> Vec<String> {
        let kind = match self {
            Self::Producer | Self::CommittedProducer => "producer",
            Self::Topic => "topic",
            Self::Partition => "partition",
            Self::Broker => "broker",
            Self::Group => "group",
            Self::GroupOf => return vec![format!("group:{}", group_of(scenario, name).unwrap_or(name))],
            Self::ServiceOrInstance if is_instance(scenario, name) => "instance",
            Self::Service | Self::ServiceOrInstance => "service",
            Self::Instance => "instance",
            Self::Jvm => "jvm",
            Self::Pool => return pool_ids(scenario, name),
            Self::Primary | Self::Replica | Self::Database => "database",
            Self::Cache => "cache",
            Self::Name if name.contains('>') => "link",
            Self::Http | Self::Name => "endpoint",
            Self::Host => "host",
            Self::Exporter => return vec![name.to_owned()],
            Self::Link(_) => "link",
        };
        vec![format!("{kind}:{name}")]
    }

    /// Ids of the nodes that are right answers as well, whatever happened to it: on a way, who stands alone at its near
    /// end.
    pub(super) fn accepted(self, scenario: &Scenario, name: &str) -> Vec<String> {
        let near = name.split_once('>').map(|(from, _)| from);
        let near = near.filter(|from| matches!(self, Self::Link(_)) && is_instance(scenario, from));
        near.map(|near| format!("instance:{near}")).into_iter().collect()
    }
}

fn node<'a>(scenario: &'a Scenario, name: &str) -> Option<&'a NodeOf> {
    scenario.nodes.iter().find(|node| node.id == name).map(|node| &node.of)
}

/// Every service by its name.
fn services(scenario: &Scenario) -> impl Iterator<Item = (&str, &ServiceSpec)> {
    scenario.nodes.iter().filter_map(|node| match &node.of {
        NodeOf::Service(spec) => Some((node.id.as_str(), &**spec)),
        _ => None,
    })
}

/// The specification of a service.
fn service<'a>(scenario: &'a Scenario, name: &str) -> Option<&'a ServiceSpec> {
    services(scenario).find(|(known, _)| *known == name).map(|(_, spec)| spec)
}

/// The service of an instance such as `fulfilment-2`.
pub(super) fn service_of<'a>(scenario: &Scenario, instance: &'a str) -> Option<&'a str> {
    let (name, number) = instance.rsplit_once('-')?;
    let number: u32 = number.parse().ok()?;
    service(scenario, name).is_some_and(|spec| number < spec.replicas).then_some(name)
}

fn is_instance(scenario: &Scenario, name: &str) -> bool {
    service_of(scenario, name).is_some()
}

fn is_partition(scenario: &Scenario, name: &str) -> bool {
    name.rsplit_once('/').is_some_and(|(topic, number)| match node(scenario, topic) {
        Some(NodeOf::Topic(spec)) => number.parse::<u32>().is_ok_and(|number| number < spec.partitions),
        _ => false,
    })
}

fn is_read_committed(scenario: &Scenario, producer: &str) -> bool {
    let feeds = |topic: &str| {
        scenario.workloads.get(topic).is_some_and(|load| load.producers.iter().any(|name| name == producer))
    };
    services(scenario).any(|(_, spec)| spec.kafka.isolation.is_committed() && feeds(&spec.kafka.topic))
}

/// Whether there is such a pool, or are such pools: `fulfilment-1/orders-db`, or all of a service, `fulfilment/orders-db`.
fn is_pool(scenario: &Scenario, name: &str) -> bool {
    let Some((owner, database)) = name.split_once('/') else { return false };
    let spec = service(scenario, service_of(scenario, owner).unwrap_or(owner));
    let calls = |spec: &ServiceSpec| {
        spec.calls.iter().any(|call| call.to == database || call.miss.as_deref() == Some(database))
    };
    Target::Database.fits(scenario, database) && spec.is_some_and(calls)
}

/// `fulfilment>orders-db` as pools are named: `fulfilment/orders-db`.
pub(super) fn pool_name(way: &str) -> String {
    way.replacen('>', "/", 1)
}

fn pool_ids(scenario: &Scenario, name: &str) -> Vec<String> {
    let Some((owner, database)) = name.split_once('/') else { return vec![] };
    match service(scenario, owner) {
        Some(spec) => (0..spec.replicas).map(|number| format!("pool:{owner}-{number}/{database}")).collect(),
        None => vec![format!("pool:{name}")],
    }
}

/// What a name stands for at one end of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Client,
    Broker,
    Other,
}

impl Between {
    fn joins(self, ends: (End, End)) -> bool {
        match ends {
            (End::Client, End::Broker) => self != Self::Brokers,
            (End::Client, End::Other) => matches!(self, Self::Any | Self::OfClient),
            (End::Broker, End::Broker) => matches!(self, Self::Any | Self::Brokers),
            _ => false,
        }
    }
}

fn end(scenario: &Scenario, name: &str) -> Option<End> {
    if name == KAFKA {
        return Some(End::Broker);
    }
    if is_instance(scenario, name) {
        return Some(End::Client);
    }
    match node(scenario, name)? {
        NodeOf::Producer | NodeOf::Service(_) => Some(End::Client),
        NodeOf::Broker => Some(End::Broker),
        NodeOf::Primary(_) | NodeOf::Replica(_) | NodeOf::Cache(_) | NodeOf::Http(_) => Some(End::Other),
        NodeOf::Topic(_) | NodeOf::Host(_) => None,
    }
}

/// Both ends of a way.
fn ends(scenario: &Scenario, name: &str) -> Option<(End, End)> {
    let (from, to) = name.split_once('>')?;
    Some((end(scenario, from)?, end(scenario, to)?)).filter(|_| from != to)
}

/// Every service with its group.
pub(super) fn groups(scenario: &Scenario) -> impl Iterator<Item = (&str, &str)> {
    services(scenario).map(|(name, spec)| (name, spec.kafka.group.as_str()))
}

/// The group of a service.
pub(super) fn group_of<'a>(scenario: &'a Scenario, name: &str) -> Option<&'a str> {
    service(scenario, name).map(|spec| spec.kafka.group.as_str())
}
