//! What a guest costs before it does anything: a fresh instance, configured, asked about nothing. Interpreters are the
//! ones that matter here. A folder in `LAGDOCTOR_BENCH_GUESTS` adds scorers of its own, such as ones in JavaScript or
//! Python, to the bundled ones.
#![allow(missing_docs)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use lagdoctor_benches::{components, components_in};
use lagdoctor_grade::Stage;
use lagdoctor_model::{Millis, Signals, Timestamp, Window};
use lagdoctor_runtime::{Batch, Cache, Host, HostOptions, Limits, NoSecrets, Operator};

fn call(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("worker threads");
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), Cache::DEFAULT_BYTES).expect("a folder of our own");
    let limits = Limits { memory_bytes: 128 << 20, ..Limits::default() };
    let options = HostOptions { cache: Some(cache), limits, ..HostOptions::new(Arc::new(Stage::default())) };
    let host = Host::new(options).expect("an engine");
    let (start, now) = (Timestamp::EPOCH, Timestamp::EPOCH + Millis::minutes(60));
    let nothing = Batch::new(&Signals::empty(Window { start, now, step: Millis::seconds(15) }));
    let own = std::env::var_os("LAGDOCTOR_BENCH_GUESTS").map(|folder| components_in(folder.as_ref()));
    let mut group = criterion.benchmark_group("fresh instance and a call about nothing");
    for (name, wasm) in
        components().into_iter().filter(|(name, _)| name == "scorer-largest-z").chain(own.unwrap_or_default())
    {
        let plugin = runtime.block_on(host.load(&name, &wasm)).expect("a scorer");
        let config = serde_json::Value::Null;
        let operator =
            Operator { name: name.clone(), config, grants: vec![], secrets: Arc::new(NoSecrets), limits: None };
        let bound = plugin.bind(operator).expect("a scorer without configuration");
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(bound.score(&nothing)));
        });
    }
    group.finish();
}

criterion_group!(benches, call);
criterion_main!(benches);
