//! One instance, or all that run the same? A batch that takes too long on one instance has a reason there; where most
//! instances of a service say so, it is what they share: their code, their settings, or what they all wait for.

use std::collections::BTreeMap;

use lagdoctor_sdk::{Finding, View, ramp};

/// Classes that are a service's as well as an instance's.
const CLASSES: [&str; 1] = ["consumer.poll-timeout"];
/// Share of the instances from which it may be the service's, and from which it is.
const SHARE: (f64, f64) = (0.3, 0.6);
/// What all of them say together, and what is left of what one says then.
const TOGETHER: f64 = 0.9;
const ONE_OF_MANY: f64 = 0.4;

/// Lays what several instances say alike to their service.
pub(crate) fn apply(view: &View<'_>, findings: &mut Vec<Finding>) {
    let mut by_service: BTreeMap<(u32, &str), Vec<usize>> = BTreeMap::new();
    for (place, finding) in findings.iter().enumerate() {
        let Some(class) = CLASSES.iter().find(|class| finding.class == **class) else { continue };
        let Some(instance) = view.node(finding.node).filter(|node| node.kind == "instance") else { continue };
        if let Some(service) = view.dependents_of_kind(instance, "service").first() {
            by_service.entry((service.handle, class)).or_default().push(place);
        }
    }
    for ((service, class), places) in by_service {
        let Some(service) = view.node(service).filter(|_| places.len() > 1) else { continue };
        let all = view.dependencies_of_kind(service, "instance").len();
        let share = ramp(places.len() as f64 / all.max(1) as f64, SHARE.0, SHARE.1);
        let said: Vec<&Finding> = places.iter().filter_map(|place| findings.get(*place)).collect();
        let Some(first) = said.iter().min_by_key(|finding| finding.onset_ms) else { continue };
        let lines: f64 = said.iter().map(|finding| finding.observed).sum();
        let what = first.statement.split(':').next().unwrap_or_default();
        let statement = format!("{what} on {} of {all} instances: {lines:.0} log lines", places.len());
        let shared = Finding::on(service, "log").class(class).score(TOGETHER * share);
        let shared = shared.magnitude(first.magnitude).since(first.onset_ms);
        let shared = Finding { log_line: first.log_line, ..shared }.saw(lines, 0.0).says(statement);
        for place in places {
            if let Some(finding) = findings.get_mut(place) {
                finding.score *= 1.0 - share * (1.0 - ONE_OF_MANY);
            }
        }
        findings.push(shared);
    }
}
