//! The network between two nodes. A target is a way, `FROM>TO`: from a service, an instance, a producer or a broker to a
//! database, a cache, an endpoint, a broker by its number, or `kafka`, which is all brokers.

mod latency;
mod loss;
mod partition_broker;
mod partition_client;

use std::sync::Arc;

use super::Kind;
use super::target::KAFKA;
use crate::cluster::Cluster;
use crate::cluster::kafka::link::{LinkKnobs, Place, Way};
use crate::cluster::knobs::Knobs;
use crate::fault::Effect;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[
    &latency::NetLatency,
    &loss::NetLoss,
    &partition_client::NetPartitionClient,
    &partition_broker::NetPartitionBroker,
];

/// Everybody at one end of a way.
fn places(cluster: &Cluster, name: &str) -> Vec<Place> {
    let all = |count: usize, fits: &dyn Fn(usize) -> bool, place: fn(usize) -> Place| {
        (0..count).filter(|number| fits(*number)).map(place).collect::<Vec<_>>()
    };
    let brokers = &cluster.kafka.brokers;
    let instances = &cluster.instances;
    let works = |number: usize| instances[number].name == name || instances[number].plan.service == name;
    let mut found = all(brokers.len(), &|n| name == KAFKA || brokers[n].number.to_string() == name, Place::Broker);
    found.extend(all(instances.len(), &works, Place::Instance));
    found.extend(all(cluster.producers.len(), &|n| cluster.producers[n].name == name, Place::Producer));
    found.extend(all(cluster.databases.len(), &|n| cluster.databases[n].name == name, Place::Database));
    found.extend(all(cluster.caches.len(), &|n| cluster.caches[n].name == name, Place::Cache));
    found.extend(all(cluster.endpoints.len(), &|n| cluster.endpoints[n].name == name, Place::Endpoint));
    found
}

/// Something wrong on a way.
struct OnTheWay {
    name: Arc<str>,
    ends: (Vec<Place>, Vec<Place>),
    /// At its full size.
    way: Way,
}

impl OnTheWay {
    fn new(cluster: &Cluster, target: &str, way: Way) -> Self {
        let (from, to) = target.split_once('>').unwrap_or((target, KAFKA));
        Self { name: target.into(), ends: (places(cluster, from), places(cluster, to)), way }
    }
}

impl Effect for OnTheWay {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        let Way { delay_s, jitter, loss, is_cut } = self.way;
        let way = Way { delay_s: delay_s * level, jitter, loss: loss * level, is_cut: is_cut && level > 0.0 };
        knobs.kafka.links.push(LinkKnobs { name: self.name.clone(), ends: self.ends.clone(), way });
    }
}
