//! What a consumer's Kafka client does of itself when brokers or ways are not well: it waits for commits, and fetches go on
//! while the application works.

use super::fetch::{Reader, Said};
use super::link::Place;
use super::says;
use crate::cluster::Env;
use crate::cluster::instance::Instance;
use crate::cluster::line::{Level, Line, Source};
use crate::units::Micros;

/// How long a client waits before it tries a commit again, and how often it writes of that.
const COMMIT_RETRY: Micros = Micros::millis(200);
const COORDINATOR_GAP: Micros = Micros::seconds(4);
/// What a commit must take before the poll loop feels it.
const NOTABLE_COMMIT: Micros = Micros::millis(20);

impl Instance {
    /// A commit blocks the poll loop until it is through. `None` when it is.
    pub(in crate::cluster) fn wait_for_commit(&mut self, env: &mut Env<'_>) -> Option<Micros> {
        if !self.positions.values().any(|position| position.done > position.committed) {
            return None;
        }
        if let Some((_, due)) = self.committing
            && self.now < due
        {
            return Some(due);
        }
        let takes = env.kafka.commit((self.index, self.group), self.now, &env.knobs.kafka, &mut self.net);
        let Some(takes) = takes else {
            self.committing = None;
            let message =
                env.kafka.coordinators[self.group].says_lost(&env.kafka.brokers, &self.name, &self.plan.group);
            self.say_seldom(env, ("coordinator", COORDINATOR_GAP), (Level::Info, says::COORDINATOR), |_| message);
            return Some(self.now + COMMIT_RETRY);
        };
        match self.committing.take() {
            Some((asked, due)) => {
                self.waited = Some(due - asked);
                None
            }
            None if takes > NOTABLE_COMMIT => {
                self.committing = Some((self.now, self.now + takes));
                Some(self.now + takes)
            }
            None => None,
        }
    }

    /// Who fetches, and how.
    pub(in crate::cluster) fn reader(&self, env: &Env<'_>) -> Reader {
        Reader {
            instance: self.index,
            group: self.group,
            topic: self.topic,
            most: self.fetch_records(env.topics[self.topic].size()),
            isolation: self.plan.isolation,
        }
    }

    /// Lets fetches go on where something is in their way.
    pub(in crate::cluster) fn fetch(&mut self, env: &mut Env<'_>) {
        if (env.kafka.is_at_rest && self.fetcher.is_clear()) || self.is_paused(self.now) || !self.life.is_up() {
            return;
        }
        let reader = self.reader(env);
        self.fetcher.advance(&reader, &self.positions, self.now, env);
        for (at, took) in std::mem::take(&mut self.fetcher.answered) {
            self.meters.fetch_latency.record(at, 1, took);
        }
        for (broker, resent) in self.fetcher.take_resent() {
            *self.meters.resent.entry(Place::Broker(broker)).or_default() += resent;
        }
        for Said { at, broker, what } in self.fetcher.take_said() {
            let node = env.kafka.brokers[broker].number;
            let (level, message) = says::connection(&self.name, &self.plan.group, node, what);
            self.meters.lines[level as usize] += 1;
            let source = Source::Instance(self.index);
            env.lines.push(Line { at, source, level, logger: says::NETWORK, message });
        }
    }
}
