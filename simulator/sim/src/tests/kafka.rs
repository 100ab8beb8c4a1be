//! What must hold whatever is wrong with Kafka or the network: nothing is lost or made, what comes before the fault stays,
//! all comes to rest again, and worse faults hurt more.

use super::determinism::bits;
use super::physics::at_every_moment;
use super::{run, scenario};
use crate::Simulation;
use crate::cluster::kafka::fetch::Isolation;

/// Every kind of fault of Kafka and the network, and whether a greater severity hurts more.
pub(super) const FAULTS: [(&str, &str, bool); 15] = [
    ("quota.throttle", "fulfilment", true),
    ("broker.down", "2", false),
    ("broker.disk-slow", "1", true),
    ("broker.disk-full", "3", false),
    ("broker.gc", "1", true),
    ("txn.hang", "checkout-api", true),
    ("controller.loss", "1", false),
    ("broker.log-cleaner", "2", false),
    ("net.latency", "fulfilment>orders-db", true),
    ("net.latency", "fulfilment>kafka", true),
    ("net.loss", "fulfilment>orders-db", true),
    ("net.loss", "fulfilment>kafka", true),
    ("net.partition-client", "fulfilment-1>kafka", false),
    ("net.partition-client", "fulfilment>3", false),
    ("net.partition-broker", "1>2", false),
];

/// A fault from the second minute on, for so long, in a pipeline that reads only what is committed.
pub(super) fn wrong(minutes: u32, kind: &str, target: &str, severity: f64, hold: &str) -> crate::Scenario {
    scenario(
        minutes,
        &format!(
            "[[node]]\nid = \"fulfilment\"\nkafka = {{ isolation = \"read_committed\" }}\n[[fault]]\nid = \"x\"\n\
             kind = \"{kind}\"\ntarget = \"{target}\"\nat = \"2m\"\nhold = \"{hold}\"\nseverity = {severity}\n"
        ),
    )
}

#[test]
fn no_record_is_lost_or_made_whatever_brokers_and_ways_do() {
    for (kind, target, _) in FAULTS {
        let scenario = wrong(6, kind, target, 0.8, "2m");
        let first: u64 = Simulation::new(&scenario, 5).cluster.groups[0].committed.iter().flatten().sum();
        at_every_moment(&scenario, 5, |run| {
            let (cluster, group) = (&run.cluster, &run.cluster.groups[0]);
            let topic = &cluster.topics[0];
            let mut done = 0;
            for (partition, owner) in &group.assigned {
                done += group.position(*partition);
                let Some(at) = cluster.instances[*owner].positions.get(partition) else { continue };
                let end = topic.readable(*partition, cluster.now, Isolation::ReadCommitted);
                assert!(at.done <= at.next && at.next <= end, "{kind}: {at:?} {end}");
                assert!(group.position(*partition) <= end, "{kind}");
            }
            let ends: u64 = (0..12).map(|partition| topic.log_end(partition, cluster.now)).sum();
            assert!(first <= done && done <= ends, "{kind}: {first} {done} {ends}");
        });
    }
}

#[test]
fn all_comes_to_rest_when_nothing_is_wrong_any_more() {
    for (kind, target, _) in FAULTS {
        let run = run(&wrong(12, kind, target, 0.9, "90s"), 3);
        let backlog = run.backlog("fulfilment").unwrap();
        assert!(run.cluster.kafka.is_at_rest, "{kind} {target}");
        assert!(backlog < 2500, "{kind} {target}: {backlog}");
        assert_eq!(run.cluster.groups[0].members.len(), 4, "{kind} {target}");
        let leads =
            run.cluster.topics[0].partitions.iter().all(|partition| partition.leader == partition.first_replica);
        assert!(leads, "{kind} {target}: who should lead leads again");
    }
}

#[test]
fn a_fault_of_kafka_or_the_network_changes_nothing_that_was_before_it() {
    let without = run(&wrong(4, "quota.throttle", "fulfilment", 0.5, "1s").without_faults(), 8);
    let before = without.start().as_millis() + 119_000;
    for (kind, target, _) in FAULTS {
        let with = run(&wrong(4, kind, target, 0.9, "1h"), 8);
        assert_eq!(without.start(), with.start());
        for (one, other) in without.telemetry().series.iter().zip(&with.telemetry().series) {
            assert_eq!(one.labels, other.labels, "{kind}");
            assert_eq!(bits(&one.samples, before), bits(&other.samples, before), "{kind} {}", one.name);
        }
        assert_ne!(without.run_hash(), with.run_hash(), "{kind}");
    }
}

#[test]
fn a_worse_fault_of_kafka_or_the_network_hurts_more() {
    for (kind, target, sweeps) in FAULTS {
        // Seconds that records wait, on average over the time of the fault, and those that never came.
        let hurt = |severity| {
            let scenario = wrong(7, kind, target, severity, "1h");
            (1..=3)
                .map(|seed| {
                    let run = run(&scenario, seed);
                    let late = &run.trace.groups[0].time_lag[130..];
                    late.iter().sum::<f64>() / late.len() as f64
                })
                .sum::<f64>()
                / 3.0
        };
        if sweeps {
            let hurts = [0.1, 0.4, 0.7, 1.0].map(hurt);
            assert!(hurts.windows(2).all(|pair| pair[0] <= pair[1] * 1.03), "{kind} {target}: {hurts:?}");
            assert!(hurts[3] > 3.0, "{kind} {target}: {hurts:?}");
        }
    }
}
