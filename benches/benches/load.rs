//! What a start costs: a plugin compiled, against the same plugin taken out of the cache. Both include reading what it is
//! and asking it to describe itself. Read the figures as a ratio within one run.
#![allow(missing_docs)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use lagdoctor_benches::components;
use lagdoctor_grade::Stage;
use lagdoctor_runtime::{Cache, Host, HostOptions};

fn load(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("worker threads");
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(&folder.path().join("components"), Cache::DEFAULT_BYTES).expect("a folder of our own");
    let options = || HostOptions::new(Arc::new(Stage::default()));
    let compiling = Host::new(options()).expect("an engine");
    let caching = Host::new(HostOptions { cache: Some(cache.clone()), ..options() }).expect("an engine");
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    for (name, wasm) in
        components().iter().filter(|(name, _)| name == "scorer-kafka-lag" || name == "ranker-propagation")
    {
        // Plugins that are in use are not loaded again, so each is dropped.
        group.bench_function(format!("{name}, compiled"), |bencher| {
            bencher.iter(|| runtime.block_on(compiling.load(name, wasm)).expect("a plugin").size());
        });
        runtime.block_on(caching.load(name, wasm)).expect("a plugin");
        group.bench_function(format!("{name}, from the cache"), |bencher| {
            bencher.iter(|| {
                let plugin = runtime.block_on(caching.load(name, wasm)).expect("a plugin");
                assert!(plugin.from_cache());
                plugin.size()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, load);
criterion_main!(benches);
