//! Replicas: which of them keep up with their leaders, and what an append to a leader takes. A replica that has not had
//! all that its leader has for 30 s leaves the in-sync set, by the word of the leader, which is the one that writes it.

use super::knobs::KafkaKnobs;
use super::link::Place;
use super::{Append, Kafka, says};
use crate::cluster::line::{Level, Line, Source};
use crate::cluster::topic::Topic;
use crate::units::Micros;

/// How far each broker is with what each other one leads.
#[derive(Clone, Debug)]
pub(crate) struct Replicas {
    /// By follower and leader.
    follows: Vec<Vec<Follows>>,
}

#[derive(Clone, Copy, Debug)]
struct Follows {
    /// When it last had everything.
    caught_up: Micros,
    /// Seconds of what the leader was given that it lacks.
    behind_s: f64,
    is_in_sync: bool,
}

/// `replica.lag.time.max.ms`.
const MOST_LAG: Micros = Micros::seconds(30);
/// How many times faster than it comes a replica reads what it has missed.
const CATCH_UP: f64 = 8.0;

impl Replicas {
    pub(super) fn new(brokers: usize) -> Self {
        let fresh = Follows { caught_up: Micros::ZERO, behind_s: 0.0, is_in_sync: true };
        Self { follows: vec![vec![fresh; brokers]; brokers] }
    }

    pub(super) fn wake(&mut self, now: Micros) {
        self.follows.iter_mut().flatten().for_each(|follows| follows.caught_up = now);
    }

    pub(super) fn are_at_rest(&self) -> bool {
        self.follows.iter().flatten().all(|follows| follows.is_in_sync && follows.behind_s <= 0.0)
    }

    /// Whether a follower counts among those that have what a leader has.
    pub(crate) fn is_in_sync(&self, follower: usize, leader: usize) -> bool {
        follower == leader || self.follows.get(follower).and_then(|of| of.get(leader)).is_none_or(|f| f.is_in_sync)
    }

    /// Takes a broker out of every set at once, as fencing does.
    pub(super) fn put_out(&mut self, broker: usize) {
        let others = self.follows[broker].iter_mut().enumerate().filter(|(leader, _)| *leader != broker);
        others.for_each(|(_, follows)| follows.is_in_sync = false);
    }

    /// A new leader is what others are measured against from now on.
    pub(super) fn lead(&mut self, broker: usize, now: Micros) {
        for follows in self.follows.iter_mut().filter_map(|of| of.get_mut(broker)).filter(|f| f.is_in_sync) {
            (follows.caught_up, follows.behind_s) = (now, 0.0);
        }
    }
}

impl Kafka {
    /// Brokers that keep a copy, the preferred leader first.
    pub(crate) fn copies(&self, first: usize, replication: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.brokers.len();
        (0..replication.min(count)).map(move |number| (first + number) % count.max(1))
    }

    /// How many of its copies are in sync.
    pub(crate) fn in_sync(&self, leader: usize, first: usize, replication: usize) -> usize {
        match leader < self.brokers.len() {
            true => self.copies(first, replication).filter(|copy| self.replicas.is_in_sync(*copy, leader)).count(),
            false => 0,
        }
    }

    /// Whether a follower can read from a leader now.
    fn can_follow(&self, follower: usize, leader: usize, now: Micros, knobs: &KafkaKnobs) -> bool {
        let cut = knobs.way(Place::Broker(follower), Place::Broker(leader)).is_some_and(|way| way.is_cut);
        !cut && self.brokers[follower].is_well(now) && self.brokers[leader].answers(now)
    }

    /// Seconds that followers of a broker take to have what it has; `None` while something waits for one of them.
    pub(crate) fn followers_take(&self, leader: usize, now: Micros, knobs: &KafkaKnobs) -> Option<f64> {
        match self.append(leader, leader, (self.brokers.len(), 1), now, knobs) {
            Append::Takes(seconds, _) => Some(seconds - self.brokers[leader].pace.produce_s()),
            Append::Stuck | Append::TooFew => None,
        }
    }

    /// What an append to this leader takes.
    pub(super) fn append(
        &self,
        leader: usize,
        first: usize,
        (replication, min_insync): (usize, usize),
        now: Micros,
        knobs: &KafkaKnobs,
    ) -> Append {
        let Some(broker) = self.brokers.get(leader).filter(|broker| broker.is_well(now)) else { return Append::Stuck };
        if self.in_sync(leader, first, replication) < min_insync.min(self.brokers.len()) {
            return Append::TooFew;
        }
        let (mut slowest, mut share) = (0.0f64, broker.pace.share);
        for copy in self.copies(first, replication).filter(|copy| *copy != leader) {
            if !self.replicas.is_in_sync(copy, leader) {
                continue;
            }
            if !self.can_follow(copy, leader, now, knobs) {
                return Append::Stuck;
            }
            let way = knobs.way(Place::Broker(copy), Place::Broker(leader));
            slowest = slowest.max(self.brokers[copy].pace.produce_s() + way.map_or(0.0, |way| way.delay_s));
            share = share.min(self.brokers[copy].pace.share);
        }
        Append::Takes(broker.pace.produce_s() + slowest, share)
    }

    /// Lets followers read for a step, and leaders look who keeps up.
    pub(super) fn replicate(
        &mut self,
        (now, step): (Micros, Micros),
        knobs: &KafkaKnobs,
        topics: &[Topic],
        lines: &mut Vec<Line>,
    ) {
        let seconds = step.as_seconds();
        for leader in 0..self.brokers.len() {
            for follower in (0..self.brokers.len()).filter(|follower| *follower != leader) {
                let reads = self.can_follow(follower, leader, now, knobs);
                let share = self.brokers[follower].pace.share;
                let leads = self.brokers[leader].is_well(now);
                let follows = &mut self.replicas.follows[follower][leader];
                let speed = match (reads, share < 1.0) {
                    (false, _) => 0.0,
                    (true, true) => share,
                    (true, false) => CATCH_UP,
                };
                let comes = if leads { 1.0 } else { 0.0 };
                follows.behind_s = (follows.behind_s + seconds * (comes - speed)).max(0.0);
                if follows.behind_s <= 0.0 {
                    follows.caught_up = now;
                }
                let is_late = now - follows.caught_up > MOST_LAG;
                let knows = leads && self.controller.active.is_some();
                if knows && follows.is_in_sync && is_late {
                    follows.is_in_sync = false;
                    self.tell_in_sync((leader, follower), false, now, topics, lines);
                } else if knows
                    && !follows.is_in_sync
                    && reads
                    && follows.behind_s <= 0.0
                    && !self.brokers[follower].is_fenced
                {
                    follows.is_in_sync = true;
                    self.tell_in_sync((leader, follower), true, now, topics, lines);
                }
            }
        }
    }

    /// A leader writes of each of its partitions that a copy left the set or came back, and counts it.
    fn tell_in_sync(
        &mut self,
        (leader, follower): (usize, usize),
        has_come: bool,
        now: Micros,
        topics: &[Topic],
        lines: &mut Vec<Line>,
    ) {
        for topic in topics {
            let replication = topic.set.replication;
            for (number, partition) in topic.partitions.iter().enumerate() {
                let has_copy = self.copies(partition.first_replica, replication).any(|copy| copy == follower);
                if partition.leader != leader || !has_copy {
                    continue;
                }
                let meters = &mut self.brokers[leader].meters;
                *(if has_come { &mut meters.isr_expands } else { &mut meters.isr_shrinks }) += 1;
                let copies = self.copies(partition.first_replica, replication);
                let now_in: Vec<u32> = copies
                    .filter(|copy| self.replicas.is_in_sync(*copy, leader))
                    .map(|copy| self.brokers[copy].number)
                    .collect();
                let end = topic.log_end(number as u32, now);
                let behind = self.replicas.follows[follower][leader];
                let message = says::in_sync(
                    (&topic.name, number),
                    self.brokers[leader].number,
                    self.brokers[follower].number,
                    &now_in,
                    (has_come, end, behind.caught_up),
                );
                let logger = "kafka.cluster.Partition";
                lines.push(Line { at: now, source: Source::Broker(leader), level: Level::Info, logger, message });
            }
        }
    }
}
