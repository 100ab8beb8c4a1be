//! What holds for any fault, of any size, at any time: nothing is lost or made, nothing closed overflows, and nothing
//! depends on who runs beside it.

use proptest::prelude::*;

use super::{FAULTS, fault, scenario, scenario_of, seconds};
use crate::Simulation;

/// Looks at a run at odd moments.
fn look_at(kind: &str, target: &str, params: &str, severity: f64, seed: u64, look: impl Fn(&Simulation)) {
    let mut run = Simulation::new(&scenario_of(kind, 4, &fault(kind, target, severity, params)), seed);
    while run.now() + seconds(3) < run.end() {
        run.advance_to(run.now() + lagdoctor_model::Millis::new(2300).unwrap());
        look(&run);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn closed_systems_stay_closed(which in 0..FAULTS.len(), severity in 0.0..1.0, seed in 0u64..1000) {
        let (kind, target, params) = FAULTS[which];
        look_at(kind, target, params, severity, seed, |run| {
            for instance in &run.cluster.instances {
                let threads = instance.plan.threads;
                assert!(instance.active + instance.stuck.min(threads - instance.active.min(threads)) <= threads, "{kind}");
                for pool in &instance.pools {
                    // Whoever waits holds a thread and no connection, and nobody waits while one is free.
                    assert!(pool.in_use <= pool.open.max(pool.in_use) && pool.waiting + pool.in_use - pool.leaked.min(pool.in_use) <= threads, "{kind}: {pool:?}");
                    assert!(pool.waiting == 0 || pool.free() == 0, "{kind}: {pool:?}");
                }
            }
        });
    }

    #[test]
    fn what_comes_in_is_done_or_at_work_or_waits_or_is_lost_with_its_segment(
        which in 0..FAULTS.len(), severity in 0.0..1.0, seed in 0u64..1000, kept_s in 40u32..200,
    ) {
        let (kind, target, params) = FAULTS[which];
        let topic = format!("[[node]]\nid = \"orders\"\nretention = \"{kept_s}s\"\nsegment = \"20s\"\n");
        let mut run = Simulation::new(&scenario_of(kind, 6, &(topic + &fault(kind, target, severity, params))), seed);
        let ends = |run: &Simulation| -> Vec<u64> {
            let topic = &run.cluster.topics[0];
            (0..topic.partitions.len()).map(|number| topic.log_end(number as u32, run.cluster.now)).collect()
        };
        let first: u64 = ends(&run).iter().sum();
        while run.now() + seconds(7) < run.end() {
            run.advance_to(run.now() + lagdoctor_model::Millis::new(6100).unwrap());
            let cluster = &run.cluster;
            let sent: f64 = (0..cluster.producers.len()).map(|place| cluster.topics[0].sent_by(place)).sum();
            let came: u64 = ends(&run).iter().sum::<u64>() - first;
            prop_assert!((sent - came as f64).abs() <= 1.0 + 0.2 * sent / run.now().since(run.start()).as_millis() as f64 * 1000.0,
                "{kind}: {sent} sent, {came} there");
            for instance in &cluster.instances {
                let topic = &cluster.topics[0];
                for (number, at) in &instance.positions {
                    let known = &topic.partitions[*number as usize];
                    // What was fetched, what was skipped because it was gone, and what waits are all that came.
                    prop_assert!(at.began <= at.next && at.next <= topic.log_end(*number, cluster.now), "{kind}: {at:?}");
                    prop_assert!(known.log_start <= topic.log_end(*number, cluster.now), "{kind}");
                }
                let read: u64 = instance.positions.values().map(|at| at.next - at.began).sum();
                let meters = &instance.meters;
                prop_assert_eq!(meters.consumed + meters.skipped, read + meters.consumed_before, "{}", kind);
                let at_work = instance.active + instance.batch.as_ref().map_or(0, |batch| batch.queued);
                prop_assert_eq!(meters.consumed, meters.done() + meters.abandoned + u64::from(at_work), "{}", kind);
            }
        }
    }
}

#[test]
fn whoever_comes_back_too_late_goes_on_with_the_oldest_record_that_is_there() {
    let topic = "[[node]]\nid = \"orders\"\nretention = \"60s\"\nsegment = \"15s\"\n";
    let wedged = fault("consumer.stuck", "fulfilment-1", 0.9, "") + "hold = \"4m\"\n";
    let run = super::run(&scenario(10, &(topic.to_owned() + &wedged)), 3);
    let skipped: u64 = run.cluster.instances.iter().map(|instance| instance.meters.skipped).sum();
    assert!(skipped > 1000, "{skipped}");
    let said = |part: &str| run.telemetry().records.iter().any(|record| record.message.contains(part));
    assert!(said("is out of range for partition orders-"));
    assert!(run.backlog("fulfilment").unwrap() < 3000, "and keeps up from there");
}

#[test]
fn runs_beside_each_other_are_what_they_are_alone() {
    let hash = |which: usize| {
        let (kind, target, params) = FAULTS[which];
        super::run(&scenario_of(kind, 3, &fault(kind, target, 0.7, params)), 5).run_hash()
    };
    let some: Vec<usize> = (0..FAULTS.len()).step_by(5).collect();
    let alone: Vec<u64> = some.iter().map(|which| hash(*which)).collect();
    let beside: Vec<u64> = std::thread::scope(|scope| {
        let (even, odd): (Vec<_>, Vec<_>) = some.iter().enumerate().partition(|(place, _)| place % 2 == 0);
        let [one, other] = [even, odd].map(|part| {
            scope.spawn(move || part.into_iter().map(|(place, which)| (place, hash(*which))).collect::<Vec<_>>())
        });
        let mut all: Vec<(usize, u64)> = [one, other].into_iter().flat_map(|part| part.join().unwrap()).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, hash)| hash).collect()
    });
    assert_eq!(alone, beside);
}
