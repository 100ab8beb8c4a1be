//! What Kafka itself does: brokers, their disks, the controller, quotas, transactions, topics.

mod broker_disk_full;
mod broker_disk_slow;
mod broker_down;
mod broker_gc;
mod broker_log_cleaner;
mod controller_loss;
mod quota_throttle;
mod topic_metadata_change;
mod txn_hang;

use super::Kind;
use crate::cluster::Cluster;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[
    &quota_throttle::QuotaThrottle,
    &broker_down::BrokerDown,
    &broker_disk_slow::BrokerDiskSlow,
    &broker_gc::BrokerGc,
    &txn_hang::TxnHang,
    &controller_loss::ControllerLoss,
    &broker_disk_full::BrokerDiskFull,
    &broker_log_cleaner::BrokerLogCleaner,
    &topic_metadata_change::TopicMetadataChange,
];

/// Index of a broker.
pub(in crate::fault) fn broker(cluster: &Cluster, target: &str) -> usize {
    cluster.kafka.brokers.iter().position(|broker| broker.number.to_string() == target).unwrap_or(0)
}
