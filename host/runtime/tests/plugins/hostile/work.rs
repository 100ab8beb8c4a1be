//! Work without end: of the processor, of the host on behalf of the guest, of memory in all its forms.

use std::time::Duration;

use lagdoctor_runtime::{FailureKind, Limits, Operator};
use serde_json::json;

use crate::errand::Errand;
use crate::guest::Guest;
use crate::{at, batch, bound_with, host_with, limits, operator, query};

const LOG: &str = r#"(import "lagdoctor:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;

/// A scorer that fails in this way, and what is said contains this.
async fn check(guest: Guest, limits: Limits, kind: FailureKind, part: &str) {
    let error = bound_with(guest, limits).await.score(&batch()).await.unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.statement.contains("`mine`") && error.statement.contains(part), "{error}");
}

#[tokio::test]
async fn a_guest_that_spins_inside_the_hosts_log_is_stopped_by_the_number_of_calls() {
    let mut guest =
        Guest::new("scorer", "(loop (call $log (i32.const 9) (i32.const 0) (i32.const 0)) (br 0)) unreachable");
    guest.top = LOG.to_owned();
    let few = Limits { host_calls: 5000, fuel: u64::MAX, ..limits() };
    check(guest, few, FailureKind::Fuel, "used up its 5000 calls of the host").await;
}

#[tokio::test]
async fn a_guest_that_has_the_host_copy_without_end_is_stopped_by_the_number_of_bytes() {
    // A mebibyte of zeros each time: hardly any work for the guest.
    let job = "(drop (memory.grow (i32.const 17))) (loop (call $log (i32.const 9) (i32.const 65536) (i32.const 1048576)) (br 0)) unreachable";
    let mut guest = Guest::new("scorer", job);
    guest.top = LOG.to_owned();
    let few = Limits { host_call_bytes: 64 << 20, fuel: u64::MAX, ..limits() };
    check(guest, few, FailureKind::Fuel, "or their 67108864 bytes").await;
}

#[tokio::test]
async fn a_guest_that_spins_in_refused_requests_is_stopped_as_well() {
    let guest = Errand { times: 0, ..Errand::get("https://nobody.example/") }.collector();
    let few = Limits { host_calls: 2000, fuel: u64::MAX, ..limits() };
    let error = bound_with(guest, few).await.collect(&query(), at(60)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Fuel, "{error}");
}

#[tokio::test]
async fn a_guest_that_spins_in_the_clock_is_stopped_as_well() {
    let mut guest = Guest::new("collector", "(loop (drop (call $now)) (br 0)) unreachable");
    guest.top = r#"(import "lagdoctor:plugin/clock@0.1.0" "now-ms" (func $now (result i64)))"#.to_owned();
    let few = Limits { host_calls: 2000, fuel: u64::MAX, ..limits() };
    let error = bound_with(guest, few).await.collect(&query(), at(60)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Fuel, "{error}");
}

#[tokio::test]
async fn a_guest_that_spins_in_the_host_is_ended_by_the_clock_when_nothing_else_ends_it() {
    let mut guest =
        Guest::new("scorer", "(loop (call $log (i32.const 9) (i32.const 0) (i32.const 0)) (br 0)) unreachable");
    guest.top = LOG.to_owned();
    let timeout = Duration::from_millis(60);
    let hasty = Limits { timeout, fuel: u64::MAX, host_calls: usize::MAX, host_call_bytes: usize::MAX, ..limits() };
    check(guest, hasty, FailureKind::Deadline, "was not done after 60 ms").await;
}

#[tokio::test]
async fn memory_taken_at_once_is_refused_at_once() {
    let guest = Guest::new(
        "scorer",
        "(if (i32.eq (i32.const -1) (memory.grow (i32.const 60000))) (then unreachable)) unreachable",
    );
    check(guest, limits(), FailureKind::Memory, "4194304 bytes of memory").await;
}

#[tokio::test]
async fn memory_taken_slowly_is_refused_when_it_is_too_much() {
    // Touches each page, as a program does that fills it.
    let job = "(local $at i32) (loop
        (local.set $at (memory.grow (i32.const 1)))
        (if (i32.eq (local.get $at) (i32.const -1)) (then unreachable))
        (i32.store (i32.shl (local.get $at) (i32.const 16)) (i32.const 1)) (br 0)) unreachable";
    check(Guest::new("scorer", job), limits(), FailureKind::Memory, "4194304 bytes of memory").await;
}

#[tokio::test]
async fn many_memories_are_refused_before_anything_runs() {
    let mut guest = Guest::new("scorer", "unreachable");
    guest.bottom = "(memory 60)".repeat(20);
    let said = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap_err().to_string();
    assert!(said.contains("test.wasm") && said.contains("memor"), "{said}");
}

#[tokio::test]
async fn a_second_memory_counts_with_the_first() {
    let mut guest =
        Guest::new("scorer", "(loop (br_if 0 (i32.ne (i32.const -1) (memory.grow 1 (i32.const 1))))) unreachable");
    guest.bottom = "(memory 0)".to_owned();
    // Where a module may have one memory only, that is as good.
    match host_with(limits()).load("test.wasm", &guest.build()).await {
        Err(refused) => assert!(refused.to_string().contains("memor"), "{refused}"),
        Ok(plugin) => {
            let error = plugin.bind(operator()).unwrap().score(&batch()).await.unwrap_err();
            assert_eq!(error.kind, FailureKind::Memory, "{error}");
        }
    }
}

#[tokio::test]
async fn tables_that_grow_without_end_are_refused() {
    let job = "(loop (br_if 0 (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 1000))))) unreachable";
    let mut guest = Guest::new("scorer", job);
    guest.bottom = "(table $t 1 funcref)".to_owned();
    check(guest, limits(), FailureKind::Memory, "table elements").await;
}

#[tokio::test]
async fn many_tables_are_refused_before_anything_runs() {
    let mut guest = Guest::new("scorer", "unreachable");
    guest.bottom = "(table 10000 funcref)".repeat(40);
    let said = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap_err().to_string();
    assert!(said.contains("test.wasm") && said.contains("table"), "{said}");
}

#[tokio::test]
async fn handles_without_end_are_refused() {
    let mut guest = Guest::new("scorer", "(loop (drop (call $new (i32.const 1))) (br 0)) unreachable");
    guest.wit +=
        "\ninterface things { resource thing { constructor(); } }\nworld handles { include scorer; export things; }\n";
    guest.world = "handles";
    guest.top = r#"(import "[export]lagdoctor:plugin/things@0.1.0" "[resource-new]thing" (func $new (param i32) (result i32)))"#.to_owned();
    guest.bottom =
        r#"(func (export "lagdoctor:plugin/things@0.1.0#[constructor]thing") (result i32) (call $new (i32.const 1)))"#
            .to_owned();
    check(guest, limits(), FailureKind::Memory, "more than its 10000 handles").await;
}

#[tokio::test]
async fn a_recursion_is_ended_by_its_stack_and_the_host_goes_on() {
    let mut guest = Guest::new("scorer", "(call $deep (i64.const 0)) unreachable");
    guest.bottom =
        "(func $deep (param i64) (call $deep (i64.add (local.get 0) (i64.const 1))) (call $deep (local.get 0)))"
            .to_owned();
    let bound = bound_with(guest, limits()).await;
    for _ in 0..3 {
        let error = bound.score(&batch()).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Trap, "{error}");
    }
}

#[tokio::test]
async fn a_gibibyte_of_output_from_a_mebibyte_of_memory_is_refused() {
    // 1024 findings whose statements are one and the same mebibyte.
    let guest = Guest::scorer(|image| {
        let text = image.text(&"x".repeat(1 << 20));
        let mut finding = image.finding(0.5, "log", "", "");
        finding[88..96].copy_from_slice(&text);
        format!("i32.const {}", image.findings(&vec![finding; 1024]))
    });
    check(guest, limits(), FailureKind::Contract, "fuel").await;
}

#[tokio::test]
async fn a_list_of_lists_of_lists_does_not_multiply() {
    // Each finding has a list of pairs, and all of them are the same list of 10,000 empty pairs.
    let guest = Guest::scorer(|image| {
        let ext = image.list(10_000, &vec![0; 160_000]);
        let mut finding = image.finding(0.5, "log", "", "");
        finding[96..104].copy_from_slice(&ext);
        format!("i32.const {}", image.findings(&vec![finding; 10_000]))
    });
    check(guest, limits(), FailureKind::Contract, "fuel").await;
}

#[tokio::test]
async fn a_configuration_larger_than_the_guest_is_the_guests_trouble() {
    let config = json!({ "text": "x".repeat(8 << 20) });
    let plugin = host_with(limits()).load("test.wasm", &Guest::new("scorer", "unreachable").build()).await.unwrap();
    let refused = plugin.bind(Operator { config: config.clone(), ..operator() }).unwrap_err().to_string();
    assert!(refused.contains("`mine`") && refused.contains("raise `config_kib`"), "{refused}");
    let roomy = Limits { config_bytes: 16 << 20, ..limits() };
    let bound = plugin.bind(Operator { config, limits: Some(roomy), ..operator() }).unwrap();
    let error = bound.score(&batch()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Memory, "{error}");
}
