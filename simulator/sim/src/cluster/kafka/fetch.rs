//! How one consumer gets its records when something is in the way: one fetch at a time to each broker, which brings so many
//! records of each partition that has none left, and takes as long as brokers, quotas and the network make it. While the
//! way to a broker is clear, records are there as soon as they are appended, and none of this is reckoned.
//! Start at [`Fetcher::advance`].

use std::collections::BTreeMap;

use super::reach::Fetch;
use crate::cluster::Env;
use crate::cluster::instance::Position;
use crate::cluster::timer::Sensor;
use crate::random::Stream;
use crate::units::Micros;

/// The fetches of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    /// By broker; only those in whose way something is.
    channels: BTreeMap<usize, Channel>,
    /// By partition of such a broker: the end of what has come.
    here: BTreeMap<u32, u64>,
    stream: Stream,
    /// Fetches that were answered since this was last taken: when, and what they took.
    pub(crate) answered: Vec<(Micros, Micros)>,
    pub(crate) throttled: Sensor,
    /// Packets that were sent again, by broker, since they were last taken.
    resent: BTreeMap<usize, f64>,
    /// When records were last taken out.
    pub(crate) drained: Micros,
    /// What its connections have said and nobody has written yet.
    said: Vec<Said>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Channel {
    /// Nothing is under way, and nothing is sent before this.
    Idle(Micros),
    /// A fetch is under way.
    Asked { sent: Micros, due: Micros, fate: Fate },
}

/// What happened to a connection to a broker, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) at: Micros,
    pub(crate) broker: usize,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    TimedOut,
    Disconnected,
    NotEstablished,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Answered,
    Refused,
    TimesOut,
}

/// `request.timeout.ms`, and how long a client waits before it tries to connect again.
const TIMEOUT: Micros = Micros::seconds(30);
const RECONNECT: Micros = Micros::SECOND;
const SOON: Micros = Micros::millis(200);
/// Seconds from the append of a record until a consumer has it.
const UNDER_WAY_S: f64 = 0.025;
/// Who fetches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) instance: usize,
    pub(crate) group: usize,
    pub(crate) topic: usize,
    /// Most records of one partition in one answer.
    pub(crate) most: u64,
    /// Whether it reads only what is committed.
    pub(crate) isolation: Isolation,
}

/// `isolation.level` of a consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Isolation {
    #[default]
    ReadUncommitted,
    ReadCommitted,
}

impl Isolation {
    /// Whether it reads only what is committed.
    pub(crate) fn is_committed(self) -> bool {
        self == Self::ReadCommitted
    }
}

impl Fetcher {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            channels: BTreeMap::new(),
            here: BTreeMap::new(),
            stream,
            answered: vec![],
            throttled: Sensor::default(),
            resent: BTreeMap::new(),
            drained: Micros::ZERO,
            said: vec![],
        }
    }

    /// What has been said since the last call.
    pub(crate) fn take_said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }

    /// Packets that were sent again to each broker, or by it, since the last call.
    pub(crate) fn take_resent(&mut self) -> BTreeMap<usize, f64> {
        std::mem::take(&mut self.resent)
    }

    /// Whether all ways are clear.
    pub(crate) fn is_clear(&self) -> bool {
        self.channels.is_empty()
    }

    /// The end of the records of a partition that can be taken out now.
    pub(crate) fn end(&self, reader: &Reader, partition: u32, now: Micros, env: &Env<'_>) -> u64 {
        let topic = &env.topics[reader.topic];
        if !self.channels.is_empty()
            && let Some(known) = topic.partitions.get(partition as usize)
            && self.channels.contains_key(&known.leader)
        {
            return self.here.get(&partition).copied().unwrap_or(0);
        }
        topic.readable(partition, now, reader.isolation)
    }

    /// Lets everything happen that is due by now, on all ways that are not clear.
    pub(crate) fn advance(
        &mut self,
        reader: &Reader,
        positions: &BTreeMap<u32, Position>,
        now: Micros,
        env: &mut Env<'_>,
    ) {
        let leaders: Vec<usize> = {
            let topic = &env.topics[reader.topic];
            let led = positions.keys().filter_map(|p| topic.partitions.get(*p as usize)).map(|p| p.leader);
            let mut leaders: Vec<usize> = led.chain(self.channels.keys().copied()).collect();
            leaders.sort_unstable();
            leaders.dedup();
            leaders
        };
        for broker in leaders {
            let way = env.kafka.fetch(reader.instance, reader.group, broker, now, &env.knobs.kafka);
            if way == Fetch::Clear {
                self.channels.remove(&broker);
                continue;
            }
            self.note_what_is_here(reader, positions, (broker, way), now, env);
            self.channel(reader, positions, (broker, way), now, env);
        }
        let Self { channels, here, .. } = self;
        let topic = &env.topics[reader.topic];
        here.retain(|partition, _| {
            let leader = topic.partitions.get(*partition as usize).map(|known| known.leader);
            positions.contains_key(partition) && leader.is_some_and(|leader| channels.contains_key(&leader))
        });
    }

    /// What had come before anything was in the way is there; of a connection that breaks, what was under way is not.
    fn note_what_is_here(
        &mut self,
        reader: &Reader,
        positions: &BTreeMap<u32, Position>,
        (broker, way): (usize, Fetch),
        now: Micros,
        env: &Env<'_>,
    ) {
        let is_new = !self.channels.contains_key(&broker);
        let topic = &env.topics[reader.topic];
        for (partition, position) in positions {
            if topic.partitions.get(*partition as usize).is_some_and(|known| known.leader == broker) {
                let mut end = position.next;
                if is_new {
                    end = topic.readable(*partition, now, reader.isolation);
                    if matches!(way, Fetch::Refused | Fetch::Silent) {
                        let each = topic.usual_inflow() / topic.partitions.len() as f64;
                        end = end.saturating_sub(libm::floor(each * UNDER_WAY_S + self.stream.unit()) as u64);
                    }
                }
                let here = self.here.entry(*partition).or_insert(end);
                *here = (*here).max(position.next);
            }
        }
        self.channels.entry(broker).or_insert(Channel::Idle(now));
    }

    fn channel(
        &mut self,
        reader: &Reader,
        positions: &BTreeMap<u32, Position>,
        (broker, way): (usize, Fetch),
        now: Micros,
        env: &mut Env<'_>,
    ) {
        let mut channel = self.channels.get(&broker).copied().unwrap_or(Channel::Idle(now));
        if let Channel::Asked { sent, due, fate } = &mut channel {
            match (way, *fate) {
                (Fetch::Refused, Fate::Answered | Fate::TimesOut) => (*due, *fate) = (now.min(*due), Fate::Refused),
                (Fetch::Silent, Fate::Answered) => (*due, *fate) = ((*sent + TIMEOUT).max(*due), Fate::TimesOut),
                // What was lost is sent again and gets through.
                (Fetch::Slow { .. }, Fate::TimesOut) => (*due, *fate) = ((*due).min(now + SOON), Fate::Answered),
                (Fetch::Slow { until, .. }, Fate::Answered) if until > *due => *due = until + Micros::millis(5),
                _ => {}
            }
        }
        loop {
            channel = match channel {
                Channel::Idle(from) if from <= now => {
                    if self.hungry(positions, broker, reader, env).next().is_none() {
                        break;
                    }
                    let sent = from.max(self.drained.min(now));
                    let Some(asked) = self.ask(broker, way, sent, reader, env) else { break };
                    asked
                }
                Channel::Asked { sent, due, fate } if due <= now => match fate {
                    Fate::Answered if due - sent >= TIMEOUT => self.fail(broker, Fate::TimesOut, due, env),
                    Fate::Answered => self.answer(reader, positions, broker, (sent, due), env),
                    failed => self.fail(broker, failed, due, env),
                },
                _ => break,
            };
        }
        self.channels.insert(broker, channel);
    }

    /// Partitions led by a broker of which nothing is left.
    fn hungry<'a>(
        &'a self,
        positions: &'a BTreeMap<u32, Position>,
        broker: usize,
        reader: &Reader,
        env: &Env<'a>,
    ) -> impl Iterator<Item = u32> + use<'a> {
        let topic: &'a crate::cluster::topic::Topic = &env.topics[reader.topic];
        let is_led = move |partition: u32| topic.partitions.get(partition as usize).is_some_and(|p| p.leader == broker);
        let is_empty = |partition: &u32, next: u64| self.here.get(partition).is_none_or(|here| *here <= next);
        positions
            .iter()
            .filter(move |(partition, position)| is_led(**partition) && is_empty(partition, position.next))
            .map(|(partition, _)| *partition)
    }

    fn ask(&mut self, broker: usize, way: Fetch, sent: Micros, reader: &Reader, env: &Env<'_>) -> Option<Channel> {
        let bytes = reader.most as f64 * env.topics[reader.topic].record_bytes();
        Some(match way {
            Fetch::Refused => Channel::Asked { sent, due: sent + Micros::millis(2), fate: Fate::Refused },
            Fetch::Silent => Channel::Asked { sent, due: sent + TIMEOUT, fate: Fate::TimesOut },
            Fetch::Slow { until, takes_s, way } => {
                let toll = way.map(|way| way.toll(bytes, &mut self.stream)).unwrap_or_default();
                *self.resent.entry(broker).or_default() += toll.resent;
                let takes = Micros::of_seconds(takes_s).max(Micros::millis(1)) + toll.time;
                Channel::Asked { sent, due: sent.max(until) + takes, fate: Fate::Answered }
            }
            Fetch::Nobody | Fetch::Clear => return None,
        })
    }

    fn answer(
        &mut self,
        reader: &Reader,
        positions: &BTreeMap<u32, Position>,
        broker: usize,
        (sent, due): (Micros, Micros),
        env: &mut Env<'_>,
    ) -> Channel {
        let mut records = 0;
        let hungry: Vec<u32> = self.hungry(positions, broker, reader, env).collect();
        for partition in hungry {
            let from = positions[&partition].next;
            let end = env.topics[reader.topic].readable(partition, due, reader.isolation).min(from + reader.most);
            records += end.saturating_sub(from);
            self.here.insert(partition, end.max(from));
        }
        let bytes = records as f64 * env.topics[reader.topic].record_bytes();
        let throttle = env.kafka.throttle(reader.group, broker, bytes, due, &env.knobs.kafka);
        self.answered.push((due, due - sent));
        self.throttled.record(due, 1, throttle);
        // A broker waits for the first record before it answers.
        let rest = if records == 0 { Micros::millis(30) } else { Micros::ZERO };
        Channel::Idle(due + throttle.max(rest))
    }

    fn fail(&mut self, broker: usize, fate: Fate, due: Micros, env: &mut Env<'_>) -> Channel {
        let Some(known) = env.kafka.brokers.get_mut(broker) else { return Channel::Idle(due + RECONNECT) };
        known.meters.failed_fetch += 1.0;
        let mut say = |what| self.said.push(Said { at: due, broker, what });
        if fate == Fate::TimesOut {
            say(What::TimedOut);
            say(What::Disconnected);
            return Channel::Idle(due + RECONNECT);
        }
        say(What::Disconnected);
        say(What::NotEstablished);
        Channel::Idle(due + RECONNECT.times(1.0 + self.stream.unit()))
    }
}
