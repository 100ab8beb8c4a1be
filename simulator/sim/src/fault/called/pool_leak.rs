//! Row 29: code takes a connection and sometimes does not give it back. Idle connections become fewer one by one, until
//! everybody waits for one and nobody gets any, while the database has nothing to do. What has leaked stays so until its
//! process begins again.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, pools};

/// No parameters. The target is a pool such as `orders-1/orders-db`, or those of a service such as `orders/orders-db`.
pub(in crate::fault) struct PoolLeak;

struct Leak {
    pools: Vec<(usize, usize)>,
    share: f64,
}

/// The share of loans that is not given back is `LEAST * 10^(DECADES * severity)`.
const LEAST: f64 = 0.0001;
const DECADES: f64 = 2.0;

impl Kind for PoolLeak {
    fn slug(&self) -> &'static str {
        "pool.leak"
    }

    fn target(&self) -> Target {
        Target::Pool
    }

    fn component(&self) -> &'static str {
        "connections"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        Box::new(Leak {
            pools: pools(cluster, &drawn.target),
            share: LEAST * libm::pow(10.0, DECADES * drawn.severity),
        })
    }
}

impl Effect for Leak {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        for (instance, pool) in &self.pools {
            let leak = &mut knobs.instances[*instance].pools[*pool].leak;
            *leak = 1.0 - (1.0 - *leak) * (1.0 - self.share * level);
        }
    }
}
