//! The poll loop of one instance: it joins its group when it must, asks for records, hands them to its threads, and
//! commits what is done. Whatever lasts longer than the loop allows is seen here and by the coordinator alone.
//! Start at [`Instance::poll`].

use std::collections::BTreeMap;

use super::Env;
use super::group::Group;
use super::instance::{Asked, Batch, Instance, Position};
use super::knobs::Knobs;
use super::line::Level;
use super::says;
use super::topic::Bad;
use crate::units::Micros;

/// A poll that finds records takes at least this.
const POLL: Micros = Micros::millis(1);
/// A fetch that finds enough is answered within this.
const ANSWER: Micros = Micros::millis(3);

impl Instance {
    /// Most records of one poll.
    pub(crate) fn max_poll_records(&self) -> u32 {
        ((f64::from(self.plan.max_poll_records) * self.life.settings.poll_records) as u32).max(1)
    }

    /// How long a fetch waits when few records are there, and whether it does so however many there are.
    fn fetch_wait(&self) -> (Micros, bool) {
        match self.life.settings.fetch_wait_s {
            seconds if seconds > 0.0 => (Micros::of_seconds(seconds), true),
            _ => (self.plan.fetch_wait, false),
        }
    }

    /// Longest time between two polls that the group puts up with.
    pub(crate) fn max_poll_interval(&self) -> Micros {
        match self.life.settings.poll_interval_s {
            seconds if seconds > 0.0 => Micros::of_seconds(seconds),
            _ => self.plan.max_poll_interval,
        }
    }

    /// Most records of one partition in one fetch. Its size is set in bytes, so that larger records are fewer; one
    /// comes in any case.
    pub(super) fn fetch_records(&self, size: f64) -> u64 {
        ((f64::from(self.plan.fetch_records) / size.max(1e-6)) as u64).max(1)
    }

    /// Asks for records; what there is becomes a batch.
    pub(super) fn poll(&mut self, env: &mut Env<'_>) {
        let all: &Knobs = env.knobs;
        let knobs = &all.instances[self.index];
        if self.life.denied.is_some() {
            // The container of the listener has stopped.
            self.next_poll = self.now + Micros::SECOND;
            return;
        }
        self.meters.polls += 1;
        self.meters.between_polls.record(self.now, 1, self.now - self.last_poll);
        self.last_poll = self.now;
        if knobs.denied {
            self.life.denied = Some(self.now);
            self.give_up_partitions();
            for (level, logger, message) in says::denied(&self.name, &self.plan.group) {
                self.say(env, level, logger, message);
            }
            return;
        }
        if self.joins(env) {
            self.next_poll = self.now + self.plan.fetch_wait;
            return;
        }
        if let Some(until) = self.commit(env) {
            self.next_poll = until;
            return;
        }
        if self.host.is_some_and(|host| env.knobs.hosts[host].filled >= 1.0) {
            // It keeps what it has seen in files of its own, and cannot write them.
            self.life.must_exit = true;
            self.say(env, Level::Error, says::CONTAINER, says::NO_SPACE.to_owned());
            self.next_poll = self.now + self.plan.fetch_wait;
            return;
        }
        self.fetch(env);
        let reader = self.reader(env);
        let (most, each) = (self.max_poll_records(), self.fetch_records(env.topics[self.topic].size()));
        let topic = &env.topics[self.topic];
        let written = &env.written[self.group];
        let mut room = most;
        let (mut ranges, mut bad, mut gone) = (std::mem::take(&mut self.spare_ranges), vec![], vec![]);
        // Each poll begins with another partition, so that none is always served first.
        let turn = self.meters.polls as usize % self.positions.len().max(1);
        let mut order = std::mem::take(&mut self.spare_order);
        order.clear();
        order.extend(self.positions.keys().copied());
        order.rotate_left(turn);
        for partition in &order {
            let Some(position) = self.positions.get_mut(partition) else { continue };
            let oldest = topic.partitions.get(*partition as usize).map_or(0, |known| known.log_start);
            if position.next < oldest {
                // What it wanted went with its segment.
                gone.push((*partition, position.next));
                self.meters.skipped += oldest - position.next;
                (position.next, position.done) = (oldest, position.done.max(oldest));
            }
            let there = self.fetcher.end(&reader, *partition, self.now, env).saturating_sub(position.next);
            let mut taken = there.min(u64::from(room).min(each));
            let hit = topic.bad_from(*partition, position.next).filter(|(at, _)| at - position.next < taken);
            match hit {
                Some((at, kind @ Bad::Poison(_))) => {
                    taken = at - position.next + 1;
                    bad.push((*partition, at, kind));
                }
                Some((at, _)) => {
                    taken = at - position.next;
                    if taken == 0 && ranges.is_empty() {
                        let message = says::unreadable(&topic.name, *partition, at);
                        self.life.must_exit = true;
                        self.say(env, Level::Error, says::CONTAINER, message);
                        self.next_poll = self.now + self.plan.fetch_wait;
                        return;
                    }
                }
                None => {}
            }
            if knobs.refuses_twice && taken > 0 && position.next < written[*partition as usize] {
                taken = 1;
                bad.retain(|(spoiled, ..)| spoiled != partition);
                bad.push((*partition, position.next, Bad::Twice));
            }
            if taken > 0 {
                position.next += taken;
                room -= taken as u32;
                env.kafka.sent(topic.leader(*partition), self.topic, taken);
                ranges.push((*partition, position.next));
            }
        }
        self.spare_order = order;
        let name = if gone.is_empty() { String::new() } else { topic.name.clone() };
        for (partition, offset) in gone {
            let message = says::out_of_range(&self.name, &self.plan.group, &name, partition, offset);
            self.say(env, Level::Info, says::FETCHER, message);
        }
        let topic = &env.topics[self.topic];
        self.fetcher.drained = self.now;
        let count = most - room;
        if count == 0 {
            self.spare_ranges = ranges;
            let (wait, _) = self.fetch_wait();
            self.next_poll = self.now + wait;
            if self.fetcher.is_clear() {
                self.meters.fetch_latency.record(self.now, 1, wait);
            }
            return;
        }
        self.meters.consumed += u64::from(count);
        self.meters.consumed_bytes += f64::from(count) * topic.record_bytes();
        self.meters.per_poll.record(self.now, 1, Micros(i64::from(count)));
        let bad_queued = bad.len();
        self.batch = Some(Batch { polled: self.now, ranges, bad, bad_queued, queued: count, left: count });
        self.start_work(env);
    }

    /// Whether it has to join its group, or waits for that, in place of fetching.
    fn joins(&mut self, env: &mut Env<'_>) -> bool {
        let is_eager = env.eager[self.group];
        if !self.wants_in && (self.is_out || self.is_called) {
            self.commit_now(env);
            (self.wants_in, self.is_called, self.asked_in) = (true, false, self.now);
            if is_eager || self.is_out {
                self.give_up_partitions();
            }
        }
        self.wants_in && (is_eager || self.is_out)
    }

    /// Ends the batch when its last record is done.
    pub(super) fn end_batch(&mut self, env: &mut Env<'_>) {
        let Some(mut batch) = self.batch.take() else { return };
        for (partition, end) in batch.ranges.iter().copied() {
            let failed = batch.bad.iter().find(|(spoiled, ..)| *spoiled == partition);
            let Some(position) = self.positions.get_mut(&partition) else { continue };
            let end = failed.map_or(end, |(_, at, _)| *at).min(position.next);
            position.done = position.done.max(end);
            if failed.is_some() {
                // What failed is sought back, to be tried again.
                self.meters.consumed_before += position.next - end;
                position.next = end;
            }
            let written = &mut env.written[self.group][partition as usize];
            *written = (*written).max(end);
        }
        let blocked = self.commit(env);
        for (partition, at, kind) in &batch.bad {
            let topic = &env.topics[self.topic].name;
            let (failed, again) = says::failed(&mut self.ids, topic, (*partition, *at), *kind);
            self.say(env, Level::Error, says::CONTAINER, failed);
            self.say(env, Level::Info, says::CONTAINER, again);
        }
        let reader = self.reader(env);
        let there: u64 = self
            .positions
            .iter()
            .map(|(number, position)| self.fetcher.end(&reader, *number, self.now, env).saturating_sub(position.next))
            .sum();
        let (wait, always) = self.fetch_wait();
        let has_plenty = there >= u64::from(self.plan.threads) && !always;
        // The client asks for more as soon as it has handed out what it had.
        if self.fetcher.is_clear() {
            self.meters.fetch_latency.record(self.now, 1, if has_plenty { ANSWER } else { wait });
        }
        self.next_poll = match () {
            () if !batch.bad.is_empty() => self.now + self.plan.retry_backoff,
            () if has_plenty => self.now,
            () => (batch.polled + wait).max(self.now),
        } + POLL;
        self.next_poll = self.next_poll.max(blocked.unwrap_or(self.next_poll));
        batch.ranges.clear();
        self.spare_ranges = batch.ranges;
    }

    /// Commits what is done, if it is time to. Until when the poll loop must wait for it, if it must.
    fn commit(&mut self, env: &mut Env<'_>) -> Option<Micros> {
        if self.now - self.last_commit < self.plan.commit_interval {
            return None;
        }
        let blocked = if env.kafka.is_at_rest { None } else { self.wait_for_commit(env) };
        if blocked.is_none() {
            self.commit_now(env);
        }
        blocked
    }

    fn commit_now(&mut self, env: &mut Env<'_>) {
        if self.positions.values().all(|position| position.done <= position.committed) {
            return;
        }
        let usual = Micros::of_seconds(0.003 * self.stream.factor(0.3));
        let took = self.waited.take().unwrap_or(usual);
        for (partition, position) in &mut self.positions {
            if position.done > position.committed {
                position.committed = position.done;
                let (partition, offset) = (*partition, position.done);
                env.asked.push(Asked { instance: self.index, partition, offset, at: self.now, took });
            }
        }
        self.last_commit = self.now;
        self.meters.commits += 1;
    }

    /// Forgets where it is, as before it joins anew.
    pub(super) fn give_up_partitions(&mut self) {
        for position in std::mem::take(&mut self.positions).into_values() {
            self.meters.consumed_before += position.next - position.began;
        }
    }

    /// Takes its partitions after a rebalance; new ones are read from where the group says.
    pub(super) fn assign(&mut self, now: Micros, partitions: &BTreeMap<u32, u64>) {
        self.meters.rebalances += 1;
        self.meters.join_latency.record(now, 1, now - self.asked_in);
        (self.is_out, self.wants_in, self.is_called) = (false, false, false);
        self.last_heartbeat = now;
        let before = std::mem::take(&mut self.positions);
        for (partition, position) in before {
            match partitions.contains_key(&partition) {
                true => drop(self.positions.insert(partition, position)),
                false => self.meters.consumed_before += position.next - position.began,
            }
        }
        for (partition, offset) in partitions {
            self.positions.entry(*partition).or_insert_with(|| Position::at(*offset));
        }
        if let Some(batch) = &mut self.batch {
            batch.ranges.retain(|(partition, _)| self.positions.contains_key(partition));
            batch.bad.retain(|(partition, ..)| self.positions.contains_key(partition));
            batch.bad_queued = batch.bad_queued.min(batch.bad.len());
        }
    }

    /// Takes back what it believed to be committed, so that it asks again.
    pub(super) fn forget_commit(&mut self, partition: u32, group: &Group) {
        if let Some(position) = self.positions.get_mut(&partition) {
            position.committed = group.position(partition).min(position.done);
        }
    }
}
