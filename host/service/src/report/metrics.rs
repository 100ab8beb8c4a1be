//! What a service says of itself to a Prometheus: the text format 0.0.4. Names carry their units, counters end in
//! `_total`, and every label value is escaped. Start at [`metrics`]; [`ServiceTally`] is what the service counts on its
//! way.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lagdoctor_model::{Diagnosis, GapCause, Millis, Timestamp, Verdict};
use lagdoctor_runtime::PluginState;
use serde::Serialize;

use super::plugins::PluginReport;

/// What has come of a service's work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceTally {
    /// Rounds that are done: a look at every cluster, with or without a diagnosis.
    pub rounds: u64,
    /// Incidents that people know of and that are not over.
    pub open_incidents: usize,
    /// Messages that wait, for each notifier.
    pub waiting: BTreeMap<String, usize>,
    clusters: BTreeMap<String, ClusterTally>,
}

#[derive(Clone, Debug, PartialEq)]
struct ClusterTally {
    verdicts: BTreeMap<String, u64>,
    at: Timestamp,
    took: Millis,
    gaps: BTreeMap<String, u64>,
}

const VERDICTS: [Verdict; 3] = [Verdict::Cause, Verdict::NoIncident, Verdict::InsufficientEvidence];

impl ServiceTally {
    /// A diagnosis of this cluster was made, and took so long.
    pub fn diagnosed(&mut self, cluster: &str, diagnosis: &Diagnosis, took: Millis) {
        let known = self.clusters.entry(cluster.to_owned()).or_insert_with(|| ClusterTally {
            verdicts: VERDICTS.iter().map(|verdict| (word(verdict), 0)).collect(),
            at: diagnosis.window.now,
            took,
            gaps: BTreeMap::new(),
        });
        *known.verdicts.entry(word(&diagnosis.verdict)).or_default() += 1;
        (known.at, known.took) = (diagnosis.window.now, took);
        // A cause of which there is no gap now stays, at zero: a series that ends is no good news to an alert.
        known.gaps.values_mut().for_each(|count| *count = 0);
        for gap in &diagnosis.gaps {
            *known.gaps.entry(word::<GapCause>(&gap.cause)).or_default() += 1;
        }
    }
}

/// The word that JSON has for it.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

struct Exposition(String);

impl Exposition {
    /// A metric with all its samples: labels, then the value.
    fn metric<'a, V: ToString>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, V)>,
    ) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let _ = writeln!(self.0, "# HELP lagdoctor_{name} {help}\n# TYPE lagdoctor_{name} {kind}");
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.0, "lagdoctor_{name}{labels} {}", value.to_string());
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// All metrics of a service.
pub fn metrics(tally: &ServiceTally, plugins: &[PluginReport]) -> String {
    let mut page = Exposition(String::new());
    of_service(&mut page, tally);
    of_plugins(&mut page, plugins);
    page.0
}

fn of_service(page: &mut Exposition, tally: &ServiceTally) {
    use Kind::{Counter, Gauge};
    let version = env!("CARGO_PKG_VERSION");
    page.metric(Gauge, "build_info", "The version that runs; always 1.", [(vec![("version", version)], 1)]);
    page.metric(Counter, "rounds_total", "Rounds done, each a look at every cluster.", [(vec![], tally.rounds)]);
    let clusters = || tally.clusters.iter().map(|(name, known)| (name.as_str(), known));
    let verdicts = clusters().flat_map(|(cluster, known)| {
        known
            .verdicts
            .iter()
            .map(move |(verdict, count)| (vec![("cluster", cluster), ("verdict", verdict.as_str())], *count))
    });
    page.metric(Counter, "diagnoses_total", "Diagnoses made.", verdicts);
    let at = clusters().map(|(cluster, known)| (vec![("cluster", cluster)], known.at.as_millis() as f64 / 1000.0));
    page.metric(Gauge, "last_diagnosis_timestamp_seconds", "When the last diagnosis was made, Unix time.", at);
    let took = clusters().map(|(cluster, known)| (vec![("cluster", cluster)], known.took.as_seconds()));
    page.metric(
        Gauge,
        "last_diagnosis_duration_seconds",
        "How long the last diagnosis took, collecting included.",
        took,
    );
    let gaps = clusters().flat_map(|(cluster, known)| {
        known.gaps.iter().map(move |(cause, count)| (vec![("cluster", cluster), ("cause", cause.as_str())], *count))
    });
    page.metric(Gauge, "last_diagnosis_gaps", "What the last diagnosis had to do without.", gaps);
    let open = [(vec![], tally.open_incidents)];
    page.metric(Gauge, "open_incidents", "Incidents that people were told of and that are not over.", open);
    let waiting = tally.waiting.iter().map(|(notifier, count)| (vec![("plugin", notifier.as_str())], *count));
    page.metric(Gauge, "waiting_messages", "Messages that a notifier could not deliver yet.", waiting);
}

fn of_plugins(page: &mut Exposition, plugins: &[PluginReport]) {
    use Kind::{Counter, Gauge};
    let each = |value: fn(&PluginReport) -> u64| plugins.iter().map(move |plugin| (labels(plugin), value(plugin)));
    let info = plugins.iter().map(|plugin| {
        let more = [("version", plugin.version.as_str()), ("sha256", plugin.sha256.as_str())];
        ([&labels(plugin)[..], &more].concat(), 1)
    });
    page.metric(Gauge, "plugin_info", "What runs; always 1.", info);
    let states = plugins.iter().flat_map(|plugin| {
        let of = move |state: PluginState| {
            let is_so = u8::from(state.as_str() == plugin.state);
            ([&labels(plugin)[..], &[("state", state.as_str())]].concat(), is_so)
        };
        PluginState::ALL.into_iter().map(of)
    });
    page.metric(Gauge, "plugin_state", "1 for the state that the plugin is in, 0 for the others.", states);
    let why = plugins.iter().filter_map(|plugin| {
        let reason = plugin.reason_kind.as_deref()?;
        Some(([&labels(plugin)[..], &[("reason", reason)]].concat(), 1))
    });
    page.metric(Gauge, "plugin_quarantine_info", "How the plugin failed that is not called; always 1.", why);
    let next = plugins.iter().filter_map(|plugin| Some((labels(plugin), plugin.next_try_ms? as f64 / 1000.0)));
    let help = "When a quarantined plugin is called again, Unix time.";
    page.metric(Gauge, "plugin_next_try_timestamp_seconds", help, next);
    page.metric(Counter, "plugin_calls_total", "Calls that began.", each(|plugin| plugin.calls));
    let help = "Calls that were not made, because the plugin was quarantined.";
    page.metric(Counter, "plugin_refused_calls_total", help, each(|plugin| plugin.refused));
    let failures = plugins.iter().flat_map(|plugin| {
        let labelled = move |kind| [&labels(plugin)[..], &[("kind", kind)]].concat();
        plugin.failures.iter().map(move |failure| (labelled(failure.kind.as_str()), failure.count))
    });
    page.metric(Counter, "plugin_failures_total", "Calls that failed, by how.", failures);
    page.metric(
        Counter,
        "plugin_quarantines_total",
        "Times that it was quarantined.",
        each(|plugin| plugin.quarantines),
    );
    page.metric(
        Counter,
        "plugin_fuel_units_total",
        "Fuel used up, about one unit an instruction.",
        each(|plugin| plugin.fuel),
    );
    let busy = plugins.iter().map(|plugin| (labels(plugin), plugin.busy_ms as f64 / 1000.0));
    page.metric(Counter, "plugin_busy_seconds_total", "Wall-clock time of calls, waiting included.", busy);
}

fn labels(plugin: &PluginReport) -> Vec<(&str, &str)> {
    vec![("plugin", &plugin.name), ("world", &plugin.world)]
}

#[cfg(test)]
#[allow(clippy::print_stderr, reason = "a check that was not made must not pass in silence")]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::report::plugins::tests::sample;
    use crate::report::samples;

    fn page() -> String {
        let mut tally = ServiceTally { rounds: 4, open_incidents: 1, ..ServiceTally::default() };
        tally.waiting.insert("hook\\\n\"".into(), 2);
        tally.diagnosed("shop", &samples::no_incident(), Millis::seconds(1));
        tally.diagnosed("shop", &samples::cause(), Millis::seconds(2));
        tally.diagnosed("shop", &samples::insufficient(), Millis::new(2500).unwrap());
        metrics(&tally, &sample().plugins)
    }

    #[test]
    fn a_prometheus_is_told_how_the_service_and_its_plugins_are() {
        insta::assert_snapshot!(page());
    }

    #[test]
    fn every_sample_belongs_to_the_metric_announced_above_it_and_none_comes_twice() {
        let (mut current, mut seen, mut announced) = (String::new(), BTreeSet::new(), BTreeSet::new());
        for line in page().lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                current = help.split(' ').next().unwrap().to_owned();
                assert!(announced.insert(current.clone()), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                assert!(kind.starts_with(&format!("{current} ")), "{line}");
            } else {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                assert_eq!(sample.split('{').next(), Some(current.as_str()), "{line}");
                assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
                assert!(seen.insert(sample.to_owned()), "{line}");
            }
        }
        assert!(announced.len() > 10);
    }

    #[test]
    fn promtool_finds_nothing_to_say_against_it() {
        let program = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut program) = program else {
            eprintln!("skipped: needs promtool");
            return;
        };
        program.stdin.take().unwrap().write_all(page().as_bytes()).unwrap();
        let said = program.wait_with_output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.status.success() && text.trim().is_empty(), "{text}");
    }

    #[test]
    fn a_gap_that_is_closed_is_told_as_zero() {
        let mut tally = ServiceTally::default();
        tally.diagnosed("shop", &samples::cause(), Millis::ZERO);
        let gaps = samples::cause().gaps;
        assert!(!gaps.is_empty());
        tally.diagnosed("shop", &samples::no_incident(), Millis::ZERO);
        let cause = word(&gaps[0].cause);
        let expected = format!("lagdoctor_last_diagnosis_gaps{{cluster=\"shop\",cause=\"{cause}\"}} 0\n");
        assert!(metrics(&tally, &[]).contains(&expected));
    }
}
