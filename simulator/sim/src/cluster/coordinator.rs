//! What group coordinators do, and what members and they say to each other: put out who is silent, let in who asks, give
//! out partitions anew, write commits down. Start at [`Cluster::coordinate`].

use std::collections::BTreeMap;

use super::group::{Ghost, Group, Settled};
use super::instance::{Asked, Instance};
use super::kafka::broker::Broker;
use super::life::{End, Turn};
use super::line::{Level, Line, Source};
use super::{Cluster, Env, STEP, says};
use crate::units::Micros;

/// How often a member asks its coordinator how the group is.
const HEARTBEAT: Micros = Micros::seconds(3);
/// How long a coordinator waits until a commit is replicated.
const COMMIT_TIMEOUT: Micros = Micros::seconds(5);

/// Writes down the commits of one request, or refuses them.
pub(super) fn take_commits(instance: &mut Instance, group: &mut Group, asked: &[Asked], env: &mut Env<'_>) {
    let loss = env.knobs.groups[instance.group].commit_loss;
    let (mut at, mut is_lost, mut is_refused) = (None, false, false);
    for one in asked {
        let is_new = at.replace(one.at) != Some(one.at);
        if is_new {
            is_lost = loss > 0.0 && group.fate.chance(loss);
            let took = if is_lost { COMMIT_TIMEOUT.times(1.0 + 0.002 * group.fate.unit()) } else { one.took };
            instance.meters.commit_latency.record(one.at, 1, took);
        }
        if is_lost {
            instance.forget_commit(one.partition, group);
            if is_new {
                let topic = env.topics[group.topic].name.as_str();
                for (level, message) in says::commit_lost(&instance.name, &group.name, topic, one.partition, one.offset)
                {
                    instance.say(env, level, says::COORDINATOR, message);
                }
            }
        } else {
            is_refused |= !group.commit(one.instance, one.partition, one.offset, one.at);
        }
    }
    if is_refused {
        let message = says::commit_refused(&instance.name, &group.name);
        instance.say(env, Level::Error, says::COORDINATOR, message);
    }
}

impl Cluster {
    /// What the group coordinators do at the end of a step.
    pub(super) fn coordinate(&mut self) {
        for place in 0..self.instances.len() {
            if self.is_steady(place) {
                if self.beats(place) {
                    self.instances[place].last_heartbeat = self.now;
                }
                continue;
            }
            self.let_live(place);
            self.hear(place);
        }
        for group in 0..self.groups.len() {
            if self.groups[group].is_steady(&self.knobs.groups[group]) {
                continue;
            }
            if !self.kafka.is_at_rest && self.kafka.listens(group, self.now).is_none() {
                continue;
            }
            self.operate(group);
            let slow = Micros::of_seconds(self.knobs.groups[group].assignment_s);
            for ghost in self.groups[group].lay(self.now) {
                self.expire(group, &ghost);
            }
            match self.groups[group].settle(self.now, slow) {
                Settled::Nothing => {}
                Settled::Joined(late) => self.joined(group, &late),
                Settled::Assigned => self.hand_out(group),
                Settled::GivenUp => self.wait_no_longer(group),
            }
        }
    }

    /// Lets a process end or begin.
    /// Whether an instance only goes on as it did, and is heard.
    fn is_steady(&self, place: usize) -> bool {
        let instance = &self.instances[place];
        let group = &self.groups[instance.group];
        let is_in_time = |batch: &super::instance::Batch| self.now - batch.polled <= instance.max_poll_interval();
        self.kafka.is_at_rest
            && self.knobs.are_neutral_of(place)
            && instance.is_steady(self.now)
            && !group.is_rebalancing()
            && instance.batch.as_ref().is_none_or(is_in_time)
    }

    /// Whether an instance sends a heartbeat in this step.
    fn beats(&self, place: usize) -> bool {
        let phase = HEARTBEAT.0 * i64::from(place as u32 % 29) / 29;
        (self.now.0 - phase).rem_euclid(HEARTBEAT.0) < STEP.0
    }

    fn let_live(&mut self, place: usize) {
        let now = self.now;
        match self.instances[place].life.turn(now, &self.knobs.instances[place]) {
            None => {}
            Some(Turn::Begins) => {
                let before = self.instances[place].member_id.clone();
                let since = self.instances[place].life.silent_since().unwrap_or(now);
                self.act_on(place, |instance, env| instance.begin(now, env));
                let ends = since + self.instances[place].plan.session_timeout;
                let group = &mut self.groups[self.instances[place].group];
                if group.remove(place) {
                    // The coordinator does not know that the one is the other's successor.
                    group.ghosts.push(Ghost { id: before, ends });
                }
                self.began_again.push(place);
            }
            Some(Turn::Ends(how)) => {
                if !matches!(how, End::Killed | End::Crashed) {
                    self.say_goodbye(place, "the consumer is being closed");
                }
                self.instances[place].die(now, how);
                if let Some(code) = how.exit_code() {
                    let message = says::finished(&self.instances[place].name, code);
                    let source = Source::Instance(place);
                    self.lines.push(Line { at: now, source, level: Level::Info, logger: "kubelet", message });
                }
            }
        }
        let instance = &mut self.instances[place];
        if instance.life.denied.is_some() && !self.knobs.instances[place].denied {
            // Somebody has let its container start again.
            instance.life.denied = None;
            instance.is_out = true;
            let group = instance.group;
            self.groups[group].remove(place);
        }
    }

    /// A member leaves of its own accord: what it has done is committed, and the others are asked to join again.
    fn say_goodbye(&mut self, place: usize, why: &str) {
        let (now, group) = (self.now, self.instances[place].group);
        let done: Vec<(u32, u64)> =
            self.instances[place].positions.iter().map(|(partition, at)| (*partition, at.done)).collect();
        for (partition, offset) in done {
            if offset > self.groups[group].position(partition) {
                self.groups[group].commit(place, partition, offset, now);
            }
        }
        self.leave(place, why);
    }

    fn leave(&mut self, place: usize, why: &str) {
        let (group, member) = (self.instances[place].group, self.instances[place].member_id.clone());
        if self.groups[group].remove(place) {
            let message = format!(
                "Member {member} sending LeaveGroup request to coordinator {} due to {why}",
                self.coordinator_of(group)
            );
            self.client_says(place, Level::Info, &message);
            self.rebalance(group, &format!("explicit `LeaveGroup` request for member {member}; client reason: {why}"));
        }
    }

    /// What a coordinator hears of an instance, and does not hear.
    fn hear(&mut self, place: usize) {
        let now = self.now;
        let group = self.instances[place].group;
        let unheard = self.kafka.unheard_for(place, group, now, &self.knobs.kafka);
        let is_reached = self.kafka.reaches_group(place, group, now, &self.knobs.kafka);
        let instance = &self.instances[place];
        let is_paused = instance.is_paused(now);
        let session = instance.plan.session_timeout;
        let since = instance.life.silent_since().or_else(|| is_paused.then_some(instance.paused.0));
        let is_silent = since.is_some_and(|since| now - since > session) || unheard > session;
        let interval = instance.max_poll_interval();
        let too_long = instance.batch.as_ref().is_some_and(|batch| now - batch.polled > interval);
        let is_evicted = self.knobs.instances[place].evicted && !instance.was_evicted;
        let must_go = is_silent || (too_long && !is_paused) || is_evicted;
        let is_put_out = must_go && !instance.is_out && self.groups[group].members.contains(&place);
        if is_put_out {
            self.instances[place].is_out = true;
            if is_silent || !too_long || is_paused {
                let member = self.instances[place].member_id.clone();
                self.groups[group].remove(place);
                self.expire(group, &member);
            } else {
                self.client_says(place, Level::Warn, says::POLL_TIMEOUT);
                self.leave(place, "consumer poll timeout has expired.");
            }
        }
        let instance = &mut self.instances[place];
        instance.was_evicted = self.knobs.instances[place].evicted;
        if !instance.life.is_up() || instance.life.denied.is_some() || is_paused || !is_reached {
            return;
        }
        let beats = self.beats(place);
        let instance = &mut self.instances[place];
        if beats {
            instance.last_heartbeat = now;
        }
        let known = &self.groups[group];
        let had_place = || is_put_out || (!instance.is_out && known.members.contains(&place));
        if instance.wants_in && !known.has_joined(place) {
            let is_new = !known.members.contains(&place);
            let member = instance.member_id.clone();
            if is_new || !known.is_rebalancing() {
                self.rebalance(group, &format!("Adding new member {member} with group instance id null"));
            }
            self.groups[group].join(place);
            self.client_says(place, Level::Info, "(Re-)joining group");
        } else if beats && known.is_rebalancing() && !instance.wants_in && !instance.is_called && had_place() {
            instance.is_called = true;
            self.client_says(place, Level::Info, "Request joining group due to: group is already rebalancing");
        }
    }

    /// What others do to a group: operators, and members for reasons of their own.
    fn operate(&mut self, group: usize) {
        let knobs = self.knobs.groups[group];
        let known = &mut self.groups[group];
        let asks = knobs.rejoins && !known.has_rejoined;
        (known.has_rejoined, known.skew) = (knobs.rejoins, knobs.skew);
        let is_set_back = knobs.set_back > 0.0 && known.set_back <= 0.0;
        known.set_back = knobs.set_back;
        if is_set_back {
            known.committed.fill(None);
            let members: Vec<usize> = known.members.iter().copied().collect();
            for place in members {
                self.groups[group].remove(place);
                self.instances[place].is_out = true;
                let member = self.instances[place].member_id.clone();
                self.client_says(place, Level::Info, says::LOST);
                self.rebalance(
                    group,
                    &format!(
                        "explicit `LeaveGroup` request for member {member}; client reason: member was removed by an \
                         admin"
                    ),
                );
            }
        } else if let Some(first) = known.members.first().copied().filter(|_| asks) {
            self.instances[first].is_called = true;
            let member = self.instances[first].member_id.clone();
            self.client_says(
                first,
                Level::Info,
                "Request joining group due to: cached metadata has changed from (version12) at the beginning of the \
                 rebalance to (version13)",
            );
            self.rebalance(
                group,
                &format!("Leader {member} re-joining group during Stable; client reason: cached metadata has changed"),
            );
        }
    }

    fn expire(&mut self, group: usize, member: &str) {
        let name = &self.groups[group].name;
        let gone = format!("Member {member} in group {name} has failed, removing it from the group.");
        self.coordinator_says(group, gone);
        self.rebalance(group, &format!("removing member {member} on heartbeat expiration"));
    }

    /// Asks the members of a group to join again, unless they are asked already.
    pub(super) fn rebalance(&mut self, group: usize, reason: &str) {
        let known = &mut self.groups[group];
        if known.begin(self.now) {
            let message = format!(
                "Preparing to rebalance group {} in state PreparingRebalance with old generation {} (reason: {reason}).",
                known.name, known.generation
            );
            self.coordinator_says(group, message);
        }
    }

    fn joined(&mut self, group: usize, late: &[usize]) {
        for place in late {
            self.instances[*place].is_out = true;
            let member = self.instances[*place].member_id.clone();
            let name = &self.groups[group].name;
            let message = format!("Group {name} removed members who haven't joined: [{member}].");
            self.coordinator_says(group, message);
        }
        let Group { name, generation, members, .. } = &self.groups[group];
        let message = match members.len() {
            0 => format!("Group {name} with generation {generation} is now empty."),
            count => format!("Stabilized group {name} generation {generation} with {count} members."),
        };
        self.coordinator_says(group, message);
    }

    /// Members have waited for their assignment as long as they wait for any request.
    fn wait_no_longer(&mut self, group: usize) {
        let members: Vec<usize> = self.groups[group].members.iter().copied().collect();
        for place in members.iter().copied() {
            let broker = self.broker_of(group).map_or(0, |broker| broker.number);
            let node = i64::from(i32::MAX) - i64::from(broker);
            self.client_says(place, Level::Info, &format!("Disconnecting from node {node} due to request timeout."));
        }
        if let Some(first) = members.first() {
            let (member, known) = (self.instances[*first].member_id.clone(), &self.groups[group]);
            let message = format!(
                "Preparing to rebalance group {} in state PreparingRebalance with old generation {} (reason: Updating \
                 metadata for member {member} during CompletingRebalance; client reason: rebalance failed due to \
                 DisconnectException).",
                known.name, known.generation
            );
            self.coordinator_says(group, message);
        }
    }

    /// Tells every member what it has to read, and from where.
    pub(super) fn hand_out(&mut self, group: usize) {
        let Self { groups, instances, topics, lines, now, .. } = self;
        let (known, topic) = (&groups[group], &topics[groups[group].topic]);
        for instance in instances.iter_mut().filter(|instance| known.members.contains(&instance.index)) {
            let mut partitions: BTreeMap<u32, u64> = BTreeMap::new();
            for partition in known.partitions_of(instance.index) {
                let offset = known.committed[partition as usize].unwrap_or_else(|| {
                    let offset = topic.far_back(partition, known.set_back);
                    for message in says::set_back(&instance.name, &known.name, &topic.name, partition, offset) {
                        instance.meters.lines[Level::Info as usize] += 1;
                        let source = Source::Instance(instance.index);
                        let logger = says::SUBSCRIPTION;
                        lines.push(Line { at: *now, source, level: Level::Info, logger, message });
                    }
                    offset
                });
                partitions.insert(partition, offset);
            }
            instance.assign(*now, &partitions);
        }
    }

    /// Lets one instance act, with all that it can reach.
    fn act_on(&mut self, place: usize, act: impl FnOnce(&mut Instance, &mut Env<'_>)) {
        let mut act = Some(act);
        let is_it = |other: usize| other == place;
        self.each_instance(is_it, |instance, env| act.take().into_iter().for_each(|act| act(instance, env)));
    }

    /// The broker that keeps a group.
    fn broker_of(&self, group: usize) -> Option<&Broker> {
        let place = self.kafka.coordinators.get(group)?.broker?;
        self.kafka.brokers.get(place)
    }

    /// A coordinator, as its clients name it.
    fn coordinator_of(&self, group: usize) -> String {
        let broker = self.broker_of(group);
        let number = broker.map_or(0, |broker| broker.number);
        let host = broker.and_then(|broker| broker.host).map_or("kafka", |host| self.hosts[host].name.as_str());
        format!("{host}:9092 (id: {} rack: null)", i64::from(i32::MAX) - i64::from(number))
    }

    pub(super) fn coordinator_says(&mut self, group: usize, message: String) {
        if let Some(broker) = self.kafka.coordinators.get(group).and_then(|known| known.broker) {
            let source = Source::Broker(broker);
            let logger = "kafka.coordinator.group.GroupCoordinator";
            self.lines.push(Line { at: self.now, source, level: Level::Info, logger, message });
        }
    }

    pub(super) fn client_says(&mut self, place: usize, level: Level, message: &str) {
        let instance = &mut self.instances[place];
        instance.meters.lines[level as usize] += 1;
        let message = says::of_client(&instance.name, &instance.plan.group, message);
        let source = Source::Instance(place);
        self.lines.push(Line { at: self.now, source, level, logger: says::COORDINATOR, message });
    }
}
