//! What instances call besides databases, and the hosts that everything runs on.

use super::knobs::{CacheKnobs, EndpointKnobs, HostKnobs};
use crate::numbers::exp;
use crate::random::{Stream, Streams};
use crate::scenario::node::{CacheSpec, HostSpec, HttpSpec};
use crate::units::Micros;

/// A cache server. It holds as many of the keys that are asked for as it has room for; what it has lost comes back only as
/// somebody asks for it, and loads it.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) name: String,
    latency: (f64, f64),
    keys: f64,
    /// Share of the keys that it holds, of those that are asked for again and again.
    warm: f64,
    room: f64,
    lost: f64,
    /// Keys that were loaded in this step, and those of them that are asked for again and again, as `WHOLE`ths, so that
    /// their sum is the same in any order.
    loaded: u64,
    loaded_hits: u64,
    pub(crate) is_up: bool,
    /// When the process that answers now began, if that was within the run.
    pub(crate) born: Option<Micros>,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) evicted: f64,
}

/// What the keys of a whole cache take, and what it may take, in bytes.
const CACHE_BYTES: (f64, f64) = (1.9e9, 4_294_967_296.0);
/// Keys that a cache drops in a second when it is told to take less.
const MOST_EVICTIONS: f64 = 20_000.0;

/// Parts of a key.
const WHOLE: f64 = 1e6;

impl Cache {
    pub(crate) fn new(name: &str, spec: &CacheSpec) -> Self {
        Self {
            name: name.to_owned(),
            latency: spec.latency.log_normal(),
            keys: spec.keys,
            warm: 1.0,
            room: 1.0,
            lost: 0.0,
            loaded: 0,
            loaded_hits: 0,
            is_up: true,
            born: None,
            hits: 0,
            misses: 0,
            evicted: 0.0,
        }
    }

    pub(crate) fn latency(&self, stream: &mut Stream) -> Micros {
        Micros::of_seconds(self.latency.0 * stream.factor(self.latency.1))
    }

    /// Looks up so many keys, of which this share would be found in a cache that holds all it should. Gives the misses.
    pub(crate) fn look_up(&mut self, count: u32, hit: f64, stream: &mut Stream) -> u32 {
        let found = if self.is_up { hit * self.warm } else { 0.0 };
        let misses = stream.part(count, 1.0 - found);
        if self.is_up {
            self.hits += u64::from(count - misses);
            self.misses += u64::from(misses);
        }
        misses
    }

    /// Takes keys that were missed and have been loaded; they are there from the next step on, so that nobody finds what
    /// somebody else has just loaded and another one, who asked at the same time, did not.
    pub(crate) fn fill(&mut self, count: u32, hit: f64) {
        self.loaded += u64::from(count);
        self.loaded_hits += (f64::from(count) * hit * WHOLE) as u64;
    }

    fn take_loaded(&mut self) {
        let loaded = std::mem::take(&mut self.loaded) as f64;
        let hits = std::mem::take(&mut self.loaded_hits) as f64 / WHOLE;
        if loaded <= 0.0 || !self.is_up || (self.warm >= 1.0 && self.room >= 1.0) {
            return;
        }
        // The others of them are asked for so seldom that they would be missed in any case.
        let hit = hits / loaded;
        let cold = hit * (1.0 - self.warm) / (1.0 - hit * self.warm).max(1e-9);
        self.warm += loaded * cold / self.keys;
        if self.room < 1.0 && self.warm >= self.room {
            // There is no room: each that comes puts another one out.
            self.evicted += loaded;
            self.warm = self.room;
        }
        self.warm = self.warm.min(1.0);
    }

    /// Ends a step.
    pub(crate) fn end_step(&mut self, now: Micros, step: Micros, knobs: &CacheKnobs) {
        self.take_loaded();
        if knobs.is_up && !self.is_up {
            // What it held was in memory alone.
            self.warm = 0.0;
            self.born = Some(now);
        }
        self.is_up = knobs.is_up;
        self.room = knobs.room;
        if knobs.lost > self.lost {
            self.warm = self.warm.min(1.0 - knobs.lost);
        }
        self.lost = knobs.lost;
        let over = (self.warm - self.room).max(0.0).min(MOST_EVICTIONS * step.as_seconds() / self.keys);
        self.warm -= over;
        self.evicted += over * self.keys;
    }

    /// Bytes that its keys take, and that they may take.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let most = if self.room < 1.0 { CACHE_BYTES.0 * self.room } else { CACHE_BYTES.1 };
        (CACHE_BYTES.0 * self.warm, most)
    }
}

/// Something called over HTTP. It works on so many requests at a time; when there are more, each takes longer, and it
/// goes on working for callers who have long given up.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) uri: String,
    latency: (f64, f64),
    workers: Option<f64>,
    /// Requests that it had taken and not answered when the last step ended, and those that came since.
    pending: f64,
    arrived: u32,
}

/// Requests for each worker that it takes before it takes no more.
const BACKLOG: f64 = 40.0;
/// Parts of a step in which what it works on is reckoned.
const PARTS: f64 = 10.0;

impl Endpoint {
    pub(crate) fn new(name: &str, spec: &HttpSpec) -> Self {
        Self {
            name: name.to_owned(),
            uri: spec.uri.clone(),
            latency: spec.latency.log_normal(),
            workers: spec.workers.map(f64::from),
            pending: 0.0,
            arrived: 0,
        }
    }

    /// Takes so many requests and says how long they take; for ever, when it has too many already. How many others it
    /// works on is known as of the last step, so that nobody is served before who asks at the same time.
    pub(crate) fn answer_time(&mut self, count: u32, knobs: &EndpointKnobs, stream: &mut Stream) -> Micros {
        let drawn = self.latency.0 * stream.factor(self.latency.1);
        let Some(workers) = self.workers else { return Micros::of_seconds(drawn * knobs.latency * knobs.work) };
        if self.pending > BACKLOG * workers {
            return Micros::seconds(86_400);
        }
        self.arrived += count;
        let crowd = (self.pending / workers).max(1.0);
        Micros::of_seconds(drawn * knobs.work * crowd + drawn * (knobs.latency - 1.0).max(0.0))
    }

    /// Ends a step: what came was worked on, as far as there were workers for it.
    pub(crate) fn end_step(&mut self, step: Micros, knobs: &EndpointKnobs) {
        let Some(workers) = self.workers else { return };
        let mean = self.latency.0 * exp(self.latency.1 * self.latency.1 / 2.0) * knobs.work;
        let passed = step.as_seconds() / PARTS;
        let left = exp(-passed / mean);
        let rate = f64::from(std::mem::take(&mut self.arrived)) / step.as_seconds();
        for _ in 0..PARTS as u32 {
            if self.pending > workers {
                self.pending = (self.pending + (rate - workers / mean) * passed).max(0.0);
            } else {
                // With a worker for each, as many are worked on as come in the time that one takes.
                self.pending = rate * mean + (self.pending - rate * mean) * left;
            }
        }
    }
}

/// Size of the volume of a machine, in bytes.
pub(crate) const VOLUME: f64 = 100.0 * 1024.0 * 1024.0 * 1024.0;

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) cores: f64,
    load: f64,
    /// Seconds of processors that were used.
    pub(crate) busy: f64,
    /// Seconds of processors that were not.
    pub(crate) idle: f64,
    /// Seconds of processors that the machine below did not give.
    pub(crate) stolen: f64,
    /// How much longer anything takes on its processors, because there are too few for all who want one.
    pub(crate) pressed: f64,
    /// Seconds by which its clock is ahead.
    pub(crate) clock_s: f64,
    /// Bytes of its volume that are free.
    pub(crate) free: f64,
    /// The same as long as nothing is wrong.
    usually_free: f64,
    drift: Stream,
    wander: f64,
    stream: Stream,
}

impl Host {
    pub(crate) fn new(name: &str, spec: &HostSpec, streams: &Streams) -> Self {
        let stream = streams.stream(name, "load");
        let usually_free = libm::floor(VOLUME * streams.stream(name, "volume").uniform(0.35, 0.7));
        Self {
            name: name.to_owned(),
            cores: spec.cores,
            load: spec.load,
            busy: 0.0,
            idle: 0.0,
            stolen: 0.0,
            pressed: 1.0,
            clock_s: 0.0,
            free: usually_free,
            usually_free,
            drift: streams.stream(name, "drift"),
            wander: 0.0,
            stream,
        }
    }

    /// Ends a step in which nodes of the run used `worked` seconds of its processors for work that takes its time, and had
    /// statements that would take `asked` seconds if they got them.
    pub(crate) fn end_step(&mut self, step: Micros, worked: f64, asked: f64, knobs: &HostKnobs) {
        // What is measured against others is never quite right.
        self.clock_s = knobs.clock_s + 0.0002 * self.drift.normal();
        self.free = self.usually_free * (1.0 - knobs.filled.clamp(0.0, 1.0));
        self.wander = 0.999 * self.wander + 0.01 * self.stream.normal();
        let all = self.cores * step.as_seconds();
        let load = self.load * exp(self.wander) * step.as_seconds() + knobs.wanted * all;
        let stolen = knobs.stolen.clamp(0.0, 0.99) * all;
        let most = all - stolen;
        let used = (load + worked + asked).min(most);
        self.stolen += stolen;
        self.busy += used;
        self.idle += most - used;
        // Everybody gets an equal share of what there is. Work takes so much longer then and needs no more processor time for
        // it, so that less of it is done in a step: what it would have used is that times how much longer it took.
        let wanted = load + worked * self.pressed + asked;
        let crowd = (wanted / most).max(1.0);
        self.pressed += 0.1 * (crowd - self.pressed);
        if crowd <= 1.0 && self.pressed < 1.001 {
            self.pressed = 1.0;
        }
    }
}
