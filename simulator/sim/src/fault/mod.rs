//! What can break. Each kind of fault is one file: what it happens to, which cause it turns, and what the truth is then.
//! A fault turns knobs and nothing else; what follows from it must come of the physics. Start at [`Kind`]; a new kind is a
//! new file in the folder of its area and an entry in that area's `KINDS`.

mod called;
mod consumer;
mod harmless;
mod kafka;
mod load;
mod net;
mod process;
mod shape;
mod target;

use std::collections::BTreeMap;

pub(crate) use shape::Shape;
pub(crate) use target::{Between, Target};
use target::{groups, pool_name, service_of};

use crate::cluster::Cluster;
use crate::cluster::knobs::{Knobs, MOST_POOLS};
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::scenario::node::NodeOf;
use crate::scenario::spec::{FaultSpec, Role};
use crate::scenario::value::Param;
use crate::units::Micros;

/// A kind of fault.
pub(crate) trait Kind: Sync {
    /// Its slug, which is also its class.
    fn slug(&self) -> &'static str;
    /// What it happens to; that is also the node of the truth.
    fn target(&self) -> Target;
    /// What of it is broken, for the truth.
    fn component(&self) -> &'static str;
    /// Names of its parameters.
    fn params(&self) -> &'static [&'static str] {
        &[]
    }
    /// What it does, with all that was drawn for this run.
    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect>;
    /// Ids of nodes that are right answers as well, two at most.
    fn accepted(&self, scenario: &Scenario, target: &str) -> Vec<String> {
        self.target().accepted(scenario, target)
    }
}

/// What a fault of one run does.
pub(crate) trait Effect: Send + Sync {
    /// Turns its knobs. `level` is 0 when the fault is absent and 1 when it is at its full size.
    fn turn(&self, level: f64, knobs: &mut Knobs);
}

const AREAS: [&[&dyn Kind]; 7] =
    [harmless::KINDS, load::KINDS, consumer::KINDS, process::KINDS, called::KINDS, kafka::KINDS, net::KINDS];

fn kinds() -> impl Iterator<Item = &'static dyn Kind> {
    AREAS.into_iter().flatten().copied()
}

/// The kind of this slug.
pub(crate) fn kind(slug: &str) -> Option<&'static dyn Kind> {
    kinds().find(|kind| kind.slug() == slug)
}

/// All slugs.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    kinds().map(Kind::slug)
}

/// What was drawn for one fault of one run.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) role: Role,
    pub(crate) target: String,
    pub(crate) severity: f64,
    pub(crate) at: Micros,
    pub(crate) ramp: Micros,
    pub(crate) end: Micros,
    shape: Shape,
    numbers: BTreeMap<String, f64>,
    pub(crate) words: BTreeMap<String, String>,
}

impl Drawn {
    /// Draws each fault from a stream of its own, so that one more fault changes no other.
    pub(crate) fn all(scenario: &Scenario, streams: &Streams) -> Vec<Self> {
        let mut drawn: Vec<Self> = vec![];
        for spec in &scenario.faults {
            let one = Self::one(spec, &drawn, streams);
            drawn.push(one);
        }
        drawn
    }

    fn one(spec: &FaultSpec, before: &[Self], streams: &Streams) -> Self {
        let stream = &mut streams.stream(&spec.id, "fault");
        let target = spec.target.draw(stream);
        let severity = spec.severity.draw(stream);
        let own = spec.at.as_ref().map(|at| at.draw(stream));
        let offset = spec.offset.draw(stream);
        let after = before.iter().find(|other| Some(&other.id) == spec.after.as_ref());
        let at = Micros::of_seconds(own.unwrap_or_else(|| after.map_or(0.0, |fault| fault.at.as_seconds()) + offset));
        let ramp = Micros::of_seconds(spec.ramp.draw(stream).max(0.0));
        let hold = Micros::of_seconds(spec.hold.draw(stream).max(0.0));
        let (mut numbers, mut words) = (BTreeMap::new(), BTreeMap::new());
        for (name, param) in &spec.params {
            let stream = &mut streams.stream(&spec.id, &format!("param {name}"));
            match param {
                Param::Number(number) => drop(numbers.insert(name.clone(), number.draw(stream))),
                Param::Word(word) => drop(words.insert(name.clone(), word.draw(stream))),
            }
        }
        let shape = Shape::parse(&spec.shape).unwrap_or(Shape::Step);
        let (id, kind, role) = (spec.id.clone(), spec.kind.clone(), spec.role);
        Self { id, kind, role, target, severity, at, ramp, end: at + ramp + hold, shape, numbers, words }
    }

    /// How much of the fault there is at this moment, from 0 to 1.
    pub(crate) fn level(&self, now: Micros) -> f64 {
        if now < self.at || now >= self.end {
            0.0
        } else {
            self.shape.level(now - self.at, self.ramp, self.end - self.at)
        }
    }

    fn number(&self, name: &str, otherwise: f64) -> f64 {
        self.numbers.get(name).copied().unwrap_or(otherwise)
    }

    fn word(&self, name: &str, otherwise: &'static str) -> &str {
        self.words.get(name).map_or(otherwise, String::as_str)
    }
}

/// Indexes of the instances that a target names: one, or all of a service.
fn instances(cluster: &Cluster, target: &str) -> Vec<usize> {
    let named =
        |instance: &&crate::cluster::instance::Instance| instance.name == target || instance.plan.service == target;
    cluster.instances.iter().filter(named).map(|instance| instance.index).collect()
}

/// Index of a cache.
fn cache(cluster: &Cluster, target: &str) -> usize {
    cluster.caches.iter().position(|cache| cache.name == target).unwrap_or(0)
}

/// Index of an endpoint.
fn endpoint(cluster: &Cluster, target: &str) -> usize {
    cluster.endpoints.iter().position(|endpoint| endpoint.name == target).unwrap_or(0)
}

/// The pools that a target such as `fulfilment-1/orders-db` names, or all of a service such as `fulfilment/orders-db`: by
/// the index of the instance and the place among its pools.
fn pools(cluster: &Cluster, target: &str) -> Vec<(usize, usize)> {
    let (owner, database) = target.split_once('/').unwrap_or((target, ""));
    let of = |index: usize| {
        let place = cluster.instances[index].pools.iter().position(|pool| pool.name == database);
        place.filter(|place| *place < MOST_POOLS).map(|place| (index, place))
    };
    instances(cluster, owner).into_iter().filter_map(of).collect()
}

/// Index of a database.
fn database(cluster: &Cluster, target: &str) -> usize {
    cluster.databases.iter().position(|database| database.name == target).unwrap_or(0)
}

/// Index of a producer.
fn producer(cluster: &Cluster, target: &str) -> usize {
    cluster.producers.iter().position(|producer| producer.name == target).unwrap_or(0)
}

/// Index of a group.
fn group(cluster: &Cluster, target: &str) -> usize {
    cluster.groups.iter().position(|group| group.name == target).unwrap_or(0)
}

/// Index of the topic of a partition, and its number.
fn partition(cluster: &Cluster, target: &str) -> (usize, u32) {
    let (topic, number) = target.rsplit_once('/').unwrap_or((target, "0"));
    let place = cluster.topics.iter().position(|known| known.name == topic).unwrap_or(0);
    (place, number.parse().unwrap_or(0))
}

/// Every group.
pub(crate) fn group_names(scenario: &Scenario) -> impl Iterator<Item = &str> {
    groups(scenario).map(|(_, group)| group)
}

/// Ids of the services of a group, at most two.
fn services_of(scenario: &Scenario, group: &str) -> Vec<String> {
    let own = groups(scenario).filter(|(_, name)| *name == group);
    own.map(|(service, _)| format!("service:{service}")).take(2).collect()
}

/// Id of the broker that coordinates a group.
fn coordinator_of(scenario: &Scenario, group: &str) -> Option<String> {
    let place = groups(scenario).position(|(_, name)| name == group)?;
    let brokers: Vec<&str> =
        scenario.nodes.iter().filter(|node| matches!(node.of, NodeOf::Broker)).map(|node| node.id.as_str()).collect();
    Some(format!("broker:{}", brokers.get(place % brokers.len().max(1))?))
}

/// Ids of the topics that a producer writes, at most two.
fn feeds(scenario: &Scenario, producer: &str) -> Vec<String> {
    let feeds = |producers: &[String]| producers.iter().any(|name| name == producer);
    let topics = scenario.workloads.iter().filter(|(_, load)| feeds(&load.producers));
    topics.map(|(topic, _)| format!("topic:{topic}")).take(2).collect()
}
