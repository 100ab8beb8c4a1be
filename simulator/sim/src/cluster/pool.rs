//! A connection pool like HikariCP: at most `size` connections are lent out, whoever comes later waits in line and gives
//! up after a while. Its waiters are threads of a closed system, so that they pin at threads minus size.

use super::timer::Timer;
use crate::units::Micros;

/// The pool of one instance to one database.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    /// Index of the database.
    pub(crate) database: usize,
    /// Its name: that of the database.
    pub(crate) name: String,
    pub(crate) size: u32,
    pub(crate) timeout: Micros,
    pub(crate) in_use: u32,
    pub(crate) waiting: u32,
    pub(crate) acquire: Timer,
    pub(crate) usage: Timer,
    pub(crate) timeouts: u64,
    /// Connections in use, integrated over time.
    busy: i64,
    since: Micros,
}

impl Pool {
    pub(crate) fn new(database: usize, name: &str, size: u32, timeout: Micros) -> Self {
        Self {
            database,
            name: name.to_owned(),
            size,
            timeout,
            in_use: 0,
            waiting: 0,
            acquire: Timer::default(),
            usage: Timer::default(),
            timeouts: 0,
            busy: 0,
            since: Micros::ZERO,
        }
    }

    pub(crate) fn free(&self) -> u32 {
        self.size - self.in_use
    }

    pub(crate) fn lend(&mut self, now: Micros, count: u32, waited: Micros) {
        self.account(now);
        self.in_use += count;
        self.acquire.record(now, count, waited);
    }

    pub(crate) fn take_back(&mut self, now: Micros, count: u32, held: Micros) {
        self.account(now);
        self.in_use -= count;
        self.usage.record(now, count, held);
    }

    /// Connections in use on average since the last call.
    pub(crate) fn take_load(&mut self, now: Micros, over: Micros) -> f64 {
        self.account(now);
        std::mem::take(&mut self.busy) as f64 / over.0.max(1) as f64
    }

    /// Ends with its process: nobody has a connection or waits for one.
    pub(crate) fn close(&mut self, now: Micros) {
        self.account(now);
        (self.in_use, self.waiting) = (0, 0);
    }

    fn account(&mut self, now: Micros) {
        self.busy += (now - self.since).0.max(0) * i64::from(self.in_use);
        self.since = self.since.max(now);
    }
}
