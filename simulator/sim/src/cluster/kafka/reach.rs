//! Who reaches whom, and at what price: fetches of an instance from a broker, its commits, its heartbeats.

use super::broker::Pace;
use super::knobs::KafkaKnobs;
use super::link::{Place, Way};
use super::{Append, Kafka};
use crate::cluster::topic::Topic;
use crate::random::Stream;
use crate::units::Micros;

/// What a fetch of an instance from a broker meets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fetch {
    /// Nothing: records are there when they are appended.
    Clear,
    /// It takes longer. Until when the broker stands still, what it takes for a fetch, and what the way costs.
    Slow { until: Micros, takes_s: f64, way: Option<Way> },
    /// Nobody listens any more.
    Refused,
    /// No answer comes.
    Silent,
    /// Nobody leads the partition.
    Nobody,
}

/// How much a fetch must take before it counts: less is what it always takes.
const NOTABLE_S: f64 = 0.02;
/// A broker lets a client pay later for so much of its quota.
const BURST: Micros = Micros::seconds(2);
/// Bytes of a commit, and copies that must have it.
const COMMIT: f64 = 400.0;
const COMMIT_COPIES: (usize, usize) = (3, 2);

impl Kafka {
    /// What a fetch meets.
    pub(crate) fn fetch(&self, instance: usize, group: usize, broker: usize, now: Micros, knobs: &KafkaKnobs) -> Fetch {
        let Some(known) = self.brokers.get(broker) else { return Fetch::Nobody };
        let way = knobs.way(Place::Instance(instance), Place::Broker(broker));
        if way.is_some_and(|way| way.is_cut) {
            return Fetch::Silent;
        }
        if !known.is_up {
            return Fetch::Refused;
        }
        let takes_s = known.pace.fetch_s();
        let has_quota = knobs.quotas.get(group).is_some_and(|quota| quota.is_finite());
        if known.is_paused(now) || takes_s > NOTABLE_S || has_quota || way.is_some() {
            return Fetch::Slow { until: known.paused.1, takes_s, way };
        }
        Fetch::Clear
    }

    /// What a broker delays an answer of so many bytes to a member of a group by, because of its quota.
    pub(crate) fn throttle(
        &mut self,
        group: usize,
        broker: usize,
        bytes: f64,
        now: Micros,
        knobs: &KafkaKnobs,
    ) -> Micros {
        let quota = knobs.quotas.get(group).copied().unwrap_or(f64::INFINITY);
        let Some(account) = self.paid.get_mut(group).and_then(|group| group.get_mut(broker)) else {
            return Micros::ZERO;
        };
        if quota.is_infinite() {
            return Micros::ZERO;
        }
        let costs = Micros::of_seconds(bytes / quota.max(1.0));
        account.owed += costs;
        (account.paid.max(now - BURST) + costs - now).max(Micros::ZERO)
    }

    /// Books what members fetched in the last step, so that none of them is delayed by who fetches at the same time.
    pub(super) fn book(&mut self, now: Micros) {
        for account in self.paid.iter_mut().flatten() {
            account.paid = account.paid.max(now - BURST) + std::mem::take(&mut account.owed);
        }
    }

    /// What a commit takes on top of what it always takes; `None` when it does not get through.
    pub(crate) fn commit(
        &self,
        (instance, group): (usize, usize),
        now: Micros,
        knobs: &KafkaKnobs,
        stream: &mut Stream,
    ) -> Option<Micros> {
        let broker = self.listens(group, now)?;
        let way = knobs.way(Place::Instance(instance), Place::Broker(broker));
        if way.is_some_and(|way| way.is_cut) {
            return None;
        }
        let Append::Takes(seconds, _) = self.append(broker, broker, COMMIT_COPIES, now, knobs) else { return None };
        let toll = way.map_or(Micros::ZERO, |way| way.toll(COMMIT, stream).time);
        Some(Micros::of_seconds(if seconds > NOTABLE_S { seconds } else { 0.0 }) + toll)
    }

    /// Seconds that a producer's requests take longer than usual: the mean of those that are answered.
    pub(crate) fn produce_takes_more(&self, producer: usize, knobs: &KafkaKnobs, topics: &[Topic], now: Micros) -> f64 {
        if self.is_at_rest {
            return 0.0;
        }
        let usual = Pace::of(0.0, 0.0, 1.0).produce_s() * 2.0;
        let mut seconds = (0.0, 0.0);
        for topic in topics.iter().filter(|topic| topic.set.sent_by.contains(&producer)) {
            let copies = (topic.set.replication, topic.set.min_insync);
            for partition in &topic.partitions {
                let way = knobs.way(Place::Producer(producer), Place::Broker(partition.leader));
                let append = self.append(partition.leader, partition.first_replica, copies, now, knobs);
                if let (Append::Takes(takes, _), false) = (append, way.is_some_and(|way| way.is_cut)) {
                    let over = way.map_or(0.0, |way| way.delay_s + 0.2 * way.loss);
                    seconds = (seconds.0 + (takes - usual).max(0.0) + over, seconds.1 + 1.0);
                }
            }
        }
        if seconds.1 > 0.0 { seconds.0 / seconds.1 } else { 0.0 }
    }

    /// The broker that keeps a group, if it listens.
    pub(crate) fn listens(&self, group: usize, now: Micros) -> Option<usize> {
        let coordinator = self.coordinators.get(group)?;
        coordinator.broker.filter(|broker| self.brokers[*broker].answers(now) && coordinator.ready <= now)
    }

    /// Whether an instance reaches the broker that keeps its group, and that listens.
    pub(crate) fn reaches_group(&self, instance: usize, group: usize, now: Micros, knobs: &KafkaKnobs) -> bool {
        if self.is_at_rest {
            return true;
        }
        self.listens(group, now).is_some_and(|broker| {
            !knobs.way(Place::Instance(instance), Place::Broker(broker)).is_some_and(|way| way.is_cut)
        })
    }

    /// For how long a coordinator that listens has not heard of an instance because of the way between them. A session
    /// does not run while nobody keeps the group.
    pub(crate) fn unheard_for(&mut self, instance: usize, group: usize, now: Micros, knobs: &KafkaKnobs) -> Micros {
        if self.is_at_rest || self.brokers.is_empty() {
            return Micros::ZERO;
        }
        let is_cut = self.listens(group, now).is_some() && !self.reaches_group(instance, group, now, knobs);
        let Some(since) = self.unheard.get_mut(instance) else { return Micros::ZERO };
        *since = if is_cut { Some(since.unwrap_or(now)) } else { None };
        since.map_or(Micros::ZERO, |since| now - since)
    }
}
