//! The work on records: a flight goes from step to step of the plan, waits where it must, and is measured where a real
//! library measures. Start at [`Instance::start_work`].

use super::Env;
use super::flight::{Away, Flight, State};
use super::instance::Instance;
use super::knobs::MOST_STATEMENTS;
use super::line::{Level, Line, Source};
use super::plan::{Step, Visit};
use super::says;
use super::topic::Bad;
use crate::units::Micros;

/// Times that a record waits for a connection in vain before it is set aside.
const MOST_WAITS: u32 = 3;
/// What happens between two of them.
const WAIT_BACKOFF: Micros = Micros::SECOND;
/// By how much more processor time and memory a record takes for each further record that would fit into its bytes.
const SIZE_CPU: f64 = 0.1;
const SIZE_HEAP: f64 = 0.5;
/// Network and driver, per statement.
const ROUND_TRIP: f64 = 0.0004;

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
            };
            self.enter(flight, env);
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Begins the step that the flight has come to.
    fn enter(&mut self, mut flight: Flight, env: &mut Env<'_>) {
        let plan = self.plan.clone();
        if flight.step > 0 && matches!(flight.fails, Some(Bad::Poison(left)) if left == Micros::ZERO) {
            return self.finish(flight, false, env);
        }
        let Some(step) = plan.steps.get(flight.step) else {
            return self.finish(flight, flight.fails.is_none(), env);
        };
        let knobs = env.knobs.instances[self.index];
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
                self.allocate(count * plan.per_record * share * knobs.allocation * (1.0 + SIZE_HEAP * size), env);
                self.chatter(count * share * knobs.chatter, env);
                let lines = share * knobs.chatter * LINE;
                let slower = knobs.cpu * (1.0 + SIZE_CPU * size);
                let work = plan.cpu * share * slower * self.stream.factor(0.15) + lines;
                self.on_cpu += flight.count;
                self.meters.cpu_seconds += work * count;
                // Threads that write lines stand in line for the appender, which writes one at a time.
                let crowd = (f64::from(self.on_cpu) / plan.cores).max(1.0) * self.pressed;
                let work = work + lines * f64::from(self.on_cpu.saturating_sub(1));
                flight.state = State::Cpu { due: self.now.max(self.paused.1) + Micros::of_seconds(work * crowd) };
                self.flights.push(flight);
            }
            Step::Cache { cache, hit, miss } => {
                let due = self.now + env.caches[*cache].latency(&mut self.stream);
                let misses = self.stream.part(flight.count, 1.0 - hit);
                env.caches[*cache].hits += u64::from(flight.count - misses);
                env.caches[*cache].misses += u64::from(misses);
                for (count, miss) in [(flight.count - misses, None), (misses, *miss)] {
                    if count > 0 {
                        let state = State::Away { due, since: self.now, from: Away::Cache { miss } };
                        let id = self.fresh_id();
                        self.flights.push(Flight { id, count, state, ..flight });
                    }
                }
            }
            Step::Query { pool, visit, .. } => self.ask(flight, *pool, *visit, env),
            Step::ReadBack { pool, .. } => self.ask(flight, *pool, Visit::Back, env),
            Step::Call { endpoint } => {
                let due = self.now + env.endpoints[*endpoint].latency(&mut self.stream);
                flight.state = State::Away { due, since: self.now, from: Away::Endpoint(*endpoint) };
                self.flights.push(flight);
            }
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
            State::Away { since, from: Away::Endpoint(endpoint), .. } => {
                if let Some(place) = self.plan.endpoints.iter().position(|known| *known == endpoint) {
                    self.meters.http[place].record(self.now, flight.count, self.now - since);
                }
                self.next(flight, env);
            }
            State::Sleep { pool, visit, .. } => self.ask(flight, pool, visit, env),
            State::Line { pool, visit, .. } => self.give_up(flight, pool, visit, env),
            State::Hold { since, pool, visit, execs, .. } => {
                self.pools[pool].take_back(self.now, flight.count, self.now - since);
                self.account(flight.count, pool, &execs, env);
                if visit == Visit::Write {
                    flight.wrote = self.now;
                }
                self.serve_line(pool, env);
                if visit == Visit::Write && flight.fails == Some(Bad::Twice) {
                    // The row is there: the server refuses the statement, and the transaction is rolled back.
                    env.databases[self.pools[pool].database].rolled_back += u64::from(flight.count);
                    return self.finish(flight, false, env);
                }
                match visit {
                    Visit::Write | Visit::Read => self.next(flight, env),
                    Visit::Back => self.look_for_row(flight, pool, env),
                    Visit::Fallback => self.next(flight, env),
                }
            }
        }
    }

    fn next(&mut self, mut flight: Flight, env: &mut Env<'_>) {
        flight.step += 1;
        self.enter(flight, env);
    }

    /// Asks a pool for connections, one for each record.
    fn ask(&mut self, flight: Flight, pool: usize, visit: Visit, env: &mut Env<'_>) {
        let lent = if self.pools[pool].waiting == 0 { self.pools[pool].free().min(flight.count) } else { 0 };
        if lent > 0 {
            self.hold(Flight { count: lent, ..flight }, pool, visit, Micros(40), env);
        }
        let count = flight.count - lent;
        if count > 0 {
            self.pools[pool].waiting += count;
            let give_up = self.now + self.pools[pool].timeout;
            let state = State::Line { give_up, since: self.now, pool, visit };
            let id = if lent > 0 { self.fresh_id() } else { flight.id };
            self.flights.push(Flight { id, count, state, ..flight });
        }
    }

    /// Lends connections to a flight and lets its statements execute.
    fn hold(&mut self, mut flight: Flight, pool: usize, visit: Visit, waited: Micros, env: &mut Env<'_>) {
        self.pools[pool].lend(self.now, flight.count, waited);
        let place = self.pools[pool].database;
        let (database, knobs) = (&env.databases[place], &env.knobs.databases[place]);
        let mut execs = [Micros::ZERO; MOST_STATEMENTS];
        let mut whole = Micros::ZERO;
        let statements = self.statements(flight.step, visit);
        for number in 0..statements {
            let statement =
                if visit == Visit::Write { number as usize % database.writes.max(1) } else { database.writes };
            let exec = database.exec(statement, knobs, &mut self.stream).max(Micros(1));
            execs[statement] += exec;
            whole += exec + Micros::of_seconds(ROUND_TRIP);
        }
        flight.state = State::Hold { due: self.now + whole, since: self.now, pool, visit, execs };
        self.flights.push(flight);
    }

    fn statements(&mut self, step: usize, visit: Visit) -> u32 {
        match self.plan.steps.get(step) {
            Some(Step::Query { statements, .. }) if visit != Visit::Back => {
                let whole = libm::floor(*statements);
                (whole as u32 + u32::from(self.stream.chance(statements - whole))).clamp(1, MOST_STATEMENTS as u32 - 1)
            }
            _ => 1,
        }
    }

    /// The server counts a statement when it is done.
    fn account(&mut self, count: u32, pool: usize, execs: &[Micros; MOST_STATEMENTS], env: &mut Env<'_>) {
        let place = self.pools[pool].database;
        for (statement, exec) in execs.iter().enumerate().filter(|(_, exec)| **exec > Micros::ZERO) {
            if env.databases[place].done(statement, count, *exec) {
                env.slow_statement(place, statement, *exec, self.now);
            }
        }
    }

    /// Gives free connections to whoever waits longest.
    fn serve_line(&mut self, pool: usize, env: &mut Env<'_>) {
        while self.pools[pool].free() > 0 && self.pools[pool].waiting > 0 {
            let in_line = |flight: &Flight| match flight.state {
                State::Line { pool: wanted, since, visit, .. } if wanted == pool => Some((since, flight.id, visit)),
                _ => None,
            };
            let first = (0..self.flights.len())
                .filter_map(|place| in_line(&self.flights[place]).map(|(since, id, visit)| (since, id, place, visit)))
                .min_by_key(|(since, id, ..)| (*since, *id));
            let Some((since, _, place, visit)) = first else { return };
            let count = self.flights[place].count.min(self.pools[pool].free());
            self.pools[pool].waiting -= count;
            let mut flight = self.flights[place];
            if count == flight.count {
                self.flights.swap_remove(place);
            } else {
                self.flights[place].count -= count;
                flight.id = self.fresh_id();
            }
            self.hold(Flight { count, ..flight }, pool, visit, self.now - since, env);
        }
    }

    /// No connection came in time.
    fn give_up(&mut self, mut flight: Flight, pool: usize, visit: Visit, env: &mut Env<'_>) {
        let State::Line { since, .. } = flight.state else { return };
        let Self { pools, active, .. } = self;
        let known = &mut pools[pool];
        known.waiting -= flight.count;
        known.timeouts += u64::from(flight.count);
        let (name, total, waiting, threads) = (known.name.clone(), known.in_use, known.waiting, *active);
        let waited = self.now - since;
        self.say_seldom(env, ("pool", Micros::millis(700)), (Level::Error, says::HANDLER), |ids| {
            says::no_connection(ids, &name, waited, total, waiting.min(threads))
        });
        flight.waits += 1;
        if flight.waits >= MOST_WAITS {
            let group = self.plan.group.clone();
            self.say_seldom(env, ("exhausted", Micros::millis(900)), (Level::Error, says::HANDLER), |ids| {
                says::set_aside(ids, &group)
            });
            return self.finish(flight, false, env);
        }
        let due = self.now + WAIT_BACKOFF.times(self.stream.factor(0.1));
        flight.state = State::Sleep { due, pool, visit };
        self.flights.push(flight);
    }

    /// The replica has answered: is the row there?
    fn look_for_row(&mut self, mut flight: Flight, pool: usize, env: &mut Env<'_>) {
        let plan = self.plan.clone();
        let Some(Step::ReadBack { primary, retries, backoff, .. }) = plan.steps.get(flight.step) else {
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
        if flight.reads >= *retries {
            self.meters.retried_in_vain += count;
            let name = self.pools[pool].name.clone();
            self.say_seldom(env, ("fallback", Micros::millis(1200)), (Level::Warn, says::READER), |ids| {
                says::row_never_came(ids, &name, *retries)
            });
            return self.ask(flight, *primary, Visit::Fallback, env);
        }
        let wait = Micros(backoff.0 << flight.reads.min(10)).times(self.stream.factor(0.05));
        flight.reads += 1;
        if flight.reads > 1 {
            let (read, retries, wait) = (flight.reads, *retries, wait.as_millis());
            self.say_seldom(env, ("retry", Micros::millis(800)), (Level::Warn, says::READER), |ids| {
                says::row_not_there(ids, read, retries, wait)
            });
        }
        flight.state = State::Sleep { due: self.now.max(self.paused.1) + wait, pool, visit: Visit::Back };
        self.flights.push(flight);
    }

    /// The work on these records is over.
    fn finish(&mut self, flight: Flight, is_good: bool, env: &mut Env<'_>) {
        let took = self.now - flight.began;
        let timer = match flight.fails {
            _ if is_good => &mut self.meters.listener,
            Some(Bad::Twice) => &mut self.meters.listener_twice,
            Some(_) => &mut self.meters.listener_poison,
            None => &mut self.meters.listener_failed,
        };
        timer.record(self.now, flight.count, took);
        self.meters.last_took = took;
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
