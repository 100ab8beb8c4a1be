//! Topics and what flows into them: a fluid, in steps, of whole records per partition.

use std::collections::VecDeque;

use super::kafka::TopicSet;
use super::kafka::fetch::Isolation;
use super::kafka::gate::Gate;
use super::kafka::knobs::TopicKnobs as KafkaTopicKnobs;
use super::knobs::{ProducerKnobs, TopicKnobs};
use super::load::{Load, shares};
use crate::random::{Stream, Streams};
use crate::scenario::node::TopicSpec;
use crate::scenario::spec::WorkloadSpec;
use crate::units::Micros;

/// One topic.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) set: TopicSet,
    /// How many partitions it had when the run began.
    pub(crate) first_count: usize,
    load: Option<Load>,
    onward: Onward,
    retention: Micros,
    segment: Micros,
    next_roll: Micros,
    step: Micros,
    began: Micros,
    streams: Streams,
}

/// One partition: where its log begins and ends.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    /// Index of the broker that leads it.
    pub(crate) leader: usize,
    /// Index of the broker that should lead it: the first of those that keep a copy.
    pub(crate) first_replica: usize,
    /// Who led it last, while nobody does.
    pub(crate) led_last: usize,
    /// What its brokers let through.
    pub(crate) gate: Gate,
    /// Share of a record that the gate still owes it.
    pub(crate) owed: f64,
    pub(crate) log_start: u64,
    /// When the step began.
    log_end: u64,
    /// Records of this step.
    arriving: u64,
    /// Share of the topic's load.
    share: f64,
    arrivals: Stream,
    /// Share of a record that services have written onward to it and that is not there yet.
    part: f64,
    /// Ends of closed segments: when, and the offset after their last record.
    segments: VecDeque<(Micros, u64)>,
    /// The first record that consumers cannot get past.
    pub(crate) bad: Option<(u64, Bad)>,
    /// Which records cannot be read.
    forms: Stream,
}

/// What services that read other topics write to this one.
#[derive(Clone, Copy, Debug, Default)]
struct Onward {
    /// Records per second when nothing is wrong.
    usual: f64,
    /// Records of the step before this one.
    brought: f64,
    /// Of these, what has become whole records.
    arriving: u64,
}

/// Why a record is not worked on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bad {
    /// Its content makes the handler fail, after so long.
    Poison(Micros),
    /// Its form is one that consumers do not know.
    Unreadable,
    /// Its row is there already.
    Twice,
}

const CHECK_RETENTION: Micros = Micros::seconds(60);

impl Topic {
    pub(crate) fn new(
        name: &str,
        spec: &TopicSpec,
        workload: Option<(&WorkloadSpec, Vec<usize>)>,
        brokers: usize,
        step: Micros,
        streams: &Streams,
    ) -> Self {
        let mut setup = streams.stream(name, "setup");
        let shares = match &workload {
            Some((workload, _)) => shares(&workload.keys, spec.partitions, &mut streams.stream(name, "keys")),
            None => vec![0.0; spec.partitions as usize],
        };
        let partition = |(number, share): (usize, f64)| {
            let mut first = streams.stream(name, &format!("offset {number}"));
            let log_end = workload.as_ref().map_or(0.0, |(workload, _)| workload.start_offset.draw(&mut first)) as u64;
            Partition {
                leader: number % brokers.max(1),
                first_replica: number % brokers.max(1),
                led_last: number % brokers.max(1),
                gate: Gate::default(),
                owed: 0.0,
                log_start: 0,
                log_end,
                arriving: 0,
                share,
                part: 0.0,
                arrivals: streams.stream(name, &format!("arrivals {number}")),
                segments: VecDeque::new(),
                bad: None,
                forms: streams.stream(name, &format!("forms {number}")),
            }
        };
        let partitions = shares.into_iter().enumerate().map(partition).collect();
        let replication = (spec.replication as usize).min(brokers.max(1));
        let set = TopicSet {
            replication,
            min_insync: (spec.min_insync as usize).min(replication),
            sent_by: workload.as_ref().map(|(_, producers)| producers.clone()).unwrap_or_default(),
        };
        let load = workload
            .map(|(workload, producers)| Load::draw(workload, producers, &mut setup, |of| streams.stream(name, of)));
        Self {
            name: name.to_owned(),
            first_count: spec.partitions as usize,
            streams: streams.clone(),
            partitions,
            set,
            load,
            onward: Onward::default(),
            retention: Micros::of_seconds(spec.retention.log_normal().0),
            segment: Micros::of_seconds(spec.segment.log_normal().0),
            next_roll: Micros::ZERO,
            step,
            began: Micros::ZERO,
        }
    }

    /// Lets the records of the last step be there, and draws those of the step that begins now.
    pub(crate) fn begin_step(&mut self, now: Micros, knobs: &[ProducerKnobs], own: &TopicKnobs) {
        self.began = now;
        let expected = self.load.as_mut().map_or(0.0, |load| load.expected(now, self.step, knobs));
        let unreadable = self.load.as_ref().map_or(0.0, |load| load.mixed(knobs, |knobs| knobs.unreadable));
        self.onward.arriving = 0;
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            partition.log_end += partition.arriving;
            let share = match own.hot {
                Some((hot, more)) => partition.share * (1.0 - more) + if hot == number as u32 { more } else { 0.0 },
                None => partition.share,
            };
            let onward = partition.whole(self.onward.brought * share);
            self.onward.arriving += onward;
            let sent = partition.arrivals.poisson(expected * share) + onward;
            partition.arriving = partition.gate.pass(now, sent);
            let poison = own.poison.filter(|(poisoned, _)| *poisoned == number as u32);
            partition.spoil(unreadable, poison.map(|(_, seconds)| Micros::of_seconds(seconds)));
        }
        if now >= self.next_roll {
            self.next_roll = now + CHECK_RETENTION.min(self.segment);
            self.roll(now);
        }
    }

    fn roll(&mut self, now: Micros) {
        for partition in &mut self.partitions {
            if partition.segments.back().is_none_or(|(at, _)| now - *at >= self.segment) {
                partition.segments.push_back((now, partition.log_end));
            }
            while partition.segments.len() > 1 && now - partition.segments[0].0 >= self.retention {
                partition.segments.pop_front().into_iter().for_each(|(_, end)| partition.log_start = end);
            }
        }
    }

    /// The log end as it is seen at a moment of this step.
    pub(crate) fn log_end(&self, partition: u32, at: Micros) -> u64 {
        let Some(partition) = self.partitions.get(partition as usize) else { return 0 };
        let passed = (at - self.began).0.clamp(0, self.step.0) as u64;
        partition.log_end + partition.arriving * passed / self.step.0 as u64
    }

    /// Records that services have written onward to it; they arrive in the step that begins next.
    pub(crate) fn bring(&mut self, records: f64) {
        self.onward.brought = records;
    }

    /// Notes how many records per second services usually write onward to it; whether that is news.
    pub(crate) fn expect_onward(&mut self, rate: f64) -> bool {
        std::mem::replace(&mut self.onward.usual, rate) != rate
    }

    /// Records per second that usually come, whoever sends them.
    pub(crate) fn usual_inflow(&self) -> f64 {
        self.usual_rate() + self.onward.usual
    }

    /// Gives it more partitions: keys fall on all of them anew, each gets its share.
    pub(crate) fn grow(&mut self, count: usize, brokers: usize) {
        let had = self.partitions.len();
        for number in had..count {
            let leader = number % brokers.max(1);
            self.partitions.push(Partition {
                leader,
                first_replica: leader,
                led_last: leader,
                gate: Gate::default(),
                owed: 0.0,
                log_start: 0,
                log_end: 0,
                arriving: 0,
                share: 1.0 / had as f64,
                part: 0.0,
                arrivals: self.streams.stream(&self.name, &format!("arrivals {number}")),
                segments: VecDeque::new(),
                bad: None,
                forms: self.streams.stream(&self.name, &format!("forms {number}")),
            });
        }
        self.partitions.iter_mut().for_each(|partition| partition.share *= had as f64 / count as f64);
    }

    /// Index of the broker that leads a partition.
    pub(crate) fn leader(&self, partition: u32) -> usize {
        self.partitions.get(partition as usize).map_or(usize::MAX, |partition| partition.leader)
    }

    /// The end of what a consumer may read at a moment of this step.
    pub(crate) fn readable(&self, partition: u32, at: Micros, isolation: Isolation) -> u64 {
        let end = self.log_end(partition, at);
        let open = self.partitions.get(partition as usize).and_then(|partition| partition.gate.open);
        match (isolation, open) {
            (Isolation::ReadCommitted, Some((first, _))) => end.min(first),
            _ => end,
        }
    }

    /// Opens transactions that nobody will end where the knobs want them, and aborts those that are too old.
    pub(crate) fn hold_transactions(&mut self, now: Micros, knobs: &KafkaTopicKnobs) {
        let count = libm::ceil(knobs.open * self.partitions.len() as f64) as usize;
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            let wants = number < count;
            partition.gate.open = match partition.gate.open {
                None if wants => Some((partition.log_end + partition.arriving, now)),
                Some((_, since)) if wants && (now - since).as_seconds() >= knobs.abort_after_s => {
                    Some((u64::MAX, since))
                }
                open if wants => open,
                _ => None,
            };
        }
    }

    /// Bytes that were written to it since the run began, in one copy.
    pub(crate) fn written(&self) -> f64 {
        self.load.as_ref().map_or(0.0, |load| load.sent.iter().sum::<f64>() * load.record_bytes)
    }

    /// Records that its producers gave up.
    pub(crate) fn given_up(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.gate.expired).sum()
    }

    /// Whether its brokers hold nothing back.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.partitions.iter().all(|partition| partition.gate.is_at_rest())
    }

    /// Bytes of a record that is sent now.
    pub(crate) fn record_bytes(&self) -> f64 {
        self.load.as_ref().map_or(0.0, |load| load.record_bytes * load.size)
    }

    /// Size of a record that is sent now, as a multiple of the usual one.
    pub(crate) fn size(&self) -> f64 {
        self.load.as_ref().map_or(1.0, |load| load.size)
    }

    /// Bytes that this producer has sent to the topic.
    pub(crate) fn bytes_sent_by(&self, producer: usize) -> f64 {
        let Some(load) = &self.load else { return 0.0 };
        load.producers.iter().position(|known| *known == producer).map_or(0.0, |place| load.sent_bytes[place])
    }

    /// The first record of a partition that consumers cannot get past, if it is this one or follows it.
    pub(crate) fn bad_from(&self, partition: u32, offset: u64) -> Option<(u64, Bad)> {
        self.partitions.get(partition as usize)?.bad.filter(|(at, _)| *at >= offset)
    }

    /// Where whoever has nothing committed begins: so far back, as a share of what is kept.
    pub(crate) fn far_back(&self, partition: u32, share: f64) -> u64 {
        let Some(known) = self.partitions.get(partition as usize) else { return 0 };
        let kept = known.log_end.saturating_sub(known.log_start);
        known.log_end - (kept as f64 * share.clamp(0.0, 1.0)) as u64
    }

    /// Records per second that its producers usually send, all together.
    pub(crate) fn usual_rate(&self) -> f64 {
        self.load.as_ref().map_or(0.0, |load| load.rate)
    }

    /// Records per second that the season asked for so long before the run began.
    pub(crate) fn rate_before(&self, back: Micros) -> f64 {
        self.load.as_ref().map_or(0.0, |load| load.rate * load.planned(Micros::ZERO - back))
    }

    /// The share of it that is this producer's.
    pub(crate) fn usual_rate_of(&self, producer: usize) -> f64 {
        let load = self.load.as_ref().filter(|load| load.producers.contains(&producer));
        load.map_or(0.0, |load| load.rate / load.producers.len() as f64)
    }

    /// Records that this producer has sent to the topic.
    pub(crate) fn sent_by(&self, producer: usize) -> f64 {
        let Some(load) = &self.load else { return 0.0 };
        load.producers.iter().position(|known| *known == producer).map_or(0.0, |place| load.sent[place])
    }

    /// Counts what the step brought as sent by its producers, in proportion to what each wanted to send.
    pub(crate) fn end_step(&mut self, knobs: &[ProducerKnobs]) {
        let arrived: u64 = self.partitions.iter().map(|partition| partition.arriving).sum();
        let arrived = arrived.saturating_sub(self.onward.arriving);
        if let Some(load) = &mut self.load {
            let whole: f64 = load.producers.iter().map(|producer| knobs[*producer].rate).sum();
            let sent = load.sent.iter_mut().zip(&mut load.sent_bytes);
            for ((sent, bytes), producer) in sent.zip(&load.producers) {
                let more = if whole > 0.0 { arrived as f64 * knobs[*producer].rate / whole } else { 0.0 };
                *sent += more;
                *bytes += more * load.record_bytes * knobs[*producer].bytes;
            }
        }
    }
}

impl Partition {
    /// Whether a transaction that nobody ends keeps records from those who read only what is committed.
    pub(crate) fn is_held_back(&self) -> bool {
        matches!(self.gate.open, Some((first, _)) if first < u64::MAX)
    }

    /// The whole records of what has come in parts.
    fn whole(&mut self, records: f64) -> u64 {
        if records <= 0.0 {
            return 0;
        }
        self.part += records;
        let whole = libm::floor(self.part);
        self.part -= whole;
        whole as u64
    }

    /// Lets a record of this step be one that consumers cannot get past.
    fn spoil(&mut self, unreadable: f64, poison: Option<Micros>) {
        if poison.is_none() && matches!(self.bad, Some((_, Bad::Poison(_)))) {
            // Somebody has taken it out, or told consumers to skip it.
            self.bad = None;
        }
        if unreadable <= 0.0 && self.bad.is_some_and(|(at, kind)| kind == Bad::Unreadable && at >= self.log_end) {
            self.bad = None;
        }
        if self.bad.is_none() {
            self.bad = match poison {
                Some(fails_after) => Some((self.log_end, Bad::Poison(fails_after))),
                None if unreadable > 0.0 => {
                    let misses = libm::log(1.0 - self.forms.unit()) / libm::log1p(-unreadable.min(0.999_999));
                    Some((self.log_end + misses as u64, Bad::Unreadable))
                }
                None => None,
            };
        }
    }
}
