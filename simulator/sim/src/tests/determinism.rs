//! The same seed gives the same run, and one more fault shifts no draw of anything else.

use lagdoctor_model::Millis;
use proptest::prelude::*;

use super::{FAULTS, fault, kafka, run, scenario, scenario_of, seconds};
use crate::telemetry::scrape::Of;
use crate::{Scenario, Simulation, builtin_names};

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    for name in builtin_names() {
        let scenario = Scenario::builtin(name).unwrap();
        let hash = |seed| {
            let mut run = Simulation::new(&scenario, seed);
            run.advance_to(run.start() + seconds(300));
            run.run_hash()
        };
        assert_eq!(hash(7), hash(7), "{name}");
        assert_ne!(hash(7), hash(8), "{name}");
    }
}

/// The number changes with anything in the physics, the exporters, the wording of logs or the scenario: look whether the
/// change was meant, then write down the new one. That it is the same on every machine and in every profile is the point.
#[test]
fn a_run_is_the_same_on_every_machine() {
    let run = run(&scenario(4, &fault("db.slow-statement", "orders-db", 0.7, "")), 1);
    assert_eq!(format!("{:016x}", run.run_hash()), include_str!("run_hash.txt").trim());
}

#[test]
fn a_run_does_not_depend_on_how_often_it_is_looked_at() {
    let check = |name: &str, scenario: &Scenario| {
        let whole = run(scenario, 3).run_hash();
        let mut steps = Simulation::new(scenario, 3);
        while steps.now() < steps.end() {
            steps.advance_to(steps.now() + lagdoctor_model::Millis::new(730).unwrap());
            steps.kafka_state();
        }
        assert_eq!(steps.run_hash(), whole, "{name}");
    };
    check("jvm.gc-full", &scenario(4, &fault("jvm.gc-full", "fulfilment-0", 0.9, "")));
    for (kind, target, params) in FAULTS.iter().copied() {
        check(kind, &scenario_of("pool.too-small", 4, &fault(kind, target, 0.8, params)));
    }
    for (kind, target, _) in kafka::FAULTS {
        check(kind, &kafka::wrong(4, kind, target, 0.8, "1h"));
    }
}

/// Samples before a moment, so that the marker of an end equals itself.
pub(super) fn bits(samples: &[(i64, f64)], before: i64) -> Vec<(i64, u64)> {
    samples.iter().take_while(|(at, _)| *at < before).map(|(at, value)| (*at, value.to_bits())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn one_more_fault_shifts_no_draw_of_anything_else(
        which in 0..FAULTS.len(), severity in 0.0..1.0, seed in 0u64..1000, face in 0.3..0.9,
    ) {
        let (kind, target, params) = FAULTS[which];
        let base = format!("[[fault]]\nid = \"base\"\nkind = \"consumer.slow-code\"\n\
            target = {{ choice = [\"fulfilment-0\", \"fulfilment-3\"] }}\nat = {{ uniform = [\"1m\", \"4m\"] }}\n\
            severity = {{ uniform = [0.1, {face}] }}\n");
        let without = run(&scenario_of(kind, 4, &base), seed);
        let with = run(&scenario_of(kind, 4, &(base + &fault(kind, target, severity, params))), seed);
        prop_assert_eq!(without.start(), with.start());
        let drawn = |run: &Simulation| format!("{:?}", run.faults[0].0);
        prop_assert_eq!(drawn(&without), drawn(&with));
        // Nobody is scraped at another moment. A JVM that stands still answers late, and any fault may make one stand
        // still longer, so the consumers are left out.
        let ups = |run: &Simulation| run.telemetry().named("up")
            .filter(|up| !up.labels.iter().any(|(name, value)| name.as_str() == "job" && value.as_str() == "fulfilment"))
            .map(|up| (up.labels.clone(), up.samples.iter().map(|(at, _)| *at).collect::<Vec<_>>()))
            .collect::<Vec<_>>();
        prop_assert_eq!(ups(&without), ups(&with));
        // What comes from outside is the same, record by record.
        if !["load.burst", "load.hot-key"].contains(&kind) {
            let ends = |run: &Simulation| {
                let ends = run.telemetry().named("kafka_topic_partition_current_offset");
                ends.map(|end| bits(&end.samples, i64::MAX)).collect::<Vec<_>>()
            };
            prop_assert_eq!(ends(&without), ends(&with));
        }
        // Until the fault begins, all is the same to the last bit.
        let before = without.start().as_millis() + 119_000;
        let pairs = without.telemetry().series.iter().zip(&with.telemetry().series);
        for (one, other) in pairs.filter(|(one, _)| one.samples.first().is_some_and(|(at, _)| *at < before)) {
            prop_assert_eq!(&one.labels, &other.labels);
            prop_assert_eq!(bits(&one.samples, before), bits(&other.samples, before));
        }
    }
}

#[test]
fn targets_are_told_apart_and_each_is_scraped() {
    let run = run(&scenario(2, ""), 1);
    let ups: Vec<_> = run.telemetry().named("up").collect();
    assert_eq!(ups.len(), 1 + 4 + 1 + 2 + 1 + 9 + 3);
    assert!(ups.iter().all(|up| (7..=9).contains(&up.samples.len())), "{:?}", ups[0].samples);
    assert_ne!(Of::Kafka, Of::Host(0));
}

#[test]
fn a_run_may_be_handed_to_another_thread() {
    fn check<T: Send + Sync>() {}
    check::<Simulation>();
}

#[test]
fn a_live_run_is_the_same_run_at_another_time_and_goes_on() {
    let scenario = Scenario::builtin("gc-pauses").unwrap();
    let mut recorded = Simulation::new(&scenario, 5);
    let shift = Millis::minutes(12_345);
    let mut live = Simulation::new(&scenario, 5).live_from(recorded.start() + shift);
    let moment = Millis::minutes(4);
    recorded.advance_to(recorded.start() + moment);
    live.advance_to(live.start() + moment);
    assert_eq!(live.kafka_state().partitions, recorded.kafka_state().partitions);
    assert_eq!(live.now().since(recorded.now()), shift);
    live.advance_to(live.start() + scenario.duration() + Millis::minutes(1));
    assert!(live.now().since(live.start()) > scenario.duration());
}
