//! How fast is it? What the benches share: the bundled plugins as `cargo xtask build` left them ([`Bench`]), incidents of
//! any size ([`fleet`]), and a guest's code on this side of the boundary ([`twin`]).

pub mod fleet;
pub mod lag;
pub mod twin;

use std::path::Path;
use std::sync::Arc;

use lagdoctor_grade::{Stage, look, sources};
use lagdoctor_model::Signals;
use lagdoctor_runtime::{Bound, Host, HostOptions, Limits, NoSecrets, Operator};
use lagdoctor_service::{Bundled, Loaded, Plugins, plugins};
use lagdoctor_sim::{Scenario, Simulation};

/// A host with all plugins, and a stage for simulated incidents.
pub struct Bench {
    /// Owns the engine.
    pub host: Host,
    /// What judges.
    pub plugins: Plugins,
    stage: Arc<Stage>,
    collectors: Vec<Bound>,
}

/// The bundled plugins, by name.
///
/// # Panics
/// When the plugins are not built: run `cargo xtask build` first.
pub fn components() -> Vec<(String, Vec<u8>)> {
    components_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins"))
}

/// The component of this name.
///
/// # Panics
/// When it is not built: run `cargo xtask build` first.
pub fn component(name: &str) -> Vec<u8> {
    components().into_iter().find(|(known, _)| known == name).expect("run `cargo xtask build` first").1
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

/// A plugin on this host, without configuration.
///
/// # Panics
/// When it does not load, or needs a configuration.
pub async fn bound(host: &Host, name: &str, wasm: &[u8]) -> Bound {
    let config = serde_json::Value::Null;
    let operator =
        Operator { name: name.to_owned(), config, grants: vec![], secrets: Arc::new(NoSecrets), limits: None };
    host.load(name, wasm).await.expect("a plugin").bind(operator).expect("a plugin without configuration")
}

impl Bench {
    /// Sets a bench up, with the default limits.
    ///
    /// # Panics
    /// When the plugins are not built: run `cargo xtask build` first.
    pub async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    /// Sets a bench up with these limits.
    ///
    /// # Panics
    /// When the plugins are not built: run `cargo xtask build` first.
    pub async fn with(limits: Limits) -> Self {
        let components = components();
        let bundled: Vec<Bundled<'_>> = components.iter().map(|(name, wasm)| Bundled { name, wasm }).collect();
        let stage = Arc::new(Stage::default());
        let host = Host::new(HostOptions { limits, ..HostOptions::new(stage.clone()) }).expect("an engine");
        let Loaded { collectors, plugins, .. } =
            plugins::load(&host, &sources(), &bundled).await.expect("the bundled plugins load");
        Self { host, plugins, stage, collectors }
    }

    /// The last hour of this scenario, as the collectors see it.
    ///
    /// # Panics
    /// When there is no such scenario.
    pub async fn signals(&self, scenario: &str) -> Signals {
        let mut run = Simulation::new(&Scenario::builtin(scenario).expect("a built-in scenario"), 1);
        run.advance_to(run.end());
        let run = Arc::new(run);
        self.stage.put_on(run.clone());
        look(&run, &self.collectors).await
    }
}
