//! What can be seen of a run: samples that a Prometheus would have scraped from real exporters, and log lines that have
//! arrived in a search engine. Nothing in here tells what is true, only what was measured, when it was measured.
//! Start at [`Telemetry`]; it is read through [`crate::endpoints`].

pub(crate) mod dialect;
pub(crate) mod exporter;
pub(crate) mod logs;
pub(crate) mod scrape;

use std::collections::{BTreeMap, VecDeque};

pub(crate) use logs::Record;

use crate::random::Hash;

/// All that was measured so far.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    pub(crate) series: Vec<Metric>,
    by_name: BTreeMap<String, Vec<usize>>,
    /// In the order in which they were shipped.
    pub(crate) records: VecDeque<Record>,
    /// How many there were before the first of them.
    forgotten: usize,
    /// Their places since the first line ever, in order of the time that they say, and of place within it.
    by_time: Vec<usize>,
}

/// A log line on its way. Times are Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped<'a> {
    /// When it says it was written.
    pub at_ms: i64,
    /// When it could be found.
    pub seen_ms: i64,
    /// What wrote it, as the search engine knows it.
    pub instance: &'a str,
    /// What that is a copy of.
    pub service: &'a str,
    /// Where that runs.
    pub host: &'a str,
}

/// One time series of the simulated Prometheus.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    /// Without the name.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) kind: MetricKind,
    /// Unix milliseconds and value, in order of time.
    pub(crate) samples: Vec<(i64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricKind {
    Counter,
    Gauge,
}

impl MetricKind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// The sample that says "this series has ended": a NaN of its own, as Prometheus writes it.
pub(crate) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

pub(crate) fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

impl Telemetry {
    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// How many samples there are, in all series.
    pub fn sample_count(&self) -> usize {
        self.series.iter().map(|series| series.samples.len()).sum()
    }

    /// How many log lines have been written and not lost.
    pub fn line_count(&self) -> usize {
        self.records.len()
    }

    /// When each log line was written and when it could be found, in the order in which they were shipped.
    pub fn lines(&self) -> impl Iterator<Item = Shipped<'_>> {
        self.records.iter().map(|record| Shipped {
            at_ms: record.at_ms,
            seen_ms: record.seen_ms,
            instance: &record.instance,
            service: &record.service,
            host: &record.host,
        })
    }

    /// Adds a line.
    pub(crate) fn index(&mut self, record: Record) {
        let (at_ms, place) = (record.at_ms, self.forgotten + self.records.len());
        // Lines come almost in order, so that the right place is near the end.
        let before = self.by_time.iter().rev().take_while(|place| self.record(**place).at_ms > at_ms).count();
        self.by_time.insert(self.by_time.len() - before, place);
        self.records.push_back(record);
    }

    fn record(&self, place: usize) -> &Record {
        &self.records[place - self.forgotten]
    }

    /// Lets go of what was measured before this moment; of a series not before that is half of it.
    pub(crate) fn forget_before(&mut self, ms: i64) {
        for series in &mut self.series {
            let old = series.samples.partition_point(|(at, _)| *at < ms);
            if old * 2 > series.samples.len() {
                series.samples.drain(..old);
                series.samples.shrink_to(2 * series.samples.len());
            }
        }
        while self.records.front().is_some_and(|record| record.at_ms.max(record.seen_ms) < ms) {
            self.records.pop_front();
            self.forgotten += 1;
        }
        let first = self.forgotten;
        self.by_time.retain(|place| *place >= first);
    }

    /// Lines with their places that say a time from the first of these moments to before the second, in order of time.
    pub(crate) fn written(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (usize, &Record)> {
        let before = |ms: i64| self.by_time.partition_point(|place| self.record(*place).at_ms < ms);
        let (from, to) = (before(from_ms), before(to_ms));
        self.by_time[from..to.max(from)].iter().map(|place| (*place, self.record(*place)))
    }

    /// All series of this name.
    pub(crate) fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Metric> {
        self.by_name.get(name).into_iter().flatten().map(|place| &self.series[*place])
    }

    /// The series of this name with just these labels.
    pub(crate) fn find(&self, name: &str, labels: &BTreeMap<String, String>) -> Option<usize> {
        let places = self.by_name.get(name)?;
        places.iter().copied().find(|place| self.series[*place].labels == *labels)
    }

    pub(crate) fn add(&mut self, name: &str, labels: BTreeMap<String, String>, kind: MetricKind) -> usize {
        let place = self.series.len();
        self.by_name.entry(name.to_owned()).or_default().push(place);
        self.series.push(Metric { name: name.to_owned(), labels, kind, samples: vec![] });
        place
    }

    /// Adds all that is in here to a hash.
    pub(crate) fn hash(&self, hash: &mut Hash) {
        for series in &self.series {
            hash.add(series.name.as_bytes());
            for (name, value) in &series.labels {
                hash.add(name.as_bytes());
                hash.add(value.as_bytes());
            }
            for (at, value) in &series.samples {
                hash.add_number(*at as u64);
                hash.add_number(value.to_bits());
            }
        }
        for record in &self.records {
            hash.add_number(record.at_ms as u64);
            hash.add_number(record.seen_ms as u64);
            hash.add(record.instance.as_bytes());
            hash.add(record.message.as_bytes());
        }
    }
}

impl Metric {
    /// The newest sample at or before `now_ms` that is no older than the look-back, and not stale.
    pub(crate) fn at(&self, now_ms: i64, look_back_ms: i64) -> Option<(i64, f64)> {
        let end = self.samples.partition_point(|(at, _)| *at <= now_ms);
        let sample = *self.samples[..end].last()?;
        (sample.0 > now_ms - look_back_ms && !is_stale(sample.1)).then_some(sample)
    }

    /// The samples in `(from, to]` that are values.
    pub(crate) fn within(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (i64, f64)> {
        let start = self.samples.partition_point(|(at, _)| *at <= from_ms);
        let end = self.samples.partition_point(|(at, _)| *at <= to_ms);
        self.samples[start..end.max(start)].iter().copied().filter(|(_, value)| !is_stale(*value))
    }
}
