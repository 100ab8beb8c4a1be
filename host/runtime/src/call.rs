//! Runs one job on one fresh instance, and says how it failed when it did. Every way to call a plugin is here; what
//! they have in common is [`Call`].

use std::sync::Arc;
use std::time::Duration;

use lagdoctor_model::{Finding, Gap, GapCause, Millis, Ranking, Symptom, Timestamp};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio::time::error::Elapsed;
use wasmtime::{Store, Trap};

use crate::bindings::types;
use crate::convert::batch::Batch;
use crate::convert::outcome::{ForecastTarget, IncidentEvent, RawForecast, Receipt, Rendering};
use crate::convert::raw::{CollectQuery, CollectedPage};
use crate::convert::{Broken, Reader, collected, findings, forecast, plugin_error};
use crate::egress::policy::Session;
use crate::engine::Shared;
use crate::error::{CallError, ErrorCode, FailureKind};
use crate::guard::Watch;
use crate::limits::Limits;
use crate::load::Prepared;
use crate::manifest::World;
use crate::plugin::Bound;
use crate::store::{DeadlineExceeded, Denied, HostCallsExhausted, State};
use crate::text::clean;
use crate::usage::Usage;

/// A store for one job, and what it takes to say how the job went.
pub(crate) struct Call<'a> {
    pub(crate) store: Store<State>,
    pub(crate) time_left: Duration,
    plugin: &'a str,
    limits: &'a Limits,
    /// What was being done, such as "scoring 12 series".
    job: String,
    /// Who wants to know what it takes.
    watch: Option<&'a Watch>,
    _slot: OwnedSemaphorePermit,
}

impl<'a> Call<'a> {
    /// Waits for a slot of the pool and makes a store.
    pub(crate) async fn open(
        shared: &Arc<Shared>,
        plugin: &'a str,
        limits: &'a Limits,
        state: State,
        job: String,
    ) -> Result<Self, CallError> {
        let failed = |kind, statement| CallError { plugin: plugin.to_owned(), kind, statement };
        let since = Instant::now();
        let slot = tokio::time::timeout(limits.timeout, shared.slots.clone().acquire_owned()).await;
        let Ok(Ok(slot)) = slot else {
            return Err(failed(FailureKind::Busy, busy(plugin, &job, limits)));
        };
        let store = state.into_store(&shared.engine, limits).map_err(|error| {
            let reason = clean(&format!("{error:#}"), 300);
            failed(FailureKind::Busy, format!("plugin `{plugin}` was not started for {job}: {reason}"))
        })?;
        let time_left = limits.timeout.saturating_sub(since.elapsed());
        Ok(Self { store, time_left, plugin, limits, job, watch: None, _slot: slot })
    }

    /// What the guest has used up so far.
    fn used(&self) -> Usage {
        Usage {
            // Fuel is always on; were it not, nothing would have been used.
            fuel: self.limits.fuel.saturating_sub(self.store.get_fuel().unwrap_or(self.limits.fuel)),
            memory_bytes: self.store.data().limiter.memory_used(self.limits),
        }
    }

    /// What the job gave, and what it was refused meanwhile; or how it failed.
    pub(crate) fn settle<T>(
        mut self,
        outcome: Result<wasmtime::Result<Result<T, types::PluginError>>, Elapsed>,
    ) -> Result<(T, Vec<String>), CallError> {
        let (kind, statement) = match outcome {
            Ok(Ok(Ok(answer))) => {
                let denied = self.store.data().session.iter().flat_map(Session::denied).map(str::to_owned).collect();
                return Ok((answer, denied));
            }
            Ok(Ok(Err(error))) => self.said(&error),
            Ok(Err(error)) => self.broke(&error),
            Err(_) => (FailureKind::Deadline, self.late()),
        };
        Err(CallError { plugin: self.plugin.to_owned(), kind, statement })
    }

    /// Whether this error is a trap or a limit, rather than something about the component as such.
    pub(crate) fn is_stopped_by(&self, error: &wasmtime::Error) -> bool {
        error.is::<Trap>()
            || error.is::<DeadlineExceeded>()
            || error.is::<HostCallsExhausted>()
            || error.is::<wasmtime::PoolConcurrencyLimitError>()
            || self.store.data().limiter.denied.is_some()
            || too_many(error).is_some()
    }

    /// The guest said itself what went wrong.
    fn said(&mut self, error: &types::PluginError) -> (FailureKind, String) {
        let (code, message) = plugin_error(error, self.limits);
        let message = self.store.data_mut().redact(&message);
        let (plugin, job) = (self.plugin, &self.job);
        // Most plugins pass on what the host told them.
        let is_news = |denied: &&str| !message.contains(*denied);
        let denied: Vec<&str> = self.store.data().session.iter().flat_map(Session::denied).filter(is_news).collect();
        let denied = if denied.is_empty() { String::new() } else { format!(" ({})", denied.join("; ")) };
        let advice = match code {
            ErrorCode::BadConfig => "correct its configuration",
            ErrorCode::BadInput | ErrorCode::Internal => "report it to the plugin's author",
            ErrorCode::NotGranted => "grant what it asks for, or leave it out",
            ErrorCode::Unreachable | ErrorCode::Upstream => "look at the system that it talks to",
            ErrorCode::Unauthorised => "look at the secret that it uses",
            ErrorCode::RateLimited => "ask less often, or raise the limit that it ran into",
            ErrorCode::Unsupported => "leave it out here",
        };
        let kind = if code == ErrorCode::NotGranted { FailureKind::NotGranted } else { FailureKind::Typed { code } };
        (kind, format!("plugin `{plugin}` gave up {job}: {message} [{code}]{denied}; {advice}"))
    }

    /// The guest was stopped, or fell.
    fn broke(&self, error: &wasmtime::Error) -> (FailureKind, String) {
        let (plugin, job, limits) = (self.plugin, &self.job, self.limits);
        let trap = error.downcast_ref::<Trap>().copied();
        if trap == Some(Trap::OutOfFuel) {
            let fuel = limits.fuel;
            return (
                FailureKind::Fuel,
                format!(
                    "plugin `{plugin}` used up its fuel of {fuel} units {job}; raise `fuel`, narrow the window, or report it to the plugin's author"
                ),
            );
        }
        if error.is::<DeadlineExceeded>() || trap == Some(Trap::Interrupt) {
            return (FailureKind::Deadline, self.late());
        }
        if error.is::<HostCallsExhausted>() {
            let (calls, bytes) = (limits.host_calls, limits.host_call_bytes);
            return (
                FailureKind::Fuel,
                format!(
                    "plugin `{plugin}` used up its {calls} calls of the host, or their {bytes} bytes, {job}; raise `host_calls` or `host_call_mib`, or report it to the plugin's author"
                ),
            );
        }
        if error.is::<wasmtime::PoolConcurrencyLimitError>() {
            return (FailureKind::Busy, busy(plugin, job, limits));
        }
        // Wasmtime has no type for this one.
        if error.root_cause().to_string().contains("handle limit exceeded") {
            let handles = limits.handles;
            return (
                FailureKind::Memory,
                format!(
                    "plugin `{plugin}` wanted more than its {handles} handles {job}; raise `handles`, or report it to the plugin's author"
                ),
            );
        }
        if let Some(denied) = self.store.data().limiter.denied {
            let (most, of, key) = match denied {
                Denied::Memory => (limits.memory_bytes, "bytes of memory", "memory_mib"),
                Denied::Table => (limits.table_elements, "table elements", "table_elements"),
            };
            return (
                FailureKind::Memory,
                format!(
                    "plugin `{plugin}` wanted more than its {most} {of} {job}; raise `{key}`, narrow the window, or report it to the plugin's author"
                ),
            );
        }
        if let Some(what) = too_many(error) {
            return (
                FailureKind::Memory,
                format!(
                    "plugin `{plugin}` has more {what} than it may {job}; raise `{what}`, or report it to the plugin's author"
                ),
            );
        }
        if let Some(trap) = trap {
            let how = match trap {
                Trap::UnreachableCodeReached => "panicked",
                Trap::StackOverflow => "recursed without end",
                Trap::MemoryOutOfBounds => "left its memory, as a recursion without end does too,",
                _ => "trapped",
            };
            let what = clean(&trap.to_string(), 200);
            return (
                FailureKind::Trap,
                format!(
                    "plugin `{plugin}` {how} {job} ({what}); its answer is missing; report it to the plugin's author"
                ),
            );
        }
        // What is neither a trap nor a limit is an answer that cannot be read: bad pointers, text that is not UTF-8.
        let what = clean(&format!("{:#}", error.root_cause()), 300);
        self.contract(&format!("gave an answer that cannot be read: {what}"))
    }

    fn contract(&self, what: &str) -> (FailureKind, String) {
        (FailureKind::Contract, contract(self.plugin, &self.job, what))
    }

    fn late(&self) -> String {
        let (plugin, job, ms) = (self.plugin, &self.job, self.limits.timeout.as_millis());
        format!(
            "plugin `{plugin}` was not done after {ms} ms {job}; raise `timeout`, narrow the window, or look at the system that it talks to"
        )
    }
}

/// What a component has too many of: `instances`, `memories` or `tables`. Wasmtime has no type for this error.
fn too_many(error: &wasmtime::Error) -> Option<&'static str> {
    let cause = error.root_cause().to_string();
    let what = cause.strip_prefix("resource limit exceeded: ")?;
    ["instance", "memory", "table"]
        .into_iter()
        .zip(["instances", "memories", "tables"])
        .find_map(|(one, several)| what.starts_with(one).then_some(several))
}

fn busy(plugin: &str, job: &str, limits: &Limits) -> String {
    let ms = limits.timeout.as_millis();
    format!(
        "plugin `{plugin}` was not started for {job}: no instance was free within {ms} ms; run fewer diagnoses at once"
    )
}

fn contract(plugin: &str, job: &str, what: &str) -> String {
    format!("plugin `{plugin}` broke its contract {job}: it {what}; report it to the plugin's author")
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(watch) = self.watch {
            watch.took(self.limits.fuel.saturating_sub(self.store.get_fuel().unwrap_or(self.limits.fuel)));
        }
    }
}

/// Instantiates, configures and does the job, all within the call's time.
macro_rules! job {
    ($self:ident, $call:ident, $world:ident, |$guest:ident, $store:ident| $job:expr) => {{
        let Prepared::$world(pre) = &$self.plugin.parts.prepared else {
            return Err($self.wrong_world(World::$world));
        };
        let config = $self.inner.config.as_str();
        let outcome = {
            let $store = &mut $call.store;
            let work = async move {
                let $guest = pre.instantiate_async(&mut *$store).await?;
                if let Err(error) = $guest.lagdoctor_plugin_lifecycle().call_configure(&mut *$store, config).await? {
                    return Ok(Err(error));
                }
                $job.await
            };
            tokio::time::timeout($call.time_left, Box::pin(work)).await
        };
        $self.inner.meter.note($call.used());
        $call.settle(outcome)?
    }};
}

impl Bound {
    pub(crate) async fn score_once(&self, batch: &Batch, watch: &Watch) -> Result<Vec<Finding>, CallError> {
        let shown = self.shown(batch);
        let job = format!("scoring {} series of {} nodes", shown.series_count(), shown.node_count());
        let mut call = self.open(&job, shown_now(&shown), watch).await?;
        let wit = shown.wit.clone();
        let (given, _) =
            job!(self, call, Scorer, |guest, store| guest.lagdoctor_plugin_scoring().call_score(store, &wit));
        let mut reader = self.reader();
        reader.classes = Some(&self.plugin.manifest().classes);
        reader.signals = Some(&self.plugin.manifest().signals);
        let findings = findings::findings(&mut reader, &shown, given);
        shown.note(reader.gaps());
        findings.map_err(|broken| self.broke_contract(&job, &broken))
    }

    pub(crate) async fn rank_once(
        &self,
        batch: &Batch,
        findings: &[Finding],
        symptom: &Symptom,
        watch: &Watch,
    ) -> Result<Ranking, CallError> {
        let shown = self.shown(batch);
        let (given_findings, places) = findings::for_ranker(&shown, findings);
        let job = format!("ranking {} findings about {} nodes", given_findings.len(), shown.node_count());
        let Some(given_symptom) = findings::symptom(&shown, symptom) else {
            let what =
                format!("cannot be told about the symptom, whose node `{}` is not in the topology", symptom.node);
            return Err(self.error(FailureKind::Contract, format!("plugin `{}` {what}; add the node", self.name())));
        };
        let mut call = self.open(&job, shown_now(&shown), watch).await?;
        let wit = shown.wit.clone();
        let (given, _) = job!(self, call, Ranker, |guest, store| {
            guest.lagdoctor_plugin_ranking().call_rank(store, &wit, &given_findings, &given_symptom)
        });
        let mut reader = self.reader();
        let ranking = findings::ranking(&mut reader, &shown, &places, given);
        shown.note(reader.gaps());
        ranking.map_err(|broken| self.broke_contract(&job, &broken))
    }

    pub(crate) async fn forecast_once(
        &self,
        batch: &Batch,
        targets: &[ForecastTarget],
        horizon: Millis,
        watch: &Watch,
    ) -> Result<Vec<RawForecast>, CallError> {
        let shown = self.shown(batch);
        let (given_targets, places) = forecast::targets(&shown, targets);
        let job = format!("forecasting {} series over {horizon}", given_targets.len());
        let mut call = self.open(&job, shown_now(&shown), watch).await?;
        let wit = shown.wit.clone();
        let (given, _) = job!(self, call, Forecaster, |guest, store| {
            guest.lagdoctor_plugin_forecasting().call_forecast(store, &wit, &given_targets, horizon.as_millis())
        });
        let mut reader = self.reader();
        let forecasts = forecast::forecasts(&mut reader, &places, given);
        shown.note(reader.gaps());
        forecasts.map_err(|broken| self.broke_contract(&job, &broken))
    }

    pub(crate) async fn collect_once(
        &self,
        query: &CollectQuery,
        now: Timestamp,
        watch: &Watch,
    ) -> Result<CollectedPage, CallError> {
        let job = format!("collecting from {} to {}", query.start, query.end);
        let mut call = self.open(&job, now, watch).await?;
        let wit = collected::query(query);
        let (given, denied) =
            job!(self, call, Collector, |guest, store| guest.lagdoctor_plugin_collecting().call_collect(store, &wit));
        let mut reader = self.reader();
        reader.latest = Some(query.end + query.step);
        let page = collected::page(&mut reader, &self.inner.grants, given);
        let mut page = page.map_err(|broken| self.broke_contract(&job, &broken))?;
        page.gaps.extend(reader.gaps());
        // A plugin that goes on without what it was refused need not say so; the host does.
        let refused = |what: String| Gap {
            source: self.name().to_owned(),
            cause: GapCause::NotGranted,
            node: None,
            statement: format!("plugin `{}` was refused {job}: {what}", self.name()),
        };
        page.gaps.extend(denied.into_iter().map(refused));
        Ok(page)
    }

    /// Asks a collector for all pages, at most `max_pages`. When a later page fails, what the earlier ones gave is kept
    /// and the failure is among the gaps.
    ///
    /// # Errors
    /// When the first page fails; as [`Bound::collect`].
    pub async fn collect_all(
        &self,
        query: &CollectQuery,
        now: Timestamp,
        max_pages: usize,
    ) -> Result<CollectedPage, CallError> {
        let mut all = self.collect(query, now).await?;
        let mut pages = 1;
        while let Some(next) = all.next.take() {
            if pages >= max_pages {
                all.gaps.push(collected::more_pages(self.name(), pages));
                break;
            }
            match self.collect(&CollectQuery { page: next, ..query.clone() }, now).await {
                Ok(page) => all.append(page),
                Err(error) => all.gaps.push(error.gap()),
            }
            pages += 1;
        }
        Ok(all)
    }

    pub(crate) async fn notify_once(
        &self,
        event: &IncidentEvent,
        diagnosis_json: &str,
        renderings: &[Rendering],
        now: Timestamp,
        watch: &Watch,
    ) -> Result<Vec<Receipt>, CallError> {
        let job = format!("telling that `{}` is {}", clean(&event.incident, 80), event.phase.as_str());
        let mut call = self.open(&job, now, watch).await?;
        let (event, renderings) = (forecast::event(event), forecast::renderings(renderings));
        let (given, denied) = job!(self, call, Notifier, |guest, store| {
            guest.lagdoctor_plugin_notifying().call_notify(store, &event, diagnosis_json, &renderings)
        });
        for what in denied {
            tracing::warn!(plugin = self.name(), "was refused {job}: {what}");
        }
        Ok(forecast::receipts(&mut self.reader(), given))
    }

    async fn open<'a>(&'a self, job: &str, now: Timestamp, watch: &'a Watch) -> Result<Call<'a>, CallError> {
        let inner = &*self.inner;
        let shared = &self.plugin.parts.shared;
        let session = Session::new(
            &inner.name,
            inner.grants.clone(),
            inner.secrets.clone(),
            shared.transport.clone(),
            inner.common.clone(),
            &inner.limits,
        );
        let state = State::new(&inner.name, &inner.limits, now, Some(session));
        let state = state.sharing(inner.log_rate.clone()).telling(shared.lines);
        let mut call = Call::open(shared, &inner.name, &inner.limits, state, job.to_owned()).await?;
        watch.begin();
        call.watch = Some(watch);
        Ok(call)
    }

    /// What it is shown of this batch.
    fn shown(&self, batch: &Batch) -> Batch {
        batch.for_plugin(self.name(), self.plugin.manifest(), self.inner.limits.memory_bytes)
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&self.inner.name, &self.inner.limits)
    }

    fn error(&self, kind: FailureKind, statement: String) -> CallError {
        CallError { plugin: self.inner.name.clone(), kind, statement }
    }

    fn broke_contract(&self, job: &str, broken: &Broken) -> CallError {
        self.error(FailureKind::Contract, contract(self.name(), job, &format!("said that {}", broken.0)))
    }

    fn wrong_world(&self, wanted: World) -> CallError {
        let (name, world) = (self.name(), self.plugin.world());
        self.error(
            FailureKind::Contract,
            format!("plugin `{name}` is a {world} and cannot be used as a {wanted}; configure it as what it is"),
        )
    }
}

pub(crate) fn shown_now(batch: &Batch) -> Timestamp {
    Timestamp::from_millis(batch.wit.now_ms).unwrap_or(Timestamp::EPOCH)
}
