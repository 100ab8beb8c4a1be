//! How fast is it? What the benches share: the bundled plugins as `cargo xtask build` left them, and one simulated
//! incident as the collectors see it.

use std::path::Path;
use std::sync::Arc;

use lagdoctor_grade::{Stage, look, sources};
use lagdoctor_model::Signals;
use lagdoctor_runtime::{Host, HostOptions};
use lagdoctor_service::{Bundled, Plugins, plugins};
use lagdoctor_sim::{Scenario, Simulation};

/// A host, the plugins that judge, and the signals of one incident.
pub struct Bench {
    /// Owns the engine.
    pub host: Host,
    /// What judges.
    pub plugins: Plugins,
    /// One hour of a pipeline with a replica behind its primary.
    pub signals: Signals,
}

/// The bundled plugins, by name.
///
/// # Panics
/// When the plugins are not built: run `cargo xtask build` first.
pub fn components() -> Vec<(String, Vec<u8>)> {
    components_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins"))
}

/// The components in a folder, by name; those that misbehave left out.
///
/// # Panics
/// When the folder cannot be read.
pub fn components_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut components: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .expect("run `cargo xtask build` first")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .filter_map(|path| Some((path.file_stem()?.to_string_lossy().into_owned(), std::fs::read(&path).ok()?)))
        .filter(|(name, _)| !name.starts_with("misbehaving"))
        .collect();
    components.sort();
    components
}

/// Sets up a bench.
///
/// # Panics
/// When the plugins are not built: run `cargo xtask build` first.
pub async fn bench() -> Bench {
    let components = components();
    let bundled: Vec<Bundled<'_>> = components.iter().map(|(name, wasm)| Bundled { name, wasm }).collect();
    let stage = Arc::new(Stage::default());
    let host = Host::new(HostOptions::new(stage.clone())).expect("an engine");
    let loaded = plugins::load(&host, &sources(), &bundled).await.expect("the bundled plugins load");
    let mut run = Simulation::new(&Scenario::builtin("replication-delay").expect("a built-in scenario"), 1);
    run.advance_to(run.end());
    let run = Arc::new(run);
    stage.put_on(run.clone());
    let signals = look(&run, &loaded.collectors).await;
    Bench { host, plugins: loaded.plugins, signals }
}
