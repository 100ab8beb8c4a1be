//! Database servers. A statement takes as long as its work does, and longer when more of them run than there are
//! processors; a transaction waits for locks, and for the storage that makes it durable. A replica receives the primary's log
//! at once and applies it as fast as it can, or later, or not at all.

use std::collections::VecDeque;

use super::knobs::{DatabaseKnobs, MOST_STATEMENTS};
use super::line::BurstFilter;
use super::says;
use crate::numbers::exp;
use crate::random::{Stream, Streams};
use crate::scenario::node::DatabaseSpec;
use crate::units::Micros;

/// One server.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) cores: f64,
    pub(crate) max_conn: u32,
    exec: (f64, f64),
    pub(crate) statements: Vec<Statement>,
    /// How many of the statements write; the one after them reads.
    pub(crate) writes: usize,
    /// Transactions that were made durable.
    pub(crate) commits: Statement,
    commit: Option<(f64, f64)>,
    pub(crate) lock_timeout: Micros,
    slow_limit: Micros,
    others: f64,
    log_bytes: f64,
    /// Statements that run on average, everybody's.
    pub(crate) running: f64,
    pub(crate) questions: f64,
    pub(crate) slow: u64,
    /// Transactions that were rolled back.
    pub(crate) rolled_back: u64,
    pub(crate) lock_waits: f64,
    pub(crate) lock_ms: f64,
    /// Sessions that wait for a lock.
    pub(crate) waiting_now: u32,
    pub(crate) health: Health,
    /// How often it has died.
    pub(crate) epoch: u32,
    died: Option<Micros>,
    /// When the process that answers now began, if that was within the run.
    pub(crate) born: Option<Micros>,
    /// Seconds for which its storage was busy, and writes that it did.
    pub(crate) disk_busy: f64,
    pub(crate) disk_writes: f64,
    flushed: u64,
    /// How full its storage is, of 1.
    pub(crate) disk_use: f64,
    /// End of its own log, in bytes since ever.
    pub(crate) log_end: f64,
    pub(crate) replica: Option<Replica>,
    /// How much longer anything takes on its host.
    pub(crate) pressed: f64,
    background: Stream,
    ids: Stream,
    burst: BurstFilter,
}

/// Whether a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Up,
    /// Its machine says that nobody listens.
    Refuses,
    /// Nothing comes back.
    Silent,
}

/// What the server knows of one statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) count: u64,
    pub(crate) sum: Micros,
    /// What was asked for with it, as a number of usual statements; no server knows it.
    pub(crate) asked: f64,
}

/// How far a replica has come.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    /// Index of its primary.
    pub(crate) of: usize,
    apply_rate: f64,
    /// In bytes of the primary's log.
    pub(crate) received: f64,
    pub(crate) applied: f64,
    /// When the primary's log ended where; only what is not applied yet.
    ahead: VecDeque<(Micros, f64)>,
    /// How long ago the primary wrote what is being applied now.
    pub(crate) behind: Micros,
    /// What a row needs to be seen on the replica, on top of that.
    jitter: Micros,
    pub(crate) applies: bool,
    pub(crate) delay: Micros,
    hiccups: Stream,
}

impl Database {
    pub(crate) fn new(name: &str, spec: &DatabaseSpec, of: Option<usize>, streams: &Streams) -> Self {
        let mut setup = streams.stream(name, "setup");
        // Far enough from the end of a log file of 1 GiB that a run of an hour does not reach it.
        let log_end = libm::floor(setup.uniform(0.04, 0.3) * LOG_FILE);
        let texts = spec.statements.iter().chain(&spec.read);
        let statement = |text: &String| Statement { text: text.clone(), count: 0, sum: Micros::ZERO, asked: 0.0 };
        let mut statements: Vec<_> = texts.take(MOST_STATEMENTS).map(statement).collect();
        if spec.read.is_none() {
            statements.push(statement(&"SELECT * FROM `t` WHERE `id` = ?".into()));
        }
        Self {
            name: name.to_owned(),
            cores: spec.cores,
            max_conn: spec.max_conn,
            exec: spec.exec.log_normal(),
            writes: spec.statements.len(),
            statements,
            commits: statement(&"COMMIT".into()),
            commit: spec.commit.as_ref().map(|commit| commit.log_normal()),
            lock_timeout: Micros::of_seconds(spec.lock_timeout.log_normal().0),
            slow_limit: Micros::of_seconds(spec.slow_limit.log_normal().0),
            others: spec.others,
            log_bytes: spec.log_bytes,
            running: 0.0,
            questions: 0.0,
            slow: 0,
            rolled_back: 0,
            lock_waits: 0.0,
            lock_ms: 0.0,
            waiting_now: 0,
            health: Health::Up,
            epoch: 0,
            died: None,
            born: None,
            disk_busy: 0.0,
            disk_writes: 0.0,
            flushed: 0,
            disk_use: 0.0,
            log_end,
            replica: of.map(|of| Replica {
                of,
                apply_rate: spec.apply_rate,
                received: 0.0,
                applied: 0.0,
                ahead: VecDeque::new(),
                behind: Micros::ZERO,
                jitter: Micros::millis(3),
                applies: true,
                delay: Micros::ZERO,
                hiccups: streams.stream(name, "apply"),
            }),
            pressed: 1.0,
            background: streams.stream(name, "background"),
            ids: streams.stream(name, "ids"),
            burst: BurstFilter::default(),
        }
    }

    /// How much longer a statement takes because others run.
    pub(crate) fn slowdown(&self) -> f64 {
        (self.running / self.cores).max(1.0) * self.pressed
    }

    /// How long this statement executes when it begins now.
    pub(crate) fn exec(&self, statement: usize, knobs: &DatabaseKnobs, stream: &mut Stream) -> Micros {
        let seconds = self.exec.0 * stream.factor(self.exec.1) * knobs.statement[statement];
        Micros::of_seconds(seconds * self.slowdown())
    }

    /// A statement has been executed, `count` times. Says whether it was slow.
    pub(crate) fn done(&mut self, statement: usize, (count, work): (u32, f64), exec: Micros) -> bool {
        let known = &mut self.statements[statement];
        known.asked += work * f64::from(count);
        known.count += u64::from(count);
        known.sum += Micros(exec.0 * i64::from(count));
        self.questions += f64::from(count);
        if statement < self.writes {
            self.log_end += self.log_bytes * f64::from(count);
        }
        let is_slow = exec > self.slow_limit;
        self.slow += if is_slow { u64::from(count) } else { 0 };
        is_slow
    }

    /// How long the storage needs to make a transaction durable that is done now.
    pub(crate) fn commit_time(&self, knobs: &DatabaseKnobs, stream: &mut Stream) -> Option<Micros> {
        let (median, sigma) = self.commit?;
        // Whoever shares a device waits in its line: what is left is served so much more slowly.
        Some(Micros::of_seconds(median * stream.factor(sigma) / (1.0 - knobs.io.clamp(0.0, 0.999))))
    }

    /// Transactions have become durable. Says whether that was slow.
    pub(crate) fn committed(&mut self, count: u32, took: Micros) -> bool {
        self.commits.count += u64::from(count);
        self.commits.sum += Micros(took.0 * i64::from(count));
        self.questions += f64::from(count);
        let is_slow = took > self.slow_limit;
        self.slow += if is_slow { u64::from(count) } else { 0 };
        is_slow
    }

    /// Sessions begin to wait for a lock.
    pub(crate) fn begin_lock_wait(&mut self, count: u32) {
        self.lock_waits += f64::from(count);
        self.waiting_now += count;
    }

    /// They have it, or have given up; only now does the server know how long it took.
    pub(crate) fn end_lock_wait(&mut self, count: u32, waited: Micros) {
        self.lock_ms += waited.as_seconds() * 1000.0 * f64::from(count);
        self.waiting_now = self.waiting_now.saturating_sub(count);
    }

    /// The server's line on storage that cannot follow, unless it has just written one.
    pub(crate) fn flush_line(&mut self, now: Micros, knobs: &DatabaseKnobs) -> Option<String> {
        let is_late = knobs.io > 0.85 && self.health == Health::Up;
        (is_late && self.burst.passes("flush", now, Micros::seconds(20)))
            .then(|| says::late_flush(&mut self.ids, 1.0 / (1.0 - knobs.io.min(0.99))))
    }

    /// The server that took over says what it found.
    pub(crate) fn recovery_lines(&mut self) -> [String; 2] {
        says::recovered(&mut self.ids)
    }

    /// The slow log's line on a statement, unless it has just written one.
    pub(crate) fn slow_line(&mut self, statement: Option<usize>, exec: Micros, now: Micros) -> Option<String> {
        let passes = self.burst.passes("slow", now, Micros::millis(2500));
        passes.then(|| {
            let known = statement.map_or(&self.commits, |statement| &self.statements[statement]);
            says::slow_statement(&mut self.ids, &known.text, exec)
        })
    }

    /// Ends a step in which `ours` connections executed something on average.
    /// Says whether another process has just taken its place.
    pub(crate) fn end_step(&mut self, (now, step): (Micros, Micros), ours: f64, knobs: &DatabaseKnobs) -> bool {
        let seconds = step.as_seconds();
        let is_new = self.live_and_die(now, knobs);
        self.use_storage(seconds, knobs);
        if self.health != Health::Up {
            // Drawn all the same, so that a server that dies shifts no draw of its later life.
            self.background.factor(0.1);
            self.running = 0.0;
            return is_new;
        }
        let others = self.others * self.background.factor(0.1);
        let theirs = others * self.exec.0 * self.slowdown();
        // Smoothed over some steps: a server does not change its pace ten times a second.
        self.running += 0.4 * (ours + theirs.min(4.0 * self.cores) - self.running);
        self.questions += others * seconds;
        let waits = 0.002 * others * seconds * (1.0 + self.running / self.cores);
        self.lock_waits += waits;
        self.lock_ms += waits * 1000.0 * self.exec.0 * self.slowdown();
        self.log_end += 0.3 * others * seconds * self.log_bytes;
        is_new
    }

    fn live_and_die(&mut self, now: Micros, knobs: &DatabaseKnobs) -> bool {
        let comes_back = match (knobs.death, self.died) {
            (Some(death), None) => {
                self.died = Some(now);
                self.epoch += 1;
                self.waiting_now = 0;
                self.health = if death.is_silent { Health::Silent } else { Health::Refuses };
                false
            }
            (Some(death), Some(died)) => now - died >= Micros::of_seconds(death.takeover_s),
            (None, died) => died.is_some(),
        };
        if knobs.death.is_none() {
            self.died = None;
        }
        let is_new = comes_back && self.health != Health::Up;
        if is_new {
            self.health = Health::Up;
            self.born = Some(now);
        }
        is_new
    }

    fn use_storage(&mut self, seconds: f64, knobs: &DatabaseKnobs) {
        let flushes = (self.commits.count - self.flushed) as f64;
        self.flushed = self.commits.count;
        // Transactions that end together are made durable together, so that many cost little more than some.
        let own = 0.02 + 0.5 * (1.0 - exp(-flushes / seconds * 0.0012));
        let left = 1.0 - knobs.io.clamp(0.0, 0.999);
        self.disk_use = (knobs.io + own.min(left)).min(1.0);
        self.disk_busy += self.disk_use * seconds;
        self.disk_writes += 0.4 * flushes + (30.0 + 900.0 * knobs.io) * seconds;
    }

    pub(crate) fn cpu(&self) -> f64 {
        self.running.min(self.cores)
    }
}

/// Size at which a server begins a new log file.
pub(crate) const LOG_FILE: f64 = 1024.0 * 1024.0 * 1024.0;

impl Replica {
    /// Begins where the primary is.
    pub(crate) fn start(&mut self, primary_end: f64) {
        (self.received, self.applied) = (primary_end, primary_end);
    }

    /// Whether a row that the primary wrote at `wrote` can be read at `now`.
    pub(crate) fn shows(&self, wrote: Micros, now: Micros) -> bool {
        now - wrote >= self.behind + self.jitter
    }

    /// The delay that the server reports, in whole seconds; `None` while its apply thread stands.
    pub(crate) fn seconds_behind(&self) -> Option<f64> {
        self.applies.then(|| libm::floor(self.behind.as_seconds()))
    }

    /// Whole seconds until the next event is old enough to be applied; `None` while it waits for none.
    pub(crate) fn remaining_delay(&self) -> Option<f64> {
        let left = self.delay - self.behind;
        (self.applies && self.delay > Micros::ZERO && left > Micros::ZERO).then(|| libm::ceil(left.as_seconds()))
    }

    /// Ends a step: `now` is its end, `primary_end` where the primary's log ends now.
    pub(crate) fn end_step(&mut self, now: Micros, step: Micros, primary_end: f64, knobs: &DatabaseKnobs) {
        self.jitter = Micros::of_seconds(0.0035 * self.hiccups.factor(0.55));
        self.applies = knobs.applies;
        // A server is told whole seconds.
        self.delay = Micros::of_seconds(libm::round(knobs.delay_s));
        if primary_end > self.received {
            self.ahead.push_back((now, primary_end));
            self.received = primary_end;
        }
        let mut budget = if knobs.applies { self.apply_rate * knobs.apply * step.as_seconds() } else { 0.0 };
        while let Some((written, end)) = self.ahead.front().copied() {
            let todo = end - self.applied;
            if budget < todo || now - written < self.delay {
                break;
            }
            budget -= todo;
            self.applied = end;
            self.ahead.pop_front();
        }
        match self.ahead.front() {
            // Within the step that was applied last, a row is seen after the jitter alone.
            None => self.behind = Micros::ZERO,
            Some((written, end)) => {
                if now - *written >= self.delay {
                    self.applied = (self.applied + budget).min(*end);
                }
                self.behind = now - *written + step;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::value::Number;

    const STEP: Micros = Micros::millis(100);

    fn replica(minutes: i64, knobs: DatabaseKnobs) -> Replica {
        let spec = DatabaseSpec {
            of: Some("primary".into()),
            cores: 8.0,
            max_conn: 100,
            exec: Number::Fixed(0.002),
            statements: vec![],
            read: None,
            commit: None,
            lock_timeout: Number::Fixed(50.0),
            slow_limit: Number::Fixed(1.0),
            others: 0.0,
            log_bytes: 200.0,
            apply_rate: 3e6,
        };
        let mut replica = Database::new("replica", &spec, Some(0), &Streams::new(1)).replica.unwrap();
        replica.start(0.0);
        for step in 1..=minutes * 600 {
            replica.end_step(Micros(step * STEP.0), STEP, step as f64 * 10_000.0, &knobs);
        }
        replica
    }

    fn neutral() -> DatabaseKnobs {
        DatabaseKnobs::default()
    }

    #[test]
    fn a_healthy_replica_shows_a_row_within_some_milliseconds() {
        let replica = replica(1, neutral());
        assert_eq!(replica.seconds_behind(), Some(0.0));
        assert!(replica.shows(Micros::ZERO, Micros::millis(50)));
        assert!(!replica.shows(Micros::ZERO, Micros(200)));
    }

    #[test]
    fn a_stopped_apply_thread_reports_no_delay_at_all_while_positions_part() {
        let replica = replica(5, DatabaseKnobs { applies: false, ..neutral() });
        assert_eq!(replica.seconds_behind(), None);
        assert!(replica.received - replica.applied > 25e6);
    }

    #[test]
    fn a_configured_delay_climbs_to_its_value_and_stays() {
        let delay = |minutes| replica(minutes, DatabaseKnobs { delay_s: 120.0, ..neutral() }).seconds_behind().unwrap();
        assert!((58.0..=62.0).contains(&delay(1)), "{}", delay(1));
        assert!((118.0..=122.0).contains(&delay(4)), "{}", delay(4));
    }

    #[test]
    fn applying_at_half_the_pace_of_writing_adds_half_a_second_each_second() {
        // 100 kB/s are written, 3 MB/s could be applied.
        let replica = replica(10, DatabaseKnobs { apply: 0.05 / 3.0, ..neutral() });
        let behind = replica.seconds_behind().unwrap();
        assert!((285.0..=315.0).contains(&behind), "{behind}");
    }
}
