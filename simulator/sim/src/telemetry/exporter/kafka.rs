//! kafka_exporter: offsets and lag from outside, as it asks the brokers for them.

use super::super::scrape::Page;
use crate::cluster::Cluster;
use crate::units::Micros;

pub(super) fn write(page: &mut Page<'_>, cluster: &Cluster, now: Micros) {
    page.gauge("kafka_brokers", &[], cluster.brokers.len() as f64);
    for broker in &cluster.brokers {
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
            let replicas = cluster.brokers.len().min(3) as f64;
            let leader = cluster.brokers.get(partition.leader).map_or(-1.0, |broker| f64::from(broker.number));
            page.gauge("kafka_topic_partition_current_offset", &labels, end);
            page.gauge("kafka_topic_partition_oldest_offset", &labels, partition.log_start as f64);
            page.gauge("kafka_topic_partition_leader", &labels, leader);
            page.gauge("kafka_topic_partition_replicas", &labels, replicas);
            page.gauge("kafka_topic_partition_in_sync_replica", &labels, replicas);
            page.gauge("kafka_topic_partition_under_replicated_partition", &labels, 0.0);
        }
    }
    for group in &cluster.groups {
        let topic = &cluster.topics[group.topic];
        let (mut offsets, mut lags) = (0.0, 0.0);
        for (number, committed) in group.committed.iter().enumerate() {
            let text = number.to_string();
            let labels = [("consumergroup", group.name.as_str()), ("partition", &text), ("topic", &topic.name)];
            let end = topic.log_end(number as u32, now) as f64;
            // "Has committed nothing" is -1 for this exporter, as lag too.
            let (offset, lag) = committed.map_or((-1.0, -1.0), |offset| (offset as f64, end - offset as f64));
            page.gauge("kafka_consumergroup_current_offset", &labels, offset);
            page.gauge("kafka_consumergroup_lag", &labels, lag);
            (offsets, lags) = (offsets + offset.max(0.0), lags + lag.max(0.0));
        }
        let labels = [("consumergroup", group.name.as_str()), ("topic", topic.name.as_str())];
        page.gauge("kafka_consumergroup_current_offset_sum", &labels, offsets);
        page.gauge("kafka_consumergroup_lag_sum", &labels, lags);
        page.gauge("kafka_consumergroup_members", &labels[..1], (group.members.len() + group.ghosts.len()) as f64);
    }
}
