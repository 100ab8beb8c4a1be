//! Sets up Wasmtime once for all plugins: what guests may use of WebAssembly, the pool that instances come from, and
//! the thread whose ticks take the processor back from a guest. Start at [`Host::new`].

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine};

use crate::bindings;
use crate::cache::Cache;
use crate::egress::Transport;
use crate::error::HostError;
use crate::limits::{Limits, TICK};
use crate::plugin::Parts;
use crate::pool::{Pool, WHOLE_MEMORY};
use crate::store::State;

/// What a host is made of.
#[derive(Clone)]
pub struct HostOptions {
    /// What carries the requests of plugins, once the policy has let them pass.
    pub transport: Arc<dyn Transport>,
    /// What one call may use unless its plugin is bound with others.
    pub limits: Limits,
    /// How many calls there is room for, and how large a call can be. It is made large enough for `limits`.
    pub pool: Pool,
    /// Where compiled plugins are kept; `None` for nowhere.
    pub cache: Option<Cache>,
    /// Whether what plugins say in their log is news.
    pub lines: Lines,
}

/// How loud the log lines of plugins are, panic messages among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lines {
    /// As loud as the plugin says.
    #[default]
    News,
    /// For whoever wants to hear all: calls are made once more, and what had to be heard was heard the first time.
    Repeated,
}

impl HostOptions {
    /// The default limits and pool, this transport, and no cache.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, limits: Limits::default(), pool: Pool::default(), cache: None, lines: Lines::News }
    }
}

/// Runs plugins. Clones, and the plugins that it has loaded, share one engine; the last of them ends its thread.
#[derive(Clone)]
pub struct Host {
    pub(crate) shared: Arc<Shared>,
}

/// Source and digest of a component.
pub(crate) type Key = (String, String);
/// Whoever holds it may compile.
pub(crate) type Turn = Arc<tokio::sync::Mutex<()>>;

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    /// What collectors and notifiers may import.
    pub(crate) connected: Linker<State>,
    /// What all others may import.
    pub(crate) isolated: Linker<State>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) limits: Limits,
    pub(crate) pool: Pool,
    pub(crate) cache: Option<Cache>,
    pub(crate) lines: Lines,
    pub(crate) slots: Arc<Semaphore>,
    /// Plugins that are still in use: compiling takes as long as thousands of calls.
    pub(crate) loaded: Mutex<BTreeMap<Key, Weak<Parts>>>,
    /// Held while a component is being compiled: whoever wants the same one waits for it.
    pub(crate) loading: Mutex<BTreeMap<Key, Turn>>,
    _ticker: Ticker,
}

impl Host {
    /// Starts the engine, its pool of instances and its ticker.
    ///
    /// # Errors
    /// When there is not enough address space for the pool, or no thread for the ticker.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let HostOptions { transport, limits, pool, cache, lines } = options;
        let pool = pool.with_room_for(&limits);
        let refused = |error: wasmtime::Error| HostError::Engine {
            slots: pool.concurrent_calls,
            memory_mib: pool.memory_bytes >> 20,
            reason: format!("{error:#}"),
        };
        // Where there is not so much address space, as under `ulimit -v`, guests check each access themselves.
        let engine = Engine::new(&config(&pool, WHOLE_MEMORY)).or_else(|_| Engine::new(&config(&pool, 0)));
        let engine = engine.map_err(refused)?;
        let connected = connected(&engine).map_err(refused)?;
        let isolated = isolated(&engine).map_err(refused)?;
        let ticker = Ticker::start(engine.clone())?;
        let slots = Arc::new(Semaphore::new(pool.concurrent_calls as usize));
        let (loaded, loading) = (Mutex::default(), Mutex::default());
        let shared = Shared {
            engine,
            connected,
            isolated,
            transport,
            limits,
            pool,
            cache,
            lines,
            slots,
            loaded,
            loading,
            _ticker: ticker,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What one call may use unless its plugin is bound with others.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// How many calls there is room for, and how large a call can be.
    pub fn pool(&self) -> &Pool {
        &self.shared.pool
    }
}

fn config(pool: &Pool, reservation: u64) -> Config {
    let mut config = Config::new();
    pool.configure(&mut config, reservation);
    config
        // Fuel is the limit, because the same input always takes the same; epochs are the backstop.
        .consume_fuel(true)
        .epoch_interruption(true)
        .concurrency_support(false)
        .wasm_component_model(true)
        .relaxed_simd_deterministic(true)
        .wasm_backtrace_max_frames(None);
    config
}

fn connected(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    bindings::collector::Collector::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

fn isolated(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    bindings::scorer::Scorer::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// The thread that moves the epoch on. It ends, and is waited for, when the ticker is dropped.
struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: Engine) -> Result<Self, HostError> {
        let (stop, stopped) = channel::<()>();
        let run = move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        };
        let thread = std::thread::Builder::new().name("lagdoctor-epoch".to_owned()).spawn(run);
        Ok(Self { stop: Some(stop), thread: Some(thread.map_err(HostError::Ticker)?) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the ticker has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{InProcess, ok};

    #[test]
    fn the_last_of_a_host_and_its_clones_ends_the_ticker() {
        let transport = Arc::new(InProcess::new(|_: &crate::HttpRequest| Ok(ok(""))));
        let host = Host::new(HostOptions::new(transport)).unwrap();
        // The thread holds the engine for as long as it runs.
        let engine = host.shared.engine.weak();
        let clone = host.clone();
        drop(host);
        assert!(engine.upgrade().is_some());
        drop(clone);
        assert!(engine.upgrade().is_none());
    }

    #[test]
    fn a_pool_that_does_not_fit_is_an_error_and_names_its_size() {
        let transport = Arc::new(InProcess::new(|_: &crate::HttpRequest| Ok(ok(""))));
        let limits = Limits { memory_bytes: 1 << 46, ..Limits::default() };
        let error = Host::new(HostOptions { limits, ..HostOptions::new(transport) })
            .err()
            .map(|error| error.to_string())
            .unwrap();
        assert!(error.contains("lower `memory_mib`"), "{error}");
    }
}
