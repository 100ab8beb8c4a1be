//! One running copy of a consumer: a poll loop, a fixed number of worker threads, a heap, a pool per database. It is a
//! closed system: whatever becomes slow, no more than its threads can wait for it, and only the log grows without bound.
//! Start at [`Instance::run_until`]; `fetch` has the poll loop, `work` the work on records, `life` the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Env;
use super::calls::Client;
use super::flight::{Exception, Flights, State};
use super::jvm::{Jvm, PauseKind};
use super::kafka::fetch::Fetcher;
use super::kafka::link::Place;
use super::life::{End, Life};
use super::line::{BurstFilter, Level, Line, Source};
use super::plan::Plan;
use super::pool::Pool;
use super::says;
use super::timer::{Sensor, Timer};
use super::topic::Bad;
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
    pub(crate) pools: Vec<Pool>,
    pub(crate) jvm: Jvm,
    pub(crate) life: Life,
    pub(crate) meters: Meters,
    pub(crate) clients: Vec<Client>,
    pub(crate) fetcher: Fetcher,
    pub(super) flights: Flights,
    pub(super) next_id: u64,
    /// Threads that work.
    pub(crate) active: u32,
    /// Threads that wait for something that never comes.
    pub(crate) stuck: u32,
    pub(super) on_cpu: u32,
    pub(crate) batch: Option<Batch>,
    /// Room that the next poll can use again.
    pub(super) spare_ranges: Vec<(u32, u64)>,
    pub(super) spare_order: Vec<u32>,
    /// Assigned partitions: the next record to fetch, and the one after the last that is done.
    pub(crate) positions: BTreeMap<u32, Position>,
    pub(super) now: Micros,
    /// It stands still from the one to the other.
    pub(crate) paused: (Micros, Micros),
    pub(crate) last_poll: Micros,
    pub(super) next_poll: Micros,
    pub(super) last_commit: Micros,
    housekept: Micros,
    /// How far its clock was ahead then.
    housekept_by: Micros,
    /// Number of the release of its code that has always run.
    release: u64,
    /// When it asked for the commit that it waits for, and when that is through.
    pub(super) committing: Option<(Micros, Micros)>,
    /// What the commit took that is through now, if it took long.
    pub(super) waited: Option<Micros>,
    /// Whether the coordinator has put it out, so that it must join again.
    pub(crate) is_out: bool,
    /// Whether the last step left its memory and its threads as if nothing had ever been wrong.
    is_untouched: bool,
    /// Whether it knows that its group rebalances, and has yet to poll to join again.
    pub(crate) is_called: bool,
    /// Whether it has asked to join, and waits for partitions.
    pub(crate) wants_in: bool,
    /// Whether its session was ended for it already.
    pub(super) was_evicted: bool,
    /// When it asked.
    pub(super) asked_in: Micros,
    /// When it heard of its coordinator last.
    pub(crate) last_heartbeat: Micros,
    pub(super) stream: Stream,
    /// Chance on ways on which something is wrong.
    pub(super) net: Stream,
    pub(super) ids: Stream,
    /// Which of several things happens to a record, where faults leave it to chance.
    pub(super) luck: Stream,
    pub(super) commits: Stream,
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
    /// Where it began to count what it fetches.
    pub(crate) began: u64,
}

impl Position {
    pub(crate) fn at(offset: u64) -> Self {
        Self { next: offset, done: offset, committed: offset, began: offset }
    }
}

/// What one poll gave.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) polled: Micros,
    /// Partition, and the offset after the last record of it.
    pub(super) ranges: Vec<(u32, u64)>,
    /// Records among them that will fail: partition, offset, and why.
    pub(super) bad: Vec<(u32, u64, Bad)>,
    /// How many of these have no thread yet.
    pub(super) bad_queued: usize,
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
    /// How long the answer takes if nothing is wrong.
    pub(crate) took: Micros,
}

/// What its libraries have measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meters {
    pub(crate) listener: Timer,
    pub(crate) listener_failed: Timer,
    /// Records that their handler could not work on, or whose rows were there already.
    pub(crate) listener_poison: Timer,
    pub(crate) listener_twice: Timer,
    /// The same, by what failed.
    pub(crate) failed_by: [Timer; Exception::ALL.len()],
    /// How long the record took that was done last.
    pub(crate) last_took: Micros,
    /// Records written onward, by output.
    pub(crate) sent: Vec<f64>,
    pub(crate) consumed: u64,
    pub(crate) consumed_bytes: f64,
    /// Records that were gone before it fetched them.
    pub(crate) skipped: u64,
    /// Of these, records of partitions or positions that it has given up since.
    pub(crate) consumed_before: u64,
    /// Records that were at work when their process ended.
    pub(crate) abandoned: u64,
    pub(crate) polls: u64,
    /// Records of each poll that gave any, as if they were microseconds.
    pub(crate) per_poll: Sensor,
    pub(crate) join_latency: Sensor,
    pub(crate) fetch_latency: Sensor,
    pub(crate) between_polls: Sensor,
    pub(crate) commits: u64,
    pub(crate) commit_latency: Sensor,
    pub(crate) rebalances: u64,
    pub(crate) cpu_seconds: f64,
    /// Processor seconds of the code's own work on records of the usual size, and how many records that was.
    pub(crate) code_s: f64,
    pub(crate) coded: f64,
    pub(crate) lines: [u64; 4],
    pub(crate) retried: u64,
    pub(crate) retried_in_vain: u64,
    pub(crate) at_once: u64,
    /// Packets that were sent again, by whom they were for.
    pub(crate) resent: BTreeMap<Place, f64>,
}

impl Meters {
    /// Records done so far, well or not.
    pub(crate) fn done(&self) -> u64 {
        let timers = [&self.listener, &self.listener_failed, &self.listener_poison, &self.listener_twice];
        timers.into_iter().map(|timer| timer.count).sum()
    }
}

/// How many threads do nothing any more; one is always left, since whoever stands still altogether is another fault.
fn stuck(share: f64, threads: u32) -> u32 {
    if share <= 0.0 {
        return 0;
    }
    (libm::round(share * f64::from(threads)) as u32).min(threads.saturating_sub(1))
}

const HOUSEKEEPING: Micros = Micros::seconds(30);
const NEVER: Micros = Micros(i64::MAX);
/// What a process allocates without any work, per second.
const IDLE_ALLOCATION: f64 = 1.5e6;

/// A client id and a random UUID.
fn member_id(name: &str, stream: &mut Stream) -> String {
    let mut part = |bits: u32| stream.below(1 << bits);
    let (a, b, c, d, e) = (part(32), part(16), part(12), part(12), part(48));
    format!("{name}-{a:08x}-{b:04x}-4{c:03x}-a{d:03x}-{e:012x}")
}

impl Instance {
    pub(crate) fn new(
        (index, name): (usize, String),
        (group, topic, host): (usize, usize, Option<usize>),
        plan: Arc<Plan>,
        (jvm, life): (Jvm, Life),
        streams: &crate::random::Streams,
    ) -> Self {
        let mut setup = streams.stream(&name, "setup");
        let phase = plan.fetch_wait.times(setup.unit());
        let commit_phase = plan.commit_interval.times(setup.unit());
        let member_id = member_id(&name, &mut setup);
        let mut lives = streams.stream(&name, "connection lives");
        let mut pools = plan.pools.clone();
        pools.iter_mut().for_each(|pool| pool.begin_lives(lives.unit()));
        Self {
            index,
            member_id,
            group,
            topic,
            host,
            pools,
            jvm,
            life,
            meters: Meters { sent: vec![0.0; plan.outputs.len()], ..Meters::default() },
            clients: plan.clients.iter().map(Client::new).collect(),
            flights: Flights::default(),
            next_id: 0,
            active: 0,
            stuck: 0,
            on_cpu: 0,
            batch: None,
            spare_ranges: vec![],
            spare_order: vec![],
            positions: BTreeMap::new(),
            now: Micros::ZERO,
            paused: (Micros(-1), Micros(-1)),
            last_poll: phase,
            next_poll: phase,
            last_commit: commit_phase - plan.commit_interval,
            housekept: Micros::ZERO,
            housekept_by: Micros::ZERO,
            release: streams.stream(&plan.service, "release").below(360),
            fetcher: Fetcher::new(streams.stream(&name, "fetches")),
            net: streams.stream(&name, "network"),
            committing: None,
            waited: None,
            is_out: false,
            is_untouched: false,
            is_called: false,
            wants_in: false,
            was_evicted: false,
            asked_in: Micros::ZERO,
            last_heartbeat: Micros::ZERO,
            stream: streams.stream(&name, "service times"),
            ids: streams.stream(&name, "ids"),
            luck: streams.stream(&name, "luck"),
            commits: streams.stream(&name, "commits"),
            burst: BurstFilter::default(),
            said: 0.0,
            plan,
            name,
        }
    }

    /// When something happens next if nobody else brings it about.
    pub(crate) fn due(&mut self) -> Micros {
        if !self.life.is_up() {
            return NEVER;
        }
        let flight = self.flights.next().map_or(NEVER, |(due, _)| due);
        flight.min(self.poll_due()).min(self.housekeeping_due())
    }

    /// When it polls next, unless it has work.
    fn poll_due(&self) -> Micros {
        if self.batch.is_none() { self.next_poll.max(self.paused.1) } else { NEVER }
    }

    fn housekeeping_due(&self) -> Micros {
        (self.housekept + HOUSEKEEPING).max(self.paused.1)
    }

    /// Lets everything happen that is due by `until`.
    pub(crate) fn run_until(&mut self, until: Micros, env: &mut Env<'_>) {
        while self.life.is_up() {
            let (flight_due, place) = self.flights.next().unwrap_or((NEVER, 0));
            let (poll_due, keep_due) = (self.poll_due(), self.housekeeping_due());
            let due = flight_due.min(poll_due).min(keep_due);
            if due > until {
                break;
            }
            self.now = self.now.max(due);
            if flight_due == due {
                let flight = self.flights.swap_remove(place);
                self.go_on(flight, env);
            } else if poll_due == due {
                self.poll(env);
            } else {
                self.keep_house(env);
            }
        }
        self.now = self.now.max(until);
    }

    /// What happens at the end of each step whatever the work.
    pub(crate) fn end_step(&mut self, now: Micros, step: Micros, env: &mut Env<'_>) {
        self.now = self.now.max(now);
        if !env.knobs.are_neutral_of(self.index) || !self.is_untouched {
            self.lose_memory(step, env);
            let knobs = &env.knobs.instances[self.index];
            self.jvm.retain(knobs.retained);
            self.jvm.survive(knobs.surviving);
            self.stuck = stuck(knobs.stuck, self.plan.threads);
            self.is_untouched = env.knobs.are_neutral_of(self.index) && !self.life.must_crash && self.jvm.is_whole();
        }
        self.fetch(env);
        self.keep_clients(env);
        if self.life.is_up() && !self.is_paused(self.now) {
            self.keep_pools(env);
            self.meters.cpu_seconds += 0.02 * step.as_seconds();
            self.allocate(IDLE_ALLOCATION * step.as_seconds(), env);
        }
    }

    /// Loses what leaks, and ends when nothing is left.
    fn lose_memory(&mut self, step: Micros, env: &mut Env<'_>) {
        let leak = env.knobs.instances[self.index].leak;
        if leak <= 0.0 || !self.life.is_up() || self.life.must_crash || self.is_paused(self.now) {
            return;
        }
        self.jvm.leak(leak * step.as_seconds());
        if self.jvm.is_exhausted() {
            self.life.must_crash = true;
            for message in says::NO_HEAP {
                self.say(env, Level::Error, says::APPLICATION, message.to_owned());
            }
        }
    }

    /// Seconds by which the clock of its host is ahead.
    pub(super) fn clock(&self, env: &Env<'_>) -> f64 {
        self.host.map_or(0.0, |host| env.knobs.hosts[host].clock_s)
    }

    /// Its process is no more: what it was doing is lost, and will be done again by somebody else.
    pub(super) fn die(&mut self, now: Micros, how: End) {
        self.life.end(now, how);
        self.meters.abandoned += u64::from(self.active + self.batch.as_ref().map_or(0, |batch| batch.queued));
        self.flights.clear();
        (self.active, self.on_cpu, self.batch) = (0, 0, None);
        for pool in &mut self.pools {
            pool.close(now);
        }
        self.give_up_partitions();
        self.paused = (Micros(-1), Micros(-1));
        (self.is_out, self.is_called, self.wants_in) = (false, false, false);
    }

    /// There is a new process, which is no member of its group yet.
    pub(super) fn begin(&mut self, now: Micros, env: &mut Env<'_>) {
        self.now = now;
        self.life.begin(now, env.knobs.instances[self.index].settings);
        self.member_id = member_id(&self.name, &mut self.ids);
        self.jvm.begin_again();
        let meters = &mut self.meters;
        (meters.between_polls, meters.commit_latency) = <_>::default();
        (meters.per_poll, meters.join_latency, meters.fetch_latency) = <_>::default();
        (self.is_out, self.last_poll, self.next_poll, self.last_commit, self.housekept) = (true, now, now, now, now);
        self.keep_pools(env);
        let starts = says::starts(self.release, self.life.settings.version);
        self.say(env, Level::Info, says::APPLICATION, starts);
        for message in says::begins(&self.plan.service, self.max_poll_records(), self.max_poll_interval()) {
            self.say(env, Level::Info, says::APPLICATION, message);
        }
    }

    /// Whether its process goes on as it always did, as a member of its group.
    pub(super) fn is_steady(&self, now: Micros) -> bool {
        self.life.is_steady()
            && !(self.is_out || self.wants_in || self.is_called || self.was_evicted)
            && self.paused.1 <= now
    }

    /// Threads that wait for nothing that can be seen from outside.
    pub(crate) fn stalled(&self) -> u32 {
        self.flights
            .iter()
            .filter(|flight| matches!(flight.state, State::Stall { .. }))
            .map(|flight| flight.count)
            .sum()
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
        self.flights.pause(self.now, end);
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
        let clock = Micros::of_seconds(self.clock(env));
        let delta = self.now - self.housekept + (clock - self.housekept_by);
        (self.housekept, self.housekept_by) = (self.now, clock);
        if delta < Micros::ZERO {
            for place in 0..self.pools.len() {
                let message = says::clock_went_back(&self.pools[place].name, delta);
                self.say(env, Level::Warn, "com.zaxxer.hikari.pool.HikariPool", message);
            }
        }
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

    /// Writes a log line of the application, which counts its lines.
    pub(crate) fn say(&mut self, env: &mut Env<'_>, level: Level, logger: &'static str, message: String) {
        self.meters.lines[level as usize] += 1;
        env.lines.push(Line { at: self.now, source: Source::Instance(self.index), level, logger, message });
    }

    /// The same, but at most once in `gap` for each kind of line. Says whether it wrote it.
    pub(super) fn say_seldom(
        &mut self,
        env: &mut Env<'_>,
        (kind, gap): (&'static str, Micros),
        (level, logger): (Level, &'static str),
        message: impl FnOnce(&mut Stream) -> String,
    ) -> bool {
        let passes = self.burst.passes(kind, self.now, gap);
        if passes {
            let message = message(&mut self.ids);
            self.say(env, level, logger, message);
        }
        passes
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
