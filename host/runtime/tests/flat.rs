//! What do thousands of hostile calls leave behind? Nothing: no memory, no thread, no file descriptor. A test program of
//! its own with one test, because memory is that of the whole process. Linux only, since it reads `/proc/self`.

#[path = "plugins/errand.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod errand;
#[path = "plugins/guest.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod guest;

use std::sync::Arc;
use std::time::Duration;

use lagdoctor_model::{Millis, Node, NodeId, Signals, Timestamp, Topology, Window};
use lagdoctor_runtime::{
    Batch, Bound, BoxFuture, CollectQuery, Host, HostOptions, HttpRequest, HttpResponse, Limits, NoSecrets, Operator,
    Pool, Transport, TransportError, World,
};
use serde_json::json;

use errand::Errand;
use guest::Guest;

/// Hostile calls that are measured.
const CALLS: usize = 10_000;
/// Calls before that. The pool maps memory for its slots when they are first used, and the allocator keeps what it was
/// given; both are bounded, and full after this. Nothing of the calls that are measured is left out.
const WARM_UP: usize = 2_000;
/// How much memory may have grown, in percent.
const MOST_GROWTH_PERCENT: usize = 5;

/// Answers with 64 KiB.
struct Generous;

impl Transport for Generous {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async { Ok(HttpResponse { status: 200, headers: vec![], body: vec![b'x'; 64 << 10] }) })
    }
}

fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(seconds)
}

fn batch() -> Batch {
    let mut topology = Topology::new();
    topology.add_node(Node::new(NodeId::new("group:fulfilment").unwrap()));
    let window = Window { start: at(0), now: at(60), step: Millis::seconds(15) };
    Batch::new(&Signals { topology, ..Signals::empty(window) })
}

/// One of each kind, each as it fails in the suite.
fn hostile() -> Vec<(&'static str, Guest)> {
    let mut deep = Guest::new("scorer", "(call $deep (i32.const 0))");
    deep.top = "(func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))".to_owned();
    let mut tables = Guest::new(
        "scorer",
        "(loop (br_if 0 (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 1000))))) unreachable",
    );
    tables.bottom = "(table $t 1 funcref)".to_owned();
    let mut flood =
        Guest::new("scorer", "(loop (call $log (i32.const 17) (i32.const 1024) (i32.const 1000)) (br 0)) unreachable");
    flood.top = r#"(import "lagdoctor:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#.to_owned();
    flood.image.place(&[b'x'; 1000]);
    let touch = "(local $at i32) (loop (local.set $at (memory.grow (i32.const 1)))
        (if (i32.eq (local.get $at) (i32.const -1)) (then unreachable))
        (i32.store (i32.shl (local.get $at) (i32.const 16)) (i32.const 1)) (br 0)) unreachable";
    vec![
        ("panic", Guest::new("scorer", "unreachable")),
        ("spin", Guest::new("scorer", "(loop (br 0)) unreachable")),
        ("grow", Guest::new("scorer", touch)),
        ("recursion", deep),
        ("tables", tables),
        ("log flood", flood),
        ("nowhere", Guest::new("scorer", "i32.const -16")),
        (
            "much output",
            Guest::scorer(|image| {
                let text = image.text(&"x".repeat(1 << 16));
                let mut finding = image.finding(0.5, "log", "", "");
                finding[88..96].copy_from_slice(&text);
                format!("i32.const {}", image.findings(&vec![finding; 64]))
            }),
        ),
        ("requests", Errand { times: 5, ..Errand::get("https://api.example/") }.collector()),
    ]
}

async fn call(bound: &Bound, batch: &Batch) {
    if bound.plugin().world() == World::Collector {
        let query = CollectQuery::all(at(0), at(60), Millis::seconds(15));
        let page = bound.collect(&query, at(60)).await.unwrap();
        assert_eq!(page.gaps.len(), 1);
    } else if let Ok(findings) = bound.score(batch).await {
        assert_eq!(findings.len(), 64);
    }
}

/// So many calls, each kind in turn, and now and then as many at once as the pool has slots.
async fn abuse(guests: &[Bound], calls: usize) {
    let batch = batch();
    let mut done = 0;
    while done < calls {
        for _ in 0..20 {
            for guest in guests {
                call(guest, &batch).await;
                done += 1;
            }
        }
        let mut together = tokio::task::JoinSet::new();
        for place in 0..Pool::default().concurrent_calls as usize {
            let (guest, batch) = (guests[place % guests.len()].clone(), self::batch());
            together.spawn(async move { call(&guest, &batch).await });
            done += 1;
        }
        while let Some(outcome) = together.join_next().await {
            outcome.unwrap();
        }
    }
}

#[derive(Debug)]
struct Held {
    resident_pages: usize,
    threads: usize,
    descriptors: usize,
}

/// What the process holds; `None` where there is no `/proc`.
fn held() -> Option<Held> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let resident_pages = statm.split_whitespace().nth(1)?.parse().ok()?;
    let count = |folder: &str| std::fs::read_dir(folder).map(Iterator::count).ok();
    Some(Held { resident_pages, threads: count("/proc/self/task")?, descriptors: count("/proc/self/fd")? })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_hostile_calls_leave_nothing_behind() {
    if held().is_none() {
        // The only way for a test to say that it did not run.
        #[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
        {
            eprintln!("skipped: this system has no /proc/self to read memory, threads and file descriptors from");
        }
        return;
    }
    let limits = Limits {
        fuel: 200_000,
        memory_bytes: 4 << 20,
        host_calls: 2_000,
        timeout: Duration::from_secs(60),
        hostcall_fuel: 8 << 20,
        ..Limits::default()
    };
    let host = Host::new(HostOptions { limits, ..HostOptions::new(Arc::new(Generous)) }).unwrap();
    let mut guests = Vec::new();
    for (name, guest) in hostile() {
        let plugin = host.load(name, &guest.build()).await.unwrap();
        let operator = Operator {
            name: name.to_owned(),
            config: json!({}),
            grants: vec!["http https://api.example".parse().unwrap()],
            secrets: Arc::new(NoSecrets),
            limits: None,
        };
        guests.push(plugin.bind(operator).unwrap());
    }
    abuse(&guests, WARM_UP).await;
    let before = held().unwrap();
    abuse(&guests, CALLS).await;
    let after = held().unwrap();
    assert!(
        after.resident_pages * 100 <= before.resident_pages * (100 + MOST_GROWTH_PERCENT),
        "memory grew by more than {MOST_GROWTH_PERCENT} %: {before:?} became {after:?}"
    );
    assert!(after.threads <= before.threads, "threads were left behind: {before:?} became {after:?}");
    assert!(after.descriptors <= before.descriptors, "descriptors were left behind: {before:?} became {after:?}");
    #[allow(clippy::print_stderr, reason = "the figure is what the test is for")]
    {
        eprintln!("{CALLS} hostile calls after {WARM_UP} to warm up: {before:?} became {after:?}");
    }
}
