//! Each limit holds, whatever a guest does, and is named when it does.

use lagdoctor_runtime::{BindError, FailureKind, Host, HostOptions, Limits, Operator, Pool};
use serde_json::json;
use std::sync::Arc;

use crate::guest::Guest;
use crate::{Nowhere, batch, bound_with, host_with, limits, operator};

/// A scorer with this job under these limits uses up what it may have, and is told which limit that was.
async fn check(guest: Guest, limits: Limits, part: &str, raise: &str) {
    let bound = host_with(limits.clone()).load("test.wasm", &guest.build()).await;
    let plugin = bound.unwrap_or_else(|error| panic!("{error}"));
    let error = plugin.bind(operator()).unwrap().score(&batch()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Memory, "{error}");
    assert!(error.statement.contains(part) && error.statement.contains(&format!("raise `{raise}`")), "{error}");
}

/// A scorer that has this besides its memory, and does this.
fn with(more: &str, job: &str) -> Guest {
    // The end of its last function is the end of what is added.
    let more = more.strip_suffix(')').unwrap();
    Guest::new("scorer", &format!("{job}) {more}"))
}

/// Does this until it gives -1, then panics, as languages do that cannot grow.
fn until_refused(growth: &str) -> String {
    format!("(loop (br_if 0 (i32.ne (i32.const -1) ({growth})))) unreachable")
}

#[tokio::test]
async fn a_second_memory_is_no_way_to_more_memory() {
    let grow = until_refused("memory.grow $more (i32.const 1)");
    check(with("(memory $more 1)", &grow), limits(), "4194304 bytes of memory", "memory_mib").await;
}

#[tokio::test]
async fn a_table_is_no_way_to_more_memory() {
    let grow = || with("(table $more 1 funcref)", &until_refused("table.grow $more (ref.null func) (i32.const 1000)"));
    check(grow(), limits(), "100000 table elements", "table_elements").await;
    let many = Limits { table_elements: 10_000_000, ..limits() };
    check(grow(), many, "4194304 bytes of memory", "memory_mib").await;
}

#[tokio::test]
async fn more_memories_tables_or_instances_than_allowed_are_named() {
    let guest = || with("(memory $more 1) (table $more 1 funcref)", "unreachable");
    for (limits, what) in [
        (Limits { memories: 1, ..limits() }, "memories"),
        (Limits { tables: 0, ..limits() }, "tables"),
        (Limits { instances: 0, ..limits() }, "instances"),
    ] {
        let plugin = host_with(crate::limits()).load("test.wasm", &guest().build()).await.unwrap();
        let bound = plugin.bind(Operator { limits: Some(limits.clone()), ..operator() }).unwrap();
        let error = bound.score(&batch()).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Memory, "{error}");
        assert!(error.statement.contains(&format!("more {what} than it may")), "{error}");
        let refused = host_with(limits).load("test.wasm", &guest().build()).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("raise `{what}`")), "{refused}");
    }
}

#[tokio::test]
async fn more_memories_than_the_pool_has_room_for_are_refused_when_loading() {
    let memories: String = (0..5).map(|number| format!("(memory $m{number} 1)")).collect();
    let refused = host_with(limits()).load("test.wasm", &with(&memories, "unreachable").build()).await.unwrap_err();
    assert!(refused.to_string().contains("memories"), "{refused}");
}

#[tokio::test]
async fn a_limit_beyond_the_pool_is_refused_by_name() {
    let plugin = host_with(limits()).load("test.wasm", &Guest::new("scorer", "unreachable").build()).await.unwrap();
    let most = Pool::default();
    for (limits, key) in [
        (Limits { memory_bytes: most.memory_bytes + 1, ..limits() }, "memory_mib"),
        (Limits { memories: most.memories + 1, ..limits() }, "memories"),
        (Limits { table_elements: most.table_elements + 1, ..limits() }, "table_elements"),
        (Limits { tables: most.tables + 1, ..limits() }, "tables"),
        (Limits { instances: most.instances + 1, ..limits() }, "instances"),
    ] {
        let refused = plugin.bind(Operator { limits: Some(limits), ..operator() }).unwrap_err();
        assert!(matches!(refused, BindError::Room { limit, .. } if limit == key), "{refused}");
    }
}

#[tokio::test]
async fn a_configuration_that_is_too_large_is_refused() {
    let plugin = host_with(limits()).load("test.wasm", &Guest::new("scorer", "unreachable").build()).await.unwrap();
    let config = |bytes: usize| json!({ "text": "x".repeat(bytes - r#"{"text":""}"#.len()) });
    let most = limits().config_bytes;
    plugin.bind(Operator { config: config(most), ..operator() }).unwrap();
    let refused = plugin.bind(Operator { config: config(most + 1), ..operator() }).unwrap_err().to_string();
    assert!(refused.contains("262145 bytes") && refused.contains("raise `config_kib`"), "{refused}");
}

#[tokio::test]
async fn the_stack_is_as_deep_as_the_pool_says() {
    let deep = async |stack_bytes: usize| {
        let mut guest = Guest::scorer(|image| {
            let answer = image.findings(&[]);
            format!("(drop (call $deep (i32.const 3000))) i32.const {answer}")
        });
        guest.top = "(func $deep (param i32) (result i32)
            (if (result i32) (local.get 0)
              (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
              (else (i32.const 0))))"
            .to_owned();
        let pool = Pool { stack_bytes, ..Pool::default() };
        let options = HostOptions { limits: limits(), pool, ..HostOptions::new(Arc::new(Nowhere)) };
        let plugin = Host::new(options).unwrap().load("test.wasm", &guest.build()).await.unwrap();
        plugin.bind(operator()).unwrap().score(&batch()).await.map_err(|error| error.kind)
    };
    assert_eq!(deep(512 << 10).await, Ok(vec![]));
    assert_eq!(deep(64 << 10).await, Err(FailureKind::Trap));
}

/// A scorer that panics when it finds anything of an earlier call: in a global, in a table, at the front, in the middle
/// and at the end of a memory of so many pages, of which it then fills every page.
fn forgetful(pages: u32) -> Guest {
    Guest::scorer(|image| {
        let answer = image.findings(&[]);
        format!(
            "(local $at i32) (local $end i32)
            (if (global.get $used) (then unreachable))
            (global.set $used (i32.const 1))
            (if (i32.eqz (ref.is_null (table.get $things (i32.const 7)))) (then unreachable))
            (table.set $things (i32.const 7) (ref.func $thing))
            (local.set $at (i32.mul (memory.size) (i32.const 65536)))
            (if (i32.eq (i32.const -1) (memory.grow (i32.const {pages}))) (then unreachable))
            (local.set $end (i32.mul (memory.size) (i32.const 65536)))
            (loop
              (if (i32.load (local.get $at)) (then unreachable))
              (i32.store (local.get $at) (i32.const -1))
              (local.set $at (i32.add (local.get $at) (i32.const 1024)))
              (br_if 0 (i32.lt_u (local.get $at) (local.get $end))))
            (i32.const {answer})) (global $used (mut i32) (i32.const 0)) (table $things 10 funcref)
            (elem declare func $thing) (func $thing"
        )
    })
}

#[tokio::test]
async fn nothing_of_a_call_is_left_for_the_next_however_warm_its_slot_is() {
    let roomy = Limits { memory_bytes: 64 << 20, fuel: 200_000_000, ..limits() };
    // Less and more than what is kept resident.
    for pages in [1, 10, 60, 100, 900] {
        let bound = bound_with(forgetful(pages), roomy.clone()).await;
        for _ in 0..4 {
            assert_eq!(bound.score(&batch()).await.unwrap(), [], "{pages} pages");
        }
    }
}

#[tokio::test]
async fn nothing_of_a_plugin_is_left_for_another_in_the_same_slot() {
    // Two calls at most, so that more plugins than slots take turns in the same memory.
    let pool = Pool { concurrent_calls: 2, ..Pool::default() };
    let roomy = Limits { memory_bytes: 64 << 20, fuel: 200_000_000, ..limits() };
    let host = Host::new(HostOptions { limits: roomy, pool, ..HostOptions::new(Arc::new(Nowhere)) }).unwrap();
    let mut plugins = vec![];
    for pages in 20..32 {
        let plugin = host.load("test.wasm", &forgetful(pages).build()).await.unwrap();
        plugins.push(plugin.bind(operator()).unwrap());
    }
    for _ in 0..3 {
        for plugin in &plugins {
            assert_eq!(plugin.score(&batch()).await.unwrap(), []);
        }
    }
}
