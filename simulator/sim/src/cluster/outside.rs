//! What instances call besides databases, and the hosts that everything runs on.

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
    wander: f64,
    stream: Stream,
}

impl Host {
    pub(crate) fn new(name: &str, spec: &HostSpec, streams: &Streams) -> Self {
        let stream = streams.stream(name, "load");
        Self { name: name.to_owned(), cores: spec.cores, load: spec.load, busy: 0.0, idle: 0.0, wander: 0.0, stream }
    }

    /// Ends a step in which nodes of the run used `ours` seconds of its processors.
    pub(crate) fn end_step(&mut self, step: Micros, ours: f64) {
        self.wander = 0.999 * self.wander + 0.01 * self.stream.normal();
        let load = self.load * libm::exp(self.wander) * step.as_seconds();
        let most = self.cores * step.as_seconds();
        let used = (load + ours).min(most);
        self.busy += used;
        self.idle += most - used;
    }
}
