//! What hurts where nobody consumes from Kafka? Recordings from elsewhere know services and no groups. There a service
//! hurts when those who call it feel it: it answers later, with errors, or not at all, for longer than a moment and
//! unlike its own calm. What somebody named is the symptom; else the one that is felt furthest up. Start at
//! [`judge`] and [`symptom`].

use std::collections::BTreeSet;

use lagdoctor_model::{KnownSymptom, Millis, NodeId, Series, Signals, Symptom, Timestamp};

use super::ServiceHealth;
use super::track::Track;
use crate::graph::DependencyGraph;
use crate::number::number;
use crate::seen::Seen;

/// What callers feel: the signal, which way hurts, and the smallest change that they would notice, as a share of what is
/// usual.
const FELT: [(&str, f64, f64); 3] =
    [("service.latency", 1.0, 0.2), ("service.errors", 1.0, 0.2), ("service.availability", -1.0, 0.01)];
/// A smaller distance never matters; a reading that stood still at 0 would else have no distance at all.
const SMALLEST: f64 = 1e-9;
/// With fewer readings nothing can be said of the past.
const FEWEST: usize = 12;
/// The newest readings, all of which must be far; fewer far ones are no departure.
const NOW: usize = 2;
/// A departure must last this long, where readings are that close.
const SUSTAINED: Millis = Millis::seconds(60);
/// A reading older than so many steps says nothing about now.
const STALE: i64 = 4;

/// Whether these are readings by which a service is judged.
pub(super) fn is_felt(signal: &str) -> bool {
    FELT.iter().any(|(felt, ..)| *felt == signal)
}

/// One reading of a service that callers feel, against its calm.
struct Felt<'a> {
    series: &'a Series,
    usual: f64,
    now: f64,
    /// How far from the calm, in deviations; positive is worse.
    size: f64,
    /// When it left what is usual, where it has and has not come back.
    since: Option<Timestamp>,
}

impl<'a> Felt<'a> {
    fn of(signals: &Signals, series: &'a Series, worse: f64, share: f64) -> Option<Self> {
        let window = &signals.window;
        let track = Track::of(series, window).times(worse);
        let (as_of, _) = track.last()?;
        if track.len() < FEWEST || window.now.since(as_of).as_millis() > window.step.as_millis() * STALE {
            return None;
        }
        let calm = track.calm()?;
        let floor = (calm.centre.abs() * share).max(SMALLEST);
        let departure = track.departure(&calm, floor).filter(|departure| {
            let lasts = window.step >= SUSTAINED || as_of.since(departure.first_far) >= SUSTAINED;
            lasts && departure.count >= NOW && track.is_far_now(&calm, floor, NOW)
        });
        let now = track.now()?;
        Some(Self {
            series,
            usual: calm.centre * worse,
            now: now * worse,
            size: calm.deviations(now, floor),
            since: departure.map(|departure| departure.first_far),
        })
    }

    /// `latency (latency-90) is 900 where 41 is usual`.
    fn words(&self) -> String {
        let signal = self.series.signal().as_str();
        let what = signal.rsplit('.').next().unwrap_or(signal);
        let metric = self.series.labels().get("metric").filter(|metric| *metric != what);
        let metric = metric.map(|metric| format!(" ({metric})")).unwrap_or_default();
        format!("{what}{metric} is {} where {} is usual", number(self.now), number(self.usual))
    }
}

/// The reading of this service that departs furthest, among those that hurt if there are any; with `only` of that signal.
fn worst<'a>(signals: &Signals, seen: &Seen<'a>, node: &NodeId, only: Option<&str>) -> Option<Felt<'a>> {
    let asked = FELT.iter().filter(|(signal, ..)| only.is_none_or(|only| only == *signal));
    let all = asked.flat_map(|(signal, worse, floor)| {
        seen.of(node, signal).iter().filter_map(|series| Felt::of(signals, series, *worse, *floor))
    });
    all.reduce(|worst, next| {
        let hurts = |felt: &Felt<'_>| felt.since.is_some();
        let order = hurts(&next).cmp(&hurts(&worst)).then(next.size.total_cmp(&worst.size));
        if order.is_gt() { next } else { worst }
    })
}

/// Every service that can be judged, in order of their names.
pub(super) fn judge(signals: &Signals, seen: &Seen<'_>) -> Vec<ServiceHealth> {
    let services = signals.topology.nodes().map(|node| &node.id).filter(|id| id.kind() == "service");
    let health = |service: &NodeId| {
        let felt = worst(signals, seen, service, None)?;
        Some(ServiceHealth {
            service: service.clone(),
            size: felt.size,
            symptom: felt.since.map(|onset| Symptom {
                node: service.clone(),
                signal: felt.series.signal().clone(),
                onset,
                observed: felt.now,
                expected: felt.usual,
                statement: format!("{}: {} since {}", service.words(), felt.words(), onset.clock()),
            }),
        })
    };
    services.filter_map(health).collect()
}

/// What is to be explained: what somebody named by now, else the service that hurts and that none that hurts depends
/// on; of several the one that is furthest from its calm.
pub(super) fn symptom(signals: &Signals, seen: &Seen<'_>, services: &[ServiceHealth]) -> Option<Symptom> {
    let is_known = |known: &&KnownSymptom| {
        signals.topology.node(&known.node).is_some() && known.onset.is_none_or(|onset| onset <= signals.window.now)
    };
    if let Some(known) = signals.reported.as_ref().filter(is_known) {
        return Some(complained(signals, seen, services, known));
    }
    let graph = DependencyGraph::new(&signals.topology);
    let hurting: Vec<&ServiceHealth> = services.iter().filter(|known| known.symptom.is_some()).collect();
    let below: BTreeSet<&NodeId> = hurting
        .iter()
        .flat_map(|known| {
            let own = &known.service;
            graph
                .below(own)
                .into_iter()
                .filter(|other| *other != own && !graph.is_cycle(own, other))
                .collect::<Vec<_>>()
        })
        .collect();
    let top = hurting.iter().filter(|known| !below.contains(&known.service));
    let furthest = top.reduce(|furthest, next| if next.size > furthest.size { next } else { furthest });
    furthest.and_then(|known| known.symptom.clone())
}

/// What somebody named counts whether or not readings show it; they say since when, where they do.
fn complained(signals: &Signals, seen: &Seen<'_>, services: &[ServiceHealth], known: &KnownSymptom) -> Symptom {
    let own = services.iter().find(|health| health.service == known.node);
    if let Some(symptom) = own.and_then(|health| health.symptom.clone()) {
        return symptom;
    }
    let of = |only| worst(signals, seen, &known.node, only);
    let felt = of(Some(known.signal.as_str())).or_else(|| of(None));
    let (observed, expected) = felt.as_ref().map_or((f64::NAN, f64::NAN), |felt| (felt.now, felt.usual));
    let since = known.onset.map(|onset| format!(" since {}", onset.clock())).unwrap_or_default();
    let shows = felt.map_or("nothing that its callers feel is measured".to_owned(), |felt| {
        format!("its readings do not show it: {}", felt.words())
    });
    Symptom {
        node: known.node.clone(),
        signal: known.signal.clone(),
        // Nothing that is seen by now came too late to be a cause.
        onset: known.onset.unwrap_or(signals.window.now),
        observed,
        expected,
        statement: format!("{} was named as what hurts{since}, and {shows}", known.node.words()),
    }
}

#[cfg(test)]
mod tests {
    use lagdoctor_model::{Labels, SeriesKey, Verdict};

    use super::*;
    use crate::detect::detect;
    use crate::testing::{hour, id, noise, noon, read, signal, topology};

    fn key(node: &str, name: &str) -> SeriesKey {
        let labels = Labels::from([("metric".to_owned(), "latency-90".to_owned())]);
        SeriesKey { node: id(node), signal: signal(name), labels }
    }

    /// Latency of a service that is 40 and then 400 from this second on.
    fn slow_from(signals: &mut Signals, node: &str, second: f64) {
        let salt = node.len() as u64;
        read(signals, key(node, "service.latency"), |s| {
            40.0 + noise(s, salt) * 2.0 + if s >= second { 360.0 } else { 0.0 }
        });
    }

    /// A shop that calls orders, which call a database; each slow from its second on.
    fn shop(slow: &[(&str, f64)]) -> Signals {
        let mut signals = hour();
        signals.topology =
            topology(&[("service:shop", "calls", "service:orders"), ("service:orders", "calls", "service:db")]);
        for (node, second) in slow {
            slow_from(&mut signals, node, *second);
        }
        signals.normalised()
    }

    const NEVER: f64 = 1e9;

    fn check(signals: &Signals, symptom: Option<(&str, u32)>) {
        let detection = detect(signals, None);
        let found = detection.symptom.as_ref().map(|found| (found.node.as_str(), found.onset));
        assert_eq!(found, symptom.map(|(node, second)| (node, noon(second))), "{detection:?}");
    }

    #[test]
    fn the_service_that_users_feel_is_the_symptom_and_not_what_it_waits_for() {
        let slow = [("service:shop", 2_430.0), ("service:orders", 2_415.0), ("service:db", 2_400.0)];
        check(&shop(&slow), Some(("service:shop", 2_430)));
        check(&shop(&[("service:shop", NEVER), ("service:orders", 2_400.0)]), Some(("service:orders", 2_400)));
        check(&shop(&[("service:shop", NEVER), ("service:orders", NEVER)]), None);
    }

    #[test]
    fn half_a_window_of_trouble_leaves_a_calm_to_compare_with_and_one_reading_is_none() {
        check(&shop(&[("service:shop", 1_800.0)]), Some(("service:shop", 1_800)));
        check(&shop(&[("service:shop", 3_600.0)]), None);
    }

    #[test]
    fn fewer_answers_hurt_and_more_do_not() {
        let answered = |change: f64| {
            let mut signals = shop(&[]);
            read(&mut signals, key("service:shop", "service.availability"), |s| {
                if s >= 2_400.0 { 100.0 + change } else { 100.0 }
            });
            detect(&signals.normalised(), None).symptom.is_some()
        };
        assert!(answered(-5.0));
        assert!(!answered(5.0));
    }

    #[test]
    fn what_somebody_named_is_explained_whatever_readings_show() {
        let complaint =
            |onset| Some(KnownSymptom { node: id("service:orders"), signal: signal("service.latency"), onset });
        let slow = [("service:shop", 2_400.0), ("service:orders", NEVER)];
        let of = |reported| Signals { reported, ..shop(&slow) };
        check(&of(complaint(Some(noon(3_000)))), Some(("service:orders", 3_000)));
        check(&of(complaint(None)), Some(("service:orders", 3_600)));
        let statement = detect(&of(complaint(None)), None).symptom.unwrap().statement;
        assert!(statement.contains("readings do not show it"), "{statement}");
        // Nobody had complained yet.
        let mut early = of(complaint(Some(noon(3_601))));
        early.window.now = noon(3_600);
        check(&early, Some(("service:shop", 2_400)));
    }

    #[test]
    fn a_service_is_no_symptom_where_groups_are_known() {
        let mut signals = shop(&[("service:shop", 2_400.0)]);
        signals.topology.add_node(lagdoctor_model::Node::new(id("group:g")));
        check(&signals, None);
    }

    #[test]
    fn services_that_answer_as_usual_are_no_incident_and_none_at_all_is_nothing_to_say() {
        let verdict = |signals: &Signals| {
            let detection = detect(signals, None);
            let plan = crate::plan(signals, &detection, vec![]);
            let diagnosis = crate::conclude(signals, &detection, &plan, None, None, vec![]);
            (diagnosis.verdict, diagnosis.headline)
        };
        let calm = shop(&[("service:shop", NEVER), ("service:orders", NEVER)]);
        assert_eq!(verdict(&calm), (Verdict::NoIncident, "nothing hurts: all 2 services answer as usual".to_owned()));
        assert_eq!(verdict(&shop(&[])).0, Verdict::InsufficientEvidence);
    }
}
