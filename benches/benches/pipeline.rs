//! From an hour of signals to a verdict, and what the parts of it cost. Read the figures as ratios within one run:
//! `diagnose` against `detect` is what the plugins cost, `batch` what crossing into them costs.
#![allow(missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use lagdoctor_benches::Bench;
use lagdoctor_diagnosis::detect;
use lagdoctor_runtime::Batch;
use lagdoctor_service::{Options, diagnose};
use lagdoctor_sim::{Scenario, Simulation};

fn pipeline(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("worker threads");
    let ready = runtime.block_on(Bench::new());
    let signals = runtime.block_on(ready.signals("replication-delay"));
    criterion.bench_function("detect", |bencher| bencher.iter(|| detect(&signals, None)));
    criterion.bench_function("batch", |bencher| bencher.iter(|| Batch::new(&signals)));
    criterion.bench_function("diagnose", |bencher| {
        bencher.iter(|| runtime.block_on(diagnose(&signals, &ready.plugins, &Options::default())));
    });
}

fn simulation(criterion: &mut Criterion) {
    let scenario = Scenario::builtin("quiet").expect("a built-in scenario");
    let mut group = criterion.benchmark_group("simulation");
    group.sample_size(10);
    group.bench_function("one hour", |bencher| {
        bencher.iter(|| {
            let mut run = Simulation::new(&scenario, 1);
            run.advance_to(run.end());
            run.run_hash()
        });
    });
    group.finish();
}

criterion_group!(benches, pipeline, simulation);
criterion_main!(benches);
