//! Row 38: the name of something that is called can no longer be resolved. Connections that there are go on working; only
//! new ones fail, so that it comes by and by, as old ones reach the end of their lives.
//!
//! The target is something called over HTTP, or the way from a service to a database, such as `orders>orders-db`.

use crate::cluster::Cluster;
use crate::cluster::knobs::Knobs;
use crate::fault::{Drawn, Effect, Kind, Target, endpoint, pool_name, pools};

/// Parameter `lookup`: how long a look-up takes that finds nothing, such as `5s`.
pub(in crate::fault) struct DnsFailure;

enum Whose {
    Endpoint(usize),
    Pools(Vec<(usize, usize)>),
}

struct Nameless {
    whose: Whose,
    share: f64,
    lookup_s: f64,
}

impl Kind for DnsFailure {
    fn slug(&self) -> &'static str {
        "dns.failure"
    }

    fn target(&self) -> Target {
        Target::Name
    }

    fn component(&self) -> &'static str {
        "name"
    }

    fn params(&self) -> &'static [&'static str] {
        &["lookup"]
    }

    fn effect(&self, drawn: &Drawn, cluster: &Cluster) -> Box<dyn Effect> {
        let (share, lookup_s) = (drawn.severity.clamp(0.0, 1.0), drawn.number("lookup", 0.0).clamp(0.0, 60.0));
        let whose = match target_pools(cluster, &drawn.target) {
            pools if pools.is_empty() => Whose::Endpoint(endpoint(cluster, &drawn.target)),
            pools => Whose::Pools(pools),
        };
        Box::new(Nameless { whose, share, lookup_s })
    }
}

fn target_pools(cluster: &Cluster, target: &str) -> Vec<(usize, usize)> {
    if target.contains('>') { pools(cluster, &pool_name(target)) } else { vec![] }
}

impl Effect for Nameless {
    fn turn(&self, level: f64, knobs: &mut Knobs) {
        let share = self.share * level;
        let more = |nameless: &mut f64| *nameless = 1.0 - (1.0 - *nameless) * (1.0 - share);
        match &self.whose {
            Whose::Endpoint(endpoint) => {
                let knobs = &mut knobs.endpoints[*endpoint];
                more(&mut knobs.nameless);
                knobs.lookup_s = knobs.lookup_s.max(self.lookup_s);
            }
            Whose::Pools(pools) => {
                let of = pools.iter();
                of.for_each(|(instance, pool)| more(&mut knobs.instances[*instance].pools[*pool].nameless));
            }
        }
    }
}
