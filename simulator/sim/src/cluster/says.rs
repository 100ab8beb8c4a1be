//! What applications, clients and servers write into their logs. Orders and users are named as real lines name them, so
//! that redaction has something to do; no line names a fault.

use super::line::Level;
use super::topic::Bad;
use crate::random::Stream;
use crate::units::Micros;

pub(crate) const HANDLER: &str = "c.s.fulfilment.OrderEventHandler";
pub(crate) const READER: &str = "c.s.fulfilment.OrderReader";

pub(crate) const APPLICATION: &str = "c.s.fulfilment.Application";
pub(crate) const CONTAINER: &str = "o.s.k.l.KafkaMessageListenerContainer";
pub(crate) const COORDINATOR: &str = "o.a.k.c.c.internals.ConsumerCoordinator";
pub(crate) const FETCHER: &str = "o.a.k.c.c.internals.FetchCollector";
pub(crate) const SUBSCRIPTION: &str = "o.a.k.c.c.internals.SubscriptionState";

pub(crate) const POLL_TIMEOUT: &str = "consumer poll timeout has expired. This means the time between subsequent calls to \
     poll() was longer than the configured max.poll.interval.ms, which typically implies that the poll loop is spending \
     too much time processing messages.";
pub(crate) const LOST: &str = "Giving away all assigned partitions as lost since generation/memberID has been reset, \
     indicating that consumer is in old state or no longer part of the group";

/// A line of a consumer's client.
pub(crate) fn of_client(client: &str, group: &str, message: &str) -> String {
    format!("[Consumer clientId={client}, groupId={group}] {message}")
}

/// What an application and its client say when they begin.
pub(crate) fn begins(service: &str, max_poll_records: u32, max_poll_interval: Micros) -> [String; 2] {
    [
        format!("Started {service} in 7.9 seconds (process running for 8.4)"),
        format!(
            "ConsumerConfig values: auto.offset.reset = earliest, enable.auto.commit = false, max.poll.interval.ms = \
             {}, max.poll.records = {max_poll_records}",
            max_poll_interval.as_millis()
        ),
    ]
}

/// What an application says first, of a version that runs so many releases after the one that has always run.
pub(crate) fn starts(release: u64, newer: u32) -> String {
    let (minor, patch) = (release % 40, release / 40 % 9 + u64::from(newer));
    format!(
        "Starting Application v2.{minor}.{patch} using Java 21.0.5 with PID 1 (/app/app.jar started by app in /app)"
    )
}

/// What the platform of a process writes when it has ended.
pub(crate) fn finished(pod: &str, code: i32) -> String {
    format!("\"Generic (PLEG): container finished\" pod=\"shop/{pod}\" exitCode={code}")
}

pub(crate) const NO_HEAP: [&str; 2] = [
    "Exception in thread \"orderWorkers-3\" java.lang.OutOfMemoryError: Java heap space",
    "Terminating due to java.lang.OutOfMemoryError: Java heap space",
];

pub(crate) const NO_SPACE: &str = "Stopping: org.apache.kafka.streams.errors.ProcessorStateException: Error opening store at \
     location /var/lib/app/state; nested exception is java.io.IOException: No space left on device";

/// A record that a new version of the code fails on, and does all the same in the end.
pub(crate) fn new_trouble(ids: &mut Stream) -> String {
    format!(
        "Discount of order_id={} could not be applied: java.lang.NullPointerException: Cannot invoke \
         \"com.shop.fulfilment.Campaign.rate()\" because \"campaign\" is null; going on without it",
        order(ids)
    )
}

/// What a server answers that does not believe when a request was signed.
pub(crate) fn unsigned(is_ahead: bool) -> &'static str {
    match is_ahead {
        true => {
            "org.springframework.web.client.HttpClientErrorException$Unauthorized: 401 Unauthorized: \
             \"invalid_token: the token is not valid yet (iat, nbf)\""
        }
        false => {
            "org.springframework.web.client.HttpClientErrorException$Unauthorized: 401 Unauthorized: \
             \"invalid_token: the token has expired (exp)\""
        }
    }
}

/// What a connection pool says that finds another time than it expected.
pub(crate) fn clock_went_back(pool: &str, delta: Micros) -> String {
    format!(
        "{pool} - Retrograde clock change detected (housekeeper delta={}ms), soft-evicting connections from pool.",
        delta.as_millis()
    )
}

/// What is said by whom when Kafka refuses a client.
pub(crate) fn denied(client: &str, group: &str) -> [(Level, &'static str, String); 3] {
    const WHY: &str = "failed authentication due to: Authentication failed: credentials for user could not be verified";
    [
        (
            Level::Error,
            "o.a.kafka.clients.NetworkClient",
            of_client(client, group, &format!("Connection to node -1 {WHY}")),
        ),
        (
            Level::Error,
            CONTAINER,
            "Authentication/Authorization Exception and no authExceptionRetryInterval set: \
             org.apache.kafka.common.errors.SaslAuthenticationException"
                .into(),
        ),
        (Level::Error, CONTAINER, "Fatal consumer exception; stopping container".into()),
    ]
}

/// A record that the client cannot turn into an object.
pub(crate) fn unreadable(topic: &str, partition: u32, offset: u64) -> String {
    format!(
        "Stopping: org.apache.kafka.common.errors.RecordDeserializationException: Error deserializing VALUE for partition \
         {topic}-{partition} at offset {offset}. If needed, please seek past the record to continue consumption."
    )
}

/// A record that its handler failed on, and that is tried again.
pub(crate) fn failed(ids: &mut Stream, topic: &str, (partition, offset): (u32, u64), why: Bad) -> (String, String) {
    let cause = match why {
        Bad::Twice => format!(
            "org.springframework.dao.DuplicateKeyException: PreparedStatementCallback; Duplicate entry '{}-{}' for key \
             'order_line.PRIMARY'",
            order(ids),
            1 + ids.below(4)
        ),
        _ => format!("java.lang.IllegalArgumentException: quantity of order_id={} is not positive: -1", order(ids)),
    };
    (
        format!(
            "Consumer exception: org.springframework.kafka.listener.ListenerExecutionFailedException: Listener method \
             threw an exception at {topic}-{partition}@{offset}; nested exception is {cause}"
        ),
        format!("Record in retry and not yet recovered: {topic}-{partition}@{offset}"),
    )
}

pub(crate) fn commit_refused(client: &str, group: &str) -> String {
    const WHY: &str = "Offset commit failed: Commit cannot be completed since the group has already rebalanced and \
         assigned the partitions to another member.";
    of_client(client, group, WHY)
}

/// A commit that its coordinator did not write down in time.
pub(crate) fn commit_lost(client: &str, group: &str, topic: &str, partition: u32, offset: u64) -> [(Level, String); 2] {
    let failed =
        format!("Offset commit failed on partition {topic}-{partition} at offset {offset}: The request timed out.");
    let all = format!(
        "Offset commit with offsets {{{topic}-{partition}=OffsetAndMetadata{{offset={offset}, leaderEpoch=null, \
         metadata=''}}}} failed"
    );
    [(Level::Error, of_client(client, group, &failed)), (Level::Warn, of_client(client, group, &all))]
}

/// A consumer that wants what is no longer there.
pub(crate) fn out_of_range(client: &str, group: &str, topic: &str, partition: u32, offset: u64) -> String {
    let message = format!(
        "Fetch position FetchPosition{{offset={offset}}} is out of range for partition {topic}-{partition}, resetting offset"
    );
    of_client(client, group, &message)
}

/// A consumer that finds nothing committed.
pub(crate) fn set_back(client: &str, group: &str, topic: &str, partition: u32, offset: u64) -> [String; 2] {
    [
        of_client(client, group, &format!("Found no committed offset for partition {topic}-{partition}")),
        of_client(
            client,
            group,
            &format!(
                "Resetting offset for partition {topic}-{partition} to position FetchPosition{{offset={offset}}}."
            ),
        ),
    ]
}

pub(crate) fn order(ids: &mut Stream) -> u64 {
    80_000_000 + ids.below(9_999_999)
}

pub(crate) fn user(ids: &mut Stream) -> u64 {
    1_000_000 + ids.below(8_999_999)
}

pub(crate) fn no_connection(ids: &mut Stream, pool: &str, waited: Micros, active: u32, waiting: u32) -> String {
    format!(
        "Processing of order_id={} failed: org.springframework.jdbc.CannotGetJdbcConnectionException: Failed to obtain \
         JDBC Connection; nested exception is java.sql.SQLTransientConnectionException: {pool} - Connection is not \
         available, request timed out after {}ms (total={active}, active={active}, idle=0, waiting={waiting})",
        order(ids),
        waited.as_millis() + 1 + ids.below(4) as i64,
    )
}

pub(crate) fn set_aside(ids: &mut Stream, group: &str, interval: u32, attempts: u32) -> String {
    format!(
        "Backoff FixedBackOff{{interval={interval}, currentAttempts={attempts}, maxAttempts={attempts}}} exhausted for order_id={}; \
             publishing to {group}.dlt",
        order(ids)
    )
}

pub(crate) fn row_not_there(ids: &mut Stream, read: u32, retries: u32, wait_ms: i64) -> String {
    format!("entity not found, retry {read}/{retries} in {wait_ms} ms: Order#{} of user_id={}", order(ids), user(ids))
}

pub(crate) fn row_never_came(ids: &mut Stream, replica: &str, retries: u32) -> String {
    format!(
        "Order#{} of user_id={} still not visible on {replica} after {retries} retries, reading from primary",
        order(ids),
        user(ids)
    )
}

pub(crate) fn slow_statement(ids: &mut Stream, text: &str, exec: Micros) -> String {
    format!(
        "# Query_time: {:.6}  Lock_time: 0.0000{}  Rows_sent: 0  Rows_examined: {} {text}",
        exec.as_seconds(),
        10 + ids.below(80),
        (exec.as_seconds() * 1.2e6) as u64 + ids.below(5000)
    )
}

/// A failed attempt to work on an order, with what the library said.
pub(crate) fn attempt_failed(ids: &mut Stream, why: impl FnOnce(&mut Stream) -> String) -> String {
    let order = order(ids);
    format!("Processing of order_id={order} failed: {}", why(ids))
}

/// What a driver says when a transaction did not get its lock.
pub(crate) const NO_LOCK: &str = "org.springframework.dao.CannotAcquireLockException: PreparedStatementCallback; Lock \
     wait timeout exceeded; try restarting transaction; nested exception is \
     com.mysql.cj.jdbc.exceptions.MySQLTransactionRollbackException: Lock wait timeout exceeded; try restarting transaction";

/// What a driver says when its server is gone in the middle of a statement.
pub(crate) const NO_LINK: &str = "org.springframework.dao.RecoverableDataAccessException: PreparedStatementCallback; \
     Communications link failure; nested exception is com.mysql.cj.jdbc.exceptions.CommunicationsException: \
     Communications link failure";

/// HikariCP's line on a connection that broke while it was lent.
pub(crate) fn broken(ids: &mut Stream, pool: &str) -> String {
    format!(
        "{pool} - Connection com.mysql.cj.jdbc.ConnectionImpl@{:08x} marked as broken because of SQLSTATE(08S01), \
         ErrorCode(0)",
        ids.below(1 << 32)
    )
}

/// HikariCP's line on an idle connection that was no longer good.
pub(crate) fn not_valid(ids: &mut Stream, pool: &str) -> String {
    format!(
        "{pool} - Failed to validate connection com.mysql.cj.jdbc.ConnectionImpl@{:08x} (No operations allowed after \
         connection closed.). Possibly consider using a shorter maxLifetime value.",
        ids.below(1 << 32)
    )
}

/// A server's line on storage that cannot follow.
pub(crate) fn late_flush(ids: &mut Stream, times: f64) -> String {
    let took = 1000 + (times * (60.0 + ids.below(40) as f64)) as u64;
    format!(
        "InnoDB: page_cleaner: 1000ms intended loop took {took}ms. The settings might not be optimal. (flushed={} and \
         evicted=0, during the time.)",
        40 + ids.below(400)
    )
}

/// Lines of a server that begins after another one ended without a farewell.
pub(crate) fn recovered(ids: &mut Stream) -> [String; 2] {
    let place = 40_000_000_000 + ids.below(9_000_000_000);
    [
        format!("InnoDB: Starting crash recovery from checkpoint LSN={place}"),
        "mariadbd: ready for connections. socket: '/run/mysqld/mysqld.sock'  port: 3306".into(),
    ]
}

/// The answer of an HTTP client that waited in vain.
pub(crate) fn no_answer(name: &str, uri: &str) -> String {
    format!(
        "org.springframework.web.client.ResourceAccessException: I/O error on GET request for \"http://{name}{uri}\": \
         Read timed out; nested exception is java.net.SocketTimeoutException: Read timed out"
    )
}

/// The answer of an HTTP client that found no address.
pub(crate) fn no_address(name: &str, uri: &str) -> String {
    format!(
        "org.springframework.web.client.ResourceAccessException: I/O error on GET request for \"http://{name}{uri}\": \
         {name}; nested exception is java.net.UnknownHostException: {name}"
    )
}

pub(crate) const REFUSED: &str =
    "org.springframework.web.client.HttpServerErrorException$ServiceUnavailable: 503 Service Unavailable: [no body]";

/// What a circuit breaker says that lets nobody through.
pub(crate) fn not_permitted(name: &str) -> String {
    format!(
        "io.github.resilience4j.circuitbreaker.CallNotPermittedException: CircuitBreaker '{name}' is OPEN and does not \
         permit further calls"
    )
}

/// A cache client's line when nobody listens.
pub(crate) fn no_cache(ids: &mut Stream, name: &str) -> String {
    format!(
        "Cache lookup of sku={} failed, loading from database: io.lettuce.core.RedisConnectionException: Unable to \
         connect to {name}/<unresolved>:6379; nested exception is java.net.ConnectException: Connection refused",
        10_000 + ids.below(80_000)
    )
}

/// A line of everyday work.
pub(crate) fn everyday(ids: &mut Stream, took_ms: i64) -> (&'static str, String) {
    let draw = ids.below(20);
    let (order, user) = (order(ids), user(ids));
    match draw {
        0..9 => (HANDLER, format!("Order {order} of user_id={user} fulfilled in {took_ms} ms")),
        9..13 => ("c.s.fulfilment.StockService", format!("Reserved {} items for order_id={order}", 1 + ids.below(6))),
        13..15 => {
            ("c.s.fulfilment.StockService", format!("Cache miss for sku={}, loading", 10_000 + ids.below(80_000)))
        }
        15..17 => ("c.s.fulfilment.NotifyService", format!("Queued confirmation mail to user{user}@example.com")),
        17..19 => ("c.s.fulfilment.PriceClient", format!("Priced order_id={order} with list {}", 100 + ids.below(40))),
        _ => ("c.s.fulfilment.AuditTrail", format!("Audit entry of order_id={order} written")),
    }
}

/// A broker's line of everyday work.
pub(crate) fn snapshot(ids: &mut Stream) -> (&'static str, String) {
    let (partition, offset) = (ids.below(50), ids.below(4_000_000));
    let text = format!(
        "[ProducerStateManager partition=__consumer_offsets-{partition}] Wrote producer snapshot at offset {offset} with \
         0 producer ids in 1 ms."
    );
    ("kafka.log.UnifiedLog", text)
}

/// A database server's line of everyday work.
pub(crate) fn aborted(ids: &mut Stream) -> (&'static str, String) {
    let (connection, address) = (100_000 + ids.below(900_000), 1 + ids.below(250));
    let text = format!(
        "[Note] Aborted connection {connection} to db: 'shop' user: 'reporting' host: '10.42.3.{address}' (Got an error \
         reading communication packets)"
    );
    ("mariadbd", text)
}

/// A line of a program that takes orders.
pub(crate) fn placed(ids: &mut Stream) -> (&'static str, String) {
    let (order, user) = (order(ids), user(ids));
    ("c.s.checkout.CheckoutController", format!("Order {order} placed by user_id={user}, {} items", 1 + ids.below(8)))
}

/// A line of an application in words that nobody has seen before.
pub(crate) fn odd(ids: &mut Stream) -> (&'static str, String) {
    const WORDS: [&str; 8] = ["ledger", "carrier", "slot", "parcel", "voucher", "depot", "label", "batch"];
    const DONE: [&str; 5] = ["reconciled", "rotated", "sealed", "handed over", "re-keyed"];
    let pick = |ids: &mut Stream, words: &[&'static str]| words[ids.below(words.len() as u64) as usize];
    let (thing, other) = (pick(ids, &WORDS), pick(ids, &WORDS));
    let done = pick(ids, &DONE);
    ("c.s.fulfilment.Housekeeping", format!("{thing} {done} against {other} #{}", ids.below(900)))
}

/// A line that somebody who looks for an error switches on, and forgets.
pub(crate) fn trace(ids: &mut Stream) -> (&'static str, String) {
    let text = format!("Processing entity OrderLine#{} attribute {} -> {}", order(ids), ids.below(40), ids.below(900));
    ("o.h.e.internal.AbstractSaveEventListener", text)
}

/// A warning that is normal in any system.
pub(crate) fn harmless_warning(ids: &mut Stream) -> (&'static str, String) {
    match ids.below(3) {
        0 => ("c.s.fulfilment.PriceClient", format!("Price list {} is older than 10 minutes", 100 + ids.below(40))),
        1 => ("o.s.web.client.RestTemplate", "Connection pool: stale connection evicted".into()),
        _ => (
            "c.s.fulfilment.AddressService",
            format!("Order {} has an incomplete address, using default carrier", order(ids)),
        ),
    }
}
