//! Lag of 10,000 partitions that 500 groups read: taking in one look at the cluster, and what follows from an hour of
//! looks: series of each partition, lag, backlog, time lag, rates, and status by Burrow's rules.
#![allow(missing_docs)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use lagdoctor_benches::lag::Cluster;
use lagdoctor_service::derive::derive;

const CLUSTER: Cluster = Cluster { partitions: 10_000, groups: 500, looks: 241 };

fn lag(criterion: &mut Criterion) {
    let history = CLUSTER.history();
    let signals = history.signals(&CLUSTER.window());
    let mut derived = signals.clone();
    derive(&mut derived);
    let statuses = |value: f64| {
        let status = derived.series.iter().filter(|series| series.signal().as_str() == "kafka.consumer_group.status");
        status.filter(|series| series.last().is_some_and(|last| last.value == value)).count()
    };
    // Five groups of twenty partitions each have stopped.
    assert_eq!((statuses(3.0), statuses(0.0)), (100, 9_900));

    let mut group = criterion.benchmark_group("lag");
    group.sample_size(10);
    group.bench_function("one look", |bencher| {
        bencher.iter_batched(
            || (history.clone(), CLUSTER.look(CLUSTER.looks)),
            |(mut history, look)| {
                history.push(look);
                history
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("series of an hour", |bencher| bencher.iter(|| history.signals(&CLUSTER.window())));
    group.bench_function("lag and status of an hour", |bencher| {
        bencher.iter_batched(
            || signals.clone(),
            |mut signals| {
                derive(&mut signals);
                signals
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, lag);
criterion_main!(benches);
