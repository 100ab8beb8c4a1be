//! How many times as fast as life is a simulated pipeline, with all that exporters and logs say of it? And do ten times as
//! many partitions, consumers and records take ten times as long?
#![allow(missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lagdoctor_model::Millis;
use lagdoctor_sim::{Scenario, Simulation};

/// The order pipeline of the packs, of another size: partitions, instances, records and everyday lines per second.
fn pipeline(partitions: u32, instances: u32, rate: u32, lines: u32) -> Scenario {
    const SCENARIO: &str = "schema = 1\nid = \"bench\"\nfamily = \"quiet\"\nsplit = \"public\"\nseed = 1\nduration = \"60m\"\n\
                            warmup = \"15m\"\nuse = [\"topo/orders.toml\"]\n[truth]\nincident = false\n[expect]\n\
                            max_false_alarms = 0\nmin_pass_rate = 1.0\nseeds = 1\n";
    let sized = |text: &str| {
        let sizes = [
            ("partitions = 12\n", format!("partitions = {partitions}\n")),
            ("replicas = 4\n", format!("replicas = {instances}\n")),
            ("rate = 400\n", format!("rate = {rate}\n")),
            ("background_per_s = 6,", format!("background_per_s = {lines},")),
        ];
        sizes.iter().fold(text.to_owned(), |text, (usual, size)| {
            assert!(text.contains(usual), "{usual} is not in the pipeline any more");
            text.replace(usual, size)
        })
    };
    Scenario::parse(SCENARIO, |name| Some(sized(&Scenario::builtin_use(name)?))).expect("the pipeline can be read")
}

/// Lets it run for so long.
fn run(mut simulation: Simulation, length: Millis) -> Simulation {
    simulation.advance_to(simulation.start() + length);
    simulation
}

fn simulate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulate");
    group.sample_size(10);
    let reference = pipeline(24, 8, 400, 20);
    let seen = run(Simulation::new(&reference, 1), Millis::minutes(10));
    assert!(seen.telemetry().series_count() >= 400 && seen.telemetry().line_count() > 10_000);
    group.throughput(Throughput::Elements(seen.telemetry().series_count() as u64));
    let begin = || Simulation::new(&reference, 1);
    group.bench_function("an hour", |bencher| {
        bencher.iter_batched(begin, |begun| run(begun, Millis::minutes(60)), BatchSize::PerIteration);
    });
    for (size, times) in [("1x", 1), ("10x", 10)] {
        let scenario = pipeline(1000 * times, 8 * times, 400 * times, 20 * times);
        group.throughput(Throughput::Elements(u64::from(1000 * times)));
        let begin = || Simulation::new(&scenario, 1);
        group.bench_function(format!("a minute, {size}"), |bencher| {
            bencher.iter_batched(begin, |begun| run(begun, Millis::minutes(1)), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, simulate);
criterion_main!(benches);
