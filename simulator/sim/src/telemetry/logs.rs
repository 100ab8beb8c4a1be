//! Log lines on their way to a search engine: stamped by clocks that are a little wrong, some late, some lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Telemetry;
use crate::cluster::Cluster;
use crate::cluster::line::{Level, Line, Source};
use crate::random::{Stream, Streams};
use crate::scenario::spec::LogsSpec;
use crate::units::Micros;

/// One line as it was indexed.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// When it says it was written, in Unix milliseconds.
    pub(crate) at_ms: i64,
    /// When it could be found.
    pub(crate) seen_ms: i64,
    pub(crate) service: Arc<str>,
    pub(crate) instance: Arc<str>,
    pub(crate) host: Arc<str>,
    /// What wrote it, in the search engine's words: `java`, `mysql`, `kafka`.
    pub(crate) dataset: &'static str,
    pub(crate) level: &'static str,
    pub(crate) logger: &'static str,
    pub(crate) message: String,
}

/// The way that lines take.
#[derive(Clone, Debug)]
pub(crate) struct Shipper {
    spec: LogsSpec,
    skew: f64,
    ways: BTreeMap<Source, Way>,
    streams: Streams,
}

#[derive(Clone, Debug)]
struct Way {
    stream: Stream,
    skew: Micros,
    /// Index of its host.
    place: Option<usize>,
    service: Arc<str>,
    instance: Arc<str>,
    host: Arc<str>,
    dataset: &'static str,
}

impl Shipper {
    pub(crate) fn new(spec: LogsSpec, skew: f64, streams: &Streams) -> Self {
        Self { spec, skew, ways: BTreeMap::new(), streams: streams.clone() }
    }

    /// Sends a line off; `start_ms` is when the run began.
    pub(crate) fn ship(&mut self, line: Line, cluster: &Cluster, start_ms: i64, telemetry: &mut Telemetry) {
        let Self { spec, skew, ways, streams } = self;
        let way = ways.entry(line.source).or_insert_with(|| Way::new(line.source, cluster, *skew, streams));
        let is_lost = way.stream.chance(spec.drop);
        // Exponential, so that one line in a hundred is later than the scenario says.
        let late = way.stream.exponential(spec.late_p99 / 4.605) + 0.2;
        if is_lost {
            return;
        }
        let clock = way.place.map_or(0.0, |host| cluster.knobs.hosts[host].clock_s);
        let at_ms = start_ms + (line.at + way.skew + Micros::of_seconds(clock)).as_millis();
        telemetry.index(Record {
            at_ms,
            seen_ms: start_ms + (line.at + Micros::of_seconds(late)).as_millis(),
            service: way.service.clone(),
            instance: way.instance.clone(),
            host: way.host.clone(),
            dataset: way.dataset,
            level: level(line.level),
            logger: line.logger,
            message: line.message,
        });
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Debug => "DEBUG",
        Level::Info => "INFO",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
    }
}

impl Way {
    fn new(source: Source, cluster: &Cluster, skew: f64, streams: &Streams) -> Self {
        let (service, instance, host, dataset) = match source {
            Source::Instance(place) => {
                let instance = &cluster.instances[place];
                (instance.plan.service.clone(), instance.name.clone(), instance.host, "java")
            }
            Source::Producer(place) => {
                let producer = &cluster.producers[place];
                (producer.name.clone(), format!("{}-0", producer.name), producer.host, "java")
            }
            Source::Database(place) => {
                let name = cluster.databases[place].name.clone();
                (name.clone(), name, cluster.host_of_database(place), "mysql")
            }
            Source::Broker(place) => {
                let broker = &cluster.kafka.brokers[place];
                ("kafka".to_owned(), format!("kafka-{}", broker.number), broker.host, "kafka")
            }
        };
        let place = host;
        let host = host.map_or_else(|| instance.clone(), |host| cluster.hosts[host].name.clone());
        let skew = Micros::of_seconds(streams.stream(&host, "clock").uniform(-skew, skew));
        let stream = streams.stream(&instance, "log shipping");
        Self { stream, skew, place, service: service.into(), instance: instance.into(), host: host.into(), dataset }
    }
}
