//! What belongs to one call: what it has used up, and the functions that its guest may call.

use std::sync::Arc;

use lagdoctor_model::{Redactor, Timestamp};
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::bindings::{clock, http, log, types};
use crate::egress::policy::{Ask, Auth, Session};
use crate::engine::Lines;
use crate::limits::{Limits, TICK};
use crate::rate::LogRate;
use crate::text::clean;

/// The data of one store.
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    plugin: String,
    log: LogBook,
    now: Timestamp,
    /// Missing while a plugin describes itself: then it reaches nothing.
    pub(crate) session: Option<Session>,
    ticks_left: u128,
    calls_left: usize,
    bytes_left: usize,
    redactor: Option<Redactor>,
}

/// The guest did not give the thread back in time. Fuel should have ended it before.
#[derive(Debug, thiserror::Error)]
#[error("the guest kept the processor beyond its deadline")]
pub(crate) struct DeadlineExceeded;

/// The guest asked the host for more than it may. What the host does for a guest takes no fuel, so it is counted here.
#[derive(Debug, thiserror::Error)]
#[error("the guest used up what it may ask of the host")]
pub(crate) struct HostCallsExhausted;

impl State {
    pub(crate) fn new(plugin: &str, limits: &Limits, now: Timestamp, session: Option<Session>) -> Self {
        Self {
            limiter: Limiter::new(limits),
            plugin: plugin.to_owned(),
            log: LogBook {
                lines_left: limits.log_lines,
                bytes_left: limits.log_bytes,
                rate: None,
                dropped: 0,
                lines: Lines::News,
            },
            now,
            session,
            // One tick on top, because the first one may come at once.
            ticks_left: limits.timeout.as_millis() / TICK.as_millis() + 1,
            calls_left: limits.host_calls,
            bytes_left: limits.host_call_bytes,
            redactor: None,
        }
    }

    /// The same, whose log lines count together with those of other calls.
    pub(crate) fn sharing(mut self, rate: Arc<LogRate>) -> Self {
        self.log.rate = Some(rate);
        self
    }

    /// The same, whose log lines go there.
    pub(crate) fn telling(mut self, lines: Lines) -> Self {
        self.log.lines = lines;
        self
    }

    /// Counts one call of a function of the host that carried so many bytes.
    fn charge(&mut self, bytes: usize) -> wasmtime::Result<()> {
        match (self.calls_left.checked_sub(1), self.bytes_left.checked_sub(bytes)) {
            (Some(calls), Some(bytes)) => {
                (self.calls_left, self.bytes_left) = (calls, bytes);
                Ok(())
            }
            _ => Err(HostCallsExhausted.into()),
        }
    }

    /// What the guest says in its own words, as it may be shown.
    pub(crate) fn redact(&mut self, text: &str) -> String {
        let session = &self.session;
        let new = || session.as_ref().map_or_else(Redactor::default, Session::redactor);
        self.redactor.get_or_insert_with(new).redact(text).to_string()
    }

    /// A store for one call.
    pub(crate) fn into_store(self, engine: &wasmtime::Engine, limits: &Limits) -> wasmtime::Result<Store<State>> {
        let mut store = Store::try_new(engine, self)?;
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.hostcall_fuel);
        store.set_max_component_handles(limits.handles);
        store.set_fuel(limits.fuel)?;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| {
            let state = context.data_mut();
            match state.ticks_left.checked_sub(1) {
                // Giving way at each tick lets the clock of the runtime end the call, and other tasks go on.
                Some(left) => {
                    state.ticks_left = left;
                    Ok(UpdateDeadline::Yield(1))
                }
                None => Err(DeadlineExceeded.into()),
            }
        });
        Ok(store)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.log.dropped > 0 {
            tracing::warn!(plugin = self.plugin, lines = self.log.dropped, "log lines beyond the limit were dropped");
        }
    }
}

/// Counts what an instance allocates. Wasmtime's own limiter counts each memory alone.
pub(crate) struct Limiter {
    memory_left: usize,
    table_left: usize,
    memories: usize,
    tables: usize,
    instances: usize,
    /// Something was refused: a guest that aborts afterwards does so for want of it.
    pub(crate) denied: Option<Denied>,
}

/// What a guest wanted more of than it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Memory, for memories and tables together.
    Memory,
    /// Elements of tables.
    Table,
}

/// What one element of a table takes.
const ELEMENT_BYTES: usize = 8;

impl Limiter {
    fn new(limits: &Limits) -> Self {
        Self {
            memory_left: limits.memory_bytes,
            table_left: limits.table_elements,
            memories: limits.memories,
            tables: limits.tables,
            instances: limits.instances,
            denied: None,
        }
    }

    fn deny(&mut self, what: Denied) -> wasmtime::Result<bool> {
        self.denied = Some(what);
        Ok(false)
    }

    /// Bytes of all memories and tables that were granted so far.
    pub(crate) fn memory_used(&self, limits: &Limits) -> usize {
        limits.memory_bytes.saturating_sub(self.memory_left)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // A growth beyond the memory's own maximum fails by itself, and must not be counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return self.deny(Denied::Memory);
        }
        match self.memory_left.checked_sub(desired.saturating_sub(current)) {
            Some(left) => {
                self.memory_left = left;
                Ok(true)
            }
            None => self.deny(Denied::Memory),
        }
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return self.deny(Denied::Table);
        }
        let elements = desired.saturating_sub(current);
        let memory = self.memory_left.checked_sub(elements.saturating_mul(ELEMENT_BYTES));
        match (self.table_left.checked_sub(elements), memory) {
            (Some(table_left), Some(memory_left)) => {
                (self.table_left, self.memory_left) = (table_left, memory_left);
                Ok(true)
            }
            (None, _) => self.deny(Denied::Table),
            (_, None) => self.deny(Denied::Memory),
        }
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

/// What a guest may still log.
struct LogBook {
    lines_left: usize,
    bytes_left: usize,
    /// Shared by all calls of the plugin; missing while it describes itself.
    rate: Option<Arc<LogRate>>,
    dropped: usize,
    lines: Lines,
}

impl LogBook {
    /// The line as it may be written, if at all.
    fn admit(&mut self, message: &str) -> Option<String> {
        let has_room = self.lines_left > 0 && self.bytes_left > 0;
        // Asked last, because the question takes a line out.
        if !has_room || self.rate.as_ref().is_some_and(|rate| !rate.admits()) {
            self.dropped += 1;
            return None;
        }
        self.lines_left -= 1;
        let line = clean(message, self.bytes_left);
        // What was cut or stripped counts as well: it had to be carried over.
        self.bytes_left = self.bytes_left.saturating_sub(message.len());
        Some(line)
    }
}

impl types::Host for State {}

impl log::Host for State {
    fn write(&mut self, severity: u8, message: String) -> wasmtime::Result<()> {
        self.charge(message.len())?;
        if let Some(line) = self.log.admit(&message) {
            let line = self.redact(&line);
            let plugin = &self.plugin;
            match severity {
                _ if self.log.lines == Lines::Repeated => {
                    tracing::debug!(target: "lagdoctor::plugin", plugin, "{line}");
                }
                17.. => tracing::error!(target: "lagdoctor::plugin", plugin, "{line}"),
                13..=16 => tracing::warn!(target: "lagdoctor::plugin", plugin, "{line}"),
                9..=12 => tracing::info!(target: "lagdoctor::plugin", plugin, "{line}"),
                _ => tracing::debug!(target: "lagdoctor::plugin", plugin, "{line}"),
            }
        }
        Ok(())
    }
}

impl clock::Host for State {
    fn now_ms(&mut self) -> wasmtime::Result<i64> {
        self.charge(0)?;
        Ok(self.now.as_millis())
    }
}

impl http::Host for State {
    async fn fetch(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, types::PluginError>> {
        let headers: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.charge(request.url.len() + request.body.len() + headers)?;
        let refused = |code: &str, message: String| types::PluginError { code: code.to_owned(), message, ext: vec![] };
        let Some(session) = &mut self.session else {
            return Ok(Err(refused("not-granted", "a plugin reaches nothing while it describes itself".to_owned())));
        };
        let auth = request.auth.map(|auth| Auth { kind: auth.kind, secret: auth.secret, name: auth.name });
        let ask = Ask {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            auth,
            timeout_ms: request.timeout_ms,
        };
        Ok(match session.fetch(ask).await {
            Ok(response) => {
                let (status, headers, body) = (response.status, response.headers, response.body);
                Ok(http::Response { status, headers, body, ext: vec![] })
            }
            Err(refusal) => Err(refused(refusal.code, refusal.message)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(memory: usize, elements: usize) -> Limiter {
        Limiter::new(&Limits { memory_bytes: memory, table_elements: elements, ..Limits::default() })
    }

    #[test]
    fn memories_are_counted_together() {
        let mut limiter = limiter(100, 0);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 50, None).unwrap());
        assert_eq!(limiter.denied, Some(Denied::Memory));
        assert!(limiter.memory_growing(60, 100, None).unwrap());
        assert!(!limiter.memory_growing(100, 101, None).unwrap());
    }

    #[test]
    fn tables_and_memories_are_counted_together() {
        let mut limiter = limiter(100, 100);
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(!limiter.memory_growing(0, 21, None).unwrap());
        assert!(limiter.memory_growing(0, 20, None).unwrap());
        assert!(!limiter.table_growing(10, 11, None).unwrap());
        assert_eq!(limiter.denied, Some(Denied::Memory));
        assert!(!limiter.table_growing(10, 101, None).unwrap());
        assert_eq!(limiter.denied, Some(Denied::Table));
    }

    #[test]
    fn a_growth_beyond_a_memorys_own_maximum_costs_nothing() {
        let mut limiter = limiter(900, 100);
        assert!(!limiter.memory_growing(0, 90, Some(80)).unwrap());
        assert!(!limiter.table_growing(0, 90, Some(80)).unwrap());
        assert!(limiter.memory_growing(0, 100, None).unwrap());
        assert!(limiter.table_growing(0, 100, None).unwrap());
    }

    #[test]
    fn log_lines_are_limited_in_number_and_in_size() {
        let mut log = LogBook { lines_left: 3, bytes_left: 9, rate: None, dropped: 0, lines: Lines::News };
        assert_eq!(log.admit("one\u{1b}[0m").as_deref(), Some("one[0m"));
        assert_eq!(log.admit("two").as_deref(), Some(""));
        assert_eq!(log.admit("three"), None);
        assert_eq!(log.dropped, 1);
        let mut log = LogBook { lines_left: 1, bytes_left: 100, rate: None, dropped: 0, lines: Lines::News };
        assert_eq!(log.admit("").as_deref(), Some(""));
        assert_eq!(log.admit("x"), None);
    }

    #[test]
    fn calls_of_one_plugin_share_what_it_may_log_in_a_minute() {
        let rate = Arc::new(LogRate::new(3));
        let call =
            || LogBook { lines_left: 2, bytes_left: 100, rate: Some(rate.clone()), dropped: 0, lines: Lines::News };
        let said = |mut log: LogBook| (0..5).filter(|_| log.admit("x").is_some()).count();
        assert_eq!([said(call()), said(call()), said(call())], [2, 1, 0]);
    }
}
