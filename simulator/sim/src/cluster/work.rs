//! The work on records: a flight goes from step to step of the plan, waits where it must, and is measured where a real
//! library measures. Start at [`Instance::start_work`].

use super::Env;
use super::flight::{Away, Exception, Flight, State};
use super::instance::Instance;
use super::line::{Level, Line, Source};
use super::plan::{Step, Visit};
use super::says;
use super::topic::Bad;
use crate::random::Stream;
use crate::units::Micros;

/// Times that work on a record fails before it is set aside.
const MOST_WAITS: u16 = 3;
/// What happens between two of them.
const WAIT_BACKOFF: Micros = Micros::SECOND;
/// By how much more processor time and memory a record takes for each further record that would fit into its bytes.
const SIZE_CPU: f64 = 0.1;
const SIZE_HEAP: f64 = 0.5;
/// Attempts of a framework that does not wait between them.
const MOST_HASTY: u16 = 10;

/// Seconds that an appender takes for one line, to the disk and back.
const LINE: f64 = 40e-6;
/// Lines a second of one instance that a shipper takes along; the rest it drops.
const SHIPPED: f64 = 30.0;

impl Instance {
    /// Counts the lines of a program that says too much, and writes those that a shipper takes.
    fn chatter(&mut self, lines: f64, env: &mut Env<'_>) {
        if lines <= 0.0 {
            return;
        }
        self.said += lines;
        let whole = libm::floor(self.said);
        self.said -= whole;
        self.meters.lines[Level::Debug as usize] += whole as u64;
        if self.burst.passes("chatter", self.now, Micros::of_seconds(1.0 / SHIPPED)) {
            let (at, source) = (self.now, Source::Instance(self.index));
            let (logger, message) = says::trace(&mut self.ids);
            env.lines.push(Line { at, source, level: Level::Debug, logger, message });
        }
    }

    /// Fails on a share of the records at first, as a new version may.
    fn stumble(&mut self, count: u32, share: f64, env: &mut Env<'_>) {
        let failed = if share > 0.0 { self.luck.part(count, share) } else { 0 };
        if failed > 0
            && !self.say_seldom(env, ("new", Micros::millis(400)), (Level::Error, says::HANDLER), says::new_trouble)
        {
            self.meters.lines[Level::Error as usize] += 1;
        }
    }

    /// Gives free threads the records that wait for one.
    pub(super) fn start_work(&mut self, env: &mut Env<'_>) {
        while let Some(batch) = &mut self.batch {
            let mut count = (self.plan.threads - self.stuck).saturating_sub(self.active).min(batch.queued);
            if count == 0 {
                return;
            }
            let fails = batch.bad_queued.checked_sub(1).map(|place| batch.bad[place].2);
            if fails.is_some() {
                // A record that will fail goes its own way.
                batch.bad_queued -= 1;
                count = 1;
            }
            batch.queued -= count;
            self.active += count;
            let flight = Flight {
                id: self.fresh_id(),
                count,
                began: self.now,
                step: 0,
                state: State::Stall { due: self.now },
                wrote: self.now,
                reads: 0,
                waits: 0,
                has_stalled: false,
                fails,
                tries: 0,
                failed: Exception::NoConnection,
            };
            self.enter(flight, env);
        }
    }

    pub(super) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Begins the step that the flight has come to.
    fn enter(&mut self, mut flight: Flight, env: &mut Env<'_>) {
        if flight.step > 0 && matches!(flight.fails, Some(Bad::Poison(left)) if left == Micros::ZERO) {
            return self.finish(flight, false, env);
        }
        let Some(step) = self.plan.steps.get(flight.step as usize).copied() else {
            return self.finish(flight, flight.fails.is_none(), env);
        };
        let knobs = &env.knobs.instances[self.index];
        match step {
            Step::Cpu(_) if knobs.wedged => {
                // Its thread waits for a lock that is never let go of.
                flight.state = State::Stall { due: self.now.max(self.paused.1) + Micros::SECOND };
                self.flights.push(flight);
            }
            Step::Cpu(_) if knobs.stall_s > 0.0 && !flight.has_stalled => {
                flight.has_stalled = true;
                let stall = Micros::of_seconds(knobs.stall_s * self.stream.factor(0.2));
                flight.state = State::Stall { due: self.now.max(self.paused.1) + stall };
                self.flights.push(flight);
            }
            Step::Cpu(share) => {
                let count = f64::from(flight.count);
                let size = env.topics[self.topic].size() - 1.0;
                self.allocate(count * self.plan.per_record * share * knobs.allocation * (1.0 + SIZE_HEAP * size), env);
                self.chatter(count * share * knobs.chatter, env);
                if self.life.settings.version > 0 && flight.step == 0 {
                    self.stumble(flight.count, knobs.next.fails, env);
                }
                let lines = share * knobs.chatter * LINE;
                let cpu = knobs.cpu * if self.life.settings.version > 0 { knobs.next.cpu } else { 1.0 };
                let slower = cpu * (1.0 + SIZE_CPU * size);
                let work = self.plan.cpu * share * slower * self.stream.factor(0.15) + lines;
                self.meters.code_s += work * count * cpu / slower;
                self.meters.coded += count * share;
                self.on_cpu += flight.count;
                self.meters.cpu_seconds += work * count;
                // Threads that write lines stand in line for the appender, which writes one at a time.
                let crowd = (f64::from(self.on_cpu) / self.plan.cores).max(1.0) * env.pressed(self.host);
                let work = work + lines * f64::from(self.on_cpu.saturating_sub(1));
                flight.state = State::Cpu { due: self.now.max(self.paused.1) + Micros::of_seconds(work * crowd) };
                self.flights.push(flight);
            }
            Step::Cache { cache, hit, miss, .. } => self.look_up(flight, (cache, hit), miss, env),
            Step::Query { pool, visit, .. } => self.ask(flight, pool, visit, env),
            Step::ReadBack { pool, .. } => self.ask(flight, pool, Visit::Back, env),
            Step::Call { client } => self.call(flight, client, env),
        }
    }

    /// What a flight was waiting for has come.
    pub(super) fn go_on(&mut self, mut flight: Flight, env: &mut Env<'_>) {
        match flight.state {
            State::Stall { .. } => self.enter(flight, env),
            State::Cpu { .. } => {
                self.on_cpu -= flight.count;
                match flight.fails {
                    // The handler throws when it looks at what is in the record, or has waited for something in vain.
                    Some(Bad::Poison(after)) if after > Micros::ZERO => {
                        flight.fails = Some(Bad::Poison(Micros::ZERO));
                        flight.step += 1;
                        flight.state = State::Stall { due: self.now + after };
                        self.flights.push(flight);
                    }
                    _ => self.next(flight, env),
                }
            }
            State::Away { from: Away::Cache { miss: Some(pool) }, .. } => self.ask(flight, pool, Visit::Read, env),
            State::Away { from: Away::Cache { miss: None }, .. } => self.next(flight, env),
            State::Away { since, from: Away::Client(client, outcome), .. } => {
                self.called(flight, (client, outcome), since, env);
            }
            State::Sleep { pool, visit, .. } => self.ask(flight, pool, visit, env),
            State::Line { .. } => self.give_up(flight, env),
            State::Hold { .. } => self.held(flight, env),
        }
    }

    pub(super) fn next(&mut self, mut flight: Flight, env: &mut Env<'_>) {
        flight.step += 1;
        flight.tries = 0;
        self.enter(flight, env);
    }

    /// The replica has answered: is the row there?
    pub(super) fn look_for_row(&mut self, mut flight: Flight, pool: usize, env: &mut Env<'_>) {
        let step = self.plan.steps.get(flight.step as usize).copied();
        let Some(Step::ReadBack { primary, retries, backoff, .. }) = step else {
            return self.next(flight, env);
        };
        let database = self.pools[pool].database;
        let is_there =
            env.databases[database].replica.as_ref().is_none_or(|replica| replica.shows(flight.wrote, self.now));
        let count = u64::from(flight.count);
        if is_there {
            *(if flight.reads == 0 { &mut self.meters.at_once } else { &mut self.meters.retried }) += count;
            return self.next(flight, env);
        }
        if flight.reads >= retries {
            self.meters.retried_in_vain += count;
            let name = self.pools[pool].name.clone();
            self.say_seldom(env, ("fallback", Micros::millis(1200)), (Level::Warn, says::READER), |ids| {
                says::row_never_came(ids, &name, retries)
            });
            return self.ask(flight, primary, Visit::Fallback, env);
        }
        let wait = Micros(backoff.0 << flight.reads.min(10)).times(self.stream.factor(0.05));
        flight.reads += 1;
        if flight.reads > 1 {
            let (read, wait) = (flight.reads, wait.as_millis());
            self.say_seldom(env, ("retry", Micros::millis(800)), (Level::Warn, says::READER), |ids| {
                says::row_not_there(ids, read, retries, wait)
            });
        }
        flight.state = State::Sleep { due: self.now.max(self.paused.1) + wait, pool, visit: Visit::Back };
        self.flights.push(flight);
    }

    /// Work on these records has failed: it is tried again after a while, or they are set aside.
    pub(super) fn set_back(
        &mut self,
        mut flight: Flight,
        exception: Exception,
        why: impl FnOnce(&mut Stream) -> String,
        env: &mut Env<'_>,
    ) {
        self.say_seldom(env, (exception.name(), Micros::millis(700)), (Level::Error, says::HANDLER), |ids| {
            match exception {
                Exception::NoConnection => why(ids),
                _ => says::attempt_failed(ids, why),
            }
        });
        let is_hasty = env.knobs.instances[self.index].hasty.is_some();
        flight.failed = exception;
        flight.tries = 0;
        flight.waits += 1;
        if flight.waits >= if is_hasty { MOST_HASTY } else { MOST_WAITS } {
            let group = self.plan.group.clone();
            let (interval, attempts) = if is_hasty { (0, MOST_HASTY) } else { (1000, MOST_WAITS) };
            self.say_seldom(env, ("exhausted", Micros::millis(900)), (Level::Error, says::HANDLER), |ids| {
                says::set_aside(ids, &group, interval, attempts.into())
            });
            return self.finish(flight, false, env);
        }
        let wait = if is_hasty { Micros::ZERO } else { WAIT_BACKOFF.times(self.stream.factor(0.1)) };
        let due = self.now.max(self.paused.1) + wait;
        flight.state = match flight.state {
            State::Line { pool, visit, .. } => State::Sleep { due, pool, visit },
            _ => State::Stall { due },
        };
        self.flights.push(flight);
    }

    /// What was made of the records goes to the topics that others read.
    fn write_onward(&mut self, count: u32, env: &mut Env<'_>) {
        for (output, sent) in self.plan.outputs.iter().zip(&mut self.meters.sent) {
            let records = f64::from(count) * output.per_record;
            env.onward[output.topic] += records;
            *sent += records;
        }
    }

    /// The work on these records is over.
    pub(super) fn finish(&mut self, flight: Flight, is_good: bool, env: &mut Env<'_>) {
        let took = self.now - flight.began;
        let timer = match flight.fails {
            _ if is_good => &mut self.meters.listener,
            Some(Bad::Twice) => &mut self.meters.listener_twice,
            Some(_) => &mut self.meters.listener_poison,
            None => &mut self.meters.listener_failed,
        };
        timer.record(self.now, flight.count, took);
        if !is_good && flight.fails.is_none() {
            self.meters.failed_by[flight.failed as usize].record(self.now, flight.count, took);
        }
        self.meters.last_took = took;
        if is_good {
            self.write_onward(flight.count, env);
        }
        self.active -= flight.count;
        let left = match &mut self.batch {
            Some(batch) => {
                batch.left -= flight.count;
                batch.left
            }
            None => 0,
        };
        if left == 0 { self.end_batch(env) } else { self.start_work(env) }
    }
}
