//! What the work on one record is made of, in order, as one service does it.

use super::breaker::Breaker;
use super::kafka::fetch::Isolation;
use super::pool::Pool;
use crate::scenario::node::Assignor;
use crate::units::Micros;

/// The work of one service, and the settings of its consumers.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) service: String,
    pub(crate) group: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) threads: u32,
    pub(crate) cores: f64,
    /// Seconds of processor time per record.
    pub(crate) cpu: f64,
    /// Bytes of heap per record.
    pub(crate) per_record: f64,
    /// Fresh pools, one per database.
    pub(crate) pools: Vec<Pool>,
    /// How endpoints are called.
    pub(crate) clients: Vec<ClientPlan>,
    pub(crate) max_poll_records: u32,
    pub(crate) fetch_records: u32,
    pub(crate) fetch_wait: Micros,
    pub(crate) max_poll_interval: Micros,
    pub(crate) session_timeout: Micros,
    pub(crate) commit_interval: Micros,
    /// Wait before a record is tried again that failed.
    pub(crate) retry_backoff: Micros,
    pub(crate) assignor: Assignor,
    pub(crate) isolation: Isolation,
    /// Where it writes onward.
    pub(crate) outputs: Vec<Output>,
}

/// Records that are written to another topic when the work on one is done well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Index of the topic.
    pub(crate) topic: usize,
    pub(crate) per_record: f64,
}

/// One step of the work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A share of the processor time.
    Cpu(f64),
    /// A look-up in a cache; who gets no answer asks the database of the pool `miss`.
    Cache { cache: usize, hit: f64, miss: Option<usize>, miss_work: f64 },
    /// Statements that write, on a primary, or that read, on a replica.
    Query { pool: usize, statements: f64, visit: Visit },
    /// The row that was just written is read back from a replica.
    ReadBack { pool: usize, primary: usize, retries: u32, backoff: Micros },
    /// A call over HTTP.
    Call { client: usize },
}

/// How a service calls one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct ClientPlan {
    /// Index of the endpoint.
    pub(crate) endpoint: usize,
    pub(crate) timeout: Micros,
    pub(crate) retries: u32,
    pub(crate) backoff: Micros,
    pub(crate) keep_alive: Micros,
    pub(crate) breaker: Option<Breaker>,
}

/// Why a database is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    Write,
    Read,
    /// For a row that may not be there yet.
    Back,
    /// For the same row, from the primary, since the replica does not have it.
    Fallback,
}
