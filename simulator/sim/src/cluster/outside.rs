//! What instances call besides databases, and the hosts that everything runs on.

use super::knobs::HostKnobs;
use crate::random::{Stream, Streams};
use crate::scenario::node::{CacheSpec, HostSpec, HttpSpec};
use crate::units::Micros;

/// A cache server.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) name: String,
    latency: (f64, f64),
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl Cache {
    pub(crate) fn new(name: &str, spec: &CacheSpec) -> Self {
        Self { name: name.to_owned(), latency: spec.latency.log_normal(), hits: 0, misses: 0 }
    }

    pub(crate) fn latency(&self, stream: &mut Stream) -> Micros {
        Micros::of_seconds(self.latency.0 * stream.factor(self.latency.1))
    }
}

/// Something called over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) uri: String,
    latency: (f64, f64),
}

impl Endpoint {
    pub(crate) fn new(name: &str, spec: &HttpSpec) -> Self {
        Self { name: name.to_owned(), uri: spec.uri.clone(), latency: spec.latency.log_normal() }
    }

    pub(crate) fn latency(&self, stream: &mut Stream) -> Micros {
        Micros::of_seconds(self.latency.0 * stream.factor(self.latency.1))
    }
}

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
    wander: f64,
    stream: Stream,
}

impl Host {
    pub(crate) fn new(name: &str, spec: &HostSpec, streams: &Streams) -> Self {
        let stream = streams.stream(name, "load");
        Self {
            name: name.to_owned(),
            cores: spec.cores,
            load: spec.load,
            busy: 0.0,
            idle: 0.0,
            stolen: 0.0,
            pressed: 1.0,
            wander: 0.0,
            stream,
        }
    }

    /// Ends a step in which nodes of the run used `worked` seconds of its processors for work that takes its time, and had
    /// statements that would take `asked` seconds if they got them.
    pub(crate) fn end_step(&mut self, step: Micros, worked: f64, asked: f64, knobs: &HostKnobs) {
        self.wander = 0.999 * self.wander + 0.01 * self.stream.normal();
        let all = self.cores * step.as_seconds();
        let load = self.load * libm::exp(self.wander) * step.as_seconds() + knobs.wanted * all;
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
