//! The numbers of brokers, of ways and of what brokers do for partitions.

use super::super::Cluster;
use super::super::kafka::link::Way;
use super::super::topic::Partition;
use super::nodes::{Of, word};
use super::{Vital, Who};

pub(super) fn brokers(cluster: &Cluster, told: &mut Vec<Vital>) {
    let knobs = &cluster.knobs.kafka.brokers;
    for (place, (broker, knobs)) in cluster.kafka.brokers.iter().zip(knobs).enumerate() {
        let led = || cluster.topics.iter().flat_map(|topic| &topic.partitions).filter(|one| one.leader == place);
        let mut of = Of { told, who: Who::Broker(place) };
        of.is("is there", word(broker.is_up), 0.5);
        of.is("stands still", word(broker.is_paused(cluster.now)), 0.5);
        // By its own doing; the more is sent, the longer it takes.
        of.is("seconds of a write", knobs.disk, 0.5);
        of.is("its controller votes", word(knobs.votes), 0.5);
        of.is("bytes of nobody here", broker.volume.more / broker.volume.size, 0.01);
        of.is("nobody cleans", word(broker.cleaner_died.is_some()), 0.5);
        of.has("requests wait", broker.pace.wait_s, 0.01);
        of.has("leads", led().count() as f64, 0.5);
        of.has("partitions that wait", led().filter(|one| one.gate.most.is_some()).count() as f64, 0.5);
    }
}

pub(super) fn links(cluster: &Cluster, told: &mut Vec<Vital>) {
    for (place, name) in cluster.ways.iter().enumerate() {
        let wrong = cluster.knobs.kafka.links.iter().filter(|link| *link.name == **name);
        let Way { delay_s, loss, is_cut, .. } = wrong.map(|link| link.way).fold(Way::default(), Way::and);
        let mut of = Of { told, who: Who::Link(place) };
        of.is("seconds of a round trip", delay_s, 0.01);
        of.is("loses", loss, 0.01);
        of.is("is cut", word(is_cut), 0.5);
    }
}

/// What its brokers do for a partition.
pub(super) fn partition(cluster: &Cluster, partition: &Partition, of: &mut Of<'_>) {
    let leader = cluster.kafka.brokers.get(partition.leader);
    of.has("who leads", leader.map_or(-1.0, |leader| f64::from(leader.number)), 0.5);
    of.has("waits", word(partition.gate.most.is_some()), 0.5);
    let answers = leader.is_some_and(|leader| leader.answers(cluster.now));
    of.has("its leader answers", word(answers), 0.5);
    of.has("seconds of an append", leader.map_or(0.0, |leader| leader.pace.produce_s()), 0.01);
    of.has("held back", word(partition.is_held_back()), 0.5);
}
