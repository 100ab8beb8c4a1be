//! Kafka itself: who leads which partition, which replicas keep up, who may write and who may read, and what a request
//! costs. While nothing is wrong nothing of this is reckoned, and every request takes what it always takes. Kafka's own
//! clocks decide the order of things: a broker that is silent is fenced after 9 s, a replica that does not keep up leaves
//! the in-sync set after 30 s, a leader that came back leads again after 300 s at most. Start at [`Kafka::begin_step`].

pub(crate) mod broker;
mod client;
mod controller;
pub(crate) mod fetch;
pub(crate) mod gate;
mod grow;
pub(crate) mod knobs;
pub(crate) mod link;
mod reach;
mod replicas;
pub(crate) mod says;

use broker::Broker;
use controller::Controller;
pub(crate) use controller::NOBODY;
use knobs::KafkaKnobs;
use replicas::Replicas;

use super::line::{Level, Line, Source};
use super::topic::Topic;
use crate::random::{Stream, Streams};
use crate::units::Micros;

/// All brokers, and what they know together.
#[derive(Clone, Debug)]
pub(crate) struct Kafka {
    pub(crate) brokers: Vec<Broker>,
    pub(crate) controller: Controller,
    pub(crate) replicas: Replicas,
    /// By group.
    pub(crate) coordinators: Vec<Coordinator>,
    /// By instance: since when its heartbeats do not get through to a coordinator that listens.
    unheard: Vec<Option<Micros>>,
    /// By group and broker: what was fetched under its quota.
    paid: Vec<Vec<Account>>,
    /// Log ends up to which records were counted, by topic and partition.
    counted: Vec<Vec<u64>>,
    /// By group: when its members will know of partitions that are new.
    pub(crate) learns: Vec<Option<Micros>>,
    /// Whether nothing is wrong and nothing is left of what was.
    pub(crate) is_at_rest: bool,
    stream: Stream,
}

/// The broker that keeps a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coordinator {
    /// `None` while there is none.
    pub(crate) broker: Option<usize>,
    preferred: usize,
    /// When it has read what the group has committed.
    ready: Micros,
}

impl Coordinator {
    /// What a client writes that cannot reach it.
    pub(crate) fn says_lost(&self, brokers: &[Broker], client: &str, group: &str) -> String {
        let number = brokers.get(self.broker.unwrap_or(self.preferred)).map_or(0, |broker| broker.number);
        says::no_coordinator(client, group, number)
    }
}

/// What members of a group have fetched from a broker under a quota.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// Until when it is paid for.
    paid: Micros,
    /// What came in this step, in time.
    owed: Micros,
}

/// What one broker's logs take at the moment of all that is sent to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Append {
    /// Nobody answers, or a replica that counts does not take it: it waits.
    Stuck,
    /// Too few replicas are in sync: it is refused.
    TooFew,
    /// It takes so many seconds, and this share of what is usual.
    Takes(f64, f64),
}

impl Kafka {
    pub(crate) fn new(
        brokers: Vec<Broker>,
        groups: usize,
        instances: usize,
        topics: &[Topic],
        streams: &Streams,
    ) -> Self {
        let count = brokers.len();
        let coordinator = |group: usize| {
            let preferred = group % count.max(1);
            Coordinator { broker: (count > 0).then_some(preferred), preferred, ready: Micros::ZERO }
        };
        let ends = |topic: &Topic| (0..topic.partitions.len()).map(|p| topic.log_end(p as u32, Micros::ZERO)).collect();
        Self {
            controller: Controller::new(count),
            replicas: Replicas::new(count),
            coordinators: (0..groups).map(coordinator).collect(),
            unheard: vec![None; instances],
            paid: vec![vec![Account::default(); count]; groups],
            counted: topics.iter().map(ends).collect(),
            learns: vec![None; groups],
            is_at_rest: true,
            stream: streams.stream("kafka", "controller"),
            brokers,
        }
    }

    /// Begins a step: what the knobs want of brokers, controller and replicas happens, and every partition learns what it
    /// may take. Costs nothing while nothing is wrong.
    pub(crate) fn begin_step(
        &mut self,
        (now, step): (Micros, Micros),
        knobs: &KafkaKnobs,
        topics: &mut [Topic],
        lines: &mut Vec<Line>,
    ) {
        if self.brokers.is_empty() || (self.is_at_rest && knobs.are_neutral()) {
            return;
        }
        if self.is_at_rest {
            self.is_at_rest = false;
            self.brokers.iter_mut().for_each(|broker| broker.heard = now);
            self.replicas.wake(now);
            self.unheard.fill(None);
        }
        self.book(now);
        self.count(topics, now);
        self.step_brokers((now, step), knobs, topics, lines);
        self.govern(now, knobs, topics, lines);
        self.replicate((now, step), knobs, topics, lines);
        self.coordinate(now);
        for (place, topic) in topics.iter_mut().enumerate() {
            self.set_gates(now, step, knobs, place, topic);
        }
        self.is_at_rest = knobs.are_neutral()
            && self.brokers.iter().all(|broker| broker.is_at_rest(now))
            && self.controller.is_at_rest()
            && self.replicas.are_at_rest()
            && self.coordinators.iter().all(|group| group.broker == Some(group.preferred) && group.ready <= now)
            && self.learns.iter().all(Option::is_none)
            && topics.iter().all(Topic::is_at_rest);
    }

    fn step_brokers(&mut self, time: (Micros, Micros), knobs: &KafkaKnobs, topics: &[Topic], lines: &mut Vec<Line>) {
        let mut load = vec![(0.0, 0.0); self.brokers.len()];
        for topic in topics {
            let each = topic.usual_inflow() / topic.partitions.len().max(1) as f64;
            for partition in &topic.partitions {
                if let Some((records, bytes)) = load.get_mut(partition.leader) {
                    (*records, *bytes) = (*records + each, topic.record_bytes());
                }
            }
        }
        for (place, broker) in self.brokers.iter_mut().enumerate() {
            let was_up = broker.is_up;
            let was_offline = broker.volume.is_offline;
            let cleaned = broker.cleaner_died.is_none();
            let written: f64 = topics.iter().map(Topic::written).sum();
            let pause = broker.begin_step(time, &knobs.brokers[place], load[place], written);
            let source = Source::Broker(place);
            if let Some(length) = pause {
                let (at, message) = (time.0 + length, says::collection(broker.meters.pauses.0, length));
                lines.push(Line { at, source, level: Level::Info, logger: "gc", message });
            }
            if cleaned && broker.cleaner_died.is_some() {
                let (logger, message) = says::cleaner_died(place);
                lines.push(Line { at: time.0, source, level: Level::Error, logger, message });
            }
            if !was_offline && broker.volume.is_offline {
                for (level, logger, message) in says::volume_lost() {
                    lines.push(Line { at: time.0, source, level, logger, message });
                }
            }
            if !was_up && broker.is_up {
                let message = format!("[KafkaRaftServer nodeId={}] Kafka Server started", broker.number);
                lines.push(Line {
                    at: time.0,
                    source,
                    level: Level::Info,
                    logger: "kafka.server.KafkaRaftServer",
                    message,
                });
            }
        }
    }

    /// Lets every partition know what its leader takes in this step.
    fn set_gates(&mut self, now: Micros, step: Micros, knobs: &KafkaKnobs, place: usize, topic: &mut Topic) {
        let usual = topic.usual_inflow() / topic.partitions.len().max(1) as f64 * step.as_seconds();
        let per_batch = (BATCH / topic.record_bytes().max(1.0)).max(1.0);
        let super::topic::Topic { set: TopicSet { replication, min_insync, sent_by }, partitions, .. } = &mut *topic;
        let (replication, min_insync) = (*replication, *min_insync);
        let share_sent = |broker: usize| {
            use link::Place;
            let through = |producer: &&usize| {
                !knobs.way(Place::Producer(**producer), Place::Broker(broker)).is_some_and(|way| way.is_cut)
            };
            sent_by.iter().filter(through).count() as f64 / sent_by.len().max(1) as f64
        };
        let mut failed = vec![0.0; self.brokers.len()];
        for partition in partitions {
            let leader = partition.leader;
            let append = self.append(leader, partition.first_replica, (replication, min_insync), now, knobs);
            let share = if leader < self.brokers.len() { share_sent(leader) } else { 1.0 };
            partition.gate.most = match append {
                Append::Takes(_, pace) if pace >= 1.0 && share >= 1.0 => None,
                Append::Takes(seconds, pace) => {
                    // Five requests may be under way to a broker, each with one batch of a partition.
                    let most = (usual * pace * share).min(5.0 * per_batch / seconds.max(1e-4) * step.as_seconds());
                    partition.owed += most;
                    Some(libm::floor(partition.owed) as u64)
                }
                Append::Stuck => Some(0),
                Append::TooFew => {
                    failed.get_mut(leader).into_iter().for_each(|failed| *failed += 10.0 * step.as_seconds());
                    Some(0)
                }
            };
            partition.owed =
                if partition.gate.most.is_some() { partition.owed - libm::floor(partition.owed) } else { 0.0 };
        }
        topic.hold_transactions(now, &knobs.topics[place]);
        for (broker, failed) in self.brokers.iter_mut().zip(failed) {
            broker.meters.failed_produce += failed;
        }
    }

    /// Counts records that a broker gave to a consumer.
    pub(crate) fn sent(&mut self, broker: usize, topic: usize, records: u64) {
        if let Some(out) = self.brokers.get_mut(broker).and_then(|known| known.meters.records_out.get_mut(topic)) {
            *out += records as f64;
        }
    }

    /// Counts what was appended for whoever led it until now.
    pub(crate) fn count(&mut self, topics: &[Topic], now: Micros) {
        for (place, (topic, counted)) in topics.iter().zip(&mut self.counted).enumerate() {
            counted.resize(topic.partitions.len(), 0);
            for (number, (partition, counted)) in topic.partitions.iter().zip(counted).enumerate() {
                let end = topic.log_end(number as u32, now);
                if let Some(broker) = self.brokers.get_mut(partition.leader) {
                    broker.meters.records_in[place] += end.saturating_sub(*counted) as f64;
                }
                *counted = end.max(*counted);
            }
        }
    }
}

/// `batch.size` of producers, in bytes.
const BATCH: f64 = 16_384.0;

/// What a topic is set to, and who sends to it.
#[derive(Clone, Debug)]
pub(crate) struct TopicSet {
    pub(crate) replication: usize,
    pub(crate) min_insync: usize,
    pub(crate) sent_by: Vec<usize>,
}
