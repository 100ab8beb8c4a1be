//! When is there something to say? A pure state machine: diagnoses go in, one after the other, and at most one event
//! comes out of each. Start at [`Incidents::observe`].

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

/// What people have been told: the outcome, and the first cause's node and class.
type Verdicted = (Verdict, Option<(String, Option<String>)>);

/// An incident from the first diagnosis that hurt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Incident {
    id: String,
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
}

impl Incidents {
    /// No incidents yet.
    pub fn new(rules: Rules) -> Self {
        Self { rules, open: BTreeMap::new() }
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
        let incident = self.open.entry(scope.to_owned()).or_insert_with(|| Incident {
            id: format!("{scope}/{}", now.as_millis()),
            since: now,
            told: None,
            events: 0,
            calm_since: None,
        });
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
        Some(incident.event(Phase::Closed, now))
    }
}

impl Incident {
    fn event(&mut self, phase: Phase, at: Timestamp) -> IncidentEvent {
        self.events += 1;
        IncidentEvent {
            incident: self.id.clone(),
            phase,
            at,
            idempotency_key: format!("{}/{}/{}", self.id, phase.as_str(), self.events),
        }
    }
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
