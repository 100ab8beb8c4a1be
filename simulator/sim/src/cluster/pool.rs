//! A connection pool like HikariCP: at most `size` connections are lent out, whoever comes later waits in line and gives
//! up after a while. Its waiters are threads of a closed system, so that they pin at threads minus size. Connections are
//! lost with their server, and some are never given back.

use super::timer::Timer;
use crate::scenario::node::PoolSpec;
use crate::units::Micros;

/// Why a driver cannot connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Refused,
    Silent,
    Nameless,
}

impl Trouble {
    /// What a driver adds to its complaint; `{}` stands for the name of the server.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Refused => "; caused by java.net.ConnectException: Connection refused",
            Self::Silent => "; caused by java.net.SocketTimeoutException: Connect timed out",
            Self::Nameless => "; caused by java.net.UnknownHostException: {}: Name or service not known",
        }
    }
}

/// The pool of one instance to one database.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    /// Index of the database.
    pub(crate) database: usize,
    /// Its name: that of the database.
    pub(crate) name: String,
    configured: u32,
    /// What it was last told to keep, as a multiple of that.
    resized: f64,
    /// Most connections, as it is told at the moment.
    pub(crate) size: u32,
    /// Connections that there are, lent or idle.
    pub(crate) open: u32,
    pub(crate) timeout: Micros,
    pub(crate) socket_timeout: Micros,
    /// Connections that are lent, those included that nobody will give back.
    pub(crate) in_use: u32,
    /// Lent, and never given back.
    pub(crate) leaked: u32,
    /// Lent, while no processor of the server has to do with them.
    resting: u32,
    /// Lent, while the server that they led to is no more.
    pub(crate) dead: u32,
    pub(crate) waiting: u32,
    pub(crate) acquire: Timer,
    pub(crate) usage: Timer,
    pub(crate) timeouts: u64,
    /// Why no new connection can be made.
    pub(crate) trouble: Option<Trouble>,
    /// Time between the ends of two connections' lives, and when the next one ends.
    life: Micros,
    next_end: Micros,
    /// Connections that are lent beyond their lives.
    overdue: u32,
    /// How often its server had died when its connections were made.
    pub(crate) epoch: u32,
    /// Connections in use whose server has nothing to do, because what is said over them is under way, on average.
    pub(crate) away: f64,
    /// Connections that were at work, less those, integrated over time.
    busy: i64,
    since: Micros,
}

impl Pool {
    pub(crate) fn new(database: usize, name: &str, spec: &PoolSpec) -> Self {
        Self {
            database,
            name: name.to_owned(),
            configured: spec.size,
            resized: 1.0,
            size: spec.size,
            open: spec.size,
            timeout: Micros::of_seconds(spec.timeout.log_normal().0),
            socket_timeout: Micros::of_seconds(spec.socket_timeout.log_normal().0),
            in_use: 0,
            leaked: 0,
            resting: 0,
            dead: 0,
            waiting: 0,
            acquire: Timer::default(),
            usage: Timer::default(),
            timeouts: 0,
            trouble: None,
            life: Micros((spec.max_lifetime.log_normal().0 * 1e6 / f64::from(spec.size)) as i64).max(Micros::SECOND),
            next_end: Micros::ZERO,
            overdue: 0,
            epoch: 0,
            away: 0.0,
            busy: 0,
            since: Micros::ZERO,
        }
    }

    pub(crate) fn free(&self) -> u32 {
        self.open.saturating_sub(self.in_use)
    }

    /// Whether it has all its connections, none of them has just ended its life, and nobody waits for one.
    pub(super) fn is_whole(&self, now: Micros, epoch: u32) -> bool {
        self.epoch == epoch
            && self.resized == 1.0
            && self.trouble.is_none()
            && self.waiting == 0
            && self.open >= self.size
            && self.overdue == 0
            && self.next_end > now
    }

    pub(crate) fn lend(&mut self, now: Micros, count: u32, waited: Micros) {
        self.account(now);
        self.in_use += count;
        self.acquire.record(now, count, waited);
    }

    pub(crate) fn take_back(&mut self, now: Micros, count: u32, held: Micros) {
        self.account(now);
        self.in_use -= count;
        self.open = self.open.min(self.size.max(self.in_use));
        self.usage.record(now, count, held);
    }

    /// Connections that were lent are not given back, ever.
    pub(crate) fn leak(&mut self, now: Micros, count: u32) {
        self.rest(now, count);
        self.leaked += count;
    }

    /// Connections that are lent have lost their server, and nobody has noticed.
    pub(crate) fn mourn(&mut self, now: Micros, count: u32) {
        self.rest(now, count);
        self.dead += count;
    }

    /// It is noticed: they are closed.
    pub(crate) fn bury(&mut self, now: Micros, count: u32, held: Micros) {
        self.wake(now, count);
        self.dead -= count;
        self.take_back(now, count, held);
        self.open -= count.min(self.open);
    }

    /// What is lent waits for something else than a processor of the server, until it [`Pool::wake`]s.
    pub(crate) fn rest(&mut self, now: Micros, count: u32) {
        self.account(now);
        self.resting += count;
    }

    pub(crate) fn wake(&mut self, now: Micros, count: u32) {
        self.account(now);
        self.resting -= count;
    }

    /// What was under way over connections, on average, has come.
    pub(crate) fn arrive(&mut self, now: Micros, away: f64) {
        self.account(now);
        self.away = (self.away - away).max(0.0);
    }

    /// The server is gone, and with it all idle connections.
    pub(crate) fn drop_idle(&mut self, epoch: u32) {
        self.open = self.in_use;
        self.epoch = epoch;
    }

    /// Makes the connections that are missing.
    pub(crate) fn connect(&mut self) {
        self.open = self.open.max(self.size);
        self.overdue = 0;
        self.trouble = None;
    }

    /// Begins the lives of its connections, which end one after the other: `phase`, from 0 to 1, is when the first does.
    pub(crate) fn begin_lives(&mut self, phase: f64) {
        self.next_end = self.life.times(phase);
    }

    /// Lets connections go whose lives have ended. Whoever can make new ones does not feel it.
    pub(crate) fn age(&mut self, now: Micros) {
        while self.next_end <= now {
            self.next_end += self.life;
            self.overdue += 1;
        }
        if self.trouble.is_some() {
            let gone = self.overdue.min(self.free());
            self.overdue -= gone;
            self.open -= gone;
        } else {
            self.overdue = 0;
        }
    }

    /// Is told to keep this many times what it is configured to.
    pub(crate) fn resize(&mut self, factor: f64) {
        if factor == self.resized {
            return;
        }
        self.resized = factor;
        let size = (libm::round(f64::from(self.configured) * factor) as u32).max(1);
        if size < self.size {
            self.open = self.open.min(size.max(self.in_use));
        }
        self.size = size;
    }

    /// Connections at work on average since the last call.
    pub(crate) fn take_load(&mut self, now: Micros, over: Micros) -> f64 {
        self.account(now);
        std::mem::take(&mut self.busy) as f64 / over.0.max(1) as f64
    }

    /// Ends with its process: nobody has a connection, not even what leaked, or waits for one. The next process makes its
    /// own when it can.
    pub(crate) fn close(&mut self, now: Micros) {
        self.account(now);
        (self.open, self.in_use, self.waiting, self.leaked) = (0, 0, 0, 0);
        (self.resting, self.dead, self.overdue, self.away) = (0, 0, 0, 0.0);
    }

    fn account(&mut self, now: Micros) {
        let served = (f64::from(self.in_use - self.resting) - self.away).max(0.0);
        self.busy += ((now - self.since).0.max(0) as f64 * served) as i64;
        self.since = self.since.max(now);
    }
}
