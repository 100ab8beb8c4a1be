//! How much may one call of one plugin take? Everything a guest can use up has a number in [`Limits`], with its unit and
//! its default; nothing else in this crate invents one. [`Limits::table`] says them to an operator. How many calls run at
//! one moment, and what the largest of them may have, is in [`crate::Pool`].

mod table;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use table::{Limit, Unit};

/// Distance of two ticks of the backstop against a guest that never gives the thread back.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// What one call may use. A call is one job on one fresh instance, `configure` included.
///
/// ```
/// # use lagdoctor_runtime::Limits;
/// let frugal = Limits { memory_bytes: 16 << 20, ..Limits::default() };
/// assert_eq!(frugal.fuel, Limits::default().fuel);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Guest work in units of Wasmtime fuel, about one an instruction; the same input always takes the same.
    /// Default: 10,000,000,000, a few seconds.
    pub fuel: u64,
    /// Memory in bytes: all linear memories and all tables of the component together, eight bytes for an element.
    /// Default: 64 MiB.
    pub memory_bytes: usize,
    /// Linear memories of the component. Default: 4.
    pub memories: usize,
    /// Elements of tables, all tables of the component together. Default: 100,000.
    pub table_elements: usize,
    /// Tables of the component. Default: 16.
    pub tables: usize,
    /// Core instances within the component; Python guests need about 64. Default: 64.
    pub instances: usize,
    /// Wall-clock time, waiting for a slot and for the network included. Default: 30 s.
    pub timeout: Duration,
    /// Bytes that one crossing of the boundary may copy out of the guest: all texts and lists of an answer, or of one
    /// call of the host. Default: 64 MiB.
    pub hostcall_fuel: usize,
    /// Bytes of the configuration that the guest is given, as JSON. Default: 256 KiB.
    pub config_bytes: usize,
    /// Calls of the host's functions: log, clock and HTTP together. Fuel does not count what the host does for a guest.
    /// Default: 1,000,000.
    pub host_calls: usize,
    /// Bytes that all calls of the host's functions together may carry. Default: 1 GiB.
    pub host_call_bytes: usize,
    /// Handles of resources that a component makes for itself. Default: 10,000.
    pub handles: usize,
    /// Items of one answer: findings, causes, forecasts, series, log lines, events, nodes, edges and receipts, each
    /// kind counted alone; what is beyond is left out and named. Default: 20,000.
    pub output_items: usize,
    /// Readings of one answer, all series together; what is beyond is left out and named. Default: 2,000,000.
    pub output_values: usize,
    /// Bytes of one sentence or message of an answer; longer ones are cut. Default: 4096.
    pub output_text_bytes: usize,
    /// Bytes of one log line that a collector read; longer ones are cut. The redactor keeps the telling parts of a stack
    /// trace, so it is given more than what is left in the end. Default: 16 KiB.
    pub output_log_bytes: usize,
    /// Lines that a guest may log; further ones are counted and dropped. Default: 100.
    pub log_lines: usize,
    /// Bytes that a guest may log, all lines together. Default: 16 KiB.
    pub log_bytes: usize,
    /// Lines that one plugin may log within a minute, all its calls together; further ones are counted and dropped.
    /// Default: 600.
    pub log_lines_per_minute: u32,
    /// HTTP requests. Default: 256.
    pub http_requests: usize,
    /// HTTP requests of all calls of one plugin that are under way at one moment; a further one waits within its own
    /// time. Default: 8.
    pub http_concurrency: usize,
    /// Bytes of the body of one HTTP request. Default: 1 MiB.
    pub http_request_bytes: usize,
    /// Bytes of the body of one HTTP response. Default: 16 MiB.
    pub http_body_bytes: usize,
    /// Bytes of the bodies of all HTTP responses of the call. Default: 64 MiB.
    pub http_total_bytes: usize,
    /// Time for one HTTP request, from resolving the name to the last byte. Default: 10 s.
    pub http_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 10_000_000_000,
            memory_bytes: 64 << 20,
            memories: 4,
            table_elements: 100_000,
            tables: 16,
            instances: 64,
            timeout: Duration::from_secs(30),
            hostcall_fuel: 64 << 20,
            config_bytes: 256 << 10,
            host_calls: 1_000_000,
            host_call_bytes: 1 << 30,
            handles: 10_000,
            output_items: 20_000,
            output_values: 2_000_000,
            output_text_bytes: 4096,
            output_log_bytes: 16 << 10,
            log_lines: 100,
            log_bytes: 16 << 10,
            log_lines_per_minute: 600,
            http_requests: 256,
            http_concurrency: 8,
            http_request_bytes: 1 << 20,
            http_body_bytes: 16 << 20,
            http_total_bytes: 64 << 20,
            http_timeout: Duration::from_secs(10),
        }
    }
}
