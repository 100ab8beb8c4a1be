//! What must hold in every run, whatever the scenario: looked at from inside, where all that is true can be seen.

mod adds_up;
mod counterfactual;
mod determinism;
mod kafka;
mod leaks;
mod memory;
mod physics;
mod properties;
mod seen;
mod topologies;

use lagdoctor_model::Millis;

use crate::{Scenario, Simulation};

/// The orders pipeline for some minutes, with these lines on top.
fn scenario(minutes: u32, more: &str) -> Scenario {
    scenario_of("", minutes, more)
}

/// Kinds that hardly hurt where storage is near, a miss of the cache is little work and each pool has plenty.
const HEAVY: [&str; 4] = ["pool.too-small", "db.io", "cache.down", "cache.thrash"];

/// The same, on a ground on which this kind of fault hurts.
fn scenario_of(kind: &str, minutes: u32, more: &str) -> Scenario {
    let heavy = if HEAVY.contains(&kind) { ", \"topo/orders-heavy.toml\"" } else { "" };
    // Half of what there is is needed, so that some missing is felt.
    let scarce = match kind {
        "pool.too-small" => "[[node]]\nid = \"orders-db\"\ncommit = \"50ms\"\n",
        // Whoever runs elsewhere takes over, and cannot do it all.
        "host.disk-full" | "consumer.too-few" => "[workload.orders]\nrate = 850\n",
        "cache.thrash" => "[[node]]\nid = \"orders-db-replica\"\ncores = 4.0\n",
        _ => "",
    };
    let text = format!(
        "schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"{minutes}m\"\n\
         use = [\"topo/orders.toml\"{heavy}]\n{scarce}{more}\n\
         [impact]\nsli = \"time_lag:fulfilment\"\nmin = \"20s\"\nfor = \"1m\"\n"
    );
    Scenario::parse(&text, Scenario::builtin_use)
        .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

/// A fault from the second minute on.
fn fault(kind: &str, target: &str, severity: f64, params: &str) -> String {
    format!(
        "[[fault]]\nid = \"x\"\nkind = \"{kind}\"\ntarget = \"{target}\"\nat = \"2m\"\nseverity = {severity}\n\
         params = {{ {params} }}\n"
    )
}

/// Every kind of fault, with a target and parameters.
const FAULTS: &[(&str, &str, &str)] = &[
    ("load.burst", "checkout-api", ""),
    ("load.hot-key", "orders/5", ""),
    ("load.message-size", "checkout-api", ""),
    ("data.poison", "orders/4", ""),
    ("data.duplicate-key", "fulfilment", ""),
    ("data.schema-break", "checkout-api", ""),
    ("load.replay", "fulfilment", ""),
    ("consumer.crash", "fulfilment-1", ""),
    ("consumer.too-few", "fulfilment", ""),
    ("consumer.stuck", "fulfilment-3", ""),
    ("consumer.poll-timeout", "fulfilment", "how = \"work\""),
    ("consumer.poll-timeout", "fulfilment", "how = \"interval\""),
    ("group.rebalance-storm", "fulfilment-2", ""),
    ("group.uneven-assignment", "fulfilment", ""),
    ("config.fetch-poll", "fulfilment", "how = \"small\""),
    ("config.fetch-poll", "fulfilment", "how = \"wait\""),
    ("group.commit-failure", "fulfilment", ""),
    ("security.credentials", "fulfilment", ""),
    ("group.coordinator-timeout", "fulfilment", ""),
    ("consumer.slow-code", "fulfilment", "how = \"cpu\""),
    ("consumer.slow-code", "fulfilment-1", "how = \"wait\""),
    ("jvm.gc-full", "fulfilment-2", ""),
    ("jvm.heap-leak", "fulfilment-2", ""),
    ("threads.exhausted", "fulfilment-1", ""),
    ("host.cpu", "worker-1", "how = \"neighbour\""),
    ("host.cpu", "worker-1", "how = \"steal\""),
    ("logs.flood", "fulfilment-1", ""),
    ("deploy.bad-version", "fulfilment", ""),
    ("host.clock", "worker-1", ""),
    ("host.disk-full", "worker-1", ""),
    ("db.slow-statement", "orders-db", "statement = 1"),
    ("db.replication-lag", "orders-db-replica", "face = \"stopped\""),
    ("db.replication-lag", "orders-db-replica", "face = \"slow\""),
    ("db.lock", "orders-db", ""),
    ("pool.leak", "fulfilment/orders-db", ""),
    ("pool.too-small", "fulfilment/orders-db", ""),
    ("db.down", "orders-db", "how = \"crash\""),
    ("db.down", "orders-db", "how = \"silent\""),
    ("db.io", "orders-db", ""),
    ("cache.down", "stock-cache", "how = \"down\""),
    ("cache.thrash", "stock-cache", ""),
    ("http.slow", "pricing", "how = \"wait\""),
    ("http.slow", "pricing", "how = \"errors\""),
    ("dns.failure", "pricing", ""),
];

/// Kinds after which pools have other than their usual ten connections.
const OTHER_POOLS: [&str; 2] = ["pool.too-small", "db.down"];

fn run(scenario: &Scenario, seed: u64) -> Simulation {
    let mut run = Simulation::new(scenario, seed);
    run.advance_to(run.end());
    run
}

fn seconds(seconds: u32) -> Millis {
    Millis::seconds(seconds)
}
