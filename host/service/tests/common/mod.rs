//! What tests with real plugins share: the components that `cargo xtask build` makes, and an incident.
// Each file of tests is a program of its own and uses its part of this.
#![allow(dead_code, unreachable_pub)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lagdoctor_model::{
    Edge, Labels, Millis, Node, NodeId, Sample, Series, SeriesKey, SignalName, Signals, Timestamp, Window,
};
use lagdoctor_runtime::{BoxFuture, Host, HostOptions, HttpRequest, HttpResponse, Transport, TransportError};
use lagdoctor_service::{Bundled, Loaded, Sources, derive, plugins};

/// Where built components are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins")
}

/// Name and bytes of every built plugin.
pub fn bundled() -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder()).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), std::fs::read(&path).ok()?)))
        .filter(|(name, _)| !name.starts_with("misbehaving-"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "there are no plugins in {}: run `cargo xtask build`", folder().display());
    found
}

/// Nobody is there.
pub struct Dead;

impl Transport for Dead {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        Box::pin(async move { Err(TransportError::Unreachable { host, reason: "connection refused".into() }) })
    }
}

pub async fn loaded_with(sources: &Sources, transport: Arc<dyn Transport>) -> Loaded {
    try_loaded_with(sources, transport).await.unwrap()
}

pub async fn try_loaded_with(sources: &Sources, transport: Arc<dyn Transport>) -> Result<Loaded, plugins::PluginError> {
    let host = Host::new(HostOptions::new(transport)).unwrap();
    let found = bundled();
    let components: Vec<_> = found.iter().map(|(name, wasm)| Bundled { name, wasm }).collect();
    plugins::load(&host, sources, &components).await
}

/// So many minutes after noon.
pub fn minute(minute: u32) -> Timestamp {
    Timestamp::from_millis(1_772_366_400_000).unwrap() + Millis::minutes(minute)
}

/// The hour until `now`: two partitions written at 100 records/s each, of which the group does 120/s since half an hour,
/// as the database on its way waits for locks.
pub fn incident(now: Timestamp) -> Signals {
    let start = now - Millis::minutes(60);
    let node = |id: &str| NodeId::new(id).unwrap();
    let mut signals = Signals::empty(Window { start, now, step: Millis::seconds(30) });
    for id in ["group:g", "service:s", "database:d", "partition:t/0", "partition:t/1"] {
        signals.topology.add_node(Node::new(node(id)));
    }
    for (dependent, kind, dependency) in [
        ("group:g", "worked-by", "service:s"),
        ("service:s", "calls", "database:d"),
        ("group:g", "consumes", "partition:t/0"),
    ] {
        signals.topology.add_edge(Edge::new(node(dependent), kind, node(dependency)).unwrap()).unwrap();
    }
    let mut add = |of: &str, name: &str, labels: Labels, value: &dyn Fn(f64) -> f64| {
        let sample = |reading: u32| {
            let at = start + Millis::seconds(reading * 30);
            Sample { at, value: value(f64::from(reading) * 30.0) }
        };
        let key = SeriesKey { node: node(of), signal: SignalName::new(name).unwrap(), labels };
        signals.series.push(Series::new(key, (0..=120).map(sample).collect()).unwrap());
    };
    for partition in 0..2 {
        let labels = Labels::from([("topic".into(), "t".into()), ("partition".into(), partition.to_string())]);
        let log = format!("partition:t/{partition}");
        add(&log, "kafka.partition.current_offset", Labels::new(), &|seconds| seconds * 100.0 + 50.0);
        let done = |seconds: f64| seconds.min(1800.0) * 100.0 + (seconds - 1800.0).max(0.0) * 60.0;
        add("group:g", "kafka.consumer_group.offset", labels, &done);
    }
    derive::derive(&mut signals);
    signals.normalised()
}
