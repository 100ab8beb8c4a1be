//! The heap of one instance under a collector like G1. Work allocates; a young collection takes what is dead; when too
//! little is free for one, everything stops for a full collection. How much time that costs goes as allocation divided
//! by what is free, which is why a heap that is nearly full of live data stops its program almost altogether.

use std::collections::VecDeque;

use super::timer::Timer;
use crate::random::Stream;
use crate::units::Micros;

/// A stop of the whole process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pause {
    pub(crate) kind: PauseKind,
    pub(crate) length: Micros,
    /// Bytes in use before and after.
    pub(crate) before: f64,
    pub(crate) after: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PauseKind {
    Young,
    Mixed,
    Full,
}

/// Heap and collector.
#[derive(Clone, Debug)]
pub(crate) struct Jvm {
    pub(crate) heap: f64,
    live: f64,
    retained: f64,
    /// What this process has lost for good, as a share of what is normally free.
    leaked: f64,
    surviving: f64,
    young: f64,
    /// Dead, but old, so that young collections leave it.
    aged: f64,
    pub(crate) after_full: f64,
    pub(crate) after_last: f64,
    pub(crate) allocated: f64,
    pub(crate) promoted: f64,
    pub(crate) young_pauses: Timer,
    pub(crate) full_pauses: Timer,
    /// Number of the collection, as its log line has it.
    pub(crate) number: u64,
    recent: VecDeque<(Micros, Micros)>,
    stream: Stream,
}

/// Bytes per second that a full collection gets through.
const COMPACTION: f64 = 1.1e9;
/// The young generation, as shares of the heap.
const YOUNG_LEAST: f64 = 0.05;
const YOUNG_MOST: f64 = 0.15;
/// Share of the young generation that must be free for what survives it.
const SURVIVORS: f64 = 0.3;
/// Bytes per second that a young collection copies.
const COPYING: f64 = 1.2e9;
/// Share of what is copied that grows old.
const TENURED: f64 = 0.1;
/// Old garbage that starts a mixed collection, as a share of the heap.
const AGED_MOST: f64 = 0.06;
/// Share of the normally free heap without which nothing can be allocated any more.
const EXHAUSTED: f64 = 0.99;
const LOOK_BACK: Micros = Micros::seconds(300);

impl Jvm {
    pub(crate) fn new(heap: f64, live: f64, mut stream: Stream) -> Self {
        let (young, aged) = (heap * YOUNG_MOST * stream.unit(), heap * AGED_MOST * stream.unit());
        Self {
            heap,
            live,
            retained: 0.0,
            leaked: 0.0,
            surviving: 0.0,
            young,
            aged,
            after_full: 0.0,
            after_last: live + aged,
            allocated: 0.0,
            promoted: 0.0,
            young_pauses: Timer::default(),
            full_pauses: Timer::default(),
            number: 100 + stream.below(3000),
            recent: VecDeque::new(),
            stream,
        }
    }

    /// There is a new process: an empty heap but for what is always there.
    pub(crate) fn begin_again(&mut self) {
        (self.young, self.aged, self.after_full, self.number) = (0.0, 0.0, 0.0, 0);
        self.leaked = 0.0;
        self.after_last = self.live;
        self.recent.clear();
    }

    /// What is retained beyond the normal, as a share of what is normally free.
    pub(crate) fn retain(&mut self, share: f64) {
        self.retained = (self.heap - self.live) * (share + self.leaked).clamp(0.0, 0.996);
    }

    /// Loses so much more, as a share of what is normally free.
    /// Whether nothing has leaked.
    pub(super) fn is_whole(&self) -> bool {
        self.leaked <= 0.0
    }

    pub(crate) fn leak(&mut self, share: f64) {
        self.leaked += share;
    }

    /// Whether even a full collection leaves too little to go on with, because of what was lost.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.leaked >= EXHAUSTED
    }

    /// Which share of new memory outlives a young collection, besides the little that always does.
    pub(crate) fn survive(&mut self, share: f64) {
        self.surviving = share;
    }

    /// What is kept for good, as a share of the heap.
    pub(crate) fn kept(&self) -> f64 {
        (self.live + self.retained) / self.heap
    }

    /// Which share of new memory outlives a young collection, besides the little that always does.
    pub(crate) fn outlives(&self) -> f64 {
        self.surviving
    }

    pub(crate) fn used_old(&self) -> f64 {
        (self.live + self.retained + self.aged).min(self.heap)
    }

    pub(crate) fn used_young(&self) -> f64 {
        self.young.min(self.heap - self.used_old())
    }

    /// Takes memory for work; when that makes a collection necessary, the process stops for the pause that is returned.
    pub(crate) fn allocate(&mut self, now: Micros, bytes: f64) -> Option<Pause> {
        self.allocated += bytes;
        self.young += bytes;
        let free = (self.heap - self.live - self.retained - self.aged).max(0.0);
        let wanted = (0.6 * free).clamp(YOUNG_LEAST * self.heap, YOUNG_MOST * self.heap);
        if self.young < wanted.min(free) {
            return None;
        }
        let before = (self.used_old() + self.young).min(self.heap);
        let has_room = free - wanted >= SURVIVORS * wanted;
        let noise = self.stream.factor(0.12);
        let kind = match has_room {
            false => PauseKind::Full,
            true if self.aged > AGED_MOST * self.heap => PauseKind::Mixed,
            true => PauseKind::Young,
        };
        let copied = self.surviving * self.young;
        let seconds = match kind {
            PauseKind::Young => (0.004 + self.young / 9e10 + copied / COPYING) * noise,
            PauseKind::Mixed => (0.018 + self.young / 9e10 + copied / COPYING) * noise,
            PauseKind::Full => (0.25 + (self.live + self.retained) / COMPACTION) * noise,
        };
        let promoted = if kind == PauseKind::Full { 0.0 } else { 0.006 * self.young + TENURED * copied };
        self.promoted += promoted;
        self.aged = if kind == PauseKind::Young { self.aged + promoted } else { 0.0 };
        self.young = 0.0;
        self.after_last = self.used_old();
        self.number += 1;
        let length = Micros::of_seconds(seconds);
        let end = now + length;
        match kind {
            PauseKind::Full => {
                self.after_full = self.used_old();
                self.full_pauses.record(end, 1, length);
            }
            _ => self.young_pauses.record(end, 1, length),
        }
        self.recent.push_back((end, length));
        Some(Pause { kind, length, before, after: self.after_last })
    }

    /// Share of the last five minutes that went into pauses.
    pub(crate) fn overhead(&mut self, now: Micros) -> f64 {
        while self.recent.front().is_some_and(|(end, _)| now - *end > LOOK_BACK) {
            self.recent.pop_front();
        }
        let paused: i64 = self.recent.iter().map(|(_, length)| length.0).sum();
        (Micros(paused).as_seconds() / LOOK_BACK.min(now.max(Micros::SECOND)).as_seconds()).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    const MIB: f64 = 1024.0 * 1024.0;

    /// Seconds of pauses per second of work at 100 MiB/s, once `retained` of the free heap is held.
    fn overhead(retained: f64) -> f64 {
        let mut jvm = Jvm::new(4096.0 * MIB, 900.0 * MIB, Streams::new(1).stream("a", "gc"));
        jvm.retain(retained);
        let paused: f64 = (0..6000)
            .filter_map(|tick| jvm.allocate(Micros::millis(10 * tick), MIB))
            .map(|pause| pause.length.as_seconds())
            .sum();
        paused / 60.0
    }

    #[test]
    fn garbage_collection_costs_as_allocation_divided_by_what_is_free() {
        let costs: Vec<_> = [0.0, 0.8, 0.93, 0.96, 0.98].into_iter().map(overhead).collect();
        assert!(costs[0] < 0.005, "a healthy heap pauses for less than 0.5 %: {costs:?}");
        assert!(costs.windows(2).all(|pair| pair[0] <= pair[1]), "{costs:?}");
        assert!(costs[3] > 1.5 * costs[2] && costs[4] > 1.7 * costs[3], "hyperbolic: {costs:?}");
    }

    #[test]
    fn a_full_collection_takes_seconds_on_a_heap_of_gibibytes() {
        let mut jvm = Jvm::new(4096.0 * MIB, 900.0 * MIB, Streams::new(1).stream("a", "gc"));
        jvm.retain(0.97);
        let pause = (0..1000).find_map(|_| jvm.allocate(Micros::ZERO, MIB)).unwrap();
        assert_eq!(pause.kind, PauseKind::Full);
        assert!((1.0..10.0).contains(&pause.length.as_seconds()), "{pause:?}");
        assert!(pause.after < pause.before);
    }
}
