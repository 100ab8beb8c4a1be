//! Row 15: fetch and poll settings of a service change with a roll-out. A poll that gives one record costs a round of
//! the loop for each of them; a fetch that waits for more bytes than may come holds up all that are there.
//!
//! | `how` | what is set |
//! |---|---|
//! | `small` | `max.poll.records` to a few |
//! | `wait` | `fetch.min.bytes` above what a fetch may hold, so that each waits for `fetch.max.wait.ms` at the broker |

use crate::cluster::Cluster;
use crate::cluster::knobs::{Knobs, Settings};
use crate::fault::{Drawn, Effect, Kind, Target, instances};

/// Parameter `how`: `small`, the default, or `wait`.
pub(in crate::fault) struct ConfigFetchPoll;

struct FetchPoll {
    instances: Vec<usize>,
    settings: Settings,
}

/// Share of the records of a poll that is left, at the least and the greatest severity.
const SMALL: (f64, f64) = (0.3, 0.005);
/// Seconds for which a fetch waits, at the least and the greatest severity.
const WAIT: (f64, f64) = (0.2, 8.0);

impl Kind for ConfigFetchPoll {
    fn slug(&self) -> &'static str {
        "config.fetch-poll"
    }

    fn target(&self) -> Target {
        Target::Service
    }

    fn component(&self) -> &'static str {
        "settings"
    }

    fn params(&self) -> &'static [&'static str] {
        &["how"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let between =
            |(least, greatest): (f64, f64)| least * libm::pow(greatest / least, drawn.severity.clamp(0.0, 1.0));
        let settings = match drawn.word("how", "small") {
            "wait" => Settings { fetch_wait_s: between(WAIT), ..Settings::default() },
            _ => Settings { poll_records: between(SMALL), ..Settings::default() },
        };
        Box::new(FetchPoll { instances: instances(cluster, &drawn.target), settings })
    }
}

impl Effect for FetchPoll {
    fn turn(&self, _: f64, knobs: &mut Knobs) {
        for instance in &self.instances {
            knobs.instances[*instance].settings = self.settings;
        }
    }
}
