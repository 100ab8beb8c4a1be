//! Row 5: a service takes a record that it has worked on before for an error. A session that ends between the work and
//! its commit is enough: the records come again, their rows are there, and they are tried for ever.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, instances};

/// A worse one ends the sessions of more of its instances.
pub(in crate::fault) struct DataDuplicateKey;

struct Twice {
    instances: Vec<usize>,
    evicted: usize,
}

impl Kind for DataDuplicateKey {
    fn slug(&self) -> &'static str {
        "data.duplicate-key"
    }

    fn target(&self) -> Target {
        Target::Service
    }

    fn component(&self) -> &'static str {
        "idempotency"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let instances = instances(cluster, &drawn.target);
        let evicted = libm::ceil(drawn.severity * instances.len() as f64) as usize;
        Box::new(Twice { evicted: evicted.clamp(1, instances.len().max(1)), instances })
    }
}

impl Effect for Twice {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for (place, instance) in self.instances.iter().enumerate() {
            knobs.instances[*instance].refuses_twice = true;
            knobs.instances[*instance].evicted |= place < self.evicted;
        }
    }
}
