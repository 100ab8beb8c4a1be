//! Row 44: a quota lets the members of a group fetch fewer bytes a second than come. Brokers delay their answers, consumption is
//! a flat line, and nobody has anything to do.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target};

pub(in crate::fault) struct QuotaThrottle;

struct Throttled {
    group: usize,
    /// Bytes per second of each broker.
    quota: f64,
}

/// The quota as a share of what usually comes, at the least and at the greatest severity.
const SHARE: (f64, f64) = (0.85, 0.3);

impl Kind for QuotaThrottle {
    fn slug(&self) -> &'static str {
        "quota.throttle"
    }

    fn target(&self) -> Target {
        Target::GroupOf
    }

    fn component(&self) -> &'static str {
        "quota"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let worker = cluster.instances.iter().find(|instance| instance.plan.service == drawn.target);
        let group = worker.map_or(0, |instance| instance.group);
        let topic = &cluster.topics[cluster.groups[group].topic];
        let usual = topic.usual_inflow() * topic.record_bytes() / cluster.kafka.brokers.len().max(1) as f64;
        Box::new(Throttled { group, quota: usual * (SHARE.0 + (SHARE.1 - SHARE.0) * drawn.severity) })
    }
}

impl Effect for Throttled {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        if level > 0.0 {
            let quota = &mut knobs.kafka.quotas[self.group];
            *quota = quota.min(self.quota / level);
        }
    }
}
