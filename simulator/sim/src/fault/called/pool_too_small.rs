//! Row 30: a pool may have fewer connections than its service needs. Threads wait for one, while each loan is as short as
//! ever and the database has nothing to do.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, pools};

/// No parameters. The target is a pool such as `orders-1/orders-db`, or those of a service such as `orders/orders-db`.
pub(in crate::fault) struct PoolTooSmall;

struct Small {
    pools: Vec<(usize, usize)>,
    size: f64,
}

impl Kind for PoolTooSmall {
    fn slug(&self) -> &'static str {
        "pool.too-small"
    }

    fn target(&self) -> Target {
        Target::Pool
    }

    fn component(&self) -> &'static str {
        "size"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Small { pools: pools(cluster, &drawn.target), size: 1.0 - drawn.severity.clamp(0.0, 1.0) })
    }
}

impl Effect for Small {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for (instance, pool) in &self.pools {
            knobs.instances[*instance].pools[*pool].size *= 1.0 - (1.0 - self.size) * level;
        }
    }
}
