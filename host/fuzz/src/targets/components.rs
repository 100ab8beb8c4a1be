//! Components: random ones that are valid, random code behind the exports of a scorer, and real plugins changed here and
//! there. Each is loaded, which runs what describes it, and called if it is a plugin after all.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::Unstructured;
use lagdoctor_model::{Millis, Node, NodeId, Signals, Timestamp, Topology, Window};
use lagdoctor_runtime::{
    Batch, BoxFuture, CollectQuery, Host, HostOptions, HttpRequest, HttpResponse, Limits, NoSecrets, Operator,
    Transport, TransportError, World,
};
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::guest::Guest;
use super::{Input, Target};
use crate::Seed;
use crate::mutate::mutate;

/// Largest built plugin that is changed; larger ones take too long to compile.
const MAX_REAL: u64 = 400 << 10;

struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async { Ok(HttpResponse { status: 200, headers: vec![], body: b"{}".to_vec() }) })
    }
}

pub(super) struct Components {
    runtime: tokio::runtime::Runtime,
    host: Host,
    /// Real ones: small guests, and whatever has been built.
    real: Vec<Vec<u8>>,
    batch: Batch,
}

/// Little enough that a loop without end is soon over.
fn limits() -> Limits {
    Limits {
        fuel: 2_000_000,
        memory_bytes: 16 << 20,
        timeout: Duration::from_secs(10),
        host_calls: 1000,
        ..Limits::default()
    }
}

fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(seconds)
}

impl Components {
    pub(super) fn new() -> io::Result<Self> {
        let options = HostOptions { limits: limits(), ..HostOptions::new(Arc::new(Nowhere)) };
        let mut real = vec![
            Guest::scorer(|image| {
                let finding = image.finding(0.5, "log", "load.burst", "fine");
                format!("i32.const {}", image.findings(&[finding]))
            })
            .build(),
            Guest::new("collector", "(loop (br 0)) unreachable").build(),
        ];
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins");
        let mut files: Vec<_> =
            std::fs::read_dir(built).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "wasm")) {
            if std::fs::metadata(file)?.len() <= MAX_REAL {
                real.push(std::fs::read(file)?);
            }
        }
        let mut topology = Topology::new();
        topology.add_node(Node::new(NodeId::new("group:orders").map_err(io::Error::other)?));
        let window = Window { start: at(0), now: at(60), step: Millis::seconds(15) };
        let batch = Batch::new(&Signals { topology, ..Signals::empty(window) });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, host: Host::new(options).map_err(io::Error::other)?, real, batch })
    }

    async fn try_out(&self, wasm: &[u8]) -> Result<(), String> {
        let plugin = match self.host.load("fuzzed.wasm", wasm).await {
            Ok(plugin) => plugin,
            Err(error) => {
                let said = error.to_string();
                return if said.contains("panicked") && said.contains("compiler") { Err(said) } else { Ok(()) };
            }
        };
        let operator = Operator {
            name: "fuzzed".to_owned(),
            config: json!({ "url": "https://far.example/" }),
            grants: vec![],
            secrets: Arc::new(NoSecrets),
            limits: None,
        };
        let Ok(bound) = plugin.bind(operator) else { return Ok(()) };
        // How it ends does not matter; that it ends does.
        match plugin.world() {
            World::Scorer => drop(bound.score(&self.batch).await),
            World::Forecaster => drop(bound.forecast(&self.batch, &[], Millis::minutes(5)).await),
            World::Collector => {
                let query = CollectQuery::all(at(0), at(60), Millis::seconds(15));
                drop(bound.collect(&query, at(60)).await);
            }
            World::Ranker | World::Notifier => {}
        }
        Ok(())
    }
}

/// A random component, valid by construction.
fn random(seed: &mut Seed) -> Option<Vec<u8>> {
    let bytes = noise(seed);
    let component = wasm_smith::Component::new(wasm_smith::Config::default(), &mut Unstructured::new(&bytes));
    component.ok().map(|component| component.to_bytes())
}

/// Random code behind the exports that a scorer has.
fn scorer(seed: &mut Seed) -> Option<Vec<u8>> {
    let bytes = noise(seed);
    let (shape, resolve, world) = Guest::new("scorer", "unreachable").module();
    let config = wasm_smith::Config {
        exports: Some(shape),
        max_imports: 0,
        min_funcs: 5,
        max_memories: 1,
        memory64_enabled: false,
        shared_everything_threads_enabled: false,
        threads_enabled: false,
        ..wasm_smith::Config::default()
    };
    let module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    let mut module = module.to_bytes();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).ok()?;
    ComponentEncoder::default().module(&module).ok()?.validate(false).encode().ok()
}

fn noise(seed: &mut Seed) -> Vec<u8> {
    let count = 256 + seed.below(4096);
    seed.bytes(count)
}

impl Target for Components {
    fn generate(&self, seed: &mut Seed) -> Vec<Input> {
        let made = match seed.below(3) {
            0 => random(seed),
            1 => scorer(seed),
            _ => {
                let real = seed.pick(&self.real).cloned().unwrap_or_default();
                Some(mutate(seed, &real, &[b"\x00asm", b"\x0b", b"\x00", b"\xff\xff\xff\xff\x0f"]))
            }
        };
        vec![Input::new("component.wasm", made.unwrap_or_default())]
    }

    fn run(&mut self, inputs: &[Input]) -> Result<(), String> {
        for input in inputs {
            self.runtime.block_on(self.try_out(&input.bytes))?;
        }
        // Whatever came before, the host still runs a plugin that is well.
        let good = self.real.first().cloned().unwrap_or_default();
        self.runtime.block_on(async {
            let plugin = self.host.load("good.wasm", &good).await.map_err(|error| error.to_string())?;
            let operator = Operator {
                name: "good".to_owned(),
                config: json!({}),
                grants: vec![],
                secrets: Arc::new(NoSecrets),
                limits: None,
            };
            let bound = plugin.bind(operator).map_err(|error| error.to_string())?;
            bound.score(&self.batch).await.map(drop).map_err(|error| error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generators_do_give_components() {
        let count = |make: fn(&mut Seed) -> Option<Vec<u8>>| (0..50).filter_map(|n| make(&mut Seed::new(n))).count();
        assert!(count(random) > 25, "{} random components", count(random));
        assert!(count(scorer) > 25, "{} random scorers", count(scorer));
    }
}
