//! What confinement costs a guest that works: the `database` scorer over 1,000 series of 240 points as a component, with all
//! limits and the crossing of the boundary, against the same code native. Both must say the same before they are timed.
#![allow(missing_docs)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use lagdoctor_benches::twin::{Twin, databases};
use lagdoctor_benches::{bound, component};
use lagdoctor_grade::Stage;
use lagdoctor_runtime::{Batch, Host, HostOptions};

fn guest(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("worker threads");
    let signals = databases(1_000, 240);
    let native = Twin::new(&signals);
    let host = Host::new(HostOptions::new(Arc::new(Stage::default()))).expect("an engine");
    let guest = runtime.block_on(bound(&host, "scorer-database", &component("scorer-database")));
    let batch = Batch::new(&signals);
    assert_eq!(batch.series_count(), 1_000);
    let said = runtime.block_on(guest.score(&batch)).expect("findings");
    let said: Vec<_> = said.into_iter().map(|finding| (finding.statement, finding.score.get())).collect();
    let expected: Vec<_> = native.score().into_iter().map(|finding| (finding.statement, finding.score)).collect();
    assert_eq!(said, expected);

    let mut group = criterion.benchmark_group("database scorer");
    group.bench_function("native", |bencher| bencher.iter(|| native.score()));
    group.bench_function("guest", |bencher| bencher.iter(|| runtime.block_on(guest.score(&batch))));
    group.finish();
}

criterion_group!(benches, guest);
criterion_main!(benches);
