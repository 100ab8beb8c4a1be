//! A simulated run, seen by the real collectors.

use std::path::Path;
use std::sync::Arc;

use lagdoctor_grade::{Stage, look, sources};
use lagdoctor_model::Signals;
use lagdoctor_runtime::{Host, HostOptions};
use lagdoctor_service::{Bundled, plugins};
use lagdoctor_sim::{Scenario, Simulation};

/// Name and bytes of every built plugin.
pub(crate) fn built() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins");
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), std::fs::read(&path).ok()?)))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "there are no plugins in {}: run `cargo xtask build`", folder.display());
    found
}

/// A whole run, and what the collectors see of its last hour.
pub(crate) async fn seen(scenario: &Scenario, seed: u64) -> (Arc<Simulation>, Signals) {
    let stage = Arc::new(Stage::default());
    let host = Host::new(HostOptions::new(stage.clone())).unwrap();
    let built = built();
    let components: Vec<_> = built.iter().map(|(name, wasm)| Bundled { name, wasm }).collect();
    let loaded = plugins::load(&host, &sources(), &components).await.unwrap();
    let mut run = Simulation::new(scenario, seed);
    run.advance_to(run.end());
    let run = Arc::new(run);
    stage.put_on(run.clone());
    let signals = look(&run, &loaded.collectors).await;
    assert!(signals.series.len() > 200, "{:?}", signals.gaps);
    (run, signals)
}
