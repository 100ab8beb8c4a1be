//! The nodes that a scenario may have, and what each kind of node can be told. Durations are seconds, sizes bytes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::value::Number;
use crate::cluster::kafka::fetch::Isolation;

/// One `[[node]]`.
#[derive(Clone, Debug)]
pub(crate) struct NodeSpec {
    pub(crate) id: String,
    pub(crate) host: Option<String>,
    /// Owner, pager, tier, runbook, rack: for people, and for the operator's topology file.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) of: NodeOf,
}

/// What is particular to a kind of node.
#[derive(Clone, Debug)]
pub(crate) enum NodeOf {
    Producer,
    Topic(TopicSpec),
    Broker,
    Service(Box<ServiceSpec>),
    Primary(DatabaseSpec),
    Replica(DatabaseSpec),
    Cache(CacheSpec),
    Http(HttpSpec),
    Host(HostSpec),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopicSpec {
    pub(crate) partitions: u32,
    #[serde(default = "seven_days")]
    pub(crate) retention: Number,
    /// Distance of the steps in which old records go.
    #[serde(default = "ten_minutes")]
    pub(crate) segment: Number,
    /// Copies of each partition, at most as many as there are brokers.
    #[serde(default = "three_count")]
    pub(crate) replication: u32,
    /// Copies that must have a record before it counts as written.
    #[serde(default = "two_count")]
    pub(crate) min_insync: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceSpec {
    #[serde(default = "one_count")]
    pub(crate) replicas: u32,
    pub(crate) threads: u32,
    #[serde(default = "two")]
    pub(crate) cores: f64,
    /// Processor time per record.
    pub(crate) cpu: Number,
    pub(crate) heap: HeapSpec,
    /// One pool of this kind for each database that is called.
    pub(crate) pool: PoolSpec,
    pub(crate) kafka: KafkaSpec,
    /// In the order in which a record's work makes them.
    #[serde(default)]
    pub(crate) calls: Vec<CallSpec>,
    /// What it writes onward when the work on a record is done well.
    #[serde(default)]
    pub(crate) produces: Vec<OutputSpec>,
    /// Hosts that instances are spread over in turn.
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeapSpec {
    pub(crate) max: Number,
    /// What survives every collection.
    pub(crate) live: Number,
    /// Allocated for each record.
    pub(crate) per_record: Number,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PoolSpec {
    pub(crate) size: u32,
    #[serde(default = "thirty_seconds")]
    pub(crate) timeout: Number,
    /// How long a driver waits for a server that says nothing; longer than a server lets it wait for a lock.
    #[serde(default = "one_minute")]
    pub(crate) socket_timeout: Number,
    /// How long a connection is used before it is replaced.
    #[serde(default = "thirty_minutes")]
    pub(crate) max_lifetime: Number,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KafkaSpec {
    pub(crate) group: String,
    pub(crate) topic: String,
    #[serde(default = "five_hundred")]
    pub(crate) max_poll_records: u32,
    #[serde(default = "five_minutes")]
    pub(crate) max_poll_interval: Number,
    #[serde(default = "forty_five_seconds")]
    pub(crate) session_timeout: Number,
    /// Commits come after a batch, and no more often than this.
    #[serde(default = "five_seconds")]
    pub(crate) commit_interval: Number,
    /// Most records of one partition in one batch, as its fetch size sets it.
    #[serde(default = "five_hundred")]
    pub(crate) fetch_records: u32,
    /// How long a fetch waits for more records when there are few.
    #[serde(default = "tenth")]
    pub(crate) fetch_wait: Number,
    /// Whether records of open transactions are read: `read_uncommitted` or `read_committed`.
    #[serde(default)]
    pub(crate) isolation: Isolation,
    /// Who gets which partitions, and whether members give up theirs before a rebalance: Kafka's default does.
    #[serde(default)]
    pub(crate) assignor: Assignor,
    /// Wait before a record is tried again that its handler failed on.
    #[serde(default = "one_second")]
    pub(crate) retry_backoff: Number,
}

/// `partition.assignment.strategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Assignor {
    /// Eager: all members stop, and get contiguous ranges.
    #[default]
    Range,
    /// Members go on with what they keep.
    CooperativeSticky,
}

/// One call that the work on a record makes. Which fields count depends on what is called.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallSpec {
    pub(crate) to: String,
    /// Statements per record, of a database.
    #[serde(default = "one")]
    pub(crate) per_record: f64,
    /// Share of look-ups that a cache answers.
    #[serde(default = "one")]
    pub(crate) hit: f64,
    /// The database that is read when a cache has no answer.
    #[serde(default)]
    pub(crate) miss: Option<String>,
    /// How many times the work of a usual statement that read is.
    #[serde(default = "one")]
    pub(crate) miss_work: f64,
    /// How long an answer over HTTP is waited for.
    #[serde(default = "ten_seconds")]
    pub(crate) timeout: Number,
    /// Further calls after one that failed.
    #[serde(default)]
    pub(crate) retries: u32,
    /// Wait before the first further call; doubled each time.
    #[serde(default = "tenth")]
    pub(crate) backoff: Number,
    /// What stops calls for a while when too many fail.
    #[serde(default)]
    pub(crate) breaker: Option<BreakerSpec>,
    /// How long a connection over HTTP is kept before a new one is made.
    #[serde(default = "one_minute")]
    pub(crate) keep_alive: Number,
    /// Of a replica: the row that the record has just written to the primary is read back.
    #[serde(default)]
    pub(crate) read_back: Option<ReadBackSpec>,
}

/// A circuit breaker like Resilience4j's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BreakerSpec {
    /// Share of failed calls above which it opens.
    #[serde(default = "half")]
    pub(crate) failure_rate: f64,
    /// Of how many calls that share is reckoned.
    #[serde(default = "hundred")]
    pub(crate) window: u32,
    /// How long it stays open before it lets some calls through.
    #[serde(default = "one_minute")]
    pub(crate) open: Number,
}

/// Records that a service writes to another topic.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputSpec {
    pub(crate) topic: String,
    /// Records for each one that it has worked on.
    #[serde(default = "one")]
    pub(crate) per_record: f64,
}

/// How the service waits for its own row on a replica.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadBackSpec {
    /// Further reads before it gives up and reads the primary.
    pub(crate) retries: u32,
    /// Wait before the first further read; doubled each time.
    pub(crate) backoff: Number,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseSpec {
    /// The primary of a replica.
    #[serde(default)]
    pub(crate) of: Option<String>,
    #[serde(default = "eight")]
    pub(crate) cores: f64,
    #[serde(default = "many_connections")]
    pub(crate) max_conn: u32,
    /// Time to execute one statement on an idle server.
    pub(crate) exec: Number,
    /// Texts of the statements that writes execute in turn, as the server's digests have them.
    #[serde(default)]
    pub(crate) statements: Vec<String>,
    /// Time in which an idle storage makes a transaction durable; none when it need not be.
    #[serde(default)]
    pub(crate) commit: Option<Number>,
    /// How long a transaction waits for a lock.
    #[serde(default = "fifty_seconds")]
    pub(crate) lock_timeout: Number,
    /// The statement that reads execute.
    #[serde(default)]
    pub(crate) read: Option<String>,
    /// A statement that takes longer is counted, and logged, as slow.
    #[serde(default = "one_second")]
    pub(crate) slow_limit: Number,
    /// Statements per second of everybody else.
    #[serde(default)]
    pub(crate) others: f64,
    /// Bytes of replication log for each statement that writes.
    #[serde(default = "row_bytes")]
    pub(crate) log_bytes: f64,
    /// Bytes per second that a replica can apply.
    #[serde(default = "apply_bytes")]
    pub(crate) apply_rate: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheSpec {
    pub(crate) latency: Number,
    /// Keys that are asked for again and again.
    #[serde(default = "many_keys")]
    pub(crate) keys: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpSpec {
    pub(crate) latency: Number,
    /// Requests that it works on at the same time; without it, any number.
    #[serde(default)]
    pub(crate) workers: Option<u32>,
    #[serde(default = "root_path")]
    pub(crate) uri: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostSpec {
    #[serde(default = "eight")]
    pub(crate) cores: f64,
    /// Processors that everything else on the host uses.
    #[serde(default)]
    pub(crate) load: f64,
}

/// Labels that any node may have.
const LABELS: [&str; 5] = ["owner", "pager", "tier", "runbook", "rack"];

impl NodeSpec {
    /// Reads one `[[node]]`; the error is a sentence that names it.
    pub(crate) fn read(mut table: Table) -> Result<Self, String> {
        let mut word = |name: &str| match table.remove(name) {
            None => Ok(None),
            Some(Value::String(word)) => Ok(Some(word)),
            Some(other) => Err(format!("`{name}` of a node is a word, not {}", other.type_str())),
        };
        let id = word("id")?.ok_or("a node has no `id`")?;
        let at = |why: String| format!("node `{id}`: {}", why.trim().replace('\n', " "));
        let kind = word("kind").map_err(&at)?.ok_or_else(|| at("it has no `kind`".into()))?;
        let host = word("host").map_err(&at)?;
        let mut labels = BTreeMap::new();
        for label in LABELS {
            if let Some(value) = word(label).map_err(&at)? {
                labels.insert(label.to_owned(), value);
            }
        }
        let of = match kind.as_str() {
            "producer" => read::<Empty>(table).map(|_| NodeOf::Producer),
            "topic" => read(table).map(NodeOf::Topic),
            "broker" => read::<Empty>(table).map(|_| NodeOf::Broker),
            "service" => read(table).map(NodeOf::Service),
            "db.primary" => read(table).map(NodeOf::Primary),
            "db.replica" => read(table).map(NodeOf::Replica),
            "cache" => read(table).map(NodeOf::Cache),
            "http" => read(table).map(NodeOf::Http),
            "host" => read(table).map(NodeOf::Host),
            other => Err(format!(
                "`{other}` is no kind of node; there are producer, topic, broker, service, db.primary, db.replica, \
                 cache, http and host"
            )),
        };
        Ok(Self { of: of.map_err(&at)?, id, host, labels })
    }
}

fn read<T: DeserializeOwned>(table: Table) -> Result<T, String> {
    T::deserialize(Value::Table(table)).map_err(|error| error.to_string())
}

fn one_count() -> u32 {
    1
}
fn two_count() -> u32 {
    2
}
fn three_count() -> u32 {
    3
}
fn one() -> f64 {
    1.0
}
fn two() -> f64 {
    2.0
}
fn eight() -> f64 {
    8.0
}
fn five_hundred() -> u32 {
    500
}
fn many_connections() -> u32 {
    200
}
fn row_bytes() -> f64 {
    200.0
}
fn apply_bytes() -> f64 {
    3e6
}
fn root_path() -> String {
    "/".into()
}
fn tenth() -> Number {
    Number::Fixed(0.1)
}
fn half() -> f64 {
    0.5
}
fn hundred() -> u32 {
    100
}
fn many_keys() -> f64 {
    50_000.0
}
fn ten_seconds() -> Number {
    Number::Fixed(10.0)
}
fn fifty_seconds() -> Number {
    Number::Fixed(50.0)
}
fn thirty_minutes() -> Number {
    Number::Fixed(1800.0)
}
fn one_minute() -> Number {
    Number::Fixed(60.0)
}
fn one_second() -> Number {
    Number::Fixed(1.0)
}
fn five_seconds() -> Number {
    Number::Fixed(5.0)
}
fn thirty_seconds() -> Number {
    Number::Fixed(30.0)
}
fn forty_five_seconds() -> Number {
    Number::Fixed(45.0)
}
fn five_minutes() -> Number {
    Number::Fixed(300.0)
}
fn ten_minutes() -> Number {
    Number::Fixed(600.0)
}
fn seven_days() -> Number {
    Number::Fixed(604_800.0)
}
