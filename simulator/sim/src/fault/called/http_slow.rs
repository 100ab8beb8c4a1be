//! Row 36: something that is called over HTTP answers late, or with errors. Threads wait in the call, processors idle, and
//! databases and pools are as always.
//!
//! | `how` | cause | what callers see |
//! |---|---|---|
//! | `wait` | it waits for something of its own | answers are late, however few calls there are |
//! | `busy` | one request is more work for it | answers are late, and the later the more calls there are |
//! | `errors` | it refuses | answers come at once, and are no good |

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, endpoint};

/// Parameter `how`: see the module.
pub(in crate::fault) struct HttpSlow;

enum How {
    Wait(f64),
    Busy(f64),
    Errors(f64),
}

struct Slow {
    endpoint: usize,
    how: How,
}

/// The factor of the time to answer is `LEAST * 10^(DECADES * severity)`.
const LEAST: f64 = 8.0;
const DECADES: f64 = 1.4;
/// Factor of the work of a request at the greatest severity.
const MOST_WORK: f64 = 30.0;

impl Kind for HttpSlow {
    fn slug(&self) -> &'static str {
        "http.slow"
    }

    fn target(&self) -> Target {
        Target::Http
    }

    fn component(&self) -> &'static str {
        "latency"
    }

    fn params(&self) -> &'static [&'static str] {
        &["how"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let how = match drawn.word("how", "wait") {
            "errors" => How::Errors(drawn.severity.clamp(0.0, 1.0)),
            "busy" => How::Busy(libm::pow(MOST_WORK, drawn.severity)),
            _ => How::Wait(LEAST * libm::pow(10.0, DECADES * drawn.severity)),
        };
        Box::new(Slow { endpoint: endpoint(cluster, &drawn.target), how })
    }
}

impl Effect for Slow {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        let knobs = &mut knobs.endpoints[self.endpoint];
        match self.how {
            How::Wait(factor) => knobs.latency *= 1.0 + (factor - 1.0) * level,
            How::Busy(factor) => knobs.work *= 1.0 + (factor - 1.0) * level,
            How::Errors(share) => knobs.errors = 1.0 - (1.0 - knobs.errors) * (1.0 - share * level),
        }
    }
}
