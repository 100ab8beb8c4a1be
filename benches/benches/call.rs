//! What a guest costs before it does anything: a fresh instance, configured, asked about nothing, under all limits. Out of
//! the pool, and for comparison with room made for each call. One guest does nothing at all, which is what the host
//! costs; a bundled scorer reads its configuration and asks for memory. Interpreters cost most: a folder in
//! `LAGDOCTOR_BENCH_GUESTS` adds scorers of its own, such as ones in JavaScript or Python.
#![allow(missing_docs)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use lagdoctor_benches::{bound, component, components_in};
use lagdoctor_grade::Stage;
use lagdoctor_model::{Millis, Signals, Timestamp, Window};
use lagdoctor_runtime::{Batch, Cache, Host, HostOptions, Limits, Pool, Room};

fn call(criterion: &mut Criterion) {
    // One thread, as the work of one call is: what others cost belongs to other benches.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), Cache::DEFAULT_BYTES).expect("a folder of our own");
    let (start, now) = (Timestamp::EPOCH, Timestamp::EPOCH + Millis::minutes(60));
    let nothing = Batch::new(&Signals::empty(Window { start, now, step: Millis::seconds(15) }));
    let own = std::env::var_os("LAGDOCTOR_BENCH_GUESTS").map(|folder| components_in(folder.as_ref()));
    let idle = include_bytes!("../guests/idle.wasm").to_vec();
    let bundled = [("idle".to_owned(), idle), ("scorer-largest-z".to_owned(), component("scorer-largest-z"))];
    let guests: Vec<_> = bundled.into_iter().chain(own.unwrap_or_default()).collect();
    let memory_bytes = if guests.len() > 2 { 128 << 20 } else { Limits::default().memory_bytes };
    let limits = Limits { memory_bytes, ..Limits::default() };
    let mut group = criterion.benchmark_group("fresh instance and empty call");
    for (way, room) in [("pooled", Room::Ahead), ("on demand", Room::OnDemand)] {
        let pool = Pool { room, ..Pool::default() };
        let options = HostOptions {
            cache: Some(cache.clone()),
            limits: limits.clone(),
            pool,
            ..HostOptions::new(Arc::new(Stage::default()))
        };
        let host = Host::new(options).expect("an engine");
        for (name, wasm) in &guests {
            let guest = runtime.block_on(bound(&host, name, wasm));
            group.bench_function(format!("{name}, {way}"), |bencher| {
                bencher.iter(|| runtime.block_on(guest.score(&nothing)).expect("no findings"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, call);
criterion_main!(benches);
