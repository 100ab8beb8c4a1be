//! The pipeline itself: what is true at each moment, whether or not anybody sees it. Records flow as a fluid in steps of
//! 100 ms; within a step, each instance works event by event on the records that it has; between steps, they feel what
//! they share: databases, hosts, the group. Start at [`Cluster::step`].

mod build;
pub(crate) mod database;
mod flight;
pub(crate) mod group;
pub(crate) mod instance;
pub(crate) mod jvm;
pub(crate) mod knobs;
pub(crate) mod line;
pub(crate) mod outside;
mod plan;
mod pool;
mod says;
pub(crate) mod timer;
pub(crate) mod topic;
mod work;

use std::collections::BTreeMap;

use database::Database;
use group::Group;
use instance::{Asked, Instance};
use knobs::{Knobs, Numbers};
use line::{Level, Line, Source};
use outside::{Cache, Endpoint, Host};
use topic::Topic;

use crate::random::Stream;
use crate::units::Micros;

/// Length of a step.
pub(crate) const STEP: Micros = Micros::millis(100);

/// All of the pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) topics: Vec<Topic>,
    pub(crate) producers: Vec<Producer>,
    pub(crate) brokers: Vec<Broker>,
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
    everyday: Vec<Everyday>,
    /// Share of everyday lines of applications in words that nobody has a pattern for.
    unmatched: f64,
    spent: Vec<f64>,
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

/// A broker.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) number: u32,
    pub(crate) host: Option<usize>,
}

/// What an instance can reach while it runs.
pub(crate) struct Env<'a> {
    topics: &'a [Topic],
    databases: &'a mut [Database],
    caches: &'a mut [Cache],
    endpoints: &'a [Endpoint],
    knobs: &'a Knobs,
    lines: &'a mut Vec<Line>,
    asked: Vec<Asked>,
}

impl Env<'_> {
    fn slow_statement(&mut self, database: usize, statement: usize, exec: Micros, now: Micros) {
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
        }
    }

    /// Begins a step: records arrive from now on.
    pub(crate) fn begin_step(&mut self) {
        for topic in &mut self.topics {
            topic.begin_step(self.now, &self.knobs.producers);
        }
    }

    /// Lets every instance come to this moment of the step.
    pub(crate) fn run_until(&mut self, at: Micros) {
        self.each_instance(|instance, env| instance.run_until(at, env));
        self.now = self.now.max(at);
    }

    /// Ends the step: what is shared follows from what all did.
    pub(crate) fn end_step(&mut self) {
        self.each_instance(|instance, env| instance.end_step(STEP, env));
        for topic in &mut self.topics {
            topic.end_step(&self.knobs.producers);
        }
        self.count_sent();
        let mut ours = vec![0.0; self.databases.len()];
        for instance in &mut self.instances {
            for pool in &mut instance.pools {
                ours[pool.database] += pool.take_load(self.now, STEP);
            }
        }
        for (database, ours) in self.databases.iter_mut().zip(ours) {
            database.end_step(STEP, ours);
        }
        let ends: Vec<f64> = self.databases.iter().map(|database| database.log_end).collect();
        for (place, database) in self.databases.iter_mut().enumerate() {
            if let Some(replica) = &mut database.replica {
                replica.end_step(self.now, STEP, ends[replica.of], &self.knobs.databases[place]);
            }
        }
        self.load_hosts();
        self.coordinate();
        self.write_everyday();
    }

    fn each_instance(&mut self, mut act: impl FnMut(&mut Instance, &mut Env<'_>)) {
        let Self { instances, topics, databases, caches, endpoints, knobs, lines, groups, .. } = self;
        for instance in instances {
            let mut env = Env { topics, databases, caches, endpoints, knobs, lines, asked: vec![] };
            act(instance, &mut env);
            let mut refused = None;
            for asked in std::mem::take(&mut env.asked) {
                let group = &mut groups[instance.group];
                if !group.commit(asked.instance, asked.partition, asked.offset, asked.at) {
                    refused = Some(group.name.clone());
                }
            }
            if let Some(group) = refused {
                let message = format!(
                    "[Consumer clientId={0}, groupId={group}] Offset commit failed: Commit cannot be completed since the \
                     group has already rebalanced and assigned the partitions to another member.",
                    instance.name
                );
                instance.say(&mut env, Level::Error, "o.a.k.c.c.internals.ConsumerCoordinator", message);
            }
        }
    }

    fn count_sent(&mut self) {
        let Self { producers, topics, hosts_use, .. } = self;
        hosts_use.fill(0.0);
        for (place, producer) in producers.iter_mut().enumerate() {
            let sent: f64 = topics.iter().map(|topic| topic.sent_by(place)).sum();
            producer.host.into_iter().for_each(|host| hosts_use[host] += (sent - producer.sent) * PRODUCER_CPU);
            producer.sent = sent;
        }
    }

    fn load_hosts(&mut self) {
        let used = &mut self.hosts_use;
        let mut asked = vec![0.0; used.len()];
        for (instance, spent) in self.instances.iter().zip(&mut self.spent) {
            let seconds = instance.meters.cpu_seconds - *spent;
            *spent = instance.meters.cpu_seconds;
            instance.host.into_iter().for_each(|host| used[host] += seconds);
        }
        for (database, host) in self.databases.iter().zip(&self.database_hosts) {
            host.iter().for_each(|host| asked[*host] += database.cpu() * STEP.as_seconds());
        }
        for (place, host) in self.hosts.iter_mut().enumerate() {
            host.end_step(STEP, used[place], asked[place], &self.knobs.hosts[place]);
        }
        let pressed = |host: Option<usize>| host.map_or(1.0, |host| self.hosts[host].pressed);
        for instance in &mut self.instances {
            instance.pressed = pressed(instance.host);
        }
        for (database, host) in self.databases.iter_mut().zip(&self.database_hosts) {
            database.pressed = pressed(*host);
        }
    }

    /// What the group coordinators do: put out who is silent, and give out partitions anew.
    fn coordinate(&mut self) {
        let now = self.now;
        for place in 0..self.instances.len() {
            let (group, plan) = (self.instances[place].group, self.instances[place].plan.clone());
            let instance = &mut self.instances[place];
            let (began, until) = instance.paused;
            let is_paused = instance.is_paused(now);
            let is_silent = is_paused && now - began > plan.session_timeout;
            let too_long = instance.batch.as_ref().is_some_and(|batch| now - batch.polled > plan.max_poll_interval);
            let member = instance.member_id.clone();
            if (is_silent || (too_long && !is_paused)) && !instance.is_out {
                instance.is_out = true;
                let members = &mut self.groups[group];
                if members.remove(place, now) {
                    let (name, generation) = (members.name.clone(), members.generation);
                    let reason = if is_silent {
                        let gone = format!("Member {member} in group {name} has failed, removing it from the group.");
                        self.coordinator_says(group, gone);
                        format!("removing member {member} on heartbeat expiration")
                    } else {
                        let leaving = format!(
                            "[Consumer clientId={0}, groupId={name}] consumer poll timeout has expired. This means the \
                             time between subsequent calls to poll() was longer than the configured \
                             max.poll.interval.ms, which typically implies that the poll loop is spending too much time \
                             processing messages.",
                            self.instances[place].name
                        );
                        self.client_says(place, Level::Warn, leaving);
                        format!("explicit leave of member {member}")
                    };
                    self.coordinator_says(
                        group,
                        format!(
                            "Preparing to rebalance group {name} in state PreparingRebalance with old generation \
                             {generation} (reason: {reason})."
                        ),
                    );
                }
            } else if instance.wants_in && until <= now && !self.groups[group].members.contains(&place) {
                self.groups[group].join(place, now);
                self.client_says(place, Level::Info, "(Re-)joining group".into());
            }
        }
        for place in 0..self.groups.len() {
            if self.groups[place].settle(now) {
                let group = &self.groups[place];
                let text = format!(
                    "Stabilized group {} generation {} with {} members.",
                    group.name,
                    group.generation,
                    group.members.len()
                );
                self.coordinator_says(place, text);
                self.hand_out(place);
            }
        }
    }

    fn hand_out(&mut self, group: usize) {
        let known = &self.groups[group];
        for instance in self.instances.iter_mut().filter(|instance| instance.group == group) {
            if known.members.contains(&instance.index) {
                let partitions: BTreeMap<u32, u64> = known
                    .partitions_of(instance.index)
                    .map(|partition| (partition, known.position(partition)))
                    .collect();
                instance.assign(&partitions);
            }
        }
    }

    fn coordinator_says(&mut self, group: usize, message: String) {
        if !self.brokers.is_empty() {
            let source = Source::Broker(group % self.brokers.len());
            let logger = "kafka.coordinator.group.GroupCoordinator";
            self.lines.push(Line { at: self.now, source, level: Level::Info, logger, message });
        }
    }

    fn client_says(&mut self, instance: usize, level: Level, message: String) {
        let logger = "o.a.k.c.c.internals.ConsumerCoordinator";
        self.instances[instance].meters.lines[level as usize] += 1;
        self.lines.push(Line { at: self.now, source: Source::Instance(instance), level, logger, message });
    }

    /// Lines of everyday work: applications write of the records that they have just done or sent, servers of themselves.
    fn write_everyday(&mut self) {
        let Self { everyday, unmatched, instances, producers, lines, now, .. } = self;
        let began = *now - STEP;
        for Everyday { source, stream, per_record, per_second, seen } in everyday {
            let done = match *source {
                Source::Instance(place) => instances[place].meters.done(),
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

    /// Index of the host that a database runs on.
    pub(crate) fn host_of_database(&self, place: usize) -> Option<usize> {
        self.database_hosts.get(place).copied().flatten()
    }

    /// Records behind, of each partition of a group.
    pub(crate) fn lags(&self, group: usize) -> impl Iterator<Item = u64> {
        let group = &self.groups[group];
        let topic = &self.topics[group.topic];
        group.committed.iter().enumerate().map(move |(partition, committed)| {
            topic.log_end(partition as u32, self.now).saturating_sub(committed.unwrap_or(0))
        })
    }
}
