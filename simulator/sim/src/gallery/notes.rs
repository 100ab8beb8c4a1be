//! Where a fault looks otherwise than it is usually told, and why.

/// By title. Each was looked at beside its drawing.
const NOTES: &[(&str, &str)] = &[
    (
        "broker.disk-full",
        "Told as a matter of hours, it takes minutes here: volumes fill faster than they do, so that a run can show it. The \
         order is the usual one, free space first and then a cliff.",
    ),
    (
        "broker.gc",
        "Each pause is longer than the 9 s after which a controller fences a broker (`broker.session.timeout.ms`), so that \
         leaders move with each of them and come back.",
    ),
    (
        "broker.log-cleaner",
        "A dead cleaner hurts nobody. It does once the next coordinator must read all that was never cleaned: until then \
         nobody can ask for committed offsets, and the lag itself is not known.",
    ),
    (
        "consumer.poll-timeout",
        "Instances leave one by one, each when its own batch has lasted for `max.poll.interval.ms` (300 s), so that the \
         group is rarely seen whole.",
    ),
    (
        "consumer.stuck",
        "The time since the last poll goes on to grow after 300 s: what leaves the group then is the heartbeat thread, and \
         whoever was to poll still does not.",
    ),
    (
        "db.slow-statement",
        "The mean of the statement moves later than waiting does, though it came first: it is known only when a statement is \
         over, and those that began before are fast. The order in which nodes became unlike has it right.",
    ),
    (
        "jvm.heap-leak",
        "`jvm_gc_live_data_size_bytes` stands still until the first full collection, which is when Micrometer writes it. Use \
         after each collection is what rises from the beginning.",
    ),
    (
        "net.partition-broker",
        "Followers are told to leave the in-sync replicas after 30 s (`replica.lag.time.max.ms`). A broker that cannot reach \
         the controller either is fenced after 9 s, which comes first.",
    ),
    (
        "pool.leak",
        "Threads give up after 3 s and not after HikariCP's usual 30 s, because that is what the pools of this pipeline say.",
    ),
];

/// What is to be said of it, if anything.
pub(super) fn note(title: &str) -> Option<&'static str> {
    NOTES.iter().find(|(known, _)| *known == title).map(|(_, note)| *note)
}
