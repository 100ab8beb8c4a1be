//! Row 49: a producer opens a transaction on some partitions and dies. Whoever reads only what is committed reads nothing behind
//! it until the coordinator gives it up: consumers poll, get nothing and have nothing to do, and the log grows.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

/// Parameter `timeout`: seconds after which the transaction is aborted, `transaction.timeout.ms`.
pub(in crate::fault) struct TxnHang;

struct Open {
    topics: Vec<usize>,
    share: f64,
    timeout_s: f64,
}

/// Share of partitions at the least and at the greatest severity.
const SHARE: (f64, f64) = (0.08, 0.75);
/// `transaction.max.timeout.ms`: the longest that a broker allows.
const LONGEST_S: f64 = 900.0;

impl Kind for TxnHang {
    fn slug(&self) -> &'static str {
        "txn.hang"
    }

    fn target(&self) -> Target {
        Target::CommittedProducer
    }

    fn component(&self) -> &'static str {
        "transaction"
    }

    fn params(&self) -> &'static [&'static str] {
        &["timeout"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let producer = cluster.producers.iter().position(|producer| producer.name == drawn.target).unwrap_or(0);
        let sent_by = |topic: &usize| cluster.topics[*topic].set.sent_by.contains(&producer);
        Box::new(Open {
            topics: (0..cluster.topics.len()).filter(sent_by).collect(),
            share: SHARE.0 + (SHARE.1 - SHARE.0) * drawn.severity,
            timeout_s: drawn.number("timeout", LONGEST_S).clamp(1.0, LONGEST_S),
        })
    }
}

impl Effect for Open {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for topic in &self.topics {
            let knobs = &mut knobs.kafka.topics[*topic];
            if level > 0.0 {
                // A transaction is open or not: a ramp opens them one after the other.
                knobs.open = knobs.open.max(self.share * level);
                knobs.abort_after_s = self.timeout_s;
            }
        }
    }
}
