use lagdoctor_sdk::Batch;
use lagdoctor_sdk::testing::{BatchBuilder, check_manifest, findings_on, score, top_score, wobble};

use super::*;

const GIB: f64 = 1_073_741_824.0;
/// When the faults of these tests begin, in minutes.
const ONSET: f64 = 30.0;

/// A virtual machine as three functions of the minute: overhead, longest pause, live set as a share of 4 GiB.
fn jvm(overhead: fn(f64) -> f64, pause: fn(f64) -> f64, live: fn(f64) -> f64) -> Batch {
    BatchBuilder::minutes(40)
        .edge("instance:a", "runs-on", "jvm:a")
        .series("jvm:a", "jvm.gc.overhead", move |minute| overhead(minute) * (1.0 + 0.03 * wobble(minute, 1)))
        .series("jvm:a", "jvm.gc.duration.max", move |minute| pause(minute) * (1.0 + 0.03 * wobble(minute, 2)))
        .series("jvm:a", "jvm.gc.count", move |minute| overhead(minute) / 0.02)
        .series("jvm:a", "jvm.memory.used_after_last_gc", move |minute| {
            live(minute) * 4.0 * GIB * (1.0 + 0.01 * wobble(minute, 3))
        })
        .series("jvm:a", "jvm.memory.limit", |_| 4.0 * GIB)
        .build()
}

/// The class with a score of at least 0.5, and that no other one has.
fn check(batch: &Batch, expected: Option<&str>) {
    let findings = score::<Jvm>(batch);
    for class in ["jvm.gc-full", "jvm.gc-young", "jvm.heap-leak"] {
        let score = top_score(batch, &findings, "jvm:a", class).expect("each class is looked at");
        if Some(class) == expected {
            assert!(score >= 0.5, "{class} scored {score}: {findings:#?}");
        } else {
            assert!(score < 0.5, "{class} scored {score} beside {expected:?}: {findings:#?}");
        }
    }
}

/// Every class was looked at and found normal.
fn check_healthy(batch: &Batch) {
    let findings = score::<Jvm>(batch);
    assert_eq!(findings.len(), 3, "{findings:#?}");
    assert!(findings.iter().all(|finding| finding.score < 0.15), "{findings:#?}");
}

fn usual_overhead(_: f64) -> f64 {
    0.012
}
fn usual_pause(_: f64) -> f64 {
    0.024
}
fn usual_live(_: f64) -> f64 {
    0.4
}
/// A full collection every minute, seen by one scrape in four.
fn full_pause(minute: f64) -> f64 {
    if minute >= ONSET && (minute * 4.0) as i64 % 4 == 0 { 4.0 } else { 0.024 }
}
fn full_overhead(minute: f64) -> f64 {
    if minute >= ONSET && (minute * 4.0) as i64 % 4 == 0 { 0.27 } else { 0.012 }
}

#[test]
fn the_manifest_keeps_the_contract() {
    check_manifest::<Jvm>();
}

#[test]
fn young_collections_at_their_usual_rate_are_normal() {
    check_healthy(&jvm(usual_overhead, usual_pause, usual_live));
}

#[test]
fn full_collections_every_minute_are_found_although_most_scrapes_look_healthy() {
    let batch = jvm(full_overhead, full_pause, |minute| if minute < ONSET { 0.4 } else { 0.9 });
    check(&batch, Some("jvm.gc-full"));
    let findings = score::<Jvm>(&batch);
    let view = View::new(&batch);
    let found = findings_on(&findings, &view, "jvm:a", "jvm.gc-full")[0];
    let late = found.onset_ms.unwrap() - (batch.start_ms + (ONSET * 60_000.0) as i64);
    assert!((0..=15_000).contains(&late), "{found:?}");
    assert!(found.statement.contains("longest pause is 4"), "{}", found.statement);
}

#[test]
fn full_collections_that_have_always_been_there_are_no_news() {
    let pause = |minute: f64| if (minute * 4.0) as i64 % 4 == 0 { 4.0 } else { 0.024 };
    let overhead = |minute: f64| if (minute * 4.0) as i64 % 4 == 0 { 0.27 } else { 0.012 };
    check_healthy(&jvm(overhead, pause, usual_live));
}

#[test]
fn many_short_pauses_are_young_collections() {
    let overhead = |minute| if minute < ONSET { 0.012 } else { 0.45 };
    let pause = |minute| if minute < ONSET { 0.024 } else { 0.06 };
    check(&jvm(overhead, pause, usual_live), Some("jvm.gc-young"));
}

#[test]
fn a_live_set_that_grows_for_half_an_hour_is_a_leak_and_not_a_pause() {
    let overhead = |minute: f64| 0.01 / (1.05 - (0.45 + minute * 0.0135));
    check(&jvm(overhead, usual_pause, |minute| 0.45 + minute * 0.0135), Some("jvm.heap-leak"));
}

#[test]
fn a_live_set_that_steps_up_at_once_is_no_leak() {
    check(&jvm(full_overhead, full_pause, |minute| if minute < ONSET { 0.3 } else { 0.85 }), Some("jvm.gc-full"));
}

#[test]
fn one_long_pause_is_a_hiccup() {
    let pause = |minute: f64| if (ONSET..ONSET + 0.3).contains(&minute) { 2.0 } else { 0.024 };
    let overhead = |minute: f64| if (ONSET..ONSET + 0.3).contains(&minute) { 0.1 } else { 0.012 };
    check(&jvm(overhead, pause, usual_live), None);
}

#[test]
fn unanswered_scrapes_are_told_beside_the_pauses() {
    let batch = BatchBuilder::minutes(40)
        .edge("instance:a", "runs-on", "jvm:a")
        .series("jvm:a", "jvm.gc.duration.max", full_pause)
        .series(
            "instance:a",
            "scrape.up",
            |minute| if (ONSET + 1.0..ONSET + 2.0).contains(&minute) { 0.0 } else { 1.0 },
        )
        .build();
    let findings = score::<Jvm>(&batch);
    assert!(findings[0].statement.contains("4 of 41 scrapes went unanswered"), "{}", findings[0].statement);
}

#[test]
fn nothing_measured_gives_nothing() {
    assert_eq!(score::<Jvm>(&BatchBuilder::minutes(10).with_node("jvm:a").build()), []);
}
