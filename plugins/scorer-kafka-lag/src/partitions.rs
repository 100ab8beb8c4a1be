//! Where in the topic does the lag stand? In one partition that gets most of the records: a hot key. In one whose commits
//! stand still while its neighbours move on: a record that cannot be got past. Everywhere: neither. And a committed
//! offset that jumps back makes a backlog out of nothing.

use lagdoctor_sdk::stats;
use lagdoctor_sdk::words::{number, percent};
use lagdoctor_sdk::{Finding, NodeRef, SeriesRef, View, ramp};

use crate::Config;
use crate::group::Pulse;

/// The time over which a flow is taken.
const FLOW_MS: i64 = 300_000;
/// The time for which commits must stand still to be called stuck: longer than a rebalance and a session timeout.
const STUCK_MS: i64 = 120_000;
/// Partitions that a skew needs to be seen.
const ENOUGH: usize = 3;
/// The largest lag over the median one, from which one partition stands out.
const STANDS_OUT: f64 = 5.0;
/// Times the median inflow from which a partition gets more than its share, and from which plainly so.
const HOT: (f64, f64) = (1.5, 3.0);
/// What one stuck partition among many that move says; more of them have an owner in common, and say less.
const ONE_STUCK: f64 = 0.75;
/// The same for two.
const TWO_STUCK: f64 = 0.4;
/// A jump back that is worth less than so many seconds of work is a redelivery, not a replay; and what is a clear one.
const JUMP_S: (f64, f64) = (10.0, 120.0);

/// One partition as this group sees it.
struct Reading<'a> {
    partition: NodeRef<'a>,
    lag: SeriesRef<'a>,
    behind: f64,
    /// Records appended per second, over the last minutes and before.
    inflow: f64,
    inflow_before: f64,
    is_stuck: bool,
    moves: bool,
}

/// What is to be said about the partitions that a group reads.
pub(crate) fn findings(config: &Config, view: &View<'_>, pulse: &Pulse<'_>) -> Vec<Finding> {
    let readings: Vec<Reading<'_>> = view
        .signals(pulse.group, "kafka.consumer_group.lag")
        .filter_map(|lag| reading(view, pulse.group, lag))
        .collect();
    let mut findings = skew(config, pulse, &readings);
    findings.extend(stuck(&readings));
    findings.extend(replay(view, pulse));
    findings
}

/// How many partitions stand still although records wait, and how many move on.
pub(crate) fn standing(view: &View<'_>, pulse: &Pulse<'_>) -> (usize, usize) {
    let lags = view.signals(pulse.group, "kafka.consumer_group.lag");
    let readings: Vec<Reading<'_>> = lags.filter_map(|lag| reading(view, pulse.group, lag)).collect();
    let count = |is: &dyn Fn(&Reading<'_>) -> bool| readings.iter().filter(|reading| is(reading)).count();
    (count(&|reading| reading.is_stuck), count(&|reading| reading.moves))
}

fn reading<'a>(view: &View<'a>, group: NodeRef<'_>, lag: SeriesRef<'a>) -> Option<Reading<'a>> {
    let (topic, number) = (lag.label("topic")?, lag.label("partition")?);
    let partition = view.find(&format!("partition:{topic}/{number}"))?;
    let newest = &lag.values[lag.values.len().saturating_sub(5)..];
    let flow = |series: &SeriesRef<'_>, values: &[f64]| {
        stats::theil_sen(values).map_or(f64::NAN, |line| line.slope * 1_000.0 / series.step_ms as f64)
    };
    let end = view.signal(partition, "kafka.partition.current_offset");
    let inflow = end.map_or(f64::NAN, |end| flow(&end, end.recent(view.now_ms(), FLOW_MS)));
    let inflow_before = end.map_or(f64::NAN, |end| flow(&end, &end.values[..end.values.len() / 3]));
    let same = |name: &str, value: &str, series: &SeriesRef<'_>| series.label(name) == Some(value);
    let committed = view
        .signals(group, "kafka.consumer_group.offset")
        .find(|series| same("topic", topic, series) && same("partition", number, series));
    let recent = committed.map_or(&[][..], |committed| committed.recent(view.now_ms(), STUCK_MS));
    let is_known = stats::count(recent) >= 3;
    let grew = stats::max(recent) - stats::min(recent);
    let behind = stats::median(newest);
    let grows = stats::theil_sen(lag.recent(view.now_ms(), STUCK_MS)).is_some_and(|line| line.slope > 0.0);
    Some(Reading {
        partition,
        lag,
        behind,
        inflow,
        inflow_before,
        is_stuck: is_known && grew == 0.0 && behind > 0.0 && grows,
        moves: is_known && grew > 0.0,
    })
}

/// One partition with most of the lag.
fn skew(config: &Config, pulse: &Pulse<'_>, readings: &[Reading<'_>]) -> Vec<Finding> {
    let lags: Vec<f64> = readings.iter().map(|reading| reading.behind).collect();
    let total = stats::sum(&lags);
    if readings.len() < ENOUGH || total < pulse.usual_rate() * config.backlog_s {
        return vec![];
    }
    let median = stats::median(&lags).max(1.0);
    let inflows: Vec<f64> = readings.iter().map(|reading| reading.inflow).collect();
    let usual_inflow = stats::median(&inflows);
    let mut by_lag: Vec<&Reading<'_>> = readings.iter().filter(|reading| !reading.behind.is_nan()).collect();
    by_lag.sort_by(|a, b| b.behind.total_cmp(&a.behind));
    // One key makes one partition hot; two keys two.
    let mut findings = vec![];
    for reading in by_lag.into_iter().take(2) {
        let share = reading.behind / total;
        let stands_out = ramp(share, config.skew_share * 0.75, config.skew_share * 1.5)
            * ramp(reading.behind / median, STANDS_OUT * 0.6, STANDS_OUT * 2.0);
        let over_others = reading.inflow / usual_inflow;
        let over_past = reading.inflow / reading.inflow_before;
        let hot = ramp(over_others, HOT.0, HOT.1) * ramp(over_past, 1.2, 2.0);
        let score = stands_out * hot * 0.95;
        // The first one is told either way: a lag that is spread evenly rules the hot key out.
        if score < 0.1 && !findings.is_empty() {
            continue;
        }
        let statement = if score >= 0.1 {
            format!(
                "holds {} of the lag and gets {} records/s, {over_others:.1} times what its neighbours get",
                percent(share),
                number(reading.inflow)
            )
        } else if stands_out > 0.3 {
            format!("holds {} of the lag, but gets no more than its share of records", percent(share))
        } else {
            format!("the lag is not that of one of {} partitions: this one holds {}", readings.len(), percent(share))
        };
        let magnitude = (reading.behind - median) / median.max(total / readings.len() as f64);
        let finding = Finding::on(reading.partition, "kafka.consumer_group.lag").rests_on(&reading.lag);
        findings.push(
            finding
                .class("load.hot-key")
                .score(score)
                .magnitude(magnitude)
                .since(grew_from(&reading.lag))
                .saw(reading.behind, median)
                .says(statement),
        );
    }
    findings
}

/// When the lag of a partition left its past.
fn grew_from(lag: &SeriesRef<'_>) -> Option<i64> {
    let rules = stats::Rules::default().floor(10.0);
    lag.compare(&rules, stats::Direction::Up).and_then(|change| change.onset_ms())
}

/// A partition whose commits stand still although its neighbours' do not.
fn stuck(readings: &[Reading<'_>]) -> Vec<Finding> {
    let stuck: Vec<&Reading<'_>> = readings.iter().filter(|reading| reading.is_stuck).collect();
    let moving = readings.iter().filter(|reading| reading.moves).count();
    let score = match stuck.len() {
        1 => ONE_STUCK,
        2 => TWO_STUCK,
        _ => 0.0,
    };
    if moving < stuck.len().max(1) || score == 0.0 {
        return vec![];
    }
    let finding = |reading: &&Reading<'_>| {
        let statement = format!(
            "commits stand still with {} records to go, while {moving} other partitions move on",
            number(reading.behind)
        );
        Finding::on(reading.partition, "kafka.consumer_group.lag")
            .rests_on(&reading.lag)
            .class("data.poison")
            .score(score)
            .magnitude(20.0)
            .since(grew_from(&reading.lag))
            .saw(reading.behind, 0.0)
            .says(statement)
    };
    stuck.iter().map(finding).collect()
}

/// A committed offset that jumped back. The largest jump counts.
fn replay(view: &View<'_>, pulse: &Pulse<'_>) -> Option<Finding> {
    let mut partitions = 0;
    let (mut back, mut largest): (f64, Option<(SeriesRef<'_>, i64, f64)>) = (0.0, None);
    for series in view.signals(pulse.group, "kafka.consumer_group.offset") {
        let mut before: Option<f64> = None;
        let mut jumped = 0.0;
        for (time, offset) in series.readings() {
            let jump = before.map_or(0.0, |before| before - offset);
            before = Some(offset);
            if jump > 0.0 {
                jumped += jump;
                if largest.as_ref().is_none_or(|(_, _, best)| jump > *best) {
                    largest = Some((series, time, jump));
                }
            }
        }
        partitions += usize::from(jumped > 0.0);
        back += jumped;
    }
    let (series, onset, _) = largest?;
    let worth = back / pulse.usual_rate();
    let statement = format!("committed offsets of {partitions} partitions went back by {} records", number(back));
    let finding = Finding::about(&series).class("load.replay").score(ramp(worth, JUMP_S.0, JUMP_S.1) * 0.95);
    Some(finding.magnitude(-worth).since(Some(onset)).says(statement))
}
