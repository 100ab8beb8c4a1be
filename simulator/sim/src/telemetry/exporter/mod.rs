//! What real exporters say, in their own words: one file for each of them. They read what a real one could read at that
//! moment, and nothing of what is true but cannot be measured.

mod broker;
mod instance;
mod kafka;
mod mysqld;
mod others;

use super::dialect::Dialect;
use super::scrape::{Of, Page, Target};
use crate::cluster::Cluster;
use crate::random::Streams;
use crate::units::Micros;

/// All targets of a pipeline, with the labels that a usual service discovery gives them.
pub(crate) fn targets(cluster: &Cluster, interval: Micros, dialect: Dialect, streams: &Streams) -> Vec<Target> {
    let mut targets = vec![];
    let mut target = |of, labels: &[(&str, &str)]| {
        targets.push(Target::new(of, labels, interval, streams).in_words_of(dialect));
    };
    target(Of::Kafka, &[("job", "kafka-exporter"), ("instance", "kafka-exporter:9308")]);
    for (place, instance) in cluster.instances.iter().enumerate() {
        let address = format!("10.42.{}.{}:8080", 1 + place / 200, 10 + place % 200);
        let node = instance.host.map_or("", |host| cluster.hosts[host].name.as_str());
        let service = instance.plan.service.as_str();
        let labels = [("job", service), ("instance", address.as_str()), ("pod", instance.name.as_str())];
        let more = [("namespace", "shop"), ("node", node)];
        target(Of::Instance(place), &[&labels[..], &more[..if node.is_empty() { 1 } else { 2 }]].concat());
    }
    for (place, producer) in cluster.producers.iter().enumerate() {
        let address = format!("10.42.9.{}:8080", 10 + place);
        let pod = format!("{}-0", producer.name);
        let labels = [("job", producer.name.as_str()), ("instance", &address), ("pod", &pod), ("namespace", "shop")];
        target(Of::Producer(place), &labels);
    }
    for (place, database) in cluster.databases.iter().enumerate() {
        let address = format!("{}:9104", database.name);
        target(Of::Database(place), &[("job", "mysqld"), ("instance", &address)]);
    }
    for (place, cache) in cluster.caches.iter().enumerate() {
        let address = format!("{}:9121", cache.name);
        target(Of::Cache(place), &[("job", "redis"), ("instance", &address)]);
    }
    for (place, host) in cluster.hosts.iter().enumerate() {
        let address = format!("{}:9100", host.name);
        target(Of::Host(place), &[("job", "node"), ("instance", &address)]);
    }
    for (place, broker) in cluster.kafka.brokers.iter().enumerate() {
        let number = broker.number.to_string();
        let host = broker.host.map_or_else(|| format!("kafka-{number}"), |host| cluster.hosts[host].name.clone());
        let address = format!("{host}:7071");
        target(Of::Broker(place), &[("job", "kafka"), ("instance", &address), ("broker_id", &number)]);
    }
    targets
}

/// Whom a target speaks for.
pub(crate) fn name(cluster: &Cluster, of: Of) -> &str {
    match of {
        Of::Kafka => LAG_EXPORTER,
        Of::Instance(place) => &cluster.instances[place].name,
        Of::Producer(place) => &cluster.producers[place].name,
        Of::Database(place) => &cluster.databases[place].name,
        Of::Cache(place) => &cluster.caches[place].name,
        Of::Host(place) => &cluster.hosts[place].name,
        Of::Broker(place) => &cluster.kafka.brokers[place].name,
    }
}

/// What says how far groups are behind; it is no node.
pub(crate) const LAG_EXPORTER: &str = "kafka-exporter";

/// Writes one answer.
pub(crate) fn write(page: &mut Page<'_>, cluster: &mut Cluster, now: Micros) {
    match page.target.of {
        Of::Kafka => kafka::write(page, cluster, now),
        Of::Instance(place) => instance::write(page, cluster, place, now),
        Of::Producer(place) => others::write_producer(page, cluster, place),
        Of::Database(place) => mysqld::write(page, cluster, place),
        Of::Cache(place) => others::write_redis(page, cluster, place),
        Of::Broker(place) => broker::write(page, cluster, place, now),
        Of::Host(place) => others::write_host(page, cluster, place),
    }
}
