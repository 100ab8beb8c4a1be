//! What Kafka itself does: brokers, their disks, the controller, quotas, transactions, topics.

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[];
