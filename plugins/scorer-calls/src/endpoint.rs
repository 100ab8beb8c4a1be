//! Does what is called over HTTP answer in time, and well? Callers measure both. A name that cannot be resolved makes calls
//! late or fail, too, though whoever has that name is well: then the callers' logs say so.

use lagdoctor_sdk::stats::{Direction, Rules};
use lagdoctor_sdk::words::{number, seconds};
use lagdoctor_sdk::{Finding, LogRef, NodeRef, View, ramp};

use crate::Config;

/// Smallest change of a call's time that is believed, in seconds.
const TIME_FLOOR_S: f64 = 0.002;
/// Failed calls per second below which nothing is believed.
const ERRORS_FLOOR: f64 = 0.02;
/// What failed calls alone say: a caller can also ask wrongly.
const FAILED: f64 = 0.9;
/// Lines about a name from which it is more than a coincidence, and from which it is the reason.
const LINES: (f64, f64) = (1.0, 4.0);
/// What a name says that is not found.
const NO_NAME: f64 = 0.95;
/// What late and failed calls count whose name is not found.
const BY_NAME: f64 = 0.3;
/// Share of the window, from its start, that is the past.
const PAST: f64 = 1.0 / 3.0;
/// How programs say that a name was not found.
const NOT_FOUND: [&str; 5] = [
    "UnknownHostException",
    "Name or service not known",
    "Temporary failure in name resolution",
    "no such host",
    "NXDOMAIN",
];

/// What is to be said about this endpoint.
pub(crate) fn findings(config: &Config, view: &View<'_>, endpoint: NodeRef<'_>) -> Vec<Finding> {
    let name = unresolved(view, endpoint);
    let by_name = if name.as_ref().is_some_and(|found| found.score >= 0.4) { BY_NAME } else { 1.0 };
    let mut findings = vec![];
    findings.extend(late(config, view, endpoint, by_name));
    findings.extend(failed(config, view, endpoint, by_name));
    findings.extend(name);
    findings
}

fn late(config: &Config, view: &View<'_>, endpoint: NodeRef<'_>, by_name: f64) -> Option<Finding> {
    let series = view.signal(endpoint, "http.client.request.duration")?;
    let change = series.compare(&Rules::default().floor(TIME_FLOOR_S), Direction::Up)?;
    let score = change.score_of_growth(config.slow_ratio, config.very_slow_ratio) * by_name;
    let (now, was) = (seconds(change.level()), seconds(change.past()));
    let statement = match score >= 0.1 {
        true => format!("a call takes {now} instead of {was}"),
        false => format!("a call takes {now}, before {was}"),
    };
    let finding = Finding::about(&series).class("http.slow").score(score).magnitude(change.seen.magnitude);
    Some(finding.since(change.onset_ms()).saw(change.level(), change.past()).says(statement))
}

fn failed(config: &Config, view: &View<'_>, endpoint: NodeRef<'_>, by_name: f64) -> Option<Finding> {
    let series = view.signal(endpoint, "http.client.request.errors")?;
    // Where nothing ever failed there is no past: all that there is began with the first failure.
    let change = series.compare(&Rules::default().floor(ERRORS_FLOOR), Direction::Up)?;
    let matters = ramp(change.level() - change.past(), config.errors, config.many_errors);
    let score = change.score(matters) * FAILED * by_name;
    let (now, was) = (number(change.level()), number(change.past()));
    let statement = match score >= 0.1 {
        true => format!("{now} calls/s fail, before {was}"),
        false => format!("{now} calls/s fail, as before ({was})"),
    };
    let finding = Finding::about(&series).class("http.slow").score(score).magnitude(change.seen.magnitude);
    Some(finding.since(change.onset_ms()).saw(change.level(), change.past()).says(statement))
}

/// Lines of callers in which the endpoint's own name was not found.
fn unresolved(view: &View<'_>, endpoint: NodeRef<'_>) -> Option<Finding> {
    let says = |line: &LogRef<'_>| {
        NOT_FOUND.iter().any(|words| line.message.contains(words)) && line.message.contains(endpoint.name)
    };
    let split = view.start_ms() + ((view.now_ms() - view.start_ms()) as f64 * PAST) as i64;
    let (past, since): (Vec<_>, Vec<_>) = view.logs().filter(says).partition(|line| line.at_ms < split);
    let first = since.first()?;
    let score =
        ramp(since.len() as f64, past.len() as f64 * 2.0 + LINES.0, past.len() as f64 * 4.0 + LINES.1) * NO_NAME;
    let noun = if since.len() == 1 { "line says" } else { "lines say" };
    let statement = format!("{} log {noun} that its name cannot be resolved (before: {})", since.len(), past.len());
    let finding = Finding::on(endpoint, "log").class("dns.failure").score(score).magnitude(since.len() as f64);
    let finding = finding.since(Some(first.at_ms)).log_line(first.handle);
    Some(finding.saw(since.len() as f64, past.len() as f64).says(statement))
}
