//! What do exporters call each signal? The table of `dialects.toml`, made by `build.rs`, and which of its entries can be
//! read where only some metrics exist. Start at [`Source`].

use std::collections::BTreeSet;

/// One exporter or instrumentation library.
#[derive(Debug)]
pub(crate) struct Dialect {
    pub(crate) name: &'static str,
    /// Labels of its own, and the attributes of the vocabulary that they are.
    pub(crate) rename: &'static [(&'static str, &'static str)],
    pub(crate) entries: &'static [Entry],
}

/// One signal in the words of one dialect.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) signal: &'static str,
    pub(crate) form: Form,
    /// Label matchers, as in PromQL; may be empty.
    pub(crate) matchers: &'static str,
    pub(crate) scale: f64,
    pub(crate) invert: bool,
    pub(crate) unknown: &'static [f64],
    pub(crate) floor: Option<f64>,
    pub(crate) keep: Keep,
    pub(crate) combine: Combine,
    pub(crate) unless: &'static [&'static str],
    pub(crate) lazy: bool,
}

/// How a signal is made of metrics.
#[derive(Debug)]
pub(crate) enum Form {
    /// A level.
    Gauge(&'static [&'static str]),
    /// A counter that the host makes a rate of.
    Counter(&'static [&'static str]),
    /// Growth per second of a counter, as a level.
    Share(&'static [&'static str]),
    /// Growth of the first divided by growth of the second.
    Ratio { part: &'static [&'static str], whole: &'static [&'static str] },
}

/// Which labels tell series apart.
#[derive(Debug)]
pub(crate) enum Keep {
    All,
    Without(&'static [&'static str]),
    By(&'static [&'static str]),
}

impl Keep {
    pub(crate) fn keeps(&self, label: &str) -> bool {
        match self {
            Self::All => true,
            Self::Without(labels) => !labels.contains(&label),
            Self::By(labels) => labels.contains(&label),
        }
    }
}

/// What is done with series that become alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combine {
    Sum,
    Max,
    Min,
    Mean,
}

include!(concat!(env!("OUT_DIR"), "/dialects.rs"));

impl Form {
    /// All metrics that it may be made of.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = &'static str> {
        let (first, second): (&[&str], &[&str]) = match self {
            Self::Gauge(names) | Self::Counter(names) | Self::Share(names) => (names, &[]),
            Self::Ratio { part, whole } => (part, whole),
        };
        first.iter().chain(second).copied()
    }
}

/// An entry, and which of its alternative metrics is meant; a ratio has one alternative only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) dialect: &'static Dialect,
    pub(crate) entry: &'static Entry,
    /// Its place in the whole table, by which a page token names it.
    pub(crate) place: usize,
    pub(crate) alternative: usize,
}

impl Source {
    /// The source of this place and alternative, if the table has one.
    pub(crate) fn at(place: usize, alternative: usize) -> Option<Self> {
        let (dialect, entry) = table().nth(place)?;
        (alternative < alternatives(entry)).then_some(Self { dialect, entry, place, alternative })
    }

    /// All sources that can be read where these metrics exist, those of one signal together and the surest first.
    pub(crate) fn readable(existing: &BTreeSet<String>, chosen: &[String]) -> Vec<Self> {
        let exists = |metric: &str| existing.contains(metric);
        let mut found = Vec::new();
        for (place, (dialect, entry)) in table().enumerate() {
            let is_chosen = chosen.is_empty() || chosen.iter().any(|name| name == dialect.name);
            if !is_chosen || entry.unless.iter().any(|metric| exists(metric)) {
                continue;
            }
            match &entry.form {
                Form::Gauge(names) | Form::Counter(names) | Form::Share(names) => {
                    let there = (0..names.len()).filter(|index| exists(names[*index]));
                    found.extend(there.map(|alternative| Self { dialect, entry, place, alternative }));
                }
                Form::Ratio { .. } if entry.form.metrics().all(exists) => {
                    found.push(Self { dialect, entry, place, alternative: 0 });
                }
                Form::Ratio { .. } => {}
            }
        }
        found.sort_by_key(|source| (source.entry.signal, source.place, source.alternative));
        found
    }

    /// The metrics that it reads: one, or those above the line and those below it.
    pub(crate) fn metrics(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        match &self.entry.form {
            Form::Gauge(names) | Form::Counter(names) | Form::Share(names) => (vec![names[self.alternative]], vec![]),
            Form::Ratio { part, whole } => (part.to_vec(), whole.to_vec()),
        }
    }
}

fn table() -> impl Iterator<Item = (&'static Dialect, &'static Entry)> {
    DIALECTS.iter().flat_map(|dialect| dialect.entries.iter().map(move |entry| (dialect, entry)))
}

fn alternatives(entry: &Entry) -> usize {
    match &entry.form {
        Form::Gauge(names) | Form::Counter(names) | Form::Share(names) => names.len(),
        Form::Ratio { .. } => 1,
    }
}

/// A regular expression that all known metrics match and few others, short enough for any URL: their first words.
pub(crate) fn any_known_metric() -> String {
    let metrics = table().flat_map(|(_, entry)| entry.form.metrics());
    let (mut families, mut whole) = (BTreeSet::new(), BTreeSet::new());
    for metric in metrics {
        match metric.split_once('_') {
            Some((family, _)) => families.insert(family),
            None => whole.insert(metric),
        };
    }
    let list = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join("|");
    format!("({})_.+|{}", list(families), list(whole))
}

/// The names of all dialects.
pub(crate) fn names() -> Vec<&'static str> {
    DIALECTS.iter().map(|dialect| dialect.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(metrics: &[&str]) -> Vec<String> {
        let existing = metrics.iter().map(|metric| (*metric).to_owned()).collect();
        let sources = Source::readable(&existing, &[]);
        sources.iter().map(|source| format!("{} {}", source.dialect.name, source.entry.signal)).collect()
    }

    #[test]
    fn every_signal_of_the_dialects_is_a_signal_of_the_vocabulary() {
        for (dialect, entry) in table() {
            let line = format!("name = \"{}\"\n", entry.signal);
            assert!(lagdoctor_wit::SIGNALS.contains(&line), "{}: {} is no signal", dialect.name, entry.signal);
        }
    }

    #[test]
    fn a_counter_stands_for_a_rate_and_a_level_for_a_level() {
        for (dialect, entry) in table() {
            let at = lagdoctor_wit::SIGNALS.find(&format!("name = \"{}\"\n", entry.signal)).unwrap();
            let kind = lagdoctor_wit::SIGNALS[at..].lines().find(|line| line.starts_with("kind = ")).unwrap();
            let is_counter = matches!(entry.form, Form::Counter(_));
            assert_eq!(kind == "kind = \"rate\"", is_counter, "{}: {} is a {kind}", dialect.name, entry.signal);
        }
    }

    #[test]
    fn renamed_labels_are_attributes_of_the_vocabulary() {
        for dialect in DIALECTS {
            for (_, attribute) in dialect.rename {
                let quoted = format!("\"{attribute}\"");
                assert!(lagdoctor_wit::NODES.contains(&quoted), "{}: {attribute} is no attribute", dialect.name);
            }
        }
    }

    #[test]
    fn no_dialect_stands_twice() {
        let names = names();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(names.len() >= 15, "the table is whole");
    }

    #[test]
    fn a_mean_needs_both_of_its_counters() {
        assert_eq!(readable(&["hikaricp_connections_usage_seconds_sum"]), Vec::<String>::new());
        assert_eq!(
            readable(&["hikaricp_connections_usage_seconds_sum", "hikaricp_connections_usage_seconds_count"]),
            ["hikari-micrometer db.client.connection.use_time"]
        );
    }

    #[test]
    fn a_coarser_metric_is_left_alone_where_a_finer_one_exists() {
        assert_eq!(readable(&["kminion_kafka_consumer_group_topic_lag"]), ["kminion kafka.consumer_group.backlog"]);
        assert_eq!(
            readable(&["kminion_kafka_consumer_group_topic_lag", "kminion_kafka_consumer_group_topic_partition_lag"]),
            ["kminion kafka.consumer_group.lag"]
        );
    }

    #[test]
    fn both_spellings_of_a_replicas_delay_are_read() {
        let both = ["mysql_slave_status_seconds_behind_master", "mysql_slave_status_seconds_behind_source"];
        assert_eq!(readable(&both), ["mysqld_exporter db.replication.delay"; 2]);
    }

    #[test]
    fn the_question_for_known_metrics_fits_into_any_url() {
        let pattern = any_known_metric();
        assert!(pattern.len() < 300, "{pattern}");
        assert!(pattern.contains("hikaricp") && pattern.ends_with("|up"), "{pattern}");
    }
}
