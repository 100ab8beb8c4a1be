use lagdoctor_sdk::Batch;
use lagdoctor_sdk::testing::{BatchBuilder, check_manifest, score, top_score, wobble};

use super::*;

/// When the faults of these tests begin, in minutes.
const ONSET: f64 = 30.0;

fn after(minute: f64, then: f64, before: f64) -> f64 {
    if minute >= ONSET { then } else { before }
}

/// A service of two instances with a cache and an endpoint, all as usual.
fn usual() -> BatchBuilder {
    let noise = |salt| move |minute: f64| 1.0 + 0.03 * wobble(minute, salt);
    let mut builder = BatchBuilder::minutes(40)
        .edge("service:s", "calls", "cache:c")
        .edge("service:s", "calls", "endpoint:prices")
        .series("cache:c", "cache.up", |_| 1.0)
        .series("cache:c", "cache.hit_ratio", move |minute| 0.92 * noise(1)(minute).min(1.05))
        .series("cache:c", "cache.evictions", |_| 0.0)
        .series("endpoint:prices", "http.client.request.duration", move |minute| 0.02 * noise(2)(minute))
        .series("endpoint:prices", "http.client.request.errors", |_| 0.0);
    for instance in ["instance:s-0", "instance:s-1"] {
        builder = builder
            .edge("service:s", "runs-as", instance)
            .series(instance, "messaging.client.consumed.messages", move |minute| 100.0 * noise(3)(minute))
            .labelled(instance, "application.retries", &[("target", "prices")], |_| 0.0);
    }
    builder
}

/// The class scores at least 0.5 on this node, and no other does anywhere.
fn check(batch: &Batch, expected: Option<(&str, &str)>) {
    let findings = score::<Calls>(batch);
    let view = View::new(batch);
    let mut loud: Vec<(&str, &str)> = findings
        .iter()
        .filter(|finding| finding.score >= 0.5)
        .filter_map(|finding| Some((view.node(finding.node)?.id, finding.class.as_str())))
        .collect();
    loud.dedup();
    assert_eq!(loud, expected.into_iter().collect::<Vec<_>>(), "{findings:#?}");
}

#[test]
fn the_manifest_keeps_the_contract() {
    check_manifest::<Calls>();
}

#[test]
fn what_is_called_and_answers_as_always_is_said_to_be_normal() {
    let batch = usual().build();
    let findings = score::<Calls>(&batch);
    assert!(findings.iter().all(|finding| finding.score < 0.1), "{findings:#?}");
    for (node, class) in [("cache:c", "cache.down"), ("cache:c", "cache.thrash"), ("endpoint:prices", "http.slow")] {
        assert!(top_score(&batch, &findings, node, class).is_some(), "{class} was not looked at");
    }
}

#[test]
fn a_cache_that_does_not_answer_is_down_and_so_is_one_that_was_emptied() {
    let silent = usual().series("cache:c", "cache.up", |minute| after(minute, 0.0, 1.0));
    let silent = silent.series("cache:c", "cache.hit_ratio", |minute| after(minute, f64::NAN, 0.92));
    check(&silent.build(), Some(("cache:c", "cache.down")));
    let emptied = usual().series("cache:c", "cache.hit_ratio", |minute| after(minute, 0.2, 0.92));
    check(&emptied.build(), Some(("cache:c", "cache.down")));
}

#[test]
fn a_cache_that_gives_up_what_is_still_needed_thrashes_and_is_not_down() {
    let batch = usual()
        .series("cache:c", "cache.hit_ratio", |minute| after(minute, 0.5, 0.92))
        .series("cache:c", "cache.evictions", |minute| after(minute, 300.0, 0.0))
        .build();
    check(&batch, Some(("cache:c", "cache.thrash")));
}

#[test]
fn evictions_that_cost_no_hits_are_a_full_cache_at_work() {
    check(&usual().series("cache:c", "cache.evictions", |minute| after(minute, 300.0, 0.0)).build(), None);
}

#[test]
fn calls_that_take_three_times_as_long_or_fail_are_laid_to_whoever_is_called() {
    let late = usual().series("endpoint:prices", "http.client.request.duration", |minute| after(minute, 0.2, 0.02));
    check(&late.build(), Some(("endpoint:prices", "http.slow")));
    let failing = usual().series("endpoint:prices", "http.client.request.errors", |minute| after(minute, 40.0, 0.0));
    check(&failing.build(), Some(("endpoint:prices", "http.slow")));
}

#[test]
fn a_name_that_is_not_found_is_no_endpoint_that_is_slow() {
    let line = "I/O error on GET request for \"http://prices/v2\": prices; nested exception is \
                java.net.UnknownHostException: prices";
    let mut builder =
        usual().series("endpoint:prices", "http.client.request.duration", |minute| after(minute, 5.0, 0.02));
    for minute in [30.5, 31.0, 31.5, 32.0, 33.0, 34.0] {
        builder = builder.log("instance:s-0", minute, 17, line);
    }
    check(&builder.build(), Some(("endpoint:prices", "dns.failure")));
}

#[test]
fn one_more_attempt_for_each_record_is_a_storm_and_one_in_a_hundred_is_not() {
    let retries = |rate: f64| {
        let target = [("target", "prices")];
        usual().labelled("instance:s-0", "application.retries", &target, move |minute| after(minute, rate, 0.0)).build()
    };
    check(&retries(250.0), Some(("service:s", "retry.storm")));
    check(&retries(2.0), None);
}

#[test]
fn rows_that_are_read_again_from_a_late_replica_are_no_storm() {
    let target = [("target", "orders-db-replica")];
    let again = |minute: f64| after(minute, 250.0, 0.0);
    let batch = usual()
        .edge("service:s", "reads", "database:orders-db-replica")
        .labelled("instance:s-0", "application.retries", &target, again)
        .build();
    check(&batch, None);
}
