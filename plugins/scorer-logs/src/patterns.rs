//! Known messages, as data. The wording is that of the programs' own sources: Kafka's Java clients and brokers,
//! librdkafka, HikariCP, Spring for Apache Kafka, HotSpot's unified logging, MySQL and PostgreSQL. All fragments of an
//! entry must occur in a line, whatever the case of their letters. The first entry that fits counts, so what is special
//! stands before what is general.

/// Whom a message speaks of, seen from the node that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Whoever wrote it.
    Writer,
    /// The virtual machine that the writer runs on.
    Jvm,
    /// The service that the writer is an instance of.
    Service,
    /// The group that the writer works for.
    Group,
    /// The partition that the message names.
    Partition,
    /// The pool that the message names, else the writer's only one.
    Pool,
    /// The database that the writer uses, when there is one only.
    Database,
    /// The cache that the message names, else the writer's service's only one.
    Cache,
    /// The machine that the writer runs on.
    Host,
    /// The broker that wrote it: itself, or the only one on the writing machine.
    Broker,
    /// The broker whose number the message gives.
    NumberedBroker,
    /// The topic that the message names.
    Topic,
}

/// A message whose meaning is known.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// What must occur in it, in lower case.
    pub(crate) fragments: &'static [&'static str],
    /// What it speaks for; empty when it is a symptom of too many things.
    pub(crate) class: &'static str,
    /// Whom it speaks of.
    pub(crate) about: About,
    /// How much it proves, from 0 to 1.
    pub(crate) weight: f64,
    /// What it means, for people.
    pub(crate) meaning: &'static str,
}

/// All classes that an entry names.
pub(crate) const CLASSES: &[&str] = &[
    "broker.disk-full",
    "broker.down",
    "broker.log-cleaner",
    "cache.down",
    "consumer.poll-timeout",
    "data.duplicate-key",
    "data.poison",
    "db.down",
    "db.io",
    "db.lock",
    "db.slow-statement",
    "group.commit-failure",
    "group.rebalance-storm",
    "host.clock",
    "host.disk-full",
    "jvm.gc-full",
    "jvm.gc-young",
    "jvm.heap-leak",
    "load.replay",
    "pool.leak",
    "security.credentials",
    "threads.exhausted",
    "topic.metadata-change",
];

const fn entry(
    fragments: &'static [&'static str],
    class: &'static str,
    about: About,
    weight: f64,
    meaning: &'static str,
) -> Pattern {
    Pattern { fragments, class, about, weight, meaning }
}

/// The known messages.
pub(crate) const PATTERNS: &[Pattern] = &[
    // A batch took longer than max.poll.interval.ms. Something made it slow; this is what follows.
    entry(
        &["consumer poll timeout has expired"],
        "consumer.poll-timeout",
        About::Writer,
        0.7,
        "the poll timeout expired",
    ),
    entry(
        &["application maximum poll interval", "exceeded"],
        "consumer.poll-timeout",
        About::Writer,
        0.7,
        "the poll timeout expired",
    ),
    entry(
        &["sending leavegroup request", "poll timeout"],
        "consumer.poll-timeout",
        About::Writer,
        0.7,
        "it left the group after a poll timeout",
    ),
    entry(
        &["commit cannot be completed since the group has already rebalanced"],
        "consumer.poll-timeout",
        About::Writer,
        0.6,
        "a commit came after its partitions had been given away",
    ),
    entry(
        &["failing offsetcommit request since the consumer is not part of an active group"],
        "consumer.poll-timeout",
        About::Writer,
        0.5,
        "a commit came after it had left the group",
    ),
    // Idempotence lost: the same record is written again and refused.
    entry(
        &["duplicate entry", "for key"],
        "data.duplicate-key",
        About::Service,
        0.8,
        "the database refuses duplicates",
    ),
    entry(&["duplicatekeyexception"], "data.duplicate-key", About::Service, 0.8, "the database refuses duplicates"),
    entry(
        &["duplicate key value violates unique constraint"],
        "data.duplicate-key",
        About::Service,
        0.8,
        "the database refuses duplicates",
    ),
    entry(
        &["ora-00001", "unique constraint"],
        "data.duplicate-key",
        About::Service,
        0.8,
        "the database refuses duplicates",
    ),
    // A record that cannot be processed and is tried again and again.
    entry(
        &["error deserializing", "for partition", "at offset"],
        "data.poison",
        About::Partition,
        0.9,
        "a record cannot be read",
    ),
    entry(&["recorddeserializationexception"], "data.poison", About::Partition, 0.9, "a record cannot be read"),
    entry(
        &["error handler cannot process", "serializationexception"],
        "data.poison",
        About::Partition,
        0.8,
        "a record cannot be read",
    ),
    entry(
        &["backoff", "exhausted for"],
        "data.poison",
        About::Partition,
        0.9,
        "a record failed until nobody tried any more",
    ),
    entry(
        &["record in retry and not yet recovered"],
        "data.poison",
        About::Partition,
        0.8,
        "a record is tried again and again",
    ),
    entry(&["seek to current after exception"], "data.poison", About::Partition, 0.6, "a record is tried again"),
    // Virtual machines that stand still.
    entry(&["pause full"], "jvm.gc-full", About::Jvm, 0.8, "full collections"),
    entry(&["full gc"], "jvm.gc-full", About::Jvm, 0.8, "full collections"),
    entry(
        &["thread starvation or clock leap detected"],
        "jvm.gc-full",
        About::Jvm,
        0.6,
        "the process stood still for seconds",
    ),
    entry(&["to-space exhausted"], "jvm.gc-full", About::Jvm, 0.6, "no room left to evacuate to"),
    entry(&["outofmemoryerror: java heap space"], "jvm.heap-leak", About::Jvm, 0.85, "the heap was exhausted"),
    entry(&["gc overhead limit exceeded"], "jvm.heap-leak", About::Jvm, 0.8, "nearly all time went to collections"),
    entry(&["pause young"], "jvm.gc-young", About::Jvm, 0.35, "young collections"),
    entry(&["gc (allocation failure)"], "jvm.gc-young", About::Jvm, 0.35, "young collections"),
    // Pools. A wait that times out is a symptom of a slow database, a leak or a pool too small alike.
    entry(&["connection leak detection triggered"], "pool.leak", About::Pool, 0.85, "a connection was not given back"),
    entry(&["apparent connection leak detected"], "pool.leak", About::Pool, 0.85, "a connection was not given back"),
    entry(
        &["connection is not available, request timed out"],
        "",
        About::Pool,
        0.6,
        "waits for a connection timed out",
    ),
    entry(&["failed to validate connection"], "db.down", About::Database, 0.4, "connections were found dead"),
    entry(&["marked as broken because of sqlstate"], "db.down", About::Database, 0.4, "connections broke"),
    entry(&["too many connections"], "db.down", About::Database, 0.4, "the server is out of connections"),
    entry(&["too many clients already"], "db.down", About::Database, 0.4, "the server is out of connections"),
    // Databases.
    entry(&["lock wait timeout exceeded"], "db.lock", About::Database, 0.85, "lock waits timed out"),
    entry(&["still waiting for", "lock on"], "db.lock", About::Database, 0.8, "sessions wait for locks"),
    entry(&["deadlock detected"], "db.lock", About::Database, 0.6, "deadlocks"),
    entry(&["deadlock found when trying to get lock"], "db.lock", About::Database, 0.6, "deadlocks"),
    entry(
        &["canceling statement due to statement timeout"],
        "db.slow-statement",
        About::Database,
        0.6,
        "statements timed out",
    ),
    entry(
        &["query execution was interrupted, maximum statement execution time exceeded"],
        "db.slow-statement",
        About::Database,
        0.6,
        "statements timed out",
    ),
    entry(
        &["cannot execute", "in a read-only transaction"],
        "db.down",
        About::Database,
        0.7,
        "writes reach a server that is read-only",
    ),
    entry(
        &["terminating connection due to administrator command"],
        "db.down",
        About::Database,
        0.7,
        "the server closed its connections",
    ),
    entry(&["page_cleaner", "intended loop took"], "db.io", About::Database, 0.6, "the storage does not follow"),
    entry(&["starting crash recovery"], "db.down", About::Database, 0.8, "the server began again after it had ended"),
    entry(&["redisconnectionexception", "unable to connect"], "cache.down", About::Cache, 0.8, "nobody answers there"),
    // Offsets.
    entry(&["resetting offset for partition"], "load.replay", About::Group, 0.7, "offsets were reset"),
    entry(
        &["fetch position", "is out of range for partition"],
        "load.replay",
        About::Group,
        0.7,
        "a position is out of range",
    ),
    entry(&["found no committed offset for partition"], "load.replay", About::Group, 0.4, "no offset was committed"),
    entry(&["offset commit failed on partition"], "group.commit-failure", About::Group, 0.6, "commits fail"),
    entry(&["offset commit with offsets", "failed"], "group.commit-failure", About::Group, 0.6, "commits fail"),
    // Rights.
    entry(
        &["authentication/authorization exception and no authexceptionretryinterval set"],
        "security.credentials",
        About::Service,
        0.9,
        "credentials or rights are refused",
    ),
    entry(&["not authorized to access"], "security.credentials", About::Service, 0.8, "rights are refused"),
    entry(&["saslauthenticationexception"], "security.credentials", About::Service, 0.9, "credentials are refused"),
    entry(
        &["has been fenced by another instance"],
        "group.rebalance-storm",
        About::Group,
        0.6,
        "two consumers share one instance id",
    ),
    entry(
        &["stopping container due to fencing"],
        "group.rebalance-storm",
        About::Group,
        0.6,
        "two consumers share one instance id",
    ),
    // Membership. Each rebalance writes several of these; one rebalance is no news.
    entry(&["preparing to rebalance group"], "group.rebalance-storm", About::Group, 0.4, "rebalances"),
    entry(
        &["has failed, removing it from the group"],
        "group.rebalance-storm",
        About::Group,
        0.4,
        "a member was removed",
    ),
    entry(
        &["sessiontimeout", "revoking assignment and rejoining group"],
        "group.rebalance-storm",
        About::Group,
        0.4,
        "a session timed out",
    ),
    entry(&["sesstmout"], "group.rebalance-storm", About::Group, 0.4, "a session timed out"),
    entry(&["request joining group due to"], "group.rebalance-storm", About::Group, 0.3, "rebalances"),
    entry(&["(re-)joining group"], "group.rebalance-storm", About::Group, 0.3, "rebalances"),
    entry(&["revoke previously assigned partitions"], "group.rebalance-storm", About::Group, 0.3, "rebalances"),
    entry(&["lost previously assigned partitions"], "group.rebalance-storm", About::Group, 0.4, "partitions were lost"),
    entry(
        &["giving away all assigned partitions as lost"],
        "group.rebalance-storm",
        About::Group,
        0.4,
        "partitions were lost",
    ),
    entry(
        &["attempt to heartbeat failed since group is rebalancing"],
        "group.rebalance-storm",
        About::Group,
        0.3,
        "rebalances",
    ),
    entry(
        &["heartbeat failed for group", "because it is rebalancing"],
        "group.rebalance-storm",
        About::Group,
        0.3,
        "rebalances",
    ),
    // Brokers and the network between.
    entry(
        &["fencing broker", "session has timed out"],
        "broker.down",
        About::NumberedBroker,
        0.5,
        "the controller misses the broker",
    ),
    entry(
        &["stopping serving logs in dir"],
        "broker.disk-full",
        About::Broker,
        0.9,
        "the broker gave up a log directory",
    ),
    entry(
        &["error while appending records", "no space left on device"],
        "broker.disk-full",
        About::Broker,
        0.95,
        "no space left for records",
    ),
    entry(
        &["because all log dirs in", "have failed"],
        "broker.disk-full",
        About::Broker,
        0.9,
        "the broker ended, because it can write nowhere",
    ),
    entry(
        &["kafka-log-cleaner-thread", "error due to"],
        "broker.log-cleaner",
        About::Broker,
        0.85,
        "the log cleaner died",
    ),
    entry(
        &["shrinking isr from", "out of sync replicas", "brokerid"],
        "",
        About::NumberedBroker,
        0.5,
        "the broker falls behind the leaders that it copies from",
    ),
    entry(
        &["createpartitions result", "errorcode=0"],
        "topic.metadata-change",
        About::Topic,
        0.9,
        "partitions were added",
    ),
    entry(&["connection to node", "could not be established"], "", About::Writer, 0.5, "a broker cannot be reached"),
    entry(&["bootstrap broker", "disconnected"], "", About::Writer, 0.5, "no broker can be reached"),
    entry(
        &["disconnecting from node", "due to request timeout"],
        "",
        About::Writer,
        0.4,
        "requests to a broker time out",
    ),
    entry(
        &["group coordinator", "is unavailable or invalid"],
        "",
        About::Writer,
        0.4,
        "the group coordinator cannot be reached",
    ),
    entry(
        &["attempt to heartbeat failed since coordinator"],
        "",
        About::Writer,
        0.4,
        "the group coordinator cannot be reached",
    ),
    entry(&["error sending fetch request"], "", About::Writer, 0.4, "fetches fail"),
    // The process and its host.
    entry(&["rejected from", "threadpoolexecutor"], "threads.exhausted", About::Writer, 0.7, "tasks are rejected"),
    entry(&["no space left on device"], "host.disk-full", About::Host, 0.9, "no space left on a device"),
    entry(&["retrograde clock change detected"], "host.clock", About::Host, 0.8, "the clock went back"),
    entry(&["token is not valid yet"], "host.clock", About::Host, 0.6, "a token is refused as one of the future"),
    entry(&["fatal consumer exception; stopping container"], "", About::Writer, 0.7, "a consumer stopped for good"),
];
