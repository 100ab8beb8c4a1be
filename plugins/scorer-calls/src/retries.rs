//! Do retries keep the load above what can be done? A call that is tried again now and then helps; one more for each record
//! doubles the load of whoever is already slow, and keeps it there when the reason is gone.

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::number;
use lagdoctor_sdk::{Finding, NodeRef, SeriesRef, View, ramp};

use crate::Config;

/// Retries per second below which nothing is believed.
const FLOOR: f64 = 0.05;

/// Whether the instances of this service repeat more than they get done; `None` where nobody counts.
pub(crate) fn storm(config: &Config, view: &View<'_>, service: NodeRef<'_>) -> Option<Finding> {
    let instances = || view.dependencies_of_kind(service, "instance").into_iter();
    // Who reads a row again that a database does not show yet waits for it, and keeps nobody busy.
    let is_call = |series: &SeriesRef<'_>| {
        let target = series.label("target");
        !view.of_kind("database").any(|database| Some(database.name) == target)
    };
    let counted: Vec<SeriesRef<'_>> = instances()
        .flat_map(|instance| view.signals(instance, "application.retries").collect::<Vec<_>>())
        .filter(is_call)
        .collect();
    let main = counted.iter().max_by(|a, b| stats::max(a.values).total_cmp(&stats::max(b.values)))?;
    // What all instances and targets repeat together, reading by reading from the newest.
    let length = counted.iter().map(|series| series.values.len()).min()?;
    let newest = |series: &SeriesRef<'_>, index: usize| series.values[series.values.len() - length + index];
    let total: Vec<f64> = (0..length)
        .map(|index| {
            let known: Vec<f64> =
                counted.iter().map(|series| newest(series, index)).filter(|value| !value.is_nan()).collect();
            if known.is_empty() { f64::NAN } else { stats::sum(&known) }
        })
        .collect();
    let series = main.with_values(&total);
    let change = series.compare(&Rules::default().floor(FLOOR), Direction::Up)?;
    let onset = change.onset_ms();
    let done = |series: SeriesRef<'_>| stats::mean(series.between(onset.unwrap_or(i64::MIN), i64::MAX));
    let done: Vec<f64> = instances()
        .filter_map(|instance| view.signal(instance, "messaging.client.consumed.messages"))
        .map(done)
        .filter(|rate| rate.is_finite())
        .collect();
    let done = stats::sum(&done);
    let share = if done > 0.0 { (change.level() - change.past()) / done } else { f64::NAN };
    let score = change.score(ramp(share, config.retries, config.many_retries));
    let (now, was) = (number(change.level()), number(change.past()));
    let statement = match score >= 0.1 {
        true => format!("{now} calls/s are tried again, before {was}: {} for each record", number(share)),
        false => format!("{now} calls/s are tried again, before {was}"),
    };
    let finding = Finding::on(service, "application.retries").rests_on(main).class("retry.storm").score(score);
    let finding = finding.magnitude(change.seen.magnitude).since(onset);
    Some(finding.saw(change.level(), change.past()).says(statement))
}
