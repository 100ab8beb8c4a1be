//! The pipeline itself: what is true at each moment, whether or not anybody sees it. Records flow as a fluid in steps of
//! 100 ms; within a step, each instance works event by event on the records that it has; between steps, they feel what
//! they share: databases, hosts, the group. Start at [`Cluster::step`].

mod breaker;
mod build;
mod calls;
mod coordinator;
pub(crate) mod database;
mod fetch;
pub(crate) mod flight;
pub(crate) mod group;
pub(crate) mod instance;
pub(crate) mod jvm;
pub(crate) mod kafka;
pub(crate) mod knobs;
mod lend;
pub(crate) mod life;
pub(crate) mod line;
pub(crate) mod load;
pub(crate) mod outside;
mod plan;
mod pool;
mod says;
pub(crate) mod timer;
pub(crate) mod topic;
pub(crate) mod vitals;
mod work;

use std::cell::Cell;

use database::Database;
use group::Group;
use instance::{Asked, Instance};
use kafka::Kafka;
use kafka::link::Place;
use knobs::{Knobs, Numbers};
use line::{Level, Line, Source};
use outside::{Cache, Endpoint, Host};
use topic::Topic;

use crate::numbers::exp;
use crate::random::Stream;
use crate::units::Micros;

/// Length of a step.
pub(crate) const STEP: Micros = Micros::millis(100);

/// All of the pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) topics: Vec<Topic>,
    pub(crate) producers: Vec<Producer>,
    pub(crate) kafka: Kafka,
    /// Ids of nodes, each with a way that its traffic takes.
    pub(crate) crossings: Vec<(String, String)>,
    /// All ways, each once.
    pub(crate) ways: Vec<String>,
    pub(crate) groups: Vec<Group>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) databases: Vec<Database>,
    pub(crate) caches: Vec<Cache>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) knobs: Knobs,
    /// Where databases and caches run, by index.
    database_hosts: Vec<Option<usize>>,
    /// Lines that were written and not yet taken.
    pub(crate) lines: Vec<Line>,
    /// Instances whose process has begun again, not yet taken.
    pub(crate) began_again: Vec<usize>,
    /// Of each partition of each group, the record after the last that was worked on.
    written: Vec<Vec<u64>>,
    /// Records that services have written onward in this step, by topic.
    onward: Vec<f64>,
    everyday: Vec<Everyday>,
    /// Share of everyday lines of applications in words that nobody has a pattern for.
    unmatched: f64,
    eager: Vec<bool>,
    /// When something happens to each instance next, as of this step.
    due: Vec<Micros>,
    spent: Vec<f64>,
    /// Connections at work on each database in this step, on average.
    asked: Vec<f64>,
    /// Processor seconds that nodes of the run used in this step, by host.
    hosts_use: Vec<f64>,
    pub(crate) now: Micros,
}

/// A program that writes to topics.
#[derive(Clone, Debug)]
pub(crate) struct Producer {
    pub(crate) name: String,
    pub(crate) host: Option<usize>,
    /// Records sent so far.
    pub(crate) sent: f64,
    sent_bytes: f64,
    /// Mean size of the records of the last seconds, in bytes.
    pub(crate) record_size: f64,
}

/// Processor seconds that taking and sending one record costs a producer.
const PRODUCER_CPU: f64 = 0.0006;

/// Who writes lines of everyday work, and how many.
#[derive(Clone, Debug)]
struct Everyday {
    source: Source,
    stream: Stream,
    /// Of each record that it has done or sent.
    per_record: f64,
    per_second: f64,
    /// Records done or sent, so far as lines were written of them.
    seen: f64,
}

/// What an instance can reach while it runs.
pub(crate) struct Env<'a> {
    topics: &'a [Topic],
    kafka: &'a mut Kafka,
    databases: &'a mut [Database],
    caches: &'a mut [Cache],
    endpoints: &'a mut [Endpoint],
    hosts: &'a [Host],
    knobs: &'a Knobs,
    lines: &'a mut Vec<Line>,
    asked: Vec<Asked>,
    /// Of each partition of each group, the record after the last that was worked on.
    written: &'a mut [Vec<u64>],
    /// Whether members give up what they have before a rebalance, by group.
    eager: &'a [bool],
    /// Records that services write onward, by topic.
    onward: &'a mut [f64],
}

impl Env<'_> {
    /// How much longer anything takes on a host.
    fn pressed(&self, host: Option<usize>) -> f64 {
        host.map_or(1.0, |host| self.hosts[host].pressed)
    }

    fn slow_statement(&mut self, database: usize, statement: Option<usize>, exec: Micros, now: Micros) {
        if let Some(message) = self.databases[database].slow_line(statement, exec, now) {
            let source = Source::Database(database);
            self.lines.push(Line { at: now, source, level: Level::Warn, logger: "slowlog", message });
        }
    }
}

impl Cluster {
    /// Puts every knob where it is when nothing is wrong.
    pub(crate) fn neutral_knobs(&mut self) {
        self.knobs = Knobs::neutral(self.numbers());
    }

    fn numbers(&self) -> Numbers {
        Numbers {
            producers: self.producers.len(),
            instances: self.instances.len(),
            databases: self.databases.len(),
            hosts: self.hosts.len(),
            topics: self.topics.len(),
            groups: self.groups.len(),
            caches: self.caches.len(),
            endpoints: self.endpoints.len(),
            brokers: self.kafka.brokers.len(),
        }
    }

    /// Begins a step: records arrive from now on.
    pub(crate) fn begin_step(&mut self) {
        self.due.clear();
        self.due.extend(self.instances.iter_mut().map(Instance::due));
        for (topic, onward) in self.topics.iter_mut().zip(&mut self.onward) {
            topic.bring(std::mem::take(onward));
        }
        let Self { kafka, topics, knobs, lines, now, .. } = self;
        kafka.begin_step((*now, STEP), &knobs.kafka, topics, lines);
        if !self.kafka.is_at_rest {
            self.grow_topics();
        }
        for (topic, own) in self.topics.iter_mut().zip(&self.knobs.topics) {
            topic.begin_step(self.now, &self.knobs.producers, own);
        }
    }

    /// Lets every instance come to this moment of the step.
    pub(crate) fn run_until(&mut self, at: Micros) {
        let mut due = std::mem::take(&mut self.due);
        let known = Cell::from_mut(due.as_mut_slice()).as_slice_of_cells();
        let is_due = |place: usize| known[place].get() <= at;
        self.each_instance(is_due, |instance, env| {
            instance.run_until(at, env);
            known[instance.index].set(instance.due());
        });
        self.due = due;
        self.now = self.now.max(at);
    }

    /// Ends the step: what is shared follows from what all did.
    pub(crate) fn end_step(&mut self) {
        for topic in &mut self.topics {
            topic.end_step(&self.knobs.producers);
        }
        self.count_sent();
        self.end_databases();
        for (cache, knobs) in self.caches.iter_mut().zip(&self.knobs.caches) {
            cache.end_step(self.now, STEP, knobs);
        }
        for (endpoint, knobs) in self.endpoints.iter_mut().zip(&self.knobs.endpoints) {
            endpoint.end_step(STEP, knobs);
        }
        for place in 0..self.databases.len() {
            let Some(of) = self.databases[place].replica.as_ref().map(|replica| replica.of) else { continue };
            let end = self.databases[of].log_end;
            if let Some(replica) = &mut self.databases[place].replica {
                replica.end_step(self.now, STEP, end, &self.knobs.databases[place]);
            }
        }
        self.load_hosts();
        self.coordinate();
        self.write_everyday();
    }

    /// Ends the step of all instances, and counts what they used.
    fn end_instances(&mut self) {
        let now = self.now;
        let mut ours = std::mem::take(&mut self.asked);
        ours.fill(0.0);
        let mut spent = std::mem::take(&mut self.spent);
        let mut used = std::mem::take(&mut self.hosts_use);
        self.each_instance(
            |_| true,
            |instance, env| {
                instance.end_step(now, STEP, env);
                for pool in &mut instance.pools {
                    ours[pool.database] += pool.take_load(now, STEP);
                }
                let before = std::mem::replace(&mut spent[instance.index], instance.meters.cpu_seconds);
                instance.host.into_iter().for_each(|host| used[host] += instance.meters.cpu_seconds - before);
            },
        );
        (self.spent, self.hosts_use, self.asked) = (spent, used, ours);
    }

    fn end_databases(&mut self) {
        self.end_instances();
        let Self { databases, knobs, lines, now, instances, asked, .. } = self;
        for (place, (database, ours)) in databases.iter_mut().zip(asked).enumerate() {
            let (knobs, source) = (&knobs.databases[place], Source::Database(place));
            let mut say = |level, logger, message| lines.push(Line { at: *now, source, level, logger, message });
            if database.waiting_now > 0 {
                // Who died in the meantime waits no more.
                database.waiting_now = instances.iter().map(|instance| instance.locked_on(place, database.epoch)).sum();
            }
            if database.end_step((*now, STEP), *ours, knobs) {
                database.recovery_lines().into_iter().for_each(|line| say(Level::Info, "mariadbd", line));
            }
            if let Some(message) = database.flush_line(*now, knobs) {
                say(Level::Info, "mariadbd", message);
            }
        }
    }

    /// Lets something happen to those instances that are wanted, in their order.
    fn each_instance(&mut self, wanted: impl Fn(usize) -> bool, mut act: impl FnMut(&mut Instance, &mut Env<'_>)) {
        let Self {
            instances,
            topics,
            kafka,
            databases,
            caches,
            endpoints,
            hosts,
            knobs,
            lines,
            groups,
            written,
            eager,
            onward,
            ..
        } = self;
        let asked = vec![];
        let mut env =
            Env { topics, kafka, databases, caches, endpoints, hosts, knobs, lines, asked, written, eager, onward };
        for (_, instance) in instances.iter_mut().enumerate().filter(|(place, _)| wanted(*place)) {
            act(instance, &mut env);
            if !env.asked.is_empty() {
                let asked = std::mem::take(&mut env.asked);
                coordinator::take_commits(instance, &mut groups[instance.group], &asked, &mut env);
            }
        }
    }

    fn count_sent(&mut self) {
        let Self { producers, topics, hosts_use, .. } = self;
        hosts_use.fill(0.0);
        for (place, producer) in producers.iter_mut().enumerate() {
            let sent: f64 = topics.iter().map(|topic| topic.sent_by(place)).sum();
            producer.host.into_iter().for_each(|host| hosts_use[host] += (sent - producer.sent) * PRODUCER_CPU);
            let bytes: f64 = topics.iter().map(|topic| topic.bytes_sent_by(place)).sum();
            let (records, bytes_now) = (sent - producer.sent, bytes - producer.sent_bytes);
            if records > 0.0 {
                // The client's window of 30 seconds.
                let keep = if producer.record_size > 0.0 { exp(-STEP.as_seconds() / 15.0) } else { 0.0 };
                producer.record_size = keep * producer.record_size + (1.0 - keep) * bytes_now / records;
            }
            (producer.sent, producer.sent_bytes) = (sent, bytes);
        }
    }

    fn load_hosts(&mut self) {
        let used = &self.hosts_use;
        let mut asked = vec![0.0; used.len()];
        for (database, host) in self.databases.iter().zip(&self.database_hosts) {
            host.iter().for_each(|host| asked[*host] += database.cpu() * STEP.as_seconds());
        }
        for (place, host) in self.hosts.iter_mut().enumerate() {
            host.end_step(STEP, used[place], asked[place], &self.knobs.hosts[place]);
        }
        let pressed = |host: Option<usize>| host.map_or(1.0, |host| self.hosts[host].pressed);
        for (database, host) in self.databases.iter_mut().zip(&self.database_hosts) {
            database.pressed = pressed(*host);
        }
    }

    /// Lines of everyday work: applications write of the records that they have just done or sent, servers of themselves.
    fn write_everyday(&mut self) {
        let Self { everyday, unmatched, instances, producers, lines, now, .. } = self;
        let began = *now - STEP;
        for Everyday { source, stream, per_record, per_second, seen } in everyday {
            let done = match *source {
                Source::Instance(place) => instances[place].meters.done() as f64,
                Source::Producer(place) => producers[place].sent,
                _ => 0.0,
            };
            let mean = (done - *seen) * *per_record + *per_second * STEP.as_seconds();
            *seen = done;
            for _ in 0..stream.poisson(mean) {
                let at = began + STEP.times(stream.unit());
                let kind = stream.unit();
                let (level, (logger, message)) = match *source {
                    Source::Broker(_) => (Level::Info, says::snapshot(stream)),
                    Source::Database(_) => (Level::Info, says::aborted(stream)),
                    Source::Producer(_) => (Level::Info, says::placed(stream)),
                    Source::Instance(place) => {
                        let spread = stream.factor(0.1);
                        let took = instances[place].meters.last_took.times(spread).as_millis();
                        match kind {
                            ..0.015 => (Level::Warn, says::harmless_warning(stream)),
                            kind if kind > 1.0 - *unmatched => (Level::Info, says::odd(stream)),
                            _ => (Level::Info, says::everyday(stream, took)),
                        }
                    }
                };
                if let Source::Instance(place) = *source {
                    // A process that stands still writes nothing.
                    if instances[place].is_paused(at) {
                        continue;
                    }
                    instances[place].meters.lines[level as usize] += 1;
                }
                lines.push(Line { at, source: *source, level, logger, message });
            }
        }
    }

    /// The load that seasons asked for so long before the run began, all topics together, as a multiple of the usual one.
    pub(crate) fn load_before(&self, back: Micros) -> f64 {
        let usual: f64 = self.topics.iter().map(Topic::usual_rate).sum();
        let then: f64 = self.topics.iter().map(|topic| topic.rate_before(back)).sum();
        if usual > 0.0 { then / usual } else { 1.0 }
    }

    /// Packets that a host has sent again, and all that it has sent.
    pub(crate) fn packets(&self, host: usize) -> (f64, f64) {
        let here = Some(host);
        let at = |place: &Place| match *place {
            Place::Producer(place) => self.producers[place].host,
            Place::Instance(place) => self.instances[place].host,
            Place::Broker(place) => self.kafka.brokers[place].host,
            Place::Database(place) => self.host_of_database(place),
            Place::Cache(_) | Place::Endpoint(_) => None,
        };
        let sent = 140.0 * self.now.as_seconds() + 9000.0 * self.hosts[host].busy;
        let mut resent = 2e-5 * sent;
        for instance in &self.instances {
            for (to, packets) in &instance.meters.resent {
                // Requests are lost as often as answers are.
                let ends = [instance.host == here, at(to) == here];
                resent += 0.5 * packets * ends.iter().filter(|is_here| **is_here).count() as f64;
            }
        }
        (resent, sent)
    }

    /// Index of the host that a database runs on.
    pub(crate) fn host_of_database(&self, place: usize) -> Option<usize> {
        self.database_hosts.get(place).copied().flatten()
    }

    /// Databases that run on a host.
    pub(crate) fn databases_on(&self, host: usize) -> impl Iterator<Item = &Database> {
        let both = self.databases.iter().zip(&self.database_hosts);
        both.filter(move |(_, on)| **on == Some(host)).map(|(database, _)| database)
    }

    /// Records behind, of each partition of a group.
    pub(crate) fn lags(&self, group: usize) -> impl Iterator<Item = u64> {
        let group = &self.groups[group];
        let topic = &self.topics[group.topic];
        group.committed.iter().enumerate().map(move |(partition, committed)| {
            // Who has committed nothing would begin with the oldest record.
            let from = committed.or_else(|| Some(topic.partitions.get(partition)?.log_start)).unwrap_or(0);
            topic.log_end(partition as u32, self.now).saturating_sub(from)
        })
    }
}
