//! What applications, clients and servers write into their logs. Orders and users are named as real lines name them, so
//! that redaction has something to do; no line names a fault.

use crate::random::Stream;
use crate::units::Micros;

pub(crate) const HANDLER: &str = "c.s.fulfilment.OrderEventHandler";
pub(crate) const READER: &str = "c.s.fulfilment.OrderReader";

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

pub(crate) fn set_aside(ids: &mut Stream, group: &str) -> String {
    format!(
        "Backoff FixedBackOff{{interval=1000, currentAttempts=3, maxAttempts=3}} exhausted for order_id={}; \
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
