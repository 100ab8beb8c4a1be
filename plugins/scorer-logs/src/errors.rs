//! Does a node write more errors than it has before? Lines are counted by the minute; where the application counts its
//! errors itself, that count is asked as well.

use std::collections::BTreeMap;

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::number;
use lagdoctor_sdk::{Finding, LogRef, NodeRef, View, ramp, score_of};

use crate::{Config, ERROR, Span};

const MINUTE_MS: i64 = 60_000;
/// The most that errors alone say: whoever waits for something that fails writes errors too.
const ERRORS: f64 = 0.6;

/// One finding for each node that wrote errors, and for each that counts them itself.
pub(crate) fn findings(config: &Config, view: &View<'_>, lines: &[LogRef<'_>], span: &Span) -> Vec<Finding> {
    let mut by_node: BTreeMap<u32, Vec<LogRef<'_>>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.severity >= ERROR) {
        by_node.entry(line.node.handle).or_default().push(*line);
    }
    let minutes = usize::try_from((view.now_ms() - view.start_ms()) / MINUTE_MS).unwrap_or(0).max(1);
    let counted = view.of_signal("log.error_rate").filter_map(|series| {
        let change = series.compare(&Rules::default().floor(0.02), Direction::Up)?;
        let score = change.score_of_growth(config.more_often * 0.5, config.more_often) * ERRORS;
        let (now, was) = (number(change.level()), number(change.past()));
        let finding = Finding::about(&series).score(score).magnitude(change.seen.magnitude).since(change.onset_ms());
        let statement = format!("writes {now} errors/s by its own count, before {was}");
        Some(finding.saw(change.level(), change.past()).says(statement))
    });
    let mut findings: Vec<Finding> = counted.collect();
    findings.extend(by_node.values().filter_map(|errors| written(config, view, errors, minutes, span)));
    findings
}

fn written(config: &Config, view: &View<'_>, errors: &[LogRef<'_>], minutes: usize, span: &Span) -> Option<Finding> {
    let node: NodeRef<'_> = errors.first()?.node;
    let mut per_minute = vec![0.0; minutes];
    for error in errors {
        let minute = usize::try_from((error.at_ms - view.start_ms()) / MINUTE_MS).unwrap_or(0).min(minutes - 1);
        per_minute[minute] += 1.0;
    }
    let past: Vec<&LogRef<'_>> = errors.iter().filter(|error| span.is_past(error.at_ms)).collect();
    let since = &errors[past.len().min(errors.len())..];
    let first = since.first()?;
    let usual = past.len() as f64 / span.past_minutes;
    // From the first minute that holds more than the past had: a long window must not thin the errors out.
    let from = usize::try_from((first.at_ms - view.start_ms()) / MINUTE_MS).unwrap_or(0).min(minutes - 1);
    let now = stats::mean(&per_minute[from..]);
    let deviations = (now - usual) / (usual / span.past_minutes.max(1.0)).sqrt().max(0.5);
    let enough = ramp(since.len() as f64, 0.0, config.lines * 2.0);
    let growth = ramp(now / usual.max(0.1), config.more_often * 0.5, config.more_often);
    let statement = format!("writes {} errors a minute, before {}", number(now), number(usual));
    let finding = Finding::on(node, "log").score(score_of(deviations.max(0.0)) * enough * growth * ERRORS);
    let finding = finding.magnitude(deviations).since(Some(first.at_ms)).log_line(first.handle);
    Some(finding.saw(now, usual).says(statement))
}
