//! Everything that was scraped, as OpenMetrics text with times: what `promtool tsdb create-blocks-from openmetrics` fills
//! a real Prometheus from. The text has no word for the end of a series, so one that ended is seen for five minutes more.
//! Start at [`openmetrics`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::text;
use crate::telemetry::{MetricKind, Telemetry, is_stale};

/// Labels, and the samples of every name of a family: time, rank of the name, value.
type Family<'a> = BTreeMap<&'a BTreeMap<String, String>, Vec<(i64, usize, f64)>>;

/// All samples of a run, family by family, and the end mark.
pub fn openmetrics(telemetry: &Telemetry) -> String {
    let counters: BTreeSet<&str> = telemetry
        .series
        .iter()
        .filter(|series| series.kind == MetricKind::Counter)
        .map(|series| series.name.as_str())
        .collect();
    let mut families: BTreeMap<(&str, &str), Family<'_>> = BTreeMap::new();
    for series in &telemetry.series {
        let (family, kind, rank) = family(&series.name, series.kind, &counters);
        let samples = families.entry((family, kind)).or_default().entry(&series.labels).or_default();
        let known = series.samples.iter().filter(|(_, value)| !is_stale(*value));
        samples.extend(known.map(|(at_ms, value)| (*at_ms, rank, *value)));
    }
    let mut out = String::with_capacity(telemetry.sample_count() * 160);
    for ((family, kind), metrics) in families {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# TYPE {family} {kind}");
        for (labels, mut samples) in metrics {
            let labels = text::braced(labels);
            samples.sort_by_key(|(at_ms, rank, _)| (*at_ms, *rank));
            samples.dedup_by_key(|(at_ms, rank, _)| (*at_ms, *rank));
            for (at_ms, rank, number) in samples {
                let (seconds, ms) = (at_ms.div_euclid(1000), at_ms.rem_euclid(1000));
                let (ending, number) = (ENDINGS[rank], text::value(number));
                let _ = writeln!(out, "{family}{ending}{labels} {number} {seconds}.{ms:03}");
            }
        }
    }
    out + "# EOF\n"
}

/// What names of one family differ by.
const ENDINGS: [&str; 4] = ["", "_total", "_count", "_sum"];

/// Family, type and ending of a name. A counter that is not called one is of unknown type, because the format knows no
/// other way to keep its name.
fn family<'a>(name: &'a str, kind: MetricKind, counters: &BTreeSet<&str>) -> (&'a str, &'static str, usize) {
    let is_timer =
        |family: &str| ["_count", "_sum"].iter().all(|ending| counters.contains(format!("{family}{ending}").as_str()));
    let ending = |rank: usize| name.strip_suffix(ENDINGS[rank]);
    match kind {
        MetricKind::Gauge => (name, "gauge", 0),
        MetricKind::Counter => match (ending(1), ending(2).or(ending(3))) {
            (Some(family), _) => (family, "counter", 1),
            (None, Some(family)) if is_timer(family) => (family, "summary", if ending(2).is_some() { 2 } else { 3 }),
            _ => (name, "unknown", 0),
        },
    }
}

#[cfg(test)]
mod tests {
    use lagdoctor_model::Millis;

    use super::*;
    use crate::{Scenario, Simulation};

    fn told() -> (Simulation, String) {
        let mut run = Simulation::new(&Scenario::builtin("replication-delay").unwrap(), 3);
        run.advance_to(run.start() + Millis::minutes(2));
        let text = openmetrics(run.telemetry());
        (run, text)
    }

    #[test]
    fn each_family_is_there_once_and_names_its_samples() {
        let (run, text) = told();
        let mut seen = BTreeSet::new();
        let (mut family, mut kind, mut samples) = ("", "", 0);
        for line in text.lines().filter(|line| *line != "# EOF") {
            if let Some(head) = line.strip_prefix("# TYPE ") {
                (family, kind) = head.split_once(' ').unwrap();
                assert!(seen.insert(family), "{family} comes twice");
                continue;
            }
            samples += 1;
            let name = line.split(['{', ' ']).next().unwrap();
            let ending = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} stands below {family}"));
            let allowed: &[&str] = match kind {
                "counter" => &["_total"],
                "summary" => &["_count", "_sum"],
                _ => &[""],
            };
            assert!(allowed.contains(&ending), "{line} in a {kind}");
        }
        assert!(seen.contains("spring_kafka_listener_seconds") && seen.contains("hikaricp_connections_timeout"));
        let stale: usize = run.telemetry().series.iter().flat_map(|s| &s.samples).filter(|s| is_stale(s.1)).count();
        assert_eq!(samples + stale, run.telemetry().sample_count());
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn samples_carry_their_own_times() {
        let (run, text) = told();
        let up = text.lines().find(|line| line.starts_with("up{")).unwrap();
        let seconds: f64 = up.rsplit(' ').next().unwrap().parse().unwrap();
        let since = seconds - run.start().as_millis() as f64 / 1000.0;
        assert!((0.0..=15.5).contains(&since), "{up}");
    }
}
