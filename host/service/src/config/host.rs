//! `[host]` and `limits`: how much room plugins have, and what one call of one of them may use.

use std::path::PathBuf;
use std::time::Duration;

use lagdoctor_model::Millis;
use lagdoctor_runtime::{Limits, Pool};
use serde::Deserialize;

use super::units;

/// `[host]`: the host of the plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSection {
    /// Calls of all plugins together that run at one moment.
    #[serde(default)]
    pub concurrent_calls: Option<u32>,
    /// Stack of a guest in KiB.
    #[serde(default)]
    pub stack_kib: Option<u32>,
    /// Where compiled plugins are kept: a folder, relative to the configuration, or `off`.
    #[serde(default)]
    pub cache: Option<PathBuf>,
    /// How much may be kept there, in MiB.
    #[serde(default)]
    pub cache_mib: Option<u32>,
    /// What one call of any plugin may use, unless its own section says otherwise.
    #[serde(default)]
    pub limits: LimitsSection,
}

impl HostSection {
    /// What one call of a plugin may use.
    pub fn limits(&self) -> Limits {
        self.limits.over(&Limits::default())
    }

    /// Room for calls under the limits of the host and of these plugins.
    pub fn pool<'a>(&self, plugins: impl IntoIterator<Item = &'a LimitsSection>) -> Pool {
        let base = self.limits();
        let mut pool = Pool::default().with_room_for(&base);
        pool.concurrent_calls = self.concurrent_calls.unwrap_or(pool.concurrent_calls);
        pool.stack_bytes = units::bytes(self.stack_kib, 10).unwrap_or(pool.stack_bytes);
        plugins.into_iter().fold(pool, |pool, plugin| pool.with_room_for(&plugin.over(&base)))
    }

    /// What makes no sense: the field, and what it must be.
    pub(super) fn fault(&self) -> Option<String> {
        let at_least = |value: Option<u32>, least: u32| value.is_some_and(|value| value < least);
        if at_least(self.concurrent_calls, 1) {
            return Some("`concurrent_calls` must be at least 1".into());
        }
        if at_least(self.stack_kib, 64) {
            return Some("`stack_kib` must be at least 64".into());
        }
        self.limits.fault()
    }
}

/// `limits`: what one call of a plugin may use. What is not said is as the host has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Units of Wasmtime fuel.
    pub fuel: Option<u64>,
    /// Time.
    #[serde(deserialize_with = "units::optional")]
    pub timeout: Option<Millis>,
    /// Memories and tables together, in MiB.
    pub memory_mib: Option<u32>,
    /// Linear memories.
    pub memories: Option<u32>,
    /// Elements of all tables together.
    pub table_elements: Option<u32>,
    /// Tables.
    pub tables: Option<u32>,
    /// Core instances within the component.
    pub instances: Option<u32>,
    /// Handles of resources that it makes for itself.
    pub handles: Option<u32>,
    /// Calls of the host: log, clock and HTTP together.
    pub host_calls: Option<u32>,
    /// All that its calls of the host carry, in MiB.
    pub host_call_mib: Option<u32>,
    /// The configuration as JSON, in KiB.
    pub config_kib: Option<u32>,
    /// All that one answer, or one call of the host, copies out of the guest, in MiB.
    pub crossing_mib: Option<u32>,
    /// Items of each kind in one answer.
    pub output_items: Option<u32>,
    /// Readings in one answer.
    pub output_values: Option<u32>,
    /// One sentence of an answer.
    pub output_text_bytes: Option<u32>,
    /// One log line that a collector read, in KiB.
    pub output_log_kib: Option<u32>,
    /// Lines that it logs in one call.
    pub log_lines: Option<u32>,
    /// All that it logs in one call, in KiB.
    pub log_kib: Option<u32>,
    /// Lines that it logs in a minute, all its calls together.
    pub log_lines_per_minute: Option<u32>,
    /// HTTP requests.
    pub http_requests: Option<u32>,
    /// HTTP requests under way at one moment, all its calls together.
    pub http_concurrency: Option<u32>,
    /// Body of one request, in KiB.
    pub http_request_kib: Option<u32>,
    /// Body of one response, in MiB.
    pub http_body_mib: Option<u32>,
    /// Bodies of all responses together, in MiB.
    pub http_total_mib: Option<u32>,
    /// Time for one request.
    #[serde(deserialize_with = "units::optional")]
    pub http_timeout: Option<Millis>,
}

impl LimitsSection {
    /// These limits, where they say something, else those of `base`.
    pub fn over(&self, base: &Limits) -> Limits {
        let count = |value: Option<u32>, base: usize| value.map_or(base, |value| value as usize);
        let kib = |value: Option<u32>, base: usize| units::bytes(value, 10).unwrap_or(base);
        let mib = |value: Option<u32>, base: usize| units::bytes(value, 20).unwrap_or(base);
        let time = |value: Option<Millis>, base: Duration| {
            value.map_or(base, |time| Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(0)))
        };
        Limits {
            fuel: self.fuel.unwrap_or(base.fuel),
            timeout: time(self.timeout, base.timeout),
            memory_bytes: mib(self.memory_mib, base.memory_bytes),
            memories: count(self.memories, base.memories),
            table_elements: count(self.table_elements, base.table_elements),
            tables: count(self.tables, base.tables),
            instances: count(self.instances, base.instances),
            handles: count(self.handles, base.handles),
            host_calls: count(self.host_calls, base.host_calls),
            host_call_bytes: mib(self.host_call_mib, base.host_call_bytes),
            config_bytes: kib(self.config_kib, base.config_bytes),
            hostcall_fuel: mib(self.crossing_mib, base.hostcall_fuel),
            output_items: count(self.output_items, base.output_items),
            output_values: count(self.output_values, base.output_values),
            output_text_bytes: count(self.output_text_bytes, base.output_text_bytes),
            output_log_bytes: kib(self.output_log_kib, base.output_log_bytes),
            log_lines: count(self.log_lines, base.log_lines),
            log_bytes: kib(self.log_kib, base.log_bytes),
            log_lines_per_minute: self.log_lines_per_minute.unwrap_or(base.log_lines_per_minute),
            http_requests: count(self.http_requests, base.http_requests),
            http_concurrency: count(self.http_concurrency, base.http_concurrency),
            http_request_bytes: kib(self.http_request_kib, base.http_request_bytes),
            http_body_bytes: mib(self.http_body_mib, base.http_body_bytes),
            http_total_bytes: mib(self.http_total_mib, base.http_total_bytes),
            http_timeout: time(self.http_timeout, base.http_timeout),
        }
    }

    /// What makes no sense: with none of these no call could ever succeed.
    pub(super) fn fault(&self) -> Option<String> {
        let fields = [
            ("fuel", self.fuel),
            ("memory_mib", self.memory_mib.map(u64::from)),
            ("memories", self.memories.map(u64::from)),
            ("instances", self.instances.map(u64::from)),
            ("config_kib", self.config_kib.map(u64::from)),
            ("crossing_mib", self.crossing_mib.map(u64::from)),
            ("timeout", self.timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(0))),
        ];
        let (field, _) = fields.into_iter().find(|(_, value)| *value == Some(0))?;
        Some(format!("`{field}` must be more than nothing"))
    }
}
