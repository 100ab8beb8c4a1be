//! The numbers of each kind of node, and from which difference on each of them counts.

use super::super::Cluster;
use super::super::database::Health;
use super::super::instance::Instance;
use super::super::line::Level;
use super::super::outside::VOLUME;
use super::super::topic::Bad;
use super::{Value, Vital, Who};

/// Bytes of all the keys of a cache.
const KEYS: f64 = 1.9e9;

/// Notes numbers of one node.
pub(super) struct Of<'a> {
    pub(super) told: &'a mut Vec<Vital>,
    pub(super) who: Who,
}

impl Of<'_> {
    /// What it is like of itself, as it stands; a difference counts from `least` on.
    pub(super) fn is(&mut self, what: &'static str, now: f64, least: f64) {
        self.note((what, 0), true, Value::Now(now), (0.0, least));
    }

    /// What it is like of itself, as a ratio of sums.
    fn is_by(&mut self, what: &'static str, sums: (f64, f64), counts: (f64, f64)) {
        self.note((what, 0), true, Value::Ratio(sums.0, sums.1, 1.0), counts);
    }

    /// What it feels, as it stands.
    pub(super) fn has(&mut self, what: &'static str, now: f64, least: f64) {
        self.note((what, 0), false, Value::Now(now), (0.0, least));
    }

    /// What it does, as a ratio of sums.
    fn does(&mut self, what: &'static str, sums: (f64, f64), counts: (f64, f64)) {
        self.note((what, 0), false, Value::Ratio(sums.0, sums.1, 1.0), counts);
    }

    fn note(&mut self, what: (&'static str, usize), is_own: bool, value: Value, counts: (f64, f64)) {
        self.told.push(Vital { who: self.who, what, is_own, value, counts });
    }
}

pub(super) fn word(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

pub(super) fn producers(cluster: &Cluster, told: &mut Vec<Vital>) {
    let seconds = cluster.now.as_seconds();
    for (place, producer) in cluster.producers.iter().enumerate() {
        let mut of = Of { told, who: Who::Producer(place) };
        let topics = || cluster.topics.iter().filter(|topic| topic.usual_rate_of(place) > 0.0);
        let bytes: f64 = topics().map(|topic| topic.bytes_sent_by(place)).sum();
        of.is_by("records", (producer.sent, seconds), (0.2, 1.0));
        of.is_by("bytes of a record", (bytes, producer.sent), (0.1, 8.0));
        let odd = topics().flat_map(|topic| &topic.partitions);
        let odd = odd.filter(|partition| matches!(partition.bad, Some((_, Bad::Unreadable)))).count();
        of.is("an unknown form", word(odd > 0), 0.5);
        let open = topics().flat_map(|topic| &topic.partitions).filter(|partition| partition.is_held_back()).count();
        of.is("transactions that it left open", open as f64, 0.5);
    }
}

pub(super) fn topics(cluster: &Cluster, told: &mut Vec<Vital>) {
    let seconds = cluster.now.as_seconds();
    for (place, topic) in cluster.topics.iter().enumerate() {
        let count = topic.partitions.len();
        let end = |number: usize| topic.log_end(number as u32, cluster.now) as f64;
        let whole: f64 = (0..count).map(end).sum();
        let mut of = Of { told, who: Who::Topic(place) };
        of.is("partitions", count as f64, 0.5);
        of.does("records", (whole, seconds), (0.2, 1.0));
        of.has("bytes of a record", topic.record_bytes(), 0.1 * topic.record_bytes().max(80.0));
        let odd = topic.partitions.iter().any(|partition| matches!(partition.bad, Some((_, Bad::Unreadable))));
        of.has("an unknown form", word(odd), 0.5);
        of.has("held back", topic.partitions.iter().filter(|partition| partition.is_held_back()).count() as f64, 0.5);
        for (number, partition) in topic.partitions.iter().enumerate() {
            let mut of = Of { told, who: Who::Partition(place, number as u32) };
            // A few records more or fewer of those that hardly any come to are chance.
            of.is_by("share of the records", (end(number), whole), (0.5, 0.5 / count as f64));
            of.is("a bad record", word(matches!(partition.bad, Some((_, Bad::Poison(_))))), 0.5);
            super::kafka::partition(cluster, partition, &mut of);
        }
    }
}

pub(super) fn groups(cluster: &Cluster, told: &mut Vec<Vital>) {
    for (place, group) in cluster.groups.iter().enumerate() {
        let rate = cluster.topics[group.topic].usual_rate();
        let mut of = Of { told, who: Who::Group(place) };
        let done = cluster.written[place].iter().zip(&group.committed);
        let unwritten: u64 = done.filter_map(|(done, committed)| Some(done.saturating_sub((*committed)?))).sum();
        of.is("done and not committed", unwritten as f64, (5.0 * rate).max(50.0));
        of.is("nothing committed", group.committed.iter().filter(|known| known.is_none()).count() as f64, 0.5);
        let owned = |member: &usize| group.assigned.values().filter(|owner| *owner == member).count();
        let (least, most) = group
            .members
            .iter()
            .map(owned)
            .fold((usize::MAX, 0), |(least, most), count| (least.min(count), most.max(count)));
        of.is("uneven shares", most.saturating_sub(least) as f64, 1.5);
        of.is("rebalances", word(group.is_rebalancing()), 0.5);
        of.is("is held to a quota", word(cluster.knobs.kafka.quotas[place].is_finite()), 0.5);
        of.has("members", group.members.len() as f64, 0.5);
        let backlog = cluster.lags(place).sum::<u64>() as f64;
        of.has("backlog", backlog, (2.0 * rate).max(20.0));
        service(cluster, place, backlog, told);
    }
}

fn service(cluster: &Cluster, group: usize, backlog: f64, told: &mut Vec<Vital>) {
    let rate = cluster.topics[cluster.groups[group].topic].usual_rate();
    let own = || cluster.instances.iter().filter(move |instance| instance.group == group);
    let mut of = Of { told, who: Who::Service(group) };
    of.is("replicas", own().filter(|instance| !instance.life.is_removed()).count() as f64, 0.5);
    let twice: u64 = own().map(|instance| instance.meters.listener_twice.count).sum();
    of.is_by("refuses again", (twice as f64, cluster.now.as_seconds()), (0.5, 0.1));
    let done: u64 = own().map(|instance| instance.meters.done()).sum();
    of.has("processes", own().filter(|instance| instance.life.is_up()).count() as f64, 0.5);
    let newest = own().map(|instance| instance.life.settings.version).max();
    of.is("newest version", f64::from(newest.unwrap_or(0)), 0.5);
    let hasty = own().find_map(|instance| cluster.knobs.instances[instance.index].hasty);
    of.is("how it calls again", hasty.map_or(0.0, |hasty| f64::from(1 + hasty.retries)), 0.5);
    of.has("backlog", backlog, (2.0 * rate).max(20.0));
    of.does("records", (done as f64, cluster.now.as_seconds()), (0.15, 1.0));
    let (sum, count) = own().fold((0.0, 0), |(sum, count), instance| {
        (sum + instance.meters.listener.sum.as_seconds(), count + instance.meters.listener.count)
    });
    of.does("seconds of a record", (sum, count as f64), (0.3, 0.005));
}

pub(super) fn instances(cluster: &Cluster, told: &mut Vec<Vital>) {
    let seconds = cluster.now.as_seconds();
    for (place, instance) in cluster.instances.iter().enumerate() {
        let Instance { life, meters, plan, .. } = instance;
        let threads = f64::from(plan.threads.max(1));
        let mut of = Of { told, who: Who::Instance(place) };
        of.is("is there", word(life.is_up()), 0.5);
        of.is_by("work of a record", (meters.code_s, meters.coded), (0.5, 0.0005));
        of.is("stuck threads", f64::from(instance.stuck) / threads, 0.1);
        of.is("threads that wait for nothing", f64::from(instance.stalled()) / threads, 0.2);
        of.is_by("lines", (meters.lines[Level::Debug as usize] as f64, seconds), (0.5, 20.0));
        let settings = life.settings;
        of.is(
            "settings",
            f64::from(101 * settings.version)
                + settings.poll_records
                + 7.0 * settings.fetch_wait_s
                + 13.0 * settings.poll_interval_s,
            0.001,
        );
        of.is("is refused", word(life.denied.is_some()), 0.5);
        of.does("records", (meters.done() as f64, seconds), (0.3, 3.0));
        let group = &cluster.groups[instance.group];
        let rate = cluster.topics[instance.topic].usual_rate() / group.members.len().max(1) as f64;
        let behind = |partition| {
            let end = cluster.topics[instance.topic].log_end(partition, cluster.now);
            end.saturating_sub(group.position(partition))
        };
        let backlog: u64 = group.partitions_of(place).map(behind).sum();
        of.has("backlog", backlog as f64, (2.0 * rate).max(20.0));
        let listener = &meters.listener;
        of.does("seconds of a record", (listener.sum.as_seconds(), listener.count as f64), (0.5, 0.005));
        let jvm = &instance.jvm;
        let mut of = Of { told, who: Who::Jvm(place) };
        of.is("kept", jvm.kept(), 0.02);
        of.is("outlives", jvm.outlives(), 0.01);
        let paused = jvm.young_pauses.sum + jvm.full_pauses.sum;
        of.does("pauses", (paused.as_seconds(), seconds), (0.5, 0.05));
        for (number, pool) in instance.pools.iter().enumerate() {
            let mut of = Of { told, who: Who::Pool(place, number) };
            of.is("not given back", f64::from(pool.leaked), 0.5);
            of.is("size", f64::from(pool.size), 0.5);
            of.has("in line", f64::from(pool.waiting), 2.0);
            of.does("wait", (pool.acquire.sum.as_seconds(), pool.acquire.count as f64), (1.0, 0.005));
            of.does("use", (pool.usage.sum.as_seconds(), pool.usage.count as f64), (0.5, 0.005));
        }
    }
}

pub(super) fn called(cluster: &Cluster, told: &mut Vec<Vital>) {
    let seconds = cluster.now.as_seconds();
    for (place, database) in cluster.databases.iter().enumerate() {
        let mut of = Of { told, who: Who::Database(place) };
        let (mut sum, mut count) = (0.0, 0);
        for (number, statement) in database.statements.iter().enumerate() {
            let (spent, times) = (statement.sum.as_seconds(), statement.count);
            (sum, count) = (sum + spent, count + times);
            // Less what others make of it: they share its processors.
            let value = Value::Ratio(spent, statement.asked, database.slowdown());
            of.note(("work of a statement", number), true, value, (0.5, 0.002));
        }
        let commits = &database.commits;
        of.is_by("seconds of a commit", (commits.sum.as_seconds(), commits.count as f64), (0.5, 0.004));
        of.is("answers", word(database.health == Health::Up), 0.5);
        of.is("sessions that wait for a lock", f64::from(database.waiting_now), 2.0);
        of.does("seconds of a statement", (sum, count as f64), (0.5, 0.002));
        of.does("statements", (database.questions, seconds), (0.3, 5.0));
        if let Some(replica) = &database.replica {
            of.is("seconds behind", replica.behind.as_seconds(), 2.0);
            of.is("applies", word(replica.applies), 0.5);
        }
    }
    for (place, cache) in cluster.caches.iter().enumerate() {
        let mut of = Of { told, who: Who::Cache(place) };
        let asked = cache.hits + cache.misses;
        of.is("is there", word(cache.is_up), 0.5);
        of.is("keys", cache.memory().0 / KEYS, 0.05);
        of.does("answers", (cache.hits as f64, asked as f64), (0.05, 0.02));
    }
}

pub(super) fn endpoints(cluster: &Cluster, told: &mut Vec<Vital>) {
    for (place, knobs) in cluster.knobs.endpoints.iter().enumerate() {
        let mut of = Of { told, who: Who::Endpoint(place) };
        // How long it takes and how often it refuses by its own doing; a crowd of callers makes it worse.
        of.is("seconds of a call", knobs.latency * knobs.work, 0.2);
        of.is("refuses", knobs.errors, 0.05);
        of.is("has no name", knobs.nameless, 0.05);
    }
}

pub(super) fn hosts(cluster: &Cluster, told: &mut Vec<Vital>) {
    let seconds = cluster.now.as_seconds();
    for (place, host) in cluster.hosts.iter().enumerate() {
        let mut of = Of { told, who: Who::Host(place) };
        of.is("crowded", host.pressed, 0.1);
        of.is("clock", host.clock_s, 1.0);
        of.is("free of its volume", host.free / VOLUME, 0.02);
        of.is_by("stolen", (host.stolen, seconds * host.cores), (0.5, 0.05));
    }
}
