//! One running copy of a consumer: a poll loop, a fixed number of worker threads, a heap, a pool per database. It is a
//! closed system: whatever becomes slow, no more than its threads can wait for it, and only the log grows without bound.
//! Start at [`Instance::run_until`]; the work on records itself is in `work`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Env;
use super::flight::Flight;
#[cfg(test)]
use super::flight::State;
use super::jvm::{Jvm, PauseKind};
use super::line::{BurstFilter, Level, Line, Source};
use super::plan::Plan;
use super::pool::Pool;
use super::timer::{Sensor, Timer};
use crate::random::Stream;
use crate::units::Micros;

/// One instance.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) index: usize,
    pub(crate) name: String,
    /// What the coordinator calls it.
    pub(crate) member_id: String,
    /// Index of its group.
    pub(crate) group: usize,
    pub(crate) topic: usize,
    pub(crate) host: Option<usize>,
    pub(crate) plan: Arc<Plan>,
    /// How much longer anything takes on its host.
    pub(crate) pressed: f64,
    pub(crate) pools: Vec<Pool>,
    pub(crate) jvm: Jvm,
    pub(crate) meters: Meters,
    pub(super) flights: Vec<Flight>,
    pub(super) next_id: u64,
    /// Threads that work.
    pub(crate) active: u32,
    /// Threads that wait for something that never comes.
    pub(crate) stuck: u32,
    pub(super) on_cpu: u32,
    pub(crate) batch: Option<Batch>,
    /// Assigned partitions: the next record to fetch, and the one after the last that is done.
    pub(crate) positions: BTreeMap<u32, Position>,
    pub(super) now: Micros,
    /// It stands still from the one to the other.
    pub(crate) paused: (Micros, Micros),
    pub(crate) last_poll: Micros,
    next_poll: Micros,
    last_commit: Micros,
    housekept: Micros,
    /// Whether the coordinator has put it out, so that it must join again.
    pub(crate) is_out: bool,
    /// Whether it has noticed.
    pub(crate) wants_in: bool,
    pub(super) stream: Stream,
    pub(super) ids: Stream,
    pub(super) burst: BurstFilter,
    /// Part of a line that is still to be written.
    pub(super) said: f64,
}

/// How far an instance is in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) next: u64,
    pub(crate) done: u64,
    pub(crate) committed: u64,
}

/// What one poll gave.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) polled: Micros,
    /// Partition, and the offset after the last record of it.
    ranges: Vec<(u32, u64)>,
    /// Not yet taken by a thread.
    pub(crate) queued: u32,
    /// Not yet done.
    pub(super) left: u32,
}

/// A commit that an instance asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) instance: usize,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) at: Micros,
}

/// What its libraries have measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meters {
    pub(crate) listener: Timer,
    pub(crate) listener_failed: Timer,
    /// How long the record took that was done last.
    pub(crate) last_took: Micros,
    pub(crate) http: Vec<Timer>,
    pub(crate) consumed: u64,
    pub(crate) polls: u64,
    pub(crate) between_polls: Sensor,
    pub(crate) commits: u64,
    pub(crate) commit_latency: Sensor,
    pub(crate) rebalances: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) lines: [u64; 4],
    pub(crate) retried: u64,
    pub(crate) retried_in_vain: u64,
    pub(crate) at_once: u64,
}

impl Meters {
    /// Records done so far, well or not.
    pub(super) fn done(&self) -> f64 {
        (self.listener.count + self.listener_failed.count) as f64
    }
}

/// How many threads do nothing any more; one is always left, since whoever stands still altogether is another fault.
fn stuck(share: f64, threads: u32) -> u32 {
    (libm::round(share * f64::from(threads)) as u32).min(threads.saturating_sub(1))
}

const HOUSEKEEPING: Micros = Micros::seconds(30);
/// What a process allocates without any work, per second.
const IDLE_ALLOCATION: f64 = 1.5e6;
/// A poll that finds records takes at least this.
const POLL: Micros = Micros::millis(1);

impl Instance {
    pub(crate) fn new(
        (index, name): (usize, String),
        (group, topic, host): (usize, usize, Option<usize>),
        plan: Arc<Plan>,
        jvm: Jvm,
        streams: &crate::random::Streams,
    ) -> Self {
        let mut setup = streams.stream(&name, "setup");
        let phase = plan.fetch_wait.times(setup.unit());
        let commit_phase = plan.commit_interval.times(setup.unit());
        let id = |setup: &mut Stream, bits: u32| setup.below(1 << bits);
        let member_id = format!(
            "{name}-{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            id(&mut setup, 32),
            id(&mut setup, 16),
            id(&mut setup, 12),
            id(&mut setup, 12),
            id(&mut setup, 48)
        );
        let http = plan.endpoints.iter().map(|_| Timer::default()).collect();
        Self {
            index,
            member_id,
            group,
            topic,
            host,
            pressed: 1.0,
            pools: plan.pools.clone(),
            jvm,
            meters: Meters { http, ..Meters::default() },
            flights: vec![],
            next_id: 0,
            active: 0,
            stuck: 0,
            on_cpu: 0,
            batch: None,
            positions: BTreeMap::new(),
            now: Micros::ZERO,
            paused: (Micros(-1), Micros(-1)),
            last_poll: phase,
            next_poll: phase,
            last_commit: commit_phase - plan.commit_interval,
            housekept: Micros::ZERO,
            is_out: false,
            wants_in: false,
            stream: streams.stream(&name, "service times"),
            ids: streams.stream(&name, "ids"),
            burst: BurstFilter::default(),
            said: 0.0,
            plan,
            name,
        }
    }

    /// Lets everything happen that is due by `until`.
    pub(crate) fn run_until(&mut self, until: Micros, env: &mut Env<'_>) {
        loop {
            let flight = (0..self.flights.len()).min_by_key(|i| (self.flights[*i].state.due(), self.flights[*i].id));
            let flight_due = flight.map(|place| self.flights[place].state.due());
            let poll_due = self.batch.is_none().then(|| self.next_poll.max(self.paused.1));
            let keep_due = (self.housekept + HOUSEKEEPING).max(self.paused.1);
            let due = [flight_due, poll_due, Some(keep_due)].into_iter().flatten().min().unwrap_or(until);
            if due > until {
                break;
            }
            self.now = self.now.max(due);
            if flight_due == Some(due) {
                if let Some(place) = flight {
                    let flight = self.flights.swap_remove(place);
                    self.go_on(flight, env);
                }
            } else if poll_due == Some(due) {
                self.poll(env);
            } else {
                self.keep_house(env);
            }
        }
        self.now = self.now.max(until);
    }

    /// What happens at the end of each step whatever the work.
    pub(crate) fn end_step(&mut self, step: Micros, env: &mut Env<'_>) {
        self.jvm.retain(env.knobs.instances[self.index].retained);
        self.jvm.survive(env.knobs.instances[self.index].surviving);
        self.stuck = stuck(env.knobs.instances[self.index].stuck, self.plan.threads);
        if !self.is_paused(self.now) {
            self.meters.cpu_seconds += 0.02 * step.as_seconds();
            self.allocate(IDLE_ALLOCATION * step.as_seconds(), env);
        }
    }

    pub(crate) fn is_paused(&self, at: Micros) -> bool {
        self.paused.0 <= at && at < self.paused.1
    }

    /// Takes memory, and stops for the collection that this may bring.
    pub(super) fn allocate(&mut self, bytes: f64, env: &mut Env<'_>) {
        if self.is_paused(self.now) {
            return;
        }
        let Some(pause) = self.jvm.allocate(self.now, bytes) else { return };
        let end = self.now + pause.length;
        self.paused = (self.now, end);
        for flight in &mut self.flights {
            flight.state.pause(self.now, end);
        }
        self.meters.cpu_seconds += pause.length.as_seconds() * self.plan.cores * 0.9;
        let mib = |bytes: f64| libm::floor(bytes / 1_048_576.0);
        let what = match pause.kind {
            PauseKind::Young => "Pause Young (Normal) (G1 Evacuation Pause)",
            PauseKind::Mixed => "Pause Young (Mixed) (G1 Evacuation Pause)",
            PauseKind::Full => "Pause Full (G1 Compaction Pause)",
        };
        let message = format!(
            "GC({}) {what} {}M->{}M({}M) {:.3}ms",
            self.jvm.number,
            mib(pause.before),
            mib(pause.after),
            mib(self.jvm.heap),
            pause.length.as_seconds() * 1000.0
        );
        // The collector writes to a log of its own, so that the application does not count the line.
        let source = Source::Instance(self.index);
        env.lines.push(Line { at: end, source, level: Level::Info, logger: "gc", message });
    }

    fn keep_house(&mut self, env: &mut Env<'_>) {
        let delta = self.now - self.housekept;
        self.housekept = self.now;
        if delta.0 * 2 > HOUSEKEEPING.0 * 3 {
            for place in 0..self.pools.len() {
                let message = format!(
                    "{} - Thread starvation or clock leap detected (housekeeper delta={}s{}ms).",
                    self.pools[place].name,
                    delta.as_millis() / 1000,
                    delta.as_millis() % 1000
                );
                self.say(env, Level::Warn, "com.zaxxer.hikari.pool.HikariPool", message);
            }
        }
    }

    /// Asks for records; what there is becomes a batch.
    fn poll(&mut self, env: &mut Env<'_>) {
        self.meters.polls += 1;
        self.meters.between_polls.record(self.now, 1, self.now - self.last_poll);
        self.last_poll = self.now;
        if self.is_out {
            self.wants_in = true;
            self.next_poll = self.now + self.plan.fetch_wait;
            return;
        }
        self.commit(env);
        let topic = &env.topics[self.topic];
        let mut room = self.plan.max_poll_records;
        let mut ranges = vec![];
        // Each poll begins with another partition, so that none is always served first.
        let turn = self.meters.polls as usize % self.positions.len().max(1);
        let order: Vec<u32> = self.positions.keys().copied().collect();
        for partition in order[turn.min(order.len())..].iter().chain(&order[..turn.min(order.len())]) {
            let Some(position) = self.positions.get_mut(partition) else { continue };
            let there = topic.log_end(*partition, self.now).saturating_sub(position.next);
            let taken = there.min(u64::from(room.min(self.plan.fetch_records)));
            if taken > 0 {
                position.next += taken;
                room -= taken as u32;
                ranges.push((*partition, position.next));
            }
        }
        let count = self.plan.max_poll_records - room;
        if count == 0 {
            self.next_poll = self.now + self.plan.fetch_wait;
            return;
        }
        self.meters.consumed += u64::from(count);
        self.batch = Some(Batch { polled: self.now, ranges, queued: count, left: count });
        self.start_work(env);
    }

    /// Ends the batch when its last record is done.
    pub(super) fn end_batch(&mut self, env: &mut Env<'_>) {
        let Some(batch) = self.batch.take() else { return };
        for (partition, end) in batch.ranges {
            if let Some(position) = self.positions.get_mut(&partition) {
                position.done = position.done.max(end.min(position.next));
            }
        }
        self.commit(env);
        let topic = &env.topics[self.topic];
        let there: u64 = self
            .positions
            .iter()
            .map(|(partition, position)| topic.log_end(*partition, self.now).saturating_sub(position.next))
            .sum();
        let has_plenty = there >= u64::from(self.plan.threads);
        self.next_poll = if has_plenty { self.now } else { (batch.polled + self.plan.fetch_wait).max(self.now) } + POLL;
    }

    fn commit(&mut self, env: &mut Env<'_>) {
        if self.now - self.last_commit < self.plan.commit_interval {
            return;
        }
        let mut has_committed = false;
        for (partition, position) in &mut self.positions {
            if position.done > position.committed {
                position.committed = position.done;
                let (partition, offset) = (*partition, position.done);
                env.asked.push(Asked { instance: self.index, partition, offset, at: self.now });
                has_committed = true;
            }
        }
        if has_committed {
            self.last_commit = self.now;
            self.meters.commits += 1;
            let took = Micros::of_seconds(0.003 * self.stream.factor(0.3));
            self.meters.commit_latency.record(self.now, 1, took);
        }
    }

    /// Takes its partitions after a rebalance; new ones are read from what was committed.
    pub(crate) fn assign(&mut self, partitions: &BTreeMap<u32, u64>) {
        self.meters.rebalances += 1;
        let is_out = std::mem::take(&mut self.is_out);
        self.wants_in = false;
        self.positions.retain(|partition, _| !is_out && partitions.contains_key(partition));
        for (partition, committed) in partitions {
            let fresh = Position { next: *committed, done: *committed, committed: *committed };
            self.positions.entry(*partition).or_insert(fresh);
        }
        if let Some(batch) = &mut self.batch {
            batch.ranges.retain(|(partition, _)| self.positions.contains_key(partition));
        }
    }

    /// Writes a log line of the application, which counts its lines.
    pub(crate) fn say(&mut self, env: &mut Env<'_>, level: Level, logger: &'static str, message: String) {
        self.meters.lines[level as usize] += 1;
        env.lines.push(Line { at: self.now, source: Source::Instance(self.index), level, logger, message });
    }

    /// The same, but at most once in `gap` for each kind of line.
    pub(super) fn say_seldom(
        &mut self,
        env: &mut Env<'_>,
        (kind, gap): (&'static str, Micros),
        (level, logger): (Level, &'static str),
        message: impl FnOnce(&mut Stream) -> String,
    ) {
        if self.burst.passes(kind, self.now, gap) {
            let message = message(&mut self.ids);
            self.say(env, level, logger, message);
        }
    }

    /// Threads in each state, for tests: working, in line, holding.
    #[cfg(test)]
    pub(crate) fn census(&self) -> (u32, u32, u32) {
        let count = |fits: fn(&State) -> bool| {
            self.flights.iter().filter(|flight| fits(&flight.state)).map(|flight| flight.count).sum()
        };
        (count(|_| true), count(|s| matches!(s, State::Line { .. })), count(|s| matches!(s, State::Hold { .. })))
    }
}
