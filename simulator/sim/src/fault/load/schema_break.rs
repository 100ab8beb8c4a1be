//! Row 6: a producer writes records in a form that consumers cannot read. Each consumer ends at the first of them, is
//! begun again, joins, and ends again at the same offset: the whole group is kept busy with joining.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, feeds, producer};
use crate::scenario::Scenario;

pub(in crate::fault) struct DataSchemaBreak;

struct Break {
    producer: usize,
    share: f64,
}

/// Share of the records in the new form: the least severity, and the decades to the greatest.
const SHARE: (f64, f64) = (0.001, 2.7);

impl Kind for DataSchemaBreak {
    fn slug(&self) -> &'static str {
        "data.schema-break"
    }

    fn target(&self) -> Target {
        Target::Producer
    }

    fn component(&self) -> &'static str {
        "schema"
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let share = SHARE.0 * libm::pow(10.0, SHARE.1 * drawn.severity.clamp(0.0, 1.0));
        Box::new(Break { producer: producer(cluster, &drawn.target), share })
    }

    fn accepted(&self, scenario: &Scenario, target: &str) -> Vec<String> {
        feeds(scenario, target)
    }
}

impl Effect for Break {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        let unreadable = &mut knobs.producers[self.producer].unreadable;
        *unreadable = unreadable.max(self.share * level);
    }
}
