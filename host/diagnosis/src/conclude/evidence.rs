//! One thing that was seen, with what it takes to look for oneself. Start at [`evidence`].

use lagdoctor_model::{Evidence, Finding, Series, Timestamp, Vocabulary};

use super::Case;
use crate::number::quantity;

/// What this finding shows.
pub(super) fn evidence(case: &Case<'_>, finding: &Finding) -> Evidence {
    let spec = Vocabulary::bundled().signal(finding.signal.as_str());
    let series = series(case, finding);
    let read = series.and_then(Series::last).map(|sample| sample.at);
    let last = read.or_else(|| last_line(case, finding));
    Evidence {
        node: finding.node.clone(),
        signal: finding.signal.clone(),
        statement: statement(finding),
        observed: finding.observed,
        expected: finding.expected,
        unit: spec.map(|spec| spec.unit.clone()).unwrap_or_default(),
        onset: finding.onset,
        age: last.map(|at| case.signals.window.now.since(at)),
        query: series.and_then(Series::query).map(str::to_owned),
    }
}

/// When its node last wrote a line as grave as the one that the finding shows, which is the first of its kind.
fn last_line(case: &Case<'_>, finding: &Finding) -> Option<Timestamp> {
    let shown = finding.log_line.and_then(|line| case.signals.logs.get(line))?;
    let alike = case.signals.logs.iter().filter(|line| line.node == shown.node && line.severity >= shown.severity);
    alike.map(|line| line.at).max()
}

/// The series that the finding rests on; the only one of its node and signal when it does not say.
fn series<'a>(case: &Case<'a>, finding: &Finding) -> Option<&'a Series> {
    match &finding.series {
        Some(key) => case.seen.of(&key.node, key.signal.as_str()).iter().copied().find(|series| series.key() == key),
        None => match case.seen.of(&finding.node, finding.signal.as_str()) {
            [only] => Some(*only),
            _ => None,
        },
    }
}

/// What the scorer says, or what the numbers say where it says nothing.
pub(super) fn statement(finding: &Finding) -> String {
    if !finding.statement.trim().is_empty() {
        return finding.statement.clone();
    }
    let spec = Vocabulary::bundled().signal(finding.signal.as_str());
    let unit = spec.map_or("", |spec| spec.unit.as_str());
    let name = finding.signal.as_str();
    match (finding.observed, finding.expected) {
        (Some(observed), Some(expected)) => {
            format!("{name} is {} (normally {})", quantity(observed, unit), quantity(expected, unit))
        }
        (Some(observed), None) => format!("{name} is {}", quantity(observed, unit)),
        _ => format!("{name} is {:.1} deviations from its past", finding.magnitude),
    }
}
