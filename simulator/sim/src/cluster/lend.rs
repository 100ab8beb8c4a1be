//! Work on databases: a flight asks a pool for connections, waits in line, lets its statements execute, waits for locks
//! and for storage, and gives back what it was lent, unless it does not. Also what becomes of connections whose server
//! dies. Start at [`Instance::ask`].

use super::Env;
use super::database::Health;
use super::flight::{Exception, Execs, Flight, Phase, State};
use super::instance::Instance;
use super::kafka::link::Place;
use super::knobs::MOST_STATEMENTS;
use super::line::Level;
use super::plan::{Step, Visit};
use super::pool::Trouble;
use super::says;
use super::topic::Bad;
use crate::units::Micros;

/// Network and driver, per statement.
const ROUND_TRIP: f64 = 0.0004;
const POOL: &str = "com.zaxxer.hikari.pool.PoolBase";

impl Instance {
    /// Asks a pool for connections, one for each record.
    pub(super) fn ask(&mut self, flight: Flight, pool: usize, visit: Visit, env: &mut Env<'_>) {
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
        let work = self.work_of(flight.step);
        let (database, knobs) = (&env.databases[place], &env.knobs.databases[place]);
        let mut execs = Execs::default();
        let mut whole = Micros::ZERO;
        let statements = self.statements(flight.step, visit);
        for number in 0..statements {
            let statement =
                if visit == Visit::Write { number as usize % database.writes.max(1) } else { database.writes };
            let exec = database.exec(statement, knobs, &mut self.stream).times(work).max(Micros(1));
            execs.add(statement, exec);
            whole += exec + Micros::of_seconds(ROUND_TRIP);
        }
        let over = (0..statements).fold(Micros::ZERO, |over, _| over + self.over(env, Place::Database(place)));
        whole += over;
        let (since, lock_timeout) = (self.now, database.lock_timeout);
        let is_locked = visit == Visit::Write && knobs.locked > 0.0;
        let locked = if is_locked { self.luck.part(flight.count, knobs.locked) } else { 0 };
        if locked > 0 {
            self.pools[pool].rest(since, locked);
            env.databases[place].begin_lock_wait(locked);
            let id = if locked < flight.count { self.fresh_id() } else { flight.id };
            let (due, phase) = (since + lock_timeout, Phase::Lock(since));
            let state = State::Hold { due, since, pool, visit, execs, phase };
            self.flights.push(Flight { id, count: locked, state, ..flight });
            flight.count -= locked;
        }
        if flight.count > 0 {
            let away = f64::from(flight.count) * over.as_seconds() / whole.as_seconds();
            self.pools[pool].away += away;
            flight.state = State::Hold { due: since + whole, since, pool, visit, execs, phase: Phase::Execute(away) };
            self.flights.push(flight);
        }
    }

    /// How many times the work of a usual statement one of this step is: what a cache did not have may be more to load than
    /// a row.
    fn work_of(&self, step: u32) -> f64 {
        match self.plan.steps.get(step as usize) {
            Some(Step::Cache { miss_work, .. }) => *miss_work,
            _ => 1.0,
        }
    }

    fn statements(&mut self, step: u32, visit: Visit) -> u32 {
        match self.plan.steps.get(step as usize) {
            Some(Step::Query { statements, .. }) if visit != Visit::Back => {
                let whole = libm::floor(*statements);
                (whole as u32 + u32::from(self.stream.chance(statements - whole))).clamp(1, MOST_STATEMENTS as u32 - 1)
            }
            _ => 1,
        }
    }

    /// What a flight held a connection for has come, or will not come.
    pub(super) fn held(&mut self, mut flight: Flight, env: &mut Env<'_>) {
        let State::Hold { since, pool, visit, execs, phase, .. } = flight.state else { return };
        let place = self.pools[pool].database;
        let (now, count) = (self.now, flight.count);
        match phase {
            Phase::Execute(away) => {
                self.pools[pool].arrive(now, away);
                self.account(flight, pool, execs, env);
                let knobs = &env.knobs.databases[place];
                let commit = match visit {
                    Visit::Write if flight.fails != Some(Bad::Twice) => {
                        env.databases[place].commit_time(knobs, &mut self.commits)
                    }
                    _ => None,
                };
                if let Some(took) = commit {
                    self.pools[pool].rest(now, count);
                    let (due, phase) = (now + took, Phase::Commit(took));
                    flight.state = State::Hold { due, since, pool, visit, execs, phase };
                    self.flights.push(flight);
                    return;
                }
                self.give_back(flight, (pool, since), visit, env);
            }
            Phase::Commit(took) => {
                self.pools[pool].wake(now, count);
                if env.databases[place].committed(count, took) {
                    env.slow_statement(place, None, took, now);
                }
                self.give_back(flight, (pool, since), visit, env);
            }
            Phase::Lock(began) => {
                // The server gives up in time, even if the client is not there to hear of it.
                let waited = (now - began).min(env.databases[place].lock_timeout);
                env.databases[place].end_lock_wait(count, waited);
                self.pools[pool].wake(now, count);
                self.pools[pool].take_back(now, count, now - since);
                self.serve_line(pool, env);
                self.set_back(flight, Exception::NoLock, |_| says::NO_LOCK.to_owned(), env);
            }
            Phase::Dead => {
                self.pools[pool].bury(now, count, now - since);
                self.broke(flight, pool, env);
            }
        }
    }

    /// The statements are done, and with them the need for the connection.
    fn give_back(&mut self, mut flight: Flight, (pool, since): (usize, Micros), visit: Visit, env: &mut Env<'_>) {
        let knobs = env.knobs.instances[self.index].pools.get(pool).copied().unwrap_or_default();
        let leaked = if knobs.leak > 0.0 { self.luck.part(flight.count, knobs.leak) } else { 0 };
        if leaked > 0 {
            self.pools[pool].leak(self.now, leaked);
        }
        if leaked < flight.count {
            self.pools[pool].take_back(self.now, flight.count - leaked, self.now - since);
        }
        if visit == Visit::Write {
            flight.wrote = self.now;
        }
        if let (Visit::Read, Some(Step::Cache { cache, hit, .. })) = (visit, self.plan.steps.get(flight.step as usize))
        {
            env.caches[*cache].fill(flight.count, *hit);
        }
        self.serve_line(pool, env);
        if visit == Visit::Write && flight.fails == Some(Bad::Twice) {
            // The row is there: the server refuses the statement, and the transaction is rolled back.
            env.databases[self.pools[pool].database].rolled_back += u64::from(flight.count);
            return self.finish(flight, false, env);
        }
        match visit {
            Visit::Write | Visit::Read | Visit::Fallback => self.next(flight, env),
            Visit::Back => self.look_for_row(flight, pool, env),
        }
    }

    /// The server counts a statement when it is done.
    fn account(&mut self, flight: Flight, pool: usize, execs: Execs, env: &mut Env<'_>) {
        let work = self.work_of(flight.step);
        let place = self.pools[pool].database;
        for (statement, exec) in execs.each() {
            if env.databases[place].done(statement, (flight.count, work), exec) {
                env.slow_statement(place, Some(statement), exec, self.now);
            }
        }
    }

    /// Gives free connections to whoever waits longest.
    fn serve_line(&mut self, pool: usize, env: &mut Env<'_>) {
        while self.pools[pool].free() > 0 && self.pools[pool].waiting > 0 {
            let in_line = |(place, flight): (usize, &Flight)| match flight.state {
                State::Line { pool: wanted, since, visit, .. } if wanted == pool => {
                    Some((since, flight.id, place, visit, flight.count))
                }
                _ => None,
            };
            let first = self.flights.iter().enumerate().filter_map(in_line).min_by_key(|(since, id, ..)| (*since, *id));
            let Some((since, _, place, visit, count)) = first else { return };
            let count = count.min(self.pools[pool].free());
            self.pools[pool].waiting -= count;
            let mut flight = self.flights.take(place, count);
            if count < flight.count {
                flight.id = self.fresh_id();
            }
            self.hold(Flight { count, ..flight }, pool, visit, self.now - since, env);
        }
    }

    /// No connection came in time.
    pub(super) fn give_up(&mut self, flight: Flight, env: &mut Env<'_>) {
        let State::Line { since, pool, .. } = flight.state else { return };
        let Self { pools, active, .. } = self;
        let known = &mut pools[pool];
        known.waiting -= flight.count;
        known.timeouts += u64::from(flight.count);
        let (name, total, waiting, threads) = (known.name.clone(), known.in_use, known.waiting, *active);
        let waited = self.now - since;
        let trouble = known.trouble.map_or("", |trouble| trouble.words());
        let why = |ids: &mut _| {
            let text = says::no_connection(ids, &name, waited, total, waiting.min(threads));
            text + &trouble.replace("{}", &name)
        };
        self.set_back(flight, Exception::NoConnection, why, env);
    }

    /// What is done for the pools at the end of each step.
    pub(super) fn keep_pools(&mut self, env: &mut Env<'_>) {
        for place in 0..self.pools.len() {
            let number = self.pools[place].database;
            let database = &env.databases[number];
            let is_well = database.health == Health::Up && database.waiting_now == 0;
            if is_well && env.knobs.are_neutral_of(self.index) && self.pools[place].is_whole(self.now, database.epoch) {
                continue;
            }
            let knobs = env.knobs.instances[self.index].pools.get(place).copied().unwrap_or_default();
            self.pools[place].resize(knobs.size);
            let (health, epoch) = (env.databases[number].health, env.databases[number].epoch);
            if self.pools[place].epoch != epoch {
                self.lose_server(place, epoch, health, env);
            }
            let is_found = knobs.nameless <= 0.0 || !self.luck.chance(knobs.nameless);
            let trouble = match health {
                _ if !is_found => Some(Trouble::Nameless),
                Health::Up => None,
                Health::Refuses => Some(Trouble::Refused),
                Health::Silent => Some(Trouble::Silent),
            };
            self.pools[place].trouble = trouble;
            self.pools[place].age(self.now);
            if trouble.is_none() {
                self.pools[place].connect();
            }
            if env.databases[number].waiting_now > 0 && env.knobs.databases[number].locked <= 0.0 {
                self.unlock(place, env);
            }
            if self.pools[place].waiting > 0 {
                self.serve_line(place, env);
            }
        }
    }

    /// How many of its sessions wait for a lock of a database, of those that the process there knows.
    pub(super) fn locked_on(&self, database: usize, epoch: u32) -> u32 {
        let waits = |flight: &&Flight| match flight.state {
            State::Hold { pool, phase: Phase::Lock(_), .. } => {
                self.pools[pool].database == database && self.pools[pool].epoch == epoch
            }
            _ => false,
        };
        self.flights.iter().filter(waits).map(|flight| flight.count).sum()
    }

    /// Whoever held the lock has let it go.
    fn unlock(&mut self, pool: usize, env: &mut Env<'_>) {
        let Self { flights, pools, now, .. } = self;
        flights.each(|flight| {
            let State::Hold { due, pool: held, execs, phase, .. } = &mut flight.state else { return };
            let Phase::Lock(began) = *phase else { return };
            if *held == pool {
                (*due, *phase) = (*now + execs.whole(), Phase::Execute(0.0));
                pools[pool].wake(*now, flight.count);
                env.databases[pools[pool].database].end_lock_wait(flight.count, *now - began);
            }
        });
    }

    /// The server of a pool has died. Where its machine says so, all connections break at once; where it is silent,
    /// drivers wait until they lose patience.
    fn lose_server(&mut self, pool: usize, epoch: u32, health: Health, env: &mut Env<'_>) {
        let idle = self.pools[pool].free();
        let name = self.pools[pool].name.clone();
        for _ in 0..idle.min(3) {
            let message = says::not_valid(&mut self.ids, &name);
            self.say(env, Level::Warn, POOL, message);
        }
        self.pools[pool].drop_idle(epoch);
        let is_there = |flight: &Flight| matches!(flight.state, State::Hold { pool: held, phase, .. } if held == pool && phase != Phase::Dead);
        let mut lost = self.flights.extract(is_there);
        lost.sort_by_key(|flight| flight.id);
        for mut flight in lost {
            let State::Hold { since, visit, execs, phase, .. } = flight.state else { continue };
            match phase {
                Phase::Execute(away) => self.pools[pool].arrive(self.now, away),
                _ => self.pools[pool].wake(self.now, flight.count),
            }
            self.pools[pool].mourn(self.now, flight.count);
            if health == Health::Silent {
                let due = self.now + self.pools[pool].socket_timeout;
                flight.state = State::Hold { due, since, pool, visit, execs, phase: Phase::Dead };
                self.flights.push(flight);
            } else {
                self.pools[pool].bury(self.now, flight.count, self.now - since);
                self.broke(flight, pool, env);
            }
        }
    }

    /// A connection broke in the middle of the work.
    fn broke(&mut self, flight: Flight, pool: usize, env: &mut Env<'_>) {
        let name = self.pools[pool].name.clone();
        let quiet = ("broken", Micros::millis(200));
        self.say_seldom(env, quiet, (Level::Warn, "com.zaxxer.hikari.pool.ProxyConnection"), |ids| {
            says::broken(ids, &name)
        });
        self.set_back(flight, Exception::NoLink, |_| says::NO_LINK.to_owned(), env);
    }
}
