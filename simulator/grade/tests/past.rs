//! A scenario that asks for `[history]` gets the days before its run, in the same signals that the run itself is seen in.

mod common;

use lagdoctor_model::{Millis, Series, Signals};
use lagdoctor_sim::{Scenario, Simulation};

const TEXT: &str = r#"
schema = 1
id = "past"
family = "past"
duration = "10m"
warmup = "5m"
use = ["quiet"]

[history]
days = 2
step = "10m"

[workload.orders]
season = { period = "24h", amp = 0.4, phase = 0.0 }
"#;

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) =
        values.filter(|v| !v.is_nan()).fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// The only series of a signal on a node.
fn only<'s>(series: &'s [Series], node: &str, signal: &str) -> &'s Series {
    let fits = |series: &&Series| series.node().as_str() == node && series.signal().as_str() == signal;
    let found: Vec<&Series> = series.iter().filter(fits).collect();
    assert_eq!(found.len(), 1, "{signal} of {node}");
    found[0]
}

/// Mean of a signal within two hours around so many hours before the run.
fn around(signals: &Signals, run: &Simulation, (node, signal): (&str, &str), hours: u32) -> f64 {
    let middle = run.start() - Millis::minutes(60 * hours);
    let near = |at: lagdoctor_model::Timestamp| (at.as_millis() - middle.as_millis()).abs() <= 3_600_000;
    let samples = only(&signals.history, node, signal).samples().iter();
    mean(samples.filter(|sample| near(sample.at)).map(|sample| sample.value))
}

#[tokio::test]
async fn the_past_goes_with_the_season_and_ends_where_the_run_begins() {
    let (run, signals) = common::seen(&Scenario::parse(TEXT, Scenario::builtin_use).unwrap(), 2).await;
    assert!(signals.history.len() * 2 > signals.series.len(), "{} of {}", signals.history.len(), signals.series.len());
    for series in &signals.history {
        let (first, last) = (series.samples()[0].at, series.last().unwrap().at);
        assert_eq!((first, last), (run.start() - Millis::minutes(2880), run.start() - Millis::minutes(10)));
        assert_eq!(series.samples().len(), 288);
        // The offset of a clock is no position.
        let signal = series.signal().as_str();
        assert!(
            !signal.contains("offset") || signal == "system.clock.offset",
            "a position does not come back: {signal}"
        );
    }
    // The season is at its middle when the run begins, at its top 18 hours before, at its bottom 6 hours before.
    let rate = ("topic:orders", "kafka.topic.append_rate");
    let [now, bottom, top, day_before] = [0, 6, 18, 24].map(|hours| around(&signals, &run, rate, hours));
    assert!(top / bottom > 2.0 && (day_before / now - 1.0).abs() < 0.1, "{top} {bottom} {day_before} {now}");
    let seen = mean(only(&signals.series, rate.0, rate.1).samples().iter().map(|sample| sample.value));
    assert!((seen / now - 1.0).abs() < 0.12, "the past goes over into the run: {now} {seen}");
    // What follows from load follows in the past, too, and a latency hardly does.
    let busy = ("instance:fulfilment-0", "process.cpu.utilization");
    assert!(around(&signals, &run, busy, 18) / around(&signals, &run, busy, 6) > 1.7);
}

#[tokio::test]
async fn a_scenario_that_asks_for_no_past_gets_none() {
    let (_, signals) = common::seen(&Scenario::builtin("quiet").unwrap(), 1).await;
    assert!(signals.history.is_empty());
}
