//! One broker: a process that runs, stands still or is gone; request handlers that wait for its disk; a volume that can
//! fill. How long a request takes follows from how many there are and what the disk takes for one of them.

use super::knobs::BrokerKnobs;
use crate::random::{Stream, Streams};
use crate::units::Micros;

/// One broker.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) number: u32,
    /// Its number, as a name.
    pub(crate) name: String,
    pub(crate) host: Option<usize>,
    /// Whether its process is there.
    pub(crate) is_up: bool,
    /// When it began again, if it was gone.
    pub(crate) started: Option<Micros>,
    /// It stands still from the one to the other.
    pub(crate) paused: (Micros, Micros),
    next_pause: Option<Micros>,
    /// When the controller last heard of it.
    pub(super) heard: Micros,
    /// Whether the controller keeps it out.
    pub(crate) is_fenced: bool,
    /// Whether it is asked to lead nothing.
    pub(super) is_demoted: bool,
    pub(crate) pace: Pace,
    pub(crate) volume: Volume,
    /// When its log cleaner died, if it did, and bytes of compacted topics that nobody has cleaned since.
    pub(crate) cleaner_died: Option<Micros>,
    pub(crate) uncleaned: f64,
    pub(crate) meters: BrokerMeters,
    pauses: Stream,
}

/// How fast it is at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// Seconds that a request waits for a handler.
    pub(crate) wait_s: f64,
    /// Seconds that a handler spends on an append.
    pub(crate) append_s: f64,
    /// Share of what arrives that it can take.
    pub(crate) share: f64,
    /// Share of their time for which its handlers have nothing to do.
    pub(crate) idle: f64,
    /// Seconds that the disk takes for one write, and the share of its time for which it is busy.
    pub(crate) write_s: f64,
    pub(crate) busy: f64,
}

/// Where its logs lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Volume {
    pub(crate) size: f64,
    /// Bytes in use when the run begins.
    first: f64,
    /// Bytes that came on top, other than records of the run.
    pub(crate) more: f64,
    pub(crate) is_offline: bool,
}

/// What it has counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct BrokerMeters {
    /// Records that producers appended, by topic.
    pub(crate) records_in: Vec<f64>,
    /// Records that consumers fetched, by topic.
    pub(crate) records_out: Vec<f64>,
    pub(crate) failed_produce: f64,
    pub(crate) failed_fetch: f64,
    pub(crate) isr_shrinks: u64,
    pub(crate) isr_expands: u64,
    /// Pauses of its JVM, and seconds of them.
    pub(crate) pauses: (u64, f64),
    /// Seconds that its disk was busy, and times that it was written to, in steps in which something was wrong.
    pub(crate) disk_s: f64,
    pub(crate) odd_s: f64,
    /// What its own metrics show of the last minute.
    pub(crate) shown: Shown,
}

/// Means of about a minute, of what was done in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    at: Option<Micros>,
    pub(crate) idle: f64,
    pub(crate) queue_ms: f64,
    pub(crate) append_ms: f64,
    pub(crate) remote_ms: f64,
    pub(crate) fetch_ms: f64,
    pub(crate) write_ms: f64,
}

/// `num.io.threads`.
pub(crate) const HANDLERS: f64 = 8.0;
/// Requests per second of everybody else, and those of them that can be under way at once.
const OTHERS: f64 = 150.0;
const UNDER_WAY: f64 = 60.0;
/// Bytes per second that everybody else writes, and that the disk can write.
const WRITTEN: f64 = 12e6;
const DISK_RATE: f64 = 200e6;
/// Seconds that a request takes of its handler besides the disk, and that one write takes.
const REQUEST: f64 = 0.0006;
const WRITE: f64 = 0.0004;
/// Bytes per second that a log cleaner gets through.
const CLEANED: f64 = 100e6;
/// Over how many seconds its metrics forget.
const SHOWN_S: f64 = 40.0;
/// How long a process takes to begin.
const BEGINS: Micros = Micros::seconds(12);

impl Pace {
    /// How fast a broker is that gets `records` a second of `bytes` each, with a disk that takes `factor` as long.
    pub(super) fn of(records: f64, bytes: f64, factor: f64) -> Self {
        let rate = 0.5 * records + 40.0 + OTHERS;
        let busy = (WRITTEN + records * bytes) * factor / DISK_RATE;
        let write_s = WRITE * factor / (1.0 - busy.min(0.95));
        let append_s = REQUEST + write_s;
        let capacity = (HANDLERS / append_s).min(rate / busy.max(1e-3));
        let load = rate / capacity;
        if load < 0.98 {
            // The wait of a queue with so many servers is short until they are nearly all busy.
            let wait = append_s * libm::pow(load, 4.0) / (HANDLERS * (1.0 - load));
            let wait_s = wait.min(UNDER_WAY / capacity);
            return Self { wait_s, append_s, share: 1.0, idle: 1.0 - load, write_s, busy: busy.min(1.0) };
        }
        // Everybody waits for answers before asking more: a closed system, so that the wait has an end.
        let whole = UNDER_WAY / capacity;
        let append_s = append_s.min(HANDLERS / capacity);
        let wait_s = (whole - append_s).max(0.0);
        Self { wait_s, append_s, share: (1.0 / load).min(1.0), idle: 0.01, write_s, busy: busy.min(1.0) }
    }

    /// Seconds from request to answer of an append.
    pub(crate) fn produce_s(&self) -> f64 {
        self.wait_s + self.append_s
    }

    /// Seconds that a fetch of what is in memory takes.
    pub(crate) fn fetch_s(&self) -> f64 {
        self.wait_s + REQUEST
    }
}

impl Shown {
    /// Takes in how fast the broker is, and what followers take (nothing is known of what was not answered).
    pub(crate) fn take_in(&mut self, now: Micros, pace: &Pace, remote_s: Option<f64>) {
        let weight = self.at.map_or(1.0, |at| 1.0 - libm::exp(-(now - at).as_seconds() / SHOWN_S));
        self.at = Some(now);
        let one = |shown: &mut f64, value: f64| *shown += weight * (value - *shown);
        one(&mut self.idle, pace.idle);
        one(&mut self.queue_ms, 1e3 * pace.wait_s);
        one(&mut self.fetch_ms, 1e3 * pace.fetch_s());
        one(&mut self.write_ms, 1e3 * pace.write_s);
        if let Some(remote_s) = remote_s {
            one(&mut self.append_ms, 1e3 * pace.append_s);
            one(&mut self.remote_ms, 1e3 * remote_s);
        }
    }
}

impl Broker {
    pub(crate) fn new(number: u32, host: Option<usize>, topics: usize, streams: &Streams) -> Self {
        let name = format!("kafka-{number}");
        let size = 100.0 * 1024.0 * 1024.0 * 1024.0;
        let first = size * streams.stream(&name, "volume").uniform(0.5, 0.66);
        let meters =
            BrokerMeters { records_in: vec![0.0; topics], records_out: vec![0.0; topics], ..BrokerMeters::default() };
        Self {
            number,
            name: number.to_string(),
            host,
            is_up: true,
            started: None,
            paused: (Micros(-1), Micros(-1)),
            next_pause: None,
            heard: Micros::ZERO,
            is_fenced: false,
            is_demoted: false,
            pace: Pace::of(0.0, 0.0, 1.0),
            cleaner_died: None,
            uncleaned: 0.0,
            volume: Volume { size, first, more: 0.0, is_offline: false },
            meters,
            pauses: streams.stream(&name, "pauses"),
        }
    }

    pub(crate) fn is_paused(&self, at: Micros) -> bool {
        self.paused.0 <= at && at < self.paused.1
    }

    /// Whether it answers anybody.
    pub(crate) fn answers(&self, at: Micros) -> bool {
        self.is_up && !self.is_paused(at)
    }

    /// Whether the controller may give it partitions to lead.
    pub(super) fn may_lead(&self) -> bool {
        !self.is_fenced && !self.is_demoted
    }

    /// Whether it has work for the controller to know of: it runs and its logs can be written.
    pub(super) fn is_well(&self, at: Micros) -> bool {
        self.answers(at) && !self.volume.is_offline
    }

    /// Whether nothing is left of what was wrong.
    pub(super) fn is_at_rest(&self, now: Micros) -> bool {
        self.is_well(now)
            && self.may_lead()
            && self.next_pause.is_none()
            && self.pace.share >= 1.0
            && self.uncleaned <= 0.0
    }

    /// Free bytes, when `records` bytes have been written since the run began.
    pub(crate) fn free(&self, records: f64) -> f64 {
        (self.volume.size - self.volume.first - self.volume.more - self.uncleaned - records).max(0.0)
    }

    /// Share of its time for which its disk is busy when nothing is wrong.
    pub(crate) fn usual_busy(&self) -> f64 {
        Pace::of(0.0, 0.0, 1.0).busy
    }

    /// Lets a step pass. The pause that begins in it, if one does.
    pub(super) fn begin_step(
        &mut self,
        (now, step): (Micros, Micros),
        knobs: &BrokerKnobs,
        (records, bytes): (f64, f64),
        written: f64,
    ) -> Option<Micros> {
        let seconds = step.as_seconds();
        self.run(now, knobs.is_down);
        self.pace = Pace::of(records, bytes, knobs.disk);
        self.meters.disk_s += if self.is_up { self.pace.busy * seconds } else { 0.0 };
        self.meters.odd_s += seconds;
        self.volume.more += knobs.fill * seconds;
        if knobs.dirties > 0.0 {
            self.cleaner_died.get_or_insert(now);
            self.uncleaned += knobs.dirties * seconds;
        } else {
            self.cleaner_died = None;
            self.uncleaned = (self.uncleaned - CLEANED * seconds).max(0.0);
        }
        if knobs.fill > 0.0 && self.free(written) <= 0.0 {
            self.volume.is_offline = true;
        } else if knobs.fill <= 0.0 && self.volume.is_offline {
            // Somebody has made room, and lets it begin again.
            (self.volume.more, self.volume.is_offline) = (0.0, false);
        }
        if knobs.pause_every_s <= 0.0 || knobs.pause_s <= 0.0 {
            self.next_pause = None;
            return None;
        }
        let every = knobs.pause_every_s;
        let unit = self.next_pause.is_none().then(|| self.pauses.unit());
        let next = *self.next_pause.get_or_insert_with(|| now + Micros::of_seconds(every * 0.3 * unit.unwrap_or(0.0)));
        if now < next || !self.is_up {
            return None;
        }
        let length = Micros::of_seconds(knobs.pause_s * self.pauses.factor(0.15));
        self.next_pause = Some(now + length + Micros::of_seconds(every * self.pauses.factor(0.2)));
        self.paused = (now, now + length);
        self.meters.pauses = (self.meters.pauses.0 + 1, self.meters.pauses.1 + length.as_seconds());
        Some(length)
    }

    fn run(&mut self, now: Micros, is_down: bool) {
        // A broker whose only log directory is lost ends itself.
        if is_down || self.volume.is_offline {
            self.is_up = false;
            self.started = None;
        } else if !self.is_up {
            let since = *self.started.get_or_insert(now);
            if now - since >= BEGINS {
                self.is_up = true;
                self.meters.begin_again();
            }
        }
    }
}

impl BrokerMeters {
    /// A process that begins again has counted nothing; what its host counts goes on.
    fn begin_again(&mut self) {
        let topics = self.records_in.len();
        let (records_in, records_out) = (vec![0.0; topics], vec![0.0; topics]);
        let (disk_s, odd_s) = (self.disk_s, self.odd_s);
        *self = Self { records_in, records_out, disk_s, odd_s, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slower_disk_makes_every_request_slower_and_fewer_of_them_pass() {
        let paces: Vec<Pace> = [1.0, 4.0, 8.0, 16.0, 40.0, 100.0].map(|factor| Pace::of(133.0, 1024.0, factor)).into();
        assert!(paces[0].produce_s() < 0.002 && paces[0].idle > 0.9 && paces[0].share == 1.0, "{:?}", paces[0]);
        assert!(paces.windows(2).all(|pair| pair[0].produce_s() < pair[1].produce_s()), "{paces:?}");
        assert!(paces.windows(2).all(|pair| pair[0].fetch_s() <= pair[1].fetch_s()), "{paces:?}");
        assert!(paces.windows(2).all(|pair| pair[0].share >= pair[1].share), "{paces:?}");
        assert!(paces[5].share < 0.2 && paces[5].idle < 0.05 && paces[5].produce_s() > 2.0, "{:?}", paces[5]);
    }
}
