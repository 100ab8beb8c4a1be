//! What brokers and Kafka clients write into their logs when something is wrong, in their own words.

use super::fetch::What;
use crate::cluster::line::Level;
use crate::units::Micros;

pub(crate) const NETWORK: &str = "o.apache.kafka.clients.NetworkClient";
pub(crate) const COORDINATOR: &str = "o.a.k.c.c.internals.ConsumerCoordinator";
pub(super) const CONTROLLER: &str = "o.a.k.controller.ReplicationControlManager";

/// What the collector of a broker writes when a pause ends.
pub(super) fn collection(number: u64, length: Micros) -> String {
    format!(
        "GC({}) Pause Full (G1 Compaction Pause) 6021M->5874M(6144M) {:.3}ms",
        4000 + number,
        length.as_seconds() * 1e3
    )
}

pub(super) fn volume_lost() -> [(Level, &'static str, String); 3] {
    let dir = "/var/lib/kafka/data";
    [
        (
            Level::Error,
            "kafka.server.LogDirFailureChannel",
            format!("Error while appending records in dir {dir} java.io.IOException: No space left on device"),
        ),
        (Level::Warn, "kafka.log.LogManager", format!("Stopping serving logs in dir {dir}")),
        (Level::Error, "kafka.log.LogManager", format!("Shutdown broker because all log dirs in {dir} have failed")),
    ]
}

pub(super) fn partitions_created(topic: &str) -> String {
    format!("CreatePartitions result(s): CreatePartitionsTopicResult(name='{topic}', errorCode=0, errorMessage=null)")
}

pub(super) const METADATA_CHANGED: &str = "Request joining group due to: cached metadata has changed from (version12) at the \
                                           beginning of the rebalance to (version13)";

/// What the log cleaner writes last.
pub(super) fn cleaner_died(place: usize) -> (&'static str, String) {
    let partition = 7 + 11 * (place % 4);
    let text = format!(
        "[kafka-log-cleaner-thread-0]: Error due to java.lang.IllegalArgumentException: requirement failed: 9730 messages \
         in segment __consumer_offsets-{partition}/00000000000000000000.log but offset map can fit only 5033."
    );
    ("kafka.log.LogCleaner", text)
}

/// A replica has left the in-sync set of a partition, or has come back. `now_in` is who is in it now.
pub(super) fn in_sync(
    (topic, number): (&str, usize),
    leader: u32,
    follower: u32,
    now_in: &[u32],
    (has_come, end, caught_up): (bool, u64, Micros),
) -> String {
    let list = |brokers: &[u32]| brokers.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let head = format!("[Partition {topic}-{number} broker={leader}]");
    if has_come {
        return format!("{head} ISR updated to {} and version updated to {}", list(now_in), 20 + number);
    }
    let mut before = now_in.to_vec();
    before.push(follower);
    before.sort_unstable();
    format!(
        "{head} Shrinking ISR from {} to {}. Leader: (highWatermark: {end}, endOffset: {}). Out of sync replicas: \
         (brokerId: {follower}, endOffset: {end}, lastCaughtUpTimeMs: {}).",
        list(&before),
        list(now_in),
        end + 40,
        caught_up.as_millis()
    )
}

pub(super) fn fenced(number: u32) -> String {
    format!("Fencing broker {number} because its session has timed out.")
}

pub(super) fn unfenced(number: u32, offset: i64) -> String {
    format!(
        "The request from broker {number} to unfence has been granted because it has caught up with the offset of its \
         register broker record {offset}."
    )
}

pub(super) fn active(number: u32, epoch: u64) -> String {
    format!("[QuorumController id={number}] Becoming the active controller at epoch {epoch}.")
}

/// What a consumer writes of its connection to a broker.
pub(crate) fn connection(client: &str, group: &str, node: u32, what: What) -> (Level, String) {
    let head = format!("[Consumer clientId={client}, groupId={group}]");
    match what {
        What::TimedOut => (Level::Info, format!("{head} Disconnecting from node {node} due to request timeout.")),
        What::Disconnected => (Level::Info, format!("{head} Node {node} disconnected.")),
        What::NotEstablished => (
            Level::Warn,
            format!(
                "{head} Connection to node {node} (kafka-{node}:9092) could not be established. Node may not be available."
            ),
        ),
    }
}

pub(crate) fn no_coordinator(client: &str, group: &str, node: u32) -> String {
    format!(
        "[Consumer clientId={client}, groupId={group}] Group coordinator kafka-{node}:9092 (id: {} rack: null) is unavailable \
         or invalid due to cause: coordinator unavailable. isDisconnected: true. Rediscovery will be attempted.",
        i32::MAX as u32 - node
    )
}
