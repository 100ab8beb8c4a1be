//! The outcome in one sentence: what it is, whom it hurts, since when and how much. Start at [`incident`].

use lagdoctor_model::{Cause, Symptom};

use super::sufficiency::{Doubt, SURE};
use crate::detect::{Detection, Health};
use crate::number::whole;

/// Something hurts. With a doubt no cause is named.
pub(super) fn incident(detection: &Detection, symptom: &Symptom, causes: &[Cause], doubt: Option<&Doubt>) -> String {
    let hurts = match symptom.node.kind() {
        "group" => format!("{} {}{}", symptom.node.words(), how(detection, symptom), others(detection, symptom)),
        _ => symptom.statement.clone(),
    };
    match (doubt, causes.first()) {
        (None, Some(cause)) => {
            let second = causes.get(1).filter(|second| second.confidence.get() >= SURE && second.node != cause.node);
            let second = second.map(|second| format!(", and {}: {}", second.node.words(), second.words));
            let second = second.unwrap_or_default();
            let percent = cause.confidence.get() * 100.0;
            format!("{}: {}{second}, so {hurts} ({percent:.0} % sure)", cause.node.words(), cause.words)
        }
        (doubt, _) => {
            let why = doubt.map(|doubt| format!(": {}", doubt.words())).unwrap_or_default();
            format!("{hurts}, and what is known does not single out a cause{why}")
        }
    }
}

/// `has fallen 1,240,331 records and 14 min 5 s behind since 12:04:15`.
fn how(detection: &Detection, symptom: &Symptom) -> String {
    let impact = &detection.impact;
    let noun = |count: u64| if count == 1 { "record" } else { "records" };
    let records = impact.backlog.map(|backlog| format!("{} {}", whole(backlog), noun(backlog)));
    let time = impact.time_lag.filter(|time| time.as_millis() >= 1_000).map(|time| time.to_string());
    let amount: Vec<String> = [records, time].into_iter().flatten().collect();
    let amount = if amount.is_empty() { String::new() } else { format!("{} ", amount.join(" and ")) };
    let since = symptom.onset.clock();
    match health(detection, symptom) {
        Some(Health::Draining) => format!("is {amount}behind and catching up; it fell behind at {since}"),
        Some(Health::Idle) => format!("is {amount}behind, with neither members nor commits since before {since}"),
        Some(Health::Steady) => format!("has been {amount}behind since before {since}"),
        _ => format!("has fallen {amount}behind since {since}"),
    }
}

fn health(detection: &Detection, symptom: &Symptom) -> Option<Health> {
    detection.groups.iter().find(|known| known.group == symptom.node).map(|known| known.health)
}

/// Other groups that hurt as well, which often points at what they share.
fn others(detection: &Detection, symptom: &Symptom) -> String {
    let hurting =
        detection.groups.iter().filter(|known| known.health == Health::Hurting && known.group != symptom.node);
    match hurting.count() {
        0 => String::new(),
        1 => ", and another group with it".into(),
        more => format!(", and {more} other groups with it"),
    }
}

/// Nothing hurts, as far as is known.
pub(super) fn no_incident(detection: &Detection) -> String {
    let groups = &detection.groups;
    let count = |wanted: &[Health]| groups.iter().filter(|known| wanted.contains(&known.health)).count();
    let unknown = count(&[Health::Unknown]);
    let well = count(&[Health::Healthy, Health::Raised, Health::Recovered, Health::Expected]);
    if detection.is_blind() {
        return "nothing can be said: the lag of no group is known well enough".into();
    }
    let keep_up = match groups.as_slice() {
        [] if detection.services.len() == 1 => "the one service that can be judged answers as usual".into(),
        [] => format!("all {} services answer as usual", detection.services.len()),
        [only] if well == 1 => format!("{} keeps up", only.group.words()),
        [_, _] if well == 2 => "both groups keep up".into(),
        _ if well == groups.len() => format!("all {well} groups keep up"),
        _ => format!("{well} of {} groups keep up", groups.len()),
    };
    let blind = match unknown {
        0 => String::new(),
        1 => ", one could not be judged".into(),
        more => format!(", {more} could not be judged"),
    };
    // What is nearly an incident is worth its sentence; one is enough.
    let remarkable = [Health::Steady, Health::Idle, Health::Expected, Health::Recovered];
    let remark = groups.iter().find(|known| remarkable.contains(&known.health));
    let remark = remark.map(|known| format!("; {}", known.statement)).unwrap_or_default();
    format!("nothing hurts: {keep_up}{blind}{remark}")
}
