//! kafka_exporter: offsets and lag from outside, as it asks the brokers for them.

use super::super::scrape::Page;
use crate::cluster::Cluster;
use crate::cluster::kafka::NOBODY;
use crate::units::Micros;

pub(super) fn write(page: &mut Page<'_>, cluster: &Cluster, now: Micros) {
    let kafka = &cluster.kafka;
    let known = || kafka.brokers.iter().filter(|broker| !broker.is_fenced);
    page.gauge("kafka_brokers", &[], known().count() as f64);
    for broker in known() {
        let number = broker.number.to_string();
        let address = broker.host.map_or_else(|| format!("kafka-{number}"), |host| cluster.hosts[host].name.clone());
        page.gauge("kafka_broker_info", &[("address", &format!("{address}:9092")), ("id", &number)], 1.0);
    }
    for topic in &cluster.topics {
        page.gauge("kafka_topic_partitions", &[("topic", &topic.name)], topic.partitions.len() as f64);
        for (number, partition) in topic.partitions.iter().enumerate() {
            let text = number.to_string();
            let labels = [("partition", text.as_str()), ("topic", topic.name.as_str())];
            let end = topic.log_end(number as u32, now) as f64;
            let leader = kafka.brokers.get(partition.leader);
            let replicas = topic.set.replication;
            let in_sync = kafka.in_sync(partition.leader, partition.first_replica, replicas);
            // It asks the leader for offsets; where none answers, there are none.
            if leader.is_none_or(|leader| leader.answers(now)) && (partition.leader != NOBODY) {
                page.gauge("kafka_topic_partition_current_offset", &labels, end);
                page.gauge("kafka_topic_partition_oldest_offset", &labels, partition.log_start as f64);
            }
            let number = leader.map_or(-1.0, |broker| f64::from(broker.number));
            page.gauge("kafka_topic_partition_leader", &labels, number);
            page.gauge("kafka_topic_partition_replicas", &labels, replicas as f64);
            page.gauge("kafka_topic_partition_in_sync_replica", &labels, in_sync as f64);
            let lacks = if in_sync < replicas { 1.0 } else { 0.0 };
            page.gauge("kafka_topic_partition_under_replicated_partition", &labels, lacks);
        }
    }
    for (place, group) in cluster.groups.iter().enumerate() {
        // What a group has committed, its coordinator alone knows.
        if !kafka.is_at_rest && kafka.listens(place, now).is_none() {
            continue;
        }
        let topic = &cluster.topics[group.topic];
        let (mut offsets, mut lags) = (0.0, 0.0);
        for (number, committed) in group.committed.iter().enumerate() {
            let text = number.to_string();
            let labels = [("consumergroup", group.name.as_str()), ("partition", &text), ("topic", &topic.name)];
            let end = topic.log_end(number as u32, now) as f64;
            // "Has committed nothing" is -1 for this exporter, as lag too.
            let (offset, lag) = committed.map_or((-1.0, -1.0), |offset| (offset as f64, end - offset as f64));
            page.gauge("kafka_consumergroup_current_offset", &labels, offset);
            let leader = topic.leader(number as u32);
            if leader == NOBODY || kafka.brokers.get(leader).is_some_and(|leader| !leader.answers(now)) {
                continue;
            }
            page.gauge("kafka_consumergroup_lag", &labels, lag);
            (offsets, lags) = (offsets + offset.max(0.0), lags + lag.max(0.0));
        }
        let labels = [("consumergroup", group.name.as_str()), ("topic", topic.name.as_str())];
        page.gauge("kafka_consumergroup_current_offset_sum", &labels, offsets);
        page.gauge("kafka_consumergroup_lag_sum", &labels, lags);
        page.gauge("kafka_consumergroup_members", &labels[..1], (group.members.len() + group.ghosts.len()) as f64);
    }
}
