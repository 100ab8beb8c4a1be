//! When is there something to say? A pure state machine: diagnoses go in, one after the other, and at most one event
//! comes out of each. Start at [`Incidents::observe`].
//!
//! An incident is called `CLUSTER/GROUP/MOMENT`, by the group that hurt when it was first seen and by the moment since
//! when, to ten minutes. So a service that is started again in the middle of an incident nearly always calls it the same
//! and gives the same idempotency keys, and a far side that drops what it knows tells nobody twice. That is not sure:
//! the moment is read from measurements and may fall on the other side of a full ten minutes; another group may hurt
//! most by then; and a moment that lies before the window is not known at all. Nor can a service that was started again
//! know that an earlier incident of the same ten minutes is over, and calls the next one the same.

use std::collections::BTreeMap;

use lagdoctor_model::{Diagnosis, Millis, Timestamp, Verdict};
use lagdoctor_runtime::{IncidentEvent, Phase};
use serde::{Deserialize, Serialize};

/// How patient to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How long it must hurt before an incident is opened.
    pub open_after: Millis,
    /// How long nothing must hurt before it is closed.
    pub close_after: Millis,
}

/// Onsets are some seconds apart from one diagnosis to the next, so they name an incident only to this.
const BUCKET_MS: i64 = 600_000;
/// How long the name of a closed incident is kept from the next one.
const REMEMBERED: Millis = Millis::minutes(24 * 60);

/// What people have been told: the outcome, and the first cause's node and class.
type Verdicted = (Verdict, Option<(String, Option<String>)>);

/// An incident from the first diagnosis that hurt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Incident {
    id: String,
    /// The node that hurt when it was first seen.
    node: Option<String>,
    /// Since when it hurt, as was thought when it was first seen: it must not jump about from one report to the next.
    onset: Timestamp,
    /// When it was first seen.
    since: Timestamp,
    /// What was told last; `None` before it is opened.
    told: Option<Verdicted>,
    /// How many events were given.
    events: u32,
    /// Since when nothing hurts.
    calm_since: Option<Timestamp>,
}

/// Incidents that have begun and not ended, one for each scope. Can be kept over a restart, so that nobody is told twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incidents {
    rules: Rules,
    open: BTreeMap<String, Incident>,
    /// Names of incidents that are over, and when they ended.
    #[serde(default)]
    closed: BTreeMap<String, Timestamp>,
}

impl Incidents {
    /// No incidents yet.
    pub fn new(rules: Rules) -> Self {
        Self { rules, open: BTreeMap::new(), closed: BTreeMap::new() }
    }

    /// Ids of the incidents that people know of.
    pub fn open(&self) -> impl Iterator<Item = &str> {
        self.open.values().filter(|incident| incident.told.is_some()).map(|incident| incident.id.as_str())
    }

    /// Takes a diagnosis of `scope` (what was asked about: a cluster, or `cluster/group`), made at the `now` of its window.
    /// Gives an event when there is something to say. A diagnosis from before the last one changes nothing sooner than
    /// it should: times only count forwards.
    pub fn observe(&mut self, scope: &str, diagnosis: &Diagnosis) -> Option<IncidentEvent> {
        let now = diagnosis.window.now;
        if diagnosis.verdict == Verdict::NoIncident {
            return self.calm(scope, now);
        }
        // Too little is known to say whether anything hurts, as in the first minute after a start: no reason to wake
        // anybody, and none to think that an incident is over.
        if diagnosis.verdict == Verdict::InsufficientEvidence && diagnosis.symptom.is_none() {
            if let Some(incident) = self.open.get_mut(scope) {
                incident.calm_since = None;
            }
            return None;
        }
        self.closed.retain(|_, end| now.since(*end) < REMEMBERED);
        let closed = &self.closed;
        let incident = self.open.entry(scope.to_owned()).or_insert_with(|| Incident::new(scope, diagnosis, closed));
        incident.calm_since = None;
        let verdict = verdict(diagnosis);
        let phase = match &incident.told {
            None if now.since(incident.since) >= self.rules.open_after => Phase::Opened,
            None => return None,
            Some(told) if *told == verdict => return None,
            Some(_) => Phase::Updated,
        };
        incident.told = Some(verdict);
        Some(incident.event(phase, now))
    }

    /// Dates a diagnosis as the first one of the incident that it belongs to, so that reports of one incident agree since
    /// when it hurts. To be asked after [`Incidents::observe`].
    pub fn steady(&self, scope: &str, diagnosis: &mut Diagnosis) {
        let Some(incident) = self.open.get(scope) else { return };
        let Some(symptom) = &mut diagnosis.symptom else { return };
        if incident.node.as_deref() != Some(symptom.node.as_str()) {
            return;
        }
        let (read, first) = (symptom.onset.clock(), incident.onset.clock());
        symptom.onset = incident.onset;
        symptom.statement = symptom.statement.replace(&read, &first);
        diagnosis.headline = diagnosis.headline.replace(&read, &first);
    }

    fn calm(&mut self, scope: &str, now: Timestamp) -> Option<IncidentEvent> {
        let incident = self.open.get_mut(scope)?;
        if incident.told.is_none() {
            // It hurt for less than it takes to tell anybody.
            self.open.remove(scope);
            return None;
        }
        let since = *incident.calm_since.get_or_insert(now);
        if now.since(since) < self.rules.close_after {
            return None;
        }
        let mut incident = self.open.remove(scope)?;
        self.closed.insert(incident.id.clone(), now);
        Some(incident.event(Phase::Closed, now))
    }
}

impl Incident {
    fn new(scope: &str, diagnosis: &Diagnosis, closed: &BTreeMap<String, Timestamp>) -> Self {
        let now = diagnosis.window.now;
        let symptom = diagnosis.symptom.as_ref();
        let onset = symptom.map_or(now, |symptom| symptom.onset);
        let name = symptom.map_or("", |symptom| symptom.node.name());
        let bucket = onset.as_millis().div_euclid(BUCKET_MS) * BUCKET_MS;
        let first = format!("{}/{}/{bucket}", plain(scope), plain(name));
        // A group that hurts twice within ten minutes has two incidents.
        let further = (2_u32..).map(|count| format!("{first}/{count}"));
        let id = std::iter::once(first.clone()).chain(further).find(|id| !closed.contains_key(id)).unwrap_or(first);
        let node = symptom.map(|symptom| symptom.node.to_string());
        Self { id, node, onset, since: now, told: None, events: 0, calm_since: None }
    }

    /// Keys of opening and closing follow from the id alone. That of an update holds what it says as well, so that the
    /// first update after a restart is not taken for the first one before.
    fn event(&mut self, phase: Phase, at: Timestamp) -> IncidentEvent {
        self.events += 1;
        let (id, word) = (&self.id, phase.as_str());
        let idempotency_key = match (phase, &self.told) {
            (Phase::Updated, Some((verdict, cause))) => {
                let (node, class) = cause.clone().unwrap_or_default();
                let said = format!("{verdict:?}.{node}.{}", class.unwrap_or_default());
                format!("{id}/{word}/{}/{}", self.events, plain(&said))
            }
            _ => format!("{id}/{word}"),
        };
        IncidentEvent { incident: self.id.clone(), phase, at, idempotency_key }
    }
}

/// A name as part of an id, which may become a header or part of a path: what is not plain is written as `%` and two
/// hexadecimal digits for each byte.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' => plain.push(char::from(byte)),
            _ => plain.push_str(&format!("%{byte:02X}")),
        }
    }
    plain
}

fn verdict(diagnosis: &Diagnosis) -> Verdicted {
    // Candidates of a thin diagnosis come and go; only a cause is news.
    let first = diagnosis.causes.first().filter(|_| diagnosis.verdict == Verdict::Cause);
    (diagnosis.verdict, first.map(|cause| (cause.node.to_string(), cause.class.as_ref().map(ToString::to_string))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::samples;

    fn rules(open_after: u32, close_after: u32) -> Rules {
        Rules { open_after: Millis::seconds(open_after), close_after: Millis::seconds(close_after) }
    }

    /// `c` a cause, `d` another cause, `i` thin evidence, `?` not even a symptom is known, `.` nothing: one each minute.
    fn diagnosis(kind: char, minute: u32) -> Diagnosis {
        let mut diagnosis = match kind {
            'c' => samples::cause(),
            'd' => {
                let mut other = samples::cause();
                other.causes.remove(0);
                other
            }
            'i' => samples::insufficient(),
            '?' => Diagnosis { symptom: None, ..samples::insufficient() },
            _ => samples::no_incident(),
        };
        diagnosis.window.now = samples::noon(minute * 60);
        diagnosis
    }

    fn events(rules: Rules, course: &str) -> Vec<IncidentEvent> {
        let mut incidents = Incidents::new(rules);
        (0u32..)
            .zip(course.chars())
            .filter_map(|(minute, kind)| incidents.observe("shop", &diagnosis(kind, minute)))
            .collect()
    }

    fn check(rules: Rules, course: &str, expected: &str) {
        let told: Vec<_> = events(rules, course)
            .iter()
            .map(|event| {
                let minute = event.at.since(samples::noon(0)).as_millis() / 60_000;
                format!("{minute} {}", event.phase.as_str())
            })
            .collect();
        assert_eq!(told.join(", "), expected, "{course}");
    }

    #[test]
    fn an_incident_is_opened_once_and_closed_once() {
        check(rules(0, 120), "..cccc.....", "2 opened, 8 closed");
    }

    #[test]
    fn only_a_changed_verdict_is_an_update() {
        check(rules(0, 120), "iiccdd", "0 opened, 2 updated, 4 updated");
    }

    #[test]
    fn a_short_calm_does_not_close_and_open_again() {
        check(rules(0, 120), "cc.cc.cc", "0 opened");
    }

    #[test]
    fn a_blip_is_not_worth_waking_anybody() {
        check(rules(120, 0), ".c..cccc", "6 opened");
    }

    #[test]
    fn knowing_nothing_is_neither_an_incident_nor_its_end() {
        check(rules(0, 0), "???..??", "");
        check(rules(0, 120), "c??.?..?...", "0 opened, 10 closed");
    }

    #[test]
    fn a_second_incident_is_another_one() {
        let ids: Vec<_> = events(rules(0, 0), "c.c.").into_iter().map(|event| event.incident).collect();
        assert_eq!(ids[0], ids[1]);
        assert_ne!(ids[1], ids[2]);
    }

    /// What a service tells that is started at this minute, with its symptom dated some seconds later than the first one.
    fn keys(from: u32, course: &str, later: u32) -> Vec<String> {
        let mut incidents = Incidents::new(rules(0, 0));
        let each = (from..).zip(course.chars());
        let events = each.filter_map(|(minute, kind)| {
            let mut diagnosis = diagnosis(kind, minute);
            if let Some(symptom) = &mut diagnosis.symptom {
                symptom.onset = symptom.onset + Millis::seconds(later);
            }
            incidents.observe("shop", &diagnosis)
        });
        events.map(|event| event.idempotency_key).collect()
    }

    #[test]
    fn a_service_that_is_started_again_gives_an_incident_the_same_id_and_keys() {
        let before = keys(20, "ccc.", 0);
        let noon = samples::noon(0).as_millis();
        assert_eq!(before, [format!("shop/fulfilment/{noon}/opened"), format!("shop/fulfilment/{noon}/closed")]);
        assert_eq!(keys(22, "c.", 20), before);
        assert_ne!(keys(22, "c.", 600)[0], before[0], "ten minutes later it is another one");
    }

    #[test]
    fn a_first_update_after_a_restart_is_not_taken_for_another_one() {
        assert_ne!(keys(20, "ic", 0)[1], keys(22, "id", 0)[1]);
    }

    #[test]
    fn the_onset_stays_as_it_was_first_read_while_an_incident_is_open() {
        let mut incidents = Incidents::new(rules(0, 0));
        let mut check = |seconds: u32, expected: &str| {
            let mut later = diagnosis('c', 20);
            let symptom = later.symptom.as_mut().unwrap();
            symptom.onset = samples::noon(seconds);
            symptom.statement = format!("grows since {}", symptom.onset.clock());
            later.headline = format!("behind since {}", symptom.onset.clock());
            incidents.observe("shop", &later);
            incidents.steady("shop", &mut later);
            let symptom = later.symptom.unwrap();
            assert_eq!(
                (symptom.onset.clock().as_str(), symptom.statement),
                (expected, format!("grows since {expected}"))
            );
            assert_eq!(later.headline, format!("behind since {expected}"));
        };
        check(255, "12:04:15");
        check(270, "12:04:15");
        check(240, "12:04:15");
    }

    #[test]
    fn an_id_can_be_a_header_whatever_a_group_is_called() {
        assert_eq!(plain("bücher/orders eu"), "b%C3%BCcher%2Forders%20eu");
    }

    #[test]
    fn a_restart_tells_nobody_twice() {
        let mut before = Incidents::new(rules(0, 0));
        assert!(before.observe("shop", &diagnosis('c', 0)).is_some());
        let kept = serde_json::to_string(&before).unwrap();
        let mut after: Incidents = serde_json::from_str(&kept).unwrap();
        assert_eq!(after.observe("shop", &diagnosis('c', 1)), None);
        assert_eq!(after.observe("shop", &diagnosis('.', 2)).unwrap().phase, Phase::Closed);
    }

    proptest! {
        #[test]
        fn every_incident_opens_first_closes_last_and_never_repeats_a_key(course in "[cdi?.]{0,60}", open in 0u32..200, close in 0u32..200) {
            let events = events(rules(open, close), &course);
            let mut keys: Vec<_> = events.iter().map(|event| event.idempotency_key.clone()).collect();
            keys.sort();
            keys.dedup();
            prop_assert_eq!(keys.len(), events.len());
            let mut current: Option<&str> = None;
            for event in &events {
                match event.phase {
                    Phase::Opened => prop_assert!(current.replace(&event.incident).is_none()),
                    Phase::Updated => prop_assert_eq!(current, Some(event.incident.as_str())),
                    Phase::Closed => prop_assert_eq!(current.take(), Some(event.incident.as_str())),
                }
            }
        }
    }
}
