//! The controller: one broker of three that decides for all who is alive and who leads. Without it, or without a majority
//! behind it, everything goes on as it is and nothing can change: whoever fails then is replaced by nobody.

use super::broker::Broker;
use super::knobs::KafkaKnobs;
use super::link::Place;
use super::{Kafka, says};
use crate::cluster::line::{Level, Line, Source};
use crate::cluster::topic::Topic;
use crate::units::Micros;

/// Who decides.
#[derive(Clone, Debug)]
pub(crate) struct Controller {
    /// `None` while an election goes on, or none can be won.
    pub(crate) active: Option<usize>,
    pub(crate) epoch: u64,
    /// When the election under way ends.
    elected: Option<Micros>,
    /// Since when leaders are not those that they should be.
    odd_since: Option<Micros>,
}

/// `broker.session.timeout.ms`, and the distance of heartbeats.
const SESSION: Micros = Micros::seconds(9);
/// `controller.quorum.fetch.timeout.ms` and the most that an election takes on top.
const QUORUM: Micros = Micros::seconds(2);
const ELECTION_S: f64 = 1.0;
/// `leader.imbalance.check.interval.seconds`.
const IMBALANCE: Micros = Micros::seconds(300);
/// How long a coordinator takes to read what a group has committed, and bytes per second that it reads when nobody has
/// cleaned them.
const LOADS: Micros = Micros::millis(1500);
const LOAD_RATE: f64 = 12e6;

/// No broker.
pub(crate) const NOBODY: usize = usize::MAX;

impl Controller {
    pub(super) fn new(brokers: usize) -> Self {
        Self { active: (brokers > 0).then_some(0), epoch: 41, elected: None, odd_since: None }
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.active.is_some() && self.odd_since.is_none()
    }
}

impl Kafka {
    /// Lets the controller do what it does: be elected, fence, let in again, give leaders.
    pub(super) fn govern(&mut self, now: Micros, knobs: &KafkaKnobs, topics: &mut [Topic], lines: &mut Vec<Line>) {
        self.elect_controller(now, knobs, lines);
        let Some(active) = self.controller.active else { return };
        let mut say = |message: String, logger| {
            let source = Source::Broker(active);
            lines.push(Line { at: now, source, level: Level::Info, logger, message });
        };
        let mut has_changed = false;
        for place in 0..self.brokers.len() {
            let reaches = self.reaches(place, active, now, knobs);
            let broker = &mut self.brokers[place];
            let wanted = knobs.brokers[place].is_demoted;
            has_changed |= std::mem::replace(&mut broker.is_demoted, wanted) != wanted;
            if reaches {
                broker.heard = now;
            }
            if !broker.is_fenced && now - broker.heard > SESSION {
                broker.is_fenced = true;
                say(says::fenced(broker.number), says::CONTROLLER);
                self.replicas.put_out(place);
                has_changed = true;
            } else if broker.is_fenced && reaches {
                broker.is_fenced = false;
                say(says::unfenced(broker.number, 90_000 + now.as_millis() / 500), says::CONTROLLER);
                has_changed = true;
            }
        }
        let is_odd = topics.iter().flat_map(|topic| &topic.partitions).any(|p| p.leader != p.first_replica);
        let odd_since = if is_odd { Some(self.controller.odd_since.unwrap_or(now)) } else { None };
        self.controller.odd_since = odd_since;
        let checks = odd_since.is_some_and(|since| now - since > Micros::ZERO && now.0 % IMBALANCE.0 == 0);
        if has_changed || checks || is_odd {
            self.give_leaders(now, checks, topics);
        }
    }

    /// Whether the controller hears a broker.
    fn reaches(&self, broker: usize, active: usize, now: Micros, knobs: &KafkaKnobs) -> bool {
        let cut = knobs.way(Place::Broker(broker), Place::Broker(active)).is_some_and(|way| way.is_cut);
        self.brokers[broker].is_well(now) && (broker == active || !cut)
    }

    fn elect_controller(&mut self, now: Micros, knobs: &KafkaKnobs, lines: &mut Vec<Line>) {
        let majority = self.brokers.len() / 2 + 1;
        let hears = |one: usize| {
            let voters = (0..self.brokers.len()).filter(|other| self.reaches(*other, one, now, knobs));
            let may = !knobs.no_quorum && knobs.brokers[one].votes;
            may && self.brokers[one].is_well(now) && voters.count() >= majority
        };
        if self.controller.active.is_some_and(hears) {
            self.controller.elected = None;
            return;
        }
        let Some(due) = self.controller.elected else {
            let takes = QUORUM + Micros::of_seconds(ELECTION_S * self.stream.unit());
            self.controller.elected = Some(now + takes);
            return;
        };
        if now < due {
            // A leader that cannot hear a majority steps down no later than the others elect another.
            return;
        }
        let last = self.controller.active;
        let count = self.brokers.len();
        let next = (1..=count).map(|step| (last.unwrap_or(0) + step) % count).find(|one| hears(*one));
        self.controller.active = next;
        if let Some(active) = next {
            self.controller.epoch += 1;
            self.controller.elected = None;
            // Whoever takes over gives every broker a whole session to be heard.
            self.brokers.iter_mut().for_each(|broker| broker.heard = now);
            let message = says::active(self.brokers[active].number, self.controller.epoch);
            let logger = "o.a.k.controller.QuorumController";
            lines.push(Line { at: now, source: Source::Broker(active), level: Level::Info, logger, message });
        }
    }

    /// Partitions whose leader is out get another one that has everything; at a check, who should lead leads again.
    fn give_leaders(&mut self, now: Micros, checks: bool, topics: &mut [Topic]) {
        let may_lead = |kafka: &Self, broker: usize| kafka.brokers.get(broker).is_some_and(Broker::may_lead);
        let mut taken_over = vec![];
        for topic in topics {
            let replication = topic.set.replication;
            for partition in &mut topic.partitions {
                let (leader, first) = (partition.leader, partition.first_replica);
                let wants =
                    checks && leader != first && may_lead(self, first) && self.replicas.is_in_sync(first, leader);
                if may_lead(self, leader) && !wants {
                    continue;
                }
                let last = if leader == NOBODY { partition.led_last } else { leader };
                let next = match wants {
                    true => Some(first),
                    false => self.copies(first, replication).find(|copy| {
                        let has_all =
                            if leader == NOBODY { *copy == last } else { self.replicas.is_in_sync(*copy, last) };
                        has_all && may_lead(self, *copy)
                    }),
                };
                if next.is_none() && self.brokers.get(leader).is_some_and(|known| !known.is_fenced) {
                    // Nobody else has everything: it goes on although it was asked not to.
                    continue;
                }
                partition.led_last = last;
                partition.leader = next.unwrap_or(NOBODY);
                taken_over.extend(next);
            }
        }
        for broker in taken_over {
            self.replicas.lead(broker, now);
        }
    }

    /// Groups whose coordinator is out get another one, which first reads what they have committed.
    pub(super) fn coordinate(&mut self, now: Micros) {
        if self.controller.active.is_none() {
            return;
        }
        let checks = now.0 % IMBALANCE.0 == 0;
        let count = self.brokers.len();
        for group in &mut self.coordinators {
            let may_lead = |broker: usize| self.brokers.get(broker).is_some_and(Broker::may_lead);
            let stays = group.broker.is_some_and(may_lead);
            let goes_home = checks && may_lead(group.preferred) && self.replicas.are_at_rest();
            if stays && (!goes_home || group.broker == Some(group.preferred)) {
                continue;
            }
            let next = match goes_home {
                true => Some(group.preferred),
                false => (0..count).map(|step| (group.preferred + step) % count).find(|broker| may_lead(*broker)),
            };
            let unread = next.map_or(0.0, |broker| self.brokers[broker].uncleaned);
            group.broker = next;
            group.ready = now + LOADS + Micros::of_seconds(unread / LOAD_RATE);
        }
    }
}
