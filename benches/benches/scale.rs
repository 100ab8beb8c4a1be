//! A diagnosis of a large company: simulated pipelines side by side, of which one has a fault. It must name the node that it
//! names when that pipeline is diagnosed alone, and ten times as much may take about ten times as long.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lagdoctor_benches::Bench;
use lagdoctor_benches::fleet::Fleet;
use lagdoctor_diagnosis::detect;
use lagdoctor_model::GapCause;
use lagdoctor_runtime::{Batch, Limits};
use lagdoctor_service::{Options, diagnose};

fn scale(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("worker threads");
    let usual = runtime.block_on(Bench::new());
    // Of 100,000 series a plugin with the usual memory is shown those that lead to the symptom, and that is told as a gap.
    // With more memory each plugin looks at all it lists, which is what growth is judged by.
    let limits = Limits { memory_bytes: 1 << 30, hostcall_fuel: 1 << 30, output_items: 1 << 20, ..Limits::default() };
    let roomy = runtime.block_on(Bench::with(limits));
    let mut group = criterion.benchmark_group("diagnose");
    group.sample_size(10);
    for (size, nodes, series) in [("1x", 1_000, 10_000), ("10x", 10_000, 100_000)] {
        let fleet = runtime.block_on(Fleet::of(&usual, nodes, series));
        group.throughput(Throughput::Elements(fleet.signals.series.len() as u64));
        group.bench_function(format!("detect, {size}"), |bencher| bencher.iter(|| detect(&fleet.signals, None)));
        group.bench_function(format!("batch, {size}"), |bencher| bencher.iter(|| Batch::new(&fleet.signals)));
        for (memory, bench) in [("usual", &usual), ("roomy", &roomy)] {
            let make = || runtime.block_on(diagnose(&fleet.signals, &bench.plugins, &Options::default()));
            let diagnosis = make();
            let failed = diagnosis.gaps.iter().find(|gap| gap.cause == GapCause::PluginFailed);
            assert_eq!(failed, None, "{size}, {memory}");
            let found = diagnosis.causes.first().map(|cause| cause.node.as_str());
            assert_eq!(found, Some(fleet.culprit.as_str()), "{size}, {memory}");
            let is_cut = diagnosis.gaps.iter().any(|gap| gap.statement.contains("memory_mib"));
            assert_eq!(is_cut, size == "10x" && memory == "usual");
            group.bench_function(format!("whole, {size}, {memory}"), |bencher| bencher.iter(make));
        }
    }
    group.finish();
}

criterion_group!(benches, scale);
criterion_main!(benches);
