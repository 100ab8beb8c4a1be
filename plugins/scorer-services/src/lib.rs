//! Which service is not as it was? Recordings from elsewhere tell of services in readings whose unit nobody knows, so each is
//! compared with its own past alone: how far it left it, which way, and by what share. A reading that rises when somebody else
//! is in trouble says less of the service itself than one that only it can move; which of several is at fault is the
//! ranker's to say. Start at [`Services::score`].

use lagdoctor_sdk::stats::{Direction, Rules};
use lagdoctor_sdk::{Change, Error, Finding, Manifest, NodeRef, Plugin, Scorer, SeriesRef, View, numbers, ramp};

numbers! {
    /// What counts as unusual.
    pub struct Config {
        /// Robust deviations from the past from which a reading is far
        pub far: f64 = 5.0, from 2.0 to 50.0;
        /// Smallest deviation, as a share of the centre; a series that stood still would else have none
        pub floor_share: f64 = 0.02, from 0.0 to 1.0;
        /// Share of the centre by which a reading must have changed to matter in full
        pub full_change: f64 = 0.5, from 0.01 to 10.0;
    }
}

/// Readings of a service: the signal, the side on which it hurts, what it says of the service itself, and the part of a full
/// change from which it matters in full: of a hundred answers ten that fail are many.
const READINGS: [(&str, Direction, f64, f64); 7] = [
    ("service.availability", Direction::Down, 0.8, 0.1),
    ("service.errors", Direction::Up, 0.8, 1.0),
    ("service.latency", Direction::Up, 0.8, 1.0),
    ("service.cpu", Direction::Up, 0.8, 1.0),
    ("service.memory", Direction::Up, 0.6, 1.0),
    // More or fewer requests are mostly somebody else's doing, and of the others nobody knows what they mean.
    ("service.load", Direction::Either, 0.4, 1.0),
    ("service.metric", Direction::Either, 0.4, 1.0),
];
/// What a change counts that is no departure.
const CALM: f64 = 0.1;
/// Share of a full change below which nothing is worth a word.
const FAINT: f64 = 0.2;

/// The scorer.
#[derive(Debug)]
pub struct Services {
    config: Config,
}

impl Plugin for Services {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "scorer-services",
            env!("CARGO_PKG_VERSION"),
            "Finds services whose latency, errors, load or resources left their past, in recordings from elsewhere.",
        )
        .reads(&["service."])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }
}

impl Scorer for Services {
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error> {
        let mut findings = vec![];
        for service in view.of_kind("service") {
            for reading in &READINGS {
                findings.extend(self.finding(view, service, reading));
            }
        }
        Ok(findings)
    }
}

impl Services {
    /// The reading of this signal that left its past furthest; several series are percentiles or parts of one thing.
    fn finding(
        &self,
        view: &View<'_>,
        service: NodeRef<'_>,
        (signal, direction, says, part): &(&str, Direction, f64, f64),
    ) -> Option<Finding> {
        let scored = view.signals(service, signal).filter_map(|series| {
            let change = series.compare(&self.rules(&series, *part), *direction)?;
            // What moved without departing, or to the other side, was looked at and is well enough.
            let departed = if change.seen.onset.is_some() { 1.0 } else { CALM };
            Some((change.score(says * departed * self.matters(&change, *part)), change))
        });
        let (score, change) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let name = change.series.label("metric").unwrap_or(signal);
        let statement = match change.onset_ms() {
            Some(_) => format!("{name} went from {} to {}", shown(change.past()), shown(change.level())),
            None => format!("{name} is as it was, around {}", shown(change.past())),
        };
        let finding = Finding::about(&change.series).score(score).magnitude(change.seen.magnitude);
        Some(finding.since(change.onset_ms()).saw(change.level(), change.past()).says(statement))
    }

    /// Where readings are a minute apart or more, two of them are a departure, and two without end none.
    fn rules(&self, series: &SeriesRef<'_>, part: f64) -> Rules {
        let floor_share = self.config.floor_share * part;
        let rules = Rules { far: self.config.far, floor_share, ..Rules::default() };
        if series.step_ms >= 60_000 { Rules { sustained: 2, bridge: 2, now: 2, ..rules } } else { rules }
    }

    /// How much this change matters, from 0 to 1, by its share of what was before.
    fn matters(&self, change: &Change<'_>, part: f64) -> f64 {
        let full = self.config.full_change * part;
        let share = (change.level() - change.past()).abs() / change.past().abs().max(f64::MIN_POSITIVE);
        ramp(share, full * FAINT, full)
    }
}

/// A number in as many digits as a person reads.
fn shown(value: f64) -> String {
    let text = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.4}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

lagdoctor_sdk::export_scorer!(Services);

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::testing::{BatchBuilder, check_findings, check_manifest};

    use super::*;

    #[test]
    fn the_manifest_keeps_the_contract() {
        check_manifest::<Services>();
    }

    /// What is said of a service with this reading: score and statement.
    fn check(signal: &str, value: impl Fn(f64) -> f64) -> (f64, String) {
        let batch = BatchBuilder::minutes(40).series("service:shop", signal, value).build();
        let findings = Services::from_json("{}").unwrap().score(&View::new(&batch)).unwrap();
        check_findings::<Services>(&batch, &findings);
        let [finding] = &findings[..] else { panic!("one finding, not {findings:?}") };
        assert_eq!(finding.class, "");
        (finding.score, finding.statement.clone())
    }

    fn wobble(minute: f64) -> f64 {
        (minute * 4.0) % 3.0
    }

    #[test]
    fn a_service_that_answers_three_times_as_late_is_unusual_since_then() {
        let late = |minute: f64| if minute >= 30.0 { 120.0 } else { 40.0 + wobble(minute) };
        let (score, statement) = check("service.latency", late);
        assert!(score > 0.7, "{score}: {statement}");
        assert!(statement.starts_with("service.latency went from 4") && statement.ends_with("to 120"), "{statement}");
        let batch = BatchBuilder::minutes(40).series("service:shop", "service.latency", late).build();
        let findings = Services::from_json("{}").unwrap().score(&View::new(&batch)).unwrap();
        assert_eq!(findings[0].onset_ms, Some(batch.start_ms + 30 * 60_000));
    }

    #[test]
    fn what_stays_as_it_was_is_said_to_be_normal() {
        let (score, statement) = check("service.cpu", |minute| 0.3 + wobble(minute) / 100.0);
        assert!(score < 0.1 && statement.contains("as it was"), "{score}: {statement}");
    }

    #[test]
    fn only_the_side_that_hurts_is_unusual() {
        let step =
            |low: f64, high: f64| move |minute: f64| if minute >= 30.0 { high } else { low + wobble(minute) / 10.0 };
        for (signal, fall, rise) in [
            ("service.latency", false, true),
            ("service.cpu", false, true),
            ("service.availability", true, false),
            ("service.load", true, true),
            ("service.metric", true, true),
        ] {
            let (fell, rose) = (check(signal, step(100.0, 20.0)).0, check(signal, step(20.0, 100.0)).0);
            assert_eq!((fell > 0.3, rose > 0.3), (fall, rise), "{signal}: {fell} and {rose}");
        }
    }

    #[test]
    fn a_small_change_of_what_hardly_ever_moves_does_not_matter() {
        let (score, statement) = check("service.memory", |minute| if minute >= 30.0 { 103.0 } else { 100.0 });
        assert!(score < 0.1, "{score}: {statement}");
        let (score, statement) = check("service.availability", |minute| if minute >= 30.0 { 93.0 } else { 100.0 });
        assert!(score > 0.3, "{score}: {statement}");
    }

    #[test]
    fn of_several_percentiles_the_loudest_speaks_and_what_is_no_service_is_not_looked_at() {
        let batch = BatchBuilder::minutes(40)
            .series("service:a", "service.latency", |minute| if minute >= 30.0 { 90.0 } else { 30.0 + wobble(minute) })
            .series("service:b", "service.latency", |_| f64::NAN)
            .series("group:g", "kafka.consumer_group.backlog", |minute| minute)
            .build();
        let view = View::new(&batch);
        let findings = Services::from_json("{}").unwrap().score(&view).unwrap();
        check_findings::<Services>(&batch, &findings);
        let named: Vec<&str> =
            findings.iter().filter_map(|finding| view.node(finding.node)).map(|node| node.id).collect();
        assert_eq!(named, ["service:a"]);
    }
}
