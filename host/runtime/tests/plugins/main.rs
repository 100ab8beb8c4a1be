//! Runs hostile, broken and well-behaved guests on a real host. Each guest is a page of WebAssembly text.

mod answers;
#[cfg(unix)]
mod cache;
mod errand;
mod failures;
#[cfg(unix)]
mod files;
mod guest;
mod hostile;
mod limits;
mod loading;
mod network;
mod quarantine;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lagdoctor_model::{
    Edge, Labels, Millis, Node, NodeId, Sample, Series, SeriesKey, SignalName, Signals, Timestamp, Topology, Window,
};
use lagdoctor_runtime::{
    Batch, Bound, BoxFuture, CollectQuery, GrantRule, Host, HostOptions, HttpRequest, HttpResponse, Limits, NoSecrets,
    Operator, Secret, Secrets, Transport, TransportError,
};
use serde_json::json;

/// Nothing is there.
struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        Box::pin(async { Err(TransportError::Unreachable { host, reason: "this is a test".to_owned() }) })
    }
}

/// Limits in which well-behaved guests have plenty, and the others are soon done.
fn limits() -> Limits {
    Limits { fuel: 20_000_000, memory_bytes: 4 << 20, timeout: Duration::from_secs(20), ..Limits::default() }
}

fn host_with(limits: Limits) -> Host {
    Host::new(HostOptions { limits, ..HostOptions::new(Arc::new(Nowhere)) }).unwrap()
}

fn operator() -> Operator {
    Operator { name: "mine".to_owned(), config: json!({}), grants: vec![], secrets: Arc::new(NoSecrets), limits: None }
}

/// This guest, loaded and bound under these limits.
async fn bound_with(guest: guest::Guest, limits: Limits) -> Bound {
    let plugin = host_with(limits).load("test.wasm", &guest.build()).await.unwrap();
    plugin.bind(operator()).unwrap()
}

async fn bound(guest: guest::Guest) -> Bound {
    bound_with(guest, limits()).await
}

fn rules(rules: &[&str]) -> Vec<GrantRule> {
    rules.iter().map(|rule| rule.parse().unwrap()).collect()
}

fn secrets(secrets: &[(&str, &str)]) -> Arc<dyn Secrets> {
    let secret = |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::new(*value).unwrap());
    Arc::new(secrets.iter().map(secret).collect::<BTreeMap<_, _>>())
}

fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(seconds)
}

fn node(id: &str) -> NodeId {
    NodeId::new(id).unwrap()
}

fn lag() -> SeriesKey {
    SeriesKey {
        node: node("group:fulfilment"),
        signal: SignalName::new("kafka.consumer_group.lag").unwrap(),
        labels: Labels::new(),
    }
}

/// One group that lags, on one JVM.
fn signals() -> Signals {
    let mut topology = Topology::new();
    topology.add_node(Node::new(node("group:fulfilment")));
    topology.connect(Edge::new(node("group:fulfilment"), "runs-on", node("jvm:fulfilment-0")).unwrap());
    let samples = (0..5).map(|step| Sample { at: at(step * 15), value: f64::from(step) }).collect();
    let series = vec![Series::new(lag(), samples).unwrap()];
    let window = Window { start: at(0), now: at(60), step: Millis::seconds(15) };
    Signals { topology, series, ..Signals::empty(window) }
}

/// All of the first minute.
fn query() -> CollectQuery {
    CollectQuery::all(at(0), at(60), Millis::seconds(15))
}

fn batch() -> Batch {
    Batch::new(&signals())
}
