//! The scrapes of a Prometheus: every target at its own phase, with jitter, with answers that fail or come late, with
//! counters that begin again, and with the marker that a series has ended.

use std::collections::BTreeMap;

use super::dialect::{Dialect, Said};
use super::{MetricKind, STALE, Telemetry};
use crate::random::{Stream, Streams};
use crate::scenario::spec::ScrapeSpec;
use crate::units::Micros;

/// Who is scraped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Kafka,
    Instance(usize),
    Producer(usize),
    Database(usize),
    Cache(usize),
    Host(usize),
    Broker(usize),
}

/// One target.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) of: Of,
    /// `job`, `instance` and whatever the service discovery adds.
    labels: Vec<(String, String)>,
    slots: Slots,
    /// Series that are sums of several, and where they stand in this answer.
    sums: BTreeMap<usize, f64>,
    dialect: Dialect,
    scrapes: u64,
    schedule: Stream,
    noise: Stream,
    phase: Micros,
    /// Reading of processor seconds at the last scrape, for usage gauges.
    pub(super) last_cpu: (Micros, f64),
    up: Option<usize>,
    /// When it was last scraped with success.
    answered: Micros,
    /// When its process began again, if it did.
    began_again: Option<Micros>,
}

#[derive(Clone, Debug)]
struct Slot {
    /// Where it is written; nowhere when this exporter does not say it.
    series: Option<usize>,
    /// Multiplied with each value.
    scale: f64,
    /// The value that is not written down.
    unknown: Option<f64>,
    /// Whether it is one part of its series.
    is_part: bool,
    /// The scrape that last gave it.
    seen: u64,
    /// Where its counter began again.
    base: f64,
    last: f64,
}

/// All series of a target, in the order in which they were first given. A page gives them in much the same order each
/// time, so that the next one is most often the one after the last.
#[derive(Clone, Debug, Default)]
struct Slots {
    keys: Vec<u64>,
    all: Vec<Slot>,
    places: BTreeMap<u64, usize>,
    next: usize,
}

impl Slots {
    fn known(&mut self, key: u64) -> Option<&mut Slot> {
        let place = match self.keys.get(self.next) {
            Some(next) if *next == key => self.next,
            _ => *self.places.get(&key)?,
        };
        self.next = place + 1;
        self.all.get_mut(place)
    }

    fn of(&mut self, key: u64, new: impl FnOnce() -> Slot) -> &mut Slot {
        let place = match self.keys.get(self.next) {
            Some(next) if *next == key => self.next,
            _ => *self.places.entry(key).or_insert_with(|| {
                self.keys.push(key);
                self.all.push(new());
                self.all.len() - 1
            }),
        };
        self.next = place + 1;
        &mut self.all[place]
    }
}

/// A number for the name and labels of a series. It only tells the series of one target apart.
fn key(name: &str, labels: &[(&str, &str)]) -> u64 {
    let mut key = added(0, name.as_bytes());
    for (name, value) in labels {
        key = added(added(key, name.as_bytes()), value.as_bytes());
    }
    key
}

/// Eight bytes at a time, the last of them together with some before; the two halves of a product depend on all bits of both
/// factors.
fn added(key: u64, part: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = |key: u64, word: u64| {
        let product = u128::from(key ^ word ^ ODD) * u128::from(ODD.rotate_left(27));
        (product >> 64) as u64 ^ product as u64
    };
    let mut key = mixed(key, part.len() as u64);
    if let Some(last) = part.last_chunk::<8>() {
        let (words, _) = part.as_chunks::<8>();
        for word in &words[..(part.len() - 1) / 8] {
            key = mixed(key, u64::from_le_bytes(*word));
        }
        return mixed(key, u64::from_le_bytes(*last));
    }
    let short = part.iter().fold(0, |short, byte| short << 8 | u64::from(*byte));
    mixed(key, short)
}

/// What the next scrape of a target will meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Luck {
    pub(crate) fails: bool,
    pub(crate) resets: bool,
    pub(crate) next: Micros,
    /// How long a process that stood still takes to answer once it goes on.
    pub(crate) wakes: Micros,
}

impl Target {
    pub(crate) fn new(of: Of, labels: &[(&str, &str)], interval: Micros, streams: &Streams) -> Self {
        let labels: Vec<_> = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let name: String = labels.iter().take(2).map(|(_, value)| format!("{value} ")).collect();
        let mut schedule = streams.stream(&name, "scrape");
        Self {
            of,
            labels,
            slots: Slots::default(),
            sums: BTreeMap::new(),
            dialect: Dialect::default(),
            scrapes: 0,
            phase: interval.times(schedule.unit()),
            schedule,
            noise: streams.stream(&name, "metric noise"),
            last_cpu: (Micros::ZERO, 0.0),
            up: None,
            answered: Micros::ZERO,
            began_again: None,
        }
    }

    /// The same, told in other words.
    pub(crate) fn in_words_of(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        if self.of == Of::Kafka {
            self.labels = dialect.of_kafka().map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        }
        self
    }

    /// When it is scraped first.
    pub(crate) fn phase(&self) -> Micros {
        self.phase
    }

    /// Draws the fate of one scrape; always as many draws, so that no fate shifts another.
    pub(crate) fn luck(&mut self, number: u64, spec: &ScrapeSpec) -> Luck {
        let fails = self.schedule.chance(spec.gap_prob);
        let resets = self.schedule.chance(spec.reset_prob);
        let jitter = self.schedule.uniform(-spec.jitter, spec.jitter) / 2.0;
        let regular = Micros(self.phase.0 + (number as i64 + 1) * Micros::of_seconds(spec.interval).0);
        let wakes = Micros::millis(2) + Micros::of_seconds(self.schedule.exponential(0.02));
        Luck { fails, resets, next: regular + Micros::of_seconds(jitter), wakes }
    }

    /// A scrape that got no answer: all its series end, and `up` is 0.
    pub(crate) fn fail(&mut self, telemetry: &mut Telemetry, at_ms: i64) {
        self.scrapes += 1;
        self.end_unseen(telemetry, at_ms);
        self.say_up(telemetry, at_ms, 0.0);
    }

    /// Lets all counters begin again at zero, as if the process had begun again just after its last scrape.
    pub(crate) fn reset(&mut self) {
        self.began_again = Some(self.answered);
        for slot in &mut self.slots.all {
            slot.base = slot.last;
        }
    }

    /// Nobody scrapes it any more: all its series end, `up` among them.
    pub(crate) fn vanish(&mut self, telemetry: &mut Telemetry, at_ms: i64) {
        self.scrapes += 1;
        self.end_unseen(telemetry, at_ms);
        let up = self.up.map(|up| &mut telemetry.series[up].samples);
        if let Some(up) = up.filter(|up| up.last().is_some_and(|(_, value)| !super::is_stale(*value))) {
            up.push((at_ms, STALE));
        }
    }

    /// Lets all counters begin again at zero with a new process, once a page that nobody saw has read the old one's.
    pub(crate) fn begin_again(&mut self, now: Micros) {
        self.reset();
        self.began_again = Some(now);
    }

    fn end_unseen(&mut self, telemetry: &mut Telemetry, at_ms: i64) {
        for slot in self.slots.all.iter().filter(|slot| slot.seen != self.scrapes) {
            let Some(series) = slot.series else { continue };
            let samples = &mut telemetry.series[series].samples;
            // Of a series that several parts make, one that is missing ends nothing.
            if samples.last().is_some_and(|(at, value)| *at < at_ms && !super::is_stale(*value)) {
                samples.push((at_ms, STALE));
            }
        }
    }

    fn say_up(&mut self, telemetry: &mut Telemetry, at_ms: i64, value: f64) {
        let up = match self.up {
            Some(up) => up,
            None => telemetry.add("up", self.labels.iter().cloned().collect(), MetricKind::Gauge),
        };
        self.up = Some(up);
        telemetry.series[up].samples.push((at_ms, value));
    }
}

/// One answer, as it is written down.
pub(crate) struct Page<'a> {
    pub(super) target: &'a mut Target,
    telemetry: &'a mut Telemetry,
    at_ms: i64,
    now: Micros,
    pub(super) metric_noise: f64,
    /// Whether anybody sees it.
    is_seen: bool,
}

impl<'a> Page<'a> {
    /// `at_ms` is the time that its samples get, `now` when it is written: later, if the process stood still.
    pub(crate) fn new(
        target: &'a mut Target,
        telemetry: &'a mut Telemetry,
        (at_ms, now): (i64, Micros),
        metric_noise: f64,
    ) -> Self {
        target.scrapes += 1;
        target.slots.next = 0;
        Self { target, telemetry, at_ms, now, metric_noise, is_seen: true }
    }

    /// One that nobody sees: it only notes where counters stand.
    pub(crate) fn unseen(target: &'a mut Target, telemetry: &'a mut Telemetry, (at_ms, now): (i64, Micros)) -> Self {
        target.slots.next = 0;
        Self { target, telemetry, at_ms, now, metric_noise: 0.0, is_seen: false }
    }

    /// Notes that the process behind the target began again at that moment, if it did: its counters do so too.
    pub(super) fn begin_again(&mut self, born: Option<Micros>) {
        if born.is_some() && born > self.target.began_again {
            self.target.reset();
            self.target.began_again = born;
        }
    }

    /// Seconds since the process began; `before_s` is how long it was up when the run began.
    pub(super) fn uptime(&self, before_s: f64) -> f64 {
        match self.target.began_again {
            Some(began) => (self.now - began).as_seconds(),
            None => before_s + self.now.as_seconds(),
        }
    }

    /// Unix seconds at which the process began.
    pub(super) fn began(&self, before_s: f64) -> f64 {
        libm::floor(self.at_ms as f64 / 1000.0 - self.uptime(before_s) + 0.5)
    }

    pub(super) fn counter(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.write(name, labels, value, MetricKind::Counter);
    }

    pub(super) fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.write(name, labels, value, MetricKind::Gauge);
    }

    /// The three series of a Micrometer timer: count, sum and longest.
    pub(super) fn timer(
        &mut self,
        names: [&str; 3],
        labels: &[(&str, &str)],
        timer: &mut crate::cluster::timer::Timer,
        now: Micros,
    ) {
        let [count, sum, longest] = names;
        self.counter(count, labels, timer.count as f64);
        self.counter(sum, labels, timer.sum.as_seconds());
        self.gauge(longest, labels, timer.max(now).as_seconds());
    }

    /// A factor of noise for a measurement that is noisy in real life.
    pub(super) fn noise(&mut self) -> f64 {
        if !self.is_seen {
            return 1.0;
        }
        self.target.noise.factor(self.metric_noise)
    }

    /// Ends the answer.
    pub(crate) fn end(self) {
        self.target.answered = self.now;
        for (series, sum) in std::mem::take(&mut self.target.sums) {
            self.telemetry.series[series].samples.push((self.at_ms, sum));
        }
        self.target.end_unseen(self.telemetry, self.at_ms);
        self.target.say_up(self.telemetry, self.at_ms, 1.0);
    }

    fn write(&mut self, name: &str, labels: &[(&str, &str)], value: f64, kind: MetricKind) {
        let key = key(name, labels);
        let Target { of, dialect, slots, sums, labels: own, scrapes, .. } = &mut *self.target;
        let telemetry = &mut *self.telemetry;
        if !self.is_seen {
            slots.known(key).into_iter().for_each(|slot| slot.last = value);
            return;
        }
        let slot = slots.of(key, || {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            // What the exporter says of itself wins over nothing here: targets add other names than exporters do.
            let mut add = |name: &str, labels: Vec<(String, String)>, is_part: bool| {
                let all: BTreeMap<String, String> = own.iter().cloned().chain(labels).collect();
                let known = if is_part { telemetry.find(name, &all) } else { None };
                Some(known.unwrap_or_else(|| telemetry.add(name, all, kind)))
            };
            let slot = Slot { series: None, scale: 1.0, unknown: None, is_part: false, seen: 0, base: 0.0, last: 0.0 };
            match dialect.said(*of, name, labels) {
                Said::Same => Slot { series: add(name, labels.iter().map(owned).collect(), false), ..slot },
                Said::Nothing => slot,
                Said::As(other) => Slot {
                    series: add(&other.name, other.labels, other.is_part),
                    scale: other.scale,
                    unknown: other.unknown,
                    is_part: other.is_part,
                    ..slot
                },
            }
        });
        if kind == MetricKind::Counter && value < slot.last {
            // Its process has begun again, and counts from nothing.
            slot.base = 0.0;
        }
        slot.last = value;
        let Some(series) = slot.series.filter(|_| slot.unknown != Some(value)) else { return };
        slot.seen = *scrapes;
        let shown = (if kind == MetricKind::Counter { value - slot.base } else { value }) * slot.scale;
        if slot.is_part {
            *sums.entry(series).or_default() += shown;
        } else {
            telemetry.series[series].samples.push((self.at_ms, shown));
        }
    }
}
