//! What is true of each node at a moment, as a doctor would measure it from inside: what it is like of itself, and what it
//! does and feels. A run and its twin are compared by these numbers, node by node; nobody else ever sees them.
//! Start at [`Cluster::tell`]; `nodes` has the numbers of each kind of node.

mod kafka;
mod nodes;

use super::Cluster;

/// A node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Producer(usize),
    Topic(usize),
    Group(usize),
    /// The service of the group at this place.
    Service(usize),
    Instance(usize),
    Jvm(usize),
    /// Of an instance, and which of its pools.
    Pool(usize, usize),
    Database(usize),
    Cache(usize),
    Endpoint(usize),
    Host(usize),
    Broker(usize),
    /// A way between nodes.
    Link(usize),
    /// Of a topic, and its number.
    Partition(usize, u32),
}

/// One number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vital {
    pub(crate) who: Who,
    /// What is measured, and which of several.
    pub(crate) what: (&'static str, usize),
    /// Whether it says what the node itself is like, which load and neighbours do not change.
    pub(crate) is_own: bool,
    pub(crate) value: Value,
    /// A difference counts from this share of what the twin has, and from this much, on.
    pub(crate) counts: (f64, f64),
}

/// How the number is to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// As it stands.
    Now(f64),
    /// Two sums since ever, of which the growth of the one is divided by that of the other and by the mean of the third.
    Ratio(f64, f64, f64),
}

impl Cluster {
    /// Tells all of all nodes. Partitions come last, since there may be more of them later.
    pub(crate) fn tell(&self, told: &mut Vec<Vital>) {
        told.clear();
        nodes::producers(self, told);
        nodes::groups(self, told);
        nodes::instances(self, told);
        nodes::called(self, told);
        nodes::endpoints(self, told);
        nodes::hosts(self, told);
        kafka::brokers(self, told);
        kafka::links(self, told);
        nodes::topics(self, told);
    }

    /// The id that the topology has for a node.
    pub(crate) fn id_of(&self, who: Who) -> String {
        let instance = |place: usize| self.instances[place].name.as_str();
        match who {
            Who::Producer(place) => format!("producer:{}", self.producers[place].name),
            Who::Topic(place) => format!("topic:{}", self.topics[place].name),
            Who::Group(place) => format!("group:{}", self.groups[place].name),
            Who::Service(place) => {
                let service = self.instances.iter().find(|instance| instance.group == place);
                format!("service:{}", service.map_or("", |instance| &instance.plan.service))
            }
            Who::Instance(place) => format!("instance:{}", instance(place)),
            Who::Jvm(place) => format!("jvm:{}", instance(place)),
            Who::Pool(place, pool) => {
                format!("pool:{}/{}", instance(place), self.instances[place].pools[pool].name)
            }
            Who::Database(place) => format!("database:{}", self.databases[place].name),
            Who::Cache(place) => format!("cache:{}", self.caches[place].name),
            Who::Endpoint(place) => format!("endpoint:{}", self.endpoints[place].name),
            Who::Host(place) => format!("host:{}", self.hosts[place].name),
            Who::Broker(place) => format!("broker:{}", self.kafka.brokers[place].number),
            Who::Link(place) => format!("link:{}", self.ways[place]),
            Who::Partition(topic, number) => format!("partition:{}/{number}", self.topics[topic].name),
        }
    }
}
