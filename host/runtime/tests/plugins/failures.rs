//! How a call fails, told by its kind, and that a failure costs nobody else anything.

use std::time::Duration;

use lagdoctor_model::{Gap, GapCause};
use lagdoctor_runtime::{CollectQuery, ErrorCode, FailureKind, Limits, Operator};

use crate::guest::{Guest, Image};
use crate::{at, batch, bound, bound_with, host_with, limits, operator};
use std::future::Future as _;

/// How a scorer with this job fails under these limits.
async fn fail(guest: Guest, limits: Limits) -> (FailureKind, String) {
    let error = bound_with(guest, limits).await.score(&batch()).await.unwrap_err();
    assert_eq!(error.plugin, "mine");
    assert!(error.statement.contains("`mine`") && error.statement.contains("scoring 1 series of 2 nodes"), "{error}");
    let Gap { source, statement, .. } = error.gap();
    assert_eq!((source.as_str(), &statement), ("mine", &error.statement));
    (error.kind, error.statement)
}

async fn check(job: &str, kind: FailureKind, part: &str) {
    let (found, statement) = fail(Guest::new("scorer", job), limits()).await;
    assert_eq!(found, kind, "{statement}");
    assert!(statement.contains(part), "{statement}");
}

#[tokio::test]
async fn a_panic_is_a_trap() {
    check("unreachable", FailureKind::Trap, "panicked").await;
}

#[tokio::test]
async fn a_division_by_zero_is_a_trap() {
    check("(i32.div_u (i32.const 1) (i32.const 0))", FailureKind::Trap, "divide by zero").await;
}

#[tokio::test]
async fn a_loop_without_end_runs_out_of_fuel() {
    check("(loop (br 0)) unreachable", FailureKind::Fuel, "raise `fuel`").await;
}

#[tokio::test]
async fn the_same_job_takes_the_same_fuel_each_time() {
    // Counts down from n: with enough fuel it panics at the end, with one unit less it does not get there.
    let job = "(local $n i32) (local.set $n (i32.const 1000))
        (loop (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) unreachable";
    let kind = async |fuel| fail(Guest::new("scorer", job), Limits { fuel, ..limits() }).await.0;
    let (mut low, mut high) = (1000, 1_000_000);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if kind(middle).await == FailureKind::Fuel { low = middle } else { high = middle }
    }
    for _ in 0..3 {
        assert_eq!((kind(low).await, kind(high).await), (FailureKind::Fuel, FailureKind::Trap));
    }
}

#[tokio::test]
async fn a_loop_that_fuel_does_not_end_is_ended_by_the_clock() {
    let patient = Limits { fuel: u64::MAX, timeout: Duration::from_millis(60), ..limits() };
    let (kind, statement) = fail(Guest::new("scorer", "(loop (br 0)) unreachable"), patient).await;
    assert_eq!(kind, FailureKind::Deadline, "{statement}");
    assert!(statement.contains("was not done after 60 ms"), "{statement}");
}

#[tokio::test]
async fn a_guest_that_grows_without_end_runs_out_of_memory() {
    // Refused growth is no trap in WebAssembly; languages abort when they see it.
    let grow = "(loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 1))))) unreachable";
    check(grow, FailureKind::Memory, "4194304 bytes of memory").await;
}

#[tokio::test]
async fn a_memory_that_is_too_large_from_the_start_is_refused_at_once() {
    let mut guest = Guest::new("scorer", "unreachable");
    guest.image.place(&vec![0; 1 << 20]);
    let small = Limits { memory_bytes: 1 << 20, ..limits() };
    let refused = host_with(small).load("test.wasm", &guest.build()).await.unwrap_err();
    assert!(refused.to_string().contains("memory"), "{refused}");
}

#[tokio::test]
async fn a_recursion_without_end_is_a_trap() {
    let mut guest = Guest::new("scorer", "(call $deep (i32.const 0))");
    guest.top = "(func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))".to_owned();
    let (kind, statement) = fail(guest, limits()).await;
    assert_eq!(kind, FailureKind::Trap, "{statement}");
    assert!(statement.contains("recurs"), "{statement}");
}

#[tokio::test]
async fn an_access_out_of_bounds_is_a_trap() {
    check("(i32.load (i32.const -4))", FailureKind::Trap, "memory").await;
}

#[tokio::test]
async fn an_answer_that_points_nowhere_breaks_the_contract() {
    check("i32.const -16", FailureKind::Contract, "cannot be read").await;
    check("i32.const 3", FailureKind::Contract, "cannot be read").await;
}

#[tokio::test]
async fn text_that_is_not_utf8_breaks_the_contract() {
    let guest = Guest::scorer(|image| {
        let mut finding = image.finding(0.5, "log", "", "text");
        let at = image.place(&[0xff, 0xfe]);
        finding[88..96].copy_from_slice(&[at.to_le_bytes(), 2u32.to_le_bytes()].concat());
        format!("i32.const {}", image.findings(&[finding]))
    });
    let (kind, statement) = fail(guest, limits()).await;
    assert_eq!(kind, FailureKind::Contract, "{statement}");
    assert!(statement.contains("utf-8"), "{statement}");
}

#[tokio::test]
async fn a_list_that_claims_to_be_endless_costs_the_host_nothing() {
    let endless = |image: &mut Image| {
        let list = [0u32, 0, 50_000_000].into_iter().flat_map(u32::to_le_bytes).collect::<Vec<_>>();
        format!("i32.const {}", image.place(&list))
    };
    let (kind, statement) = fail(Guest::scorer(endless), limits()).await;
    assert_eq!(kind, FailureKind::Contract, "{statement}");
}

#[tokio::test]
async fn more_than_one_crossing_may_carry_breaks_the_contract() {
    let guest = Guest::scorer(|image| {
        let findings = vec![image.finding(0.5, "log", "", &"x".repeat(1000)); 50];
        format!("i32.const {}", image.findings(&findings))
    });
    let (kind, statement) = fail(guest, Limits { hostcall_fuel: 20_000, ..limits() }).await;
    assert_eq!(kind, FailureKind::Contract, "{statement}");
    assert!(statement.contains("fuel"), "{statement}");
}

#[tokio::test]
async fn a_score_that_is_no_number_breaks_the_contract() {
    let guest = Guest::scorer(|image| {
        let finding = image.finding(f64::NAN, "log", "", "");
        format!("i32.const {}", image.findings(&[finding]))
    });
    let (kind, statement) = fail(guest, limits()).await;
    assert_eq!(kind, FailureKind::Contract, "{statement}");
    assert!(statement.contains("said that finding 0 has a score that is no finite number"), "{statement}");
}

#[tokio::test]
async fn what_a_guest_says_itself_keeps_its_code() {
    for (code, kind, cause) in [
        ("unreachable", FailureKind::Typed { code: ErrorCode::Unreachable }, GapCause::Unreachable),
        ("unauthorised", FailureKind::Typed { code: ErrorCode::Unauthorised }, GapCause::Refused),
        ("bad-config", FailureKind::Typed { code: ErrorCode::BadConfig }, GapCause::PluginFailed),
        ("not-granted", FailureKind::NotGranted, GapCause::NotGranted),
        ("made-up", FailureKind::Typed { code: ErrorCode::Internal }, GapCause::PluginFailed),
    ] {
        let guest = Guest::scorer(|image| format!("i32.const {}", image.error(code, "no\u{1b}[1m luck")));
        let error = bound(guest).await.score(&batch()).await.unwrap_err();
        assert_eq!((error.kind, error.gap().cause), (kind, cause));
        assert!(error.statement.contains(": no[1m luck ["), "{error}");
    }
}

#[tokio::test]
async fn what_a_guest_quotes_from_the_far_side_is_redacted() {
    let guest = Guest::scorer(|image| {
        let error = image.error("upstream", "it answered: no such user=alice, order 4711");
        format!("i32.const {error}")
    });
    let error = bound(guest).await.score(&batch()).await.unwrap_err();
    assert!(error.statement.contains("no such user=<user:1>, order <order:1>"), "{error}");
}

#[tokio::test]
async fn a_configuration_that_the_guest_refuses_ends_the_call_before_its_job() {
    let mut guest = Guest::new("scorer", "unreachable");
    let error = guest.image.error("bad-config", "weights must add up to 1");
    guest.configure = format!("i32.const {error}");
    let error = bound(guest).await.score(&batch()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Typed { code: ErrorCode::BadConfig });
    assert!(error.statement.contains("weights must add up to 1"), "{error}");
}

#[tokio::test]
async fn each_call_has_an_instance_of_its_own() {
    // The second call on one instance would find the flag and panic.
    let guest = Guest::scorer(|image| {
        let (flag, answer) = (image.place(&[0; 8]), image.findings(&[]));
        format!(
            "(if (i32.load (i32.const {flag})) (then unreachable)) (i32.store (i32.const {flag}) (i32.const 1)) (i32.const {answer})"
        )
    });
    let bound = bound(guest).await;
    for _ in 0..3 {
        assert_eq!(bound.score(&batch()).await.unwrap(), []);
    }
}

#[tokio::test]
async fn failures_in_a_row_use_nothing_up() {
    let trap = bound(Guest::new("scorer", "unreachable")).await;
    for _ in 0..200 {
        assert_eq!(trap.score(&batch()).await.unwrap_err().kind, FailureKind::Trap);
    }
}

#[tokio::test]
async fn more_calls_at_once_than_the_pool_has_slots_all_get_their_turn() {
    let guest = Guest::scorer(|image| format!("i32.const {}", image.findings(&[])));
    let bound = bound(guest).await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let bound = bound.clone();
            tokio::spawn(async move { bound.score(&batch()).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), []);
    }
}

#[tokio::test]
async fn a_call_that_finds_no_free_slot_in_its_time_says_so() {
    let host = host_with(Limits { fuel: u64::MAX, timeout: Duration::from_millis(400), ..limits() });
    let plugin = host.load("test.wasm", &Guest::new("scorer", "(loop (br 0)) unreachable").build()).await.unwrap();
    let bound = plugin.bind(operator()).unwrap();
    let hasty = Limits { timeout: Duration::from_millis(20), ..bound.limits().clone() };
    let hasty = plugin.bind(Operator { limits: Some(hasty), ..operator() }).unwrap();
    let mut hogs: Vec<_> = (0..host.pool().concurrent_calls)
        .map(|_| {
            let (bound, batch) = (bound.clone(), batch());
            Box::pin(async move { bound.score(&batch).await })
        })
        .collect();
    // Polled once, each of them holds a slot.
    for hog in &mut hogs {
        let started = std::future::poll_fn(|context| std::task::Poll::Ready(hog.as_mut().poll(context))).await;
        assert!(started.is_pending());
    }
    let error = hasty.score(&batch()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Busy, "{error}");
    assert!(error.statement.contains("no instance was free within 20 ms"), "{error}");
    drop(hogs);
    assert_eq!(bound.score(&batch()).await.unwrap_err().kind, FailureKind::Deadline);
}

#[tokio::test]
async fn a_plugin_used_for_another_job_says_what_it_is() {
    let bound = bound(Guest::new("scorer", "unreachable")).await;
    let query = CollectQuery::all(at(0), at(60), lagdoctor_model::Millis::seconds(15));
    let error = bound.collect(&query, at(60)).await.unwrap_err();
    assert_eq!(
        error.statement,
        "plugin `mine` is a scorer and cannot be used as a collector; configure it as what it is"
    );
}
