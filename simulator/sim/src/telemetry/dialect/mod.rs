//! In whose words is a run told? Exporters write in those of kafka_exporter, Micrometer and their like; a scenario may ask
//! for other ones (`[telemetry] dialect = "otel"`), and then each series gets the name, labels and unit that the other
//! exporter gives it, or is left out where it has none. What is measured stays the same, and when. Names are those of
//! `dialects.toml` where it knows the metric. Start at [`Dialect::said`].

mod burrow;
mod otel;
#[cfg(test)]
mod tests;

use super::scrape::Of;
use crate::random::Streams;
use crate::scenario::value::Word;

/// Whose words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// kafka_exporter, and Micrometer in every service.
    #[default]
    KafkaExporter,
    /// The OpenTelemetry collector's Kafka receiver, and the OpenTelemetry agent in every service, with its bridge for what
    /// only Micrometer measures.
    Otel,
    /// Burrow's exporter; in every service the Prometheus client's collectors for the JVM, and HikariCP's own tracker
    /// beside Micrometer for the rest.
    Burrow,
}

/// What becomes of one series.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// It stays as it is.
    Same,
    /// This exporter does not say it.
    Nothing,
    /// It is called something else.
    As(Other),
}

/// A series in other words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Other {
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
    /// Multiplied with each value.
    pub(super) scale: f64,
    /// The value that means "not known", which the exporter does not write down.
    pub(super) unknown: Option<f64>,
    /// Whether it is one part of a series that is the sum of several.
    pub(super) is_part: bool,
}

type Labels<'a> = &'a [(&'a str, &'a str)];

impl Dialect {
    /// Names that a scenario may use, with what they stand for.
    const ALL: [(&'static str, Self); 3] =
        [("kafka_exporter", Self::KafkaExporter), ("otel", Self::Otel), ("burrow", Self::Burrow)];

    /// Whether there is a dialect of this name.
    pub(crate) fn check(name: &str) -> Result<(), String> {
        if Self::ALL.iter().any(|(known, _)| *known == name) {
            return Ok(());
        }
        let known = Self::ALL.map(|(known, _)| known).join(", ");
        Err(format!("telemetry: there is no dialect `{name}`; there are {known}"))
    }

    /// The one of a run.
    pub(crate) fn draw(words: Option<&Word>, streams: &Streams) -> Self {
        let name = words.map(|words| words.draw(&mut streams.stream("run", "dialect")));
        let known = Self::ALL.into_iter().find(|(known, _)| Some(*known) == name.as_deref());
        known.map_or(Self::default(), |(_, dialect)| dialect)
    }

    /// `job` and `instance` of whoever tells of Kafka from outside.
    pub(crate) fn of_kafka(self) -> [(&'static str, &'static str); 2] {
        match self {
            Self::KafkaExporter => [("job", "kafka-exporter"), ("instance", "kafka-exporter:9308")],
            Self::Otel => [("job", "otel-collector"), ("instance", "otel-collector:8889")],
            Self::Burrow => [("job", "burrow"), ("instance", "burrow-exporter:8237")],
        }
    }

    /// What becomes of a series of a target.
    pub(super) fn said(self, of: Of, name: &str, labels: Labels<'_>) -> Said {
        match (self, of) {
            (Self::KafkaExporter, _) => Said::Same,
            (Self::Otel, Of::Kafka) => otel::of_kafka(name, labels),
            (Self::Otel, Of::Instance(_) | Of::Producer(_)) => otel::of_service(name, labels),
            (Self::Burrow, Of::Kafka) => burrow::of_kafka(name, labels),
            (Self::Burrow, Of::Instance(_)) => burrow::of_service(name, labels),
            _ => Said::Same,
        }
    }
}

fn renamed(name: &str, labels: Vec<(String, String)>) -> Other {
    Other { name: name.to_owned(), labels, scale: 1.0, unknown: None, is_part: false }
}

/// Labels under other names, and in this order; those that are not listed are left out.
fn relabelled(labels: Labels<'_>, names: &[(&str, &str)]) -> Vec<(String, String)> {
    let one = |(from, to): &(&str, &str)| {
        let value = labels.iter().find(|(name, _)| name == from)?.1;
        Some(((*to).to_owned(), value.to_owned()))
    };
    names.iter().filter_map(one).collect()
}

fn label<'a>(labels: Labels<'a>, name: &str) -> &'a str {
    labels.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}
