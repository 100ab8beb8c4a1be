//! From bytes to a plugin: is it a component, which job does it have, does it want only what a plugin may have, and what
//! does it say of itself? Start at [`Host::load`].

mod unfold;

use std::sync::{Arc, PoisonError, Weak};

use lagdoctor_model::Timestamp;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::bindings::{collector, forecaster, notifier, ranker, scorer, types};
use crate::cache::{self, hex};
use crate::call::Call;
use crate::engine::{Host, Key, Shared, Turn};
use crate::error::LoadError;
use crate::manifest::{Claim, World};
use crate::plugin::{Parts, Plugin};
use crate::store::State;
use crate::text::clean;

/// Largest component, in bytes. Interpreters of other languages are tens of MiB.
pub(crate) const MAX_COMPONENT: usize = 128 << 20;
const HEAD_OF_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const HEAD_OF_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A component with its imports filled in, ready to be instantiated in microseconds.
pub(crate) enum Prepared {
    Collector(collector::CollectorPre<State>),
    Scorer(scorer::ScorerPre<State>),
    Ranker(ranker::RankerPre<State>),
    Forecaster(forecaster::ForecasterPre<State>),
    Notifier(notifier::NotifierPre<State>),
}

impl Host {
    /// Loads a component: checks what it is, compiles it, and asks it to describe itself, under the host's limits.
    /// `source` is what errors call it, usually its path.
    ///
    /// # Errors
    /// When it is no component, has no job or several, imports what no plugin may have, was built against other types,
    /// or describes itself in a way that makes no sense.
    pub async fn load(&self, source: &str, wasm: &[u8]) -> Result<Plugin, LoadError> {
        let source_name = clean(source, 300);
        check_head(&source_name, wasm)?;
        let sha256: [u8; 32] = Sha256::digest(wasm).into();
        let digest = hex(&sha256);
        let key = (source_name.clone(), digest.clone());
        let turn = self.turn(&key);
        let _turn = turn.lock().await;
        if let Some(parts) = self.in_use(&key) {
            return Ok(Plugin { parts });
        }
        let (host, name, bytes) = (self.clone(), source_name.clone(), wasm.to_vec());
        // Compiling takes from milliseconds to seconds, so it must not hold up a thread of the runtime.
        let compiled = tokio::task::spawn_blocking(move || prepare(&host.shared, &name, &bytes, sha256)).await;
        let Compiled { prepared, world, imports, from_cache } = compiled.map_err(|error| LoadError::Compile {
            source_name: source_name.clone(),
            reason: if error.is_panic() {
                "the compiler panicked".to_owned()
            } else {
                "the program is ending".to_owned()
            },
        })??;
        let claim = self.describe(&source_name, world, &prepared).await?;
        let manifest =
            claim.check().map_err(|reason| LoadError::Manifest { source_name: source_name.clone(), reason })?;
        let size = wasm.len();
        let shared = self.shared.clone();
        let source = source_name;
        let parts = Parts { shared, source, manifest, world, digest, imports, size, from_cache, prepared };
        let plugin = Plugin::new(parts);
        let mut loaded = self.shared.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|_, parts| parts.strong_count() > 0);
        loaded.insert(key, Arc::downgrade(&plugin.parts));
        Ok(plugin)
    }

    /// What to hold while compiling this component. Those that nobody holds or waits for are forgotten.
    fn turn(&self, key: &Key) -> Turn {
        let mut loading = self.shared.loading.lock().unwrap_or_else(PoisonError::into_inner);
        loading.retain(|_, turn| Arc::strong_count(turn) > 1);
        loading.entry(key.clone()).or_default().clone()
    }

    fn in_use(&self, key: &Key) -> Option<Arc<Parts>> {
        self.shared.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(key).and_then(Weak::upgrade)
    }

    async fn describe(&self, source: &str, world: World, prepared: &Prepared) -> Result<Claim, LoadError> {
        let limits = &self.shared.limits;
        let failed = |error| LoadError::Describe { source_name: source.to_owned(), error };
        let state = State::new(source, limits, Timestamp::EPOCH, None).telling(self.shared.lines);
        let call = Call::open(&self.shared, source, limits, state, "describing itself".to_owned()).await;
        let mut call = call.map_err(failed)?;
        let mut has_begun = false;
        let outcome = {
            let (store, has_begun) = (&mut call.store, &mut has_begun);
            macro_rules! describe {
                ($pre:ident) => {{
                    let guest = $pre.instantiate_async(&mut *store).await?;
                    *has_begun = true;
                    guest.lagdoctor_plugin_lifecycle().call_describe(&mut *store).await
                }};
            }
            let work = async move {
                match prepared {
                    Prepared::Collector(pre) => describe!(pre),
                    Prepared::Scorer(pre) => describe!(pre),
                    Prepared::Ranker(pre) => describe!(pre),
                    Prepared::Forecaster(pre) => describe!(pre),
                    Prepared::Notifier(pre) => describe!(pre),
                }
            };
            tokio::time::timeout(call.time_left, Box::pin(work)).await
        };
        // Wasmtime compares the types of exports when it makes the first instance. An instance that fell for another
        // reason has trapped, or met a limit.
        if let (false, Ok(Err(error))) = (has_begun, &outcome)
            && !call.is_stopped_by(error)
        {
            let reason = clean(&format!("{error:#}"), 600);
            return Err(LoadError::Types { source_name: source.to_owned(), world, reason });
        }
        call.settle(outcome.map(|answer| answer.map(Ok))).map(|(given, _)| claim(given)).map_err(failed)
    }
}

fn claim(given: types::Manifest) -> Claim {
    Claim {
        name: given.name,
        version: given.version,
        summary: given.summary,
        signals: given.signals,
        classes: given.classes,
        config_schema: given.config_schema,
        grants: given.grants.into_iter().map(|grant| (grant.kind, grant.value, grant.reason)).collect(),
    }
}

fn check_head(source: &str, wasm: &[u8]) -> Result<(), LoadError> {
    let source_name = source.to_owned();
    if wasm.starts_with(HEAD_OF_MODULE) {
        Err(LoadError::CoreModule { source_name })
    } else if wasmtime::Engine::detect_precompiled(wasm).is_some() || wasm.starts_with(b"\x7fELF") {
        Err(LoadError::Precompiled { source_name })
    } else if !wasm.starts_with(HEAD_OF_COMPONENT) {
        let reason = if wasm.is_empty() { "it is empty" } else { "it does not begin as one" };
        Err(LoadError::NotWasm { source_name, reason: reason.to_owned() })
    } else if wasm.len() > MAX_COMPONENT {
        let reason = format!("it has {} bytes, at most {MAX_COMPONENT} are accepted", wasm.len());
        Err(LoadError::NotWasm { source_name, reason })
    } else {
        Ok(())
    }
}

/// A component as machine code, and what its types say.
struct Compiled {
    prepared: Prepared,
    world: World,
    imports: Vec<String>,
    from_cache: bool,
}

/// Takes machine code out of the cache, or makes it, and looks at what it wants. What a plugin may be is looked at in both
/// cases.
fn prepare(shared: &Shared, source: &str, wasm: &[u8], sha256: [u8; 32]) -> Result<Compiled, LoadError> {
    let source_name = source.to_owned();
    unfold::check(wasm).map_err(|reason| LoadError::Compile { source_name: source_name.clone(), reason })?;
    let cache = shared.cache.as_ref().map(|cache| (cache, cache::Key::new(sha256, &shared.engine)));
    let kept = cache.as_ref().and_then(|(cache, key)| cache.load(&shared.engine, key, source));
    let from_cache = kept.is_some();
    let component = match kept {
        Some(component) => component,
        None => Component::from_binary(&shared.engine, wasm).map_err(|error| LoadError::Compile {
            source_name: source_name.clone(),
            reason: clean(&format!("{error:#}"), 600),
        })?,
    };
    let shape = component.component_type();
    let exports: Vec<String> = shape.exports(&shared.engine).map(|(name, _)| name.to_owned()).collect();
    let imports: Vec<String> = shape.imports(&shared.engine).map(|(name, _)| name.to_owned()).collect();
    let world = world(&exports).map_err(|reason| LoadError::World { source_name: source_name.clone(), reason })?;
    let ours = |import: &String| own_interface(import).is_some_and(|name| world.imports().contains(&name));
    let foreign: Vec<String> = imports.iter().filter(|import| !ours(import)).map(|name| clean(name, 120)).collect();
    if !foreign.is_empty() {
        return Err(LoadError::Import { source_name, world, imports: foreign });
    }
    let prepared = match world {
        World::Collector => {
            shared.connected.instantiate_pre(&component).and_then(collector::CollectorPre::new).map(Prepared::Collector)
        }
        World::Notifier => {
            shared.connected.instantiate_pre(&component).and_then(notifier::NotifierPre::new).map(Prepared::Notifier)
        }
        World::Scorer => {
            shared.isolated.instantiate_pre(&component).and_then(scorer::ScorerPre::new).map(Prepared::Scorer)
        }
        World::Ranker => {
            shared.isolated.instantiate_pre(&component).and_then(ranker::RankerPre::new).map(Prepared::Ranker)
        }
        World::Forecaster => shared
            .isolated
            .instantiate_pre(&component)
            .and_then(forecaster::ForecasterPre::new)
            .map(Prepared::Forecaster),
    };
    let reason = |error: wasmtime::Error| clean(&format!("{error:#}"), 600);
    let prepared = prepared.map_err(|error| LoadError::Types { source_name, world, reason: reason(error) })?;
    // Only what can be a plugin is worth a place.
    if let (false, Some((cache, key))) = (from_cache, &cache) {
        cache.store(key, &component, source);
    }
    Ok(Compiled { prepared, world, imports, from_cache })
}

/// `NAME` of `lagdoctor:plugin/NAME@VERSION`, when the version is one that this host speaks.
fn own_interface(name: &str) -> Option<&str> {
    let (package, version) = lagdoctor_wit::PACKAGE.split_once('@')?;
    name.strip_prefix(package)?.strip_prefix('/')?.strip_suffix(version)?.strip_suffix('@')
}

fn world(exports: &[String]) -> Result<World, String> {
    let exported = |interface: &str| exports.iter().any(|export| own_interface(export) == Some(interface));
    let shown = |names: &[String]| match names {
        [] => "nothing".to_owned(),
        names => clean(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "), 400),
    };
    let jobs: Vec<World> = World::ALL.into_iter().filter(|world| exported(world.interface())).collect();
    match jobs[..] {
        [world] if exported("lifecycle") => Ok(world),
        [world] => Err(format!("it is a {world} but does not export `lifecycle`, which every plugin needs")),
        [] => Err(format!(
            "it exports {}, and none of collecting, scoring, ranking, forecasting, notifying in version {}",
            shown(exports),
            lagdoctor_wit::PACKAGE.split_once('@').map_or("", |(_, version)| version)
        )),
        _ => {
            let jobs: Vec<String> = jobs.iter().map(ToString::to_string).collect();
            Err(format!("it is {} at once, and a plugin has one job", jobs.join(" and ")))
        }
    }
}
