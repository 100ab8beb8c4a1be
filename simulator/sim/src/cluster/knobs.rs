//! The causes that faults may act on, and nothing else: symptoms must come of themselves. Every knob has a neutral value,
//! and all are put back to it before faults that are active act again.

use super::kafka::knobs::KafkaKnobs;

/// All knobs, by the index of the node that they belong to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knobs {
    pub(crate) kafka: KafkaKnobs,
    pub(crate) producers: Vec<ProducerKnobs>,
    pub(crate) instances: Vec<InstanceKnobs>,
    pub(crate) databases: Vec<DatabaseKnobs>,
    pub(crate) hosts: Vec<HostKnobs>,
    pub(crate) topics: Vec<TopicKnobs>,
    pub(crate) groups: Vec<GroupKnobs>,
    pub(crate) caches: Vec<CacheKnobs>,
    pub(crate) endpoints: Vec<EndpointKnobs>,
    /// Names of those whose exporters nobody can reach.
    pub(crate) unheard: Vec<String>,
    /// Which instances have a knob that is not neutral.
    touched: Vec<bool>,
}

/// How many there are of each kind of node.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) producers: usize,
    pub(crate) instances: usize,
    pub(crate) databases: usize,
    pub(crate) hosts: usize,
    pub(crate) topics: usize,
    pub(crate) groups: usize,
    pub(crate) caches: usize,
    pub(crate) endpoints: usize,
    pub(crate) brokers: usize,
}

impl Knobs {
    /// Every knob where it is when nothing is wrong.
    pub(crate) fn neutral(of: Numbers) -> Self {
        Self {
            kafka: KafkaKnobs::neutral(of.brokers, of.groups, of.topics),
            producers: vec![ProducerKnobs::default(); of.producers],
            instances: vec![InstanceKnobs::default(); of.instances],
            databases: vec![DatabaseKnobs::default(); of.databases],
            hosts: vec![HostKnobs::default(); of.hosts],
            topics: vec![TopicKnobs::default(); of.topics],
            groups: vec![GroupKnobs::default(); of.groups],
            caches: vec![CacheKnobs::default(); of.caches],
            endpoints: vec![EndpointKnobs::default(); of.endpoints],
            unheard: vec![],
            touched: vec![false; of.instances],
        }
    }

    /// Notes which instances have a knob that was turned. To be called when all are where they should be.
    pub(crate) fn note_touched(&mut self) {
        let neutral = InstanceKnobs::default();
        for (touched, knobs) in self.touched.iter_mut().zip(&self.instances) {
            *touched = *knobs != neutral;
        }
    }

    /// Whether all knobs of an instance are neutral.
    pub(crate) fn are_neutral_of(&self, instance: usize) -> bool {
        !self.touched.get(instance).copied().unwrap_or(true)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ProducerKnobs {
    /// Factor of the rate at which it sends.
    pub(crate) rate: f64,
    /// Factor of the size of its records.
    pub(crate) bytes: f64,
    /// Share of its records that are in a form that consumers cannot read.
    pub(crate) unreadable: f64,
}

impl Default for ProducerKnobs {
    fn default() -> Self {
        Self { rate: 1.0, bytes: 1.0, unreadable: 0.0 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct InstanceKnobs {
    /// Factor of the processor time of one record.
    pub(crate) cpu: f64,
    /// Seconds for which a record's thread waits without using a processor.
    pub(crate) stall_s: f64,
    /// Share of the heap that is normally free and is now retained.
    pub(crate) retained: f64,
    /// Share of the heap that is normally free and that a process loses with each second that it runs.
    pub(crate) leak: f64,
    /// Factor of the memory that work allocates.
    pub(crate) allocation: f64,
    /// Share of new memory that outlives one young collection and has to be copied, besides the little that always does.
    pub(crate) surviving: f64,
    /// Share of the worker threads that wait for something that never comes.
    pub(crate) stuck: f64,
    /// Lines that the work on one record writes besides the usual ones.
    pub(crate) chatter: f64,
    /// Whether there is a process at all.
    pub(crate) power: Power,
    /// Whether its worker threads wait for each other, for ever.
    pub(crate) wedged: bool,
    /// Mean seconds until its process is killed and begun again; 0 is never.
    pub(crate) flap_s: f64,
    /// Whether Kafka refuses its credentials.
    pub(crate) denied: bool,
    /// Whether a record whose row is there already is an error to it.
    pub(crate) refuses_twice: bool,
    /// Whether its session ends once, in the middle of its work.
    pub(crate) evicted: bool,
    /// What its deployment says; a change of it is rolled out by restarts.
    pub(crate) settings: Settings,
    /// Its pools, in the order in which its work first needs them.
    pub(crate) pools: [PoolKnobs; MOST_POOLS],
    /// How it calls over HTTP, in place of what is configured.
    pub(crate) hasty: Option<Hasty>,
    /// What the next version of its code is like, which runs where its deployment says so.
    pub(crate) next: NextVersion,
}

/// How another version of the code differs from the one that has always run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NextVersion {
    /// Factor of the processor time of one record.
    pub(crate) cpu: f64,
    /// Share of the records on which it fails at first.
    pub(crate) fails: f64,
}

impl Default for NextVersion {
    fn default() -> Self {
        Self { cpu: 1.0, fails: 0.0 }
    }
}

/// Pools of one instance that can be told apart.
pub(crate) const MOST_POOLS: usize = 4;

/// A way to call that gives up early and tries again at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hasty {
    /// Seconds for which it waits for an answer.
    pub(crate) timeout_s: f64,
    /// How often it calls again.
    pub(crate) retries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PoolKnobs {
    /// Share of the loans after which the connection is not given back.
    pub(crate) leak: f64,
    /// Factor of the greatest number of connections; one is always left.
    pub(crate) size: f64,
    /// Share of the look-ups of its server's name that find nothing.
    pub(crate) nameless: f64,
}

impl Default for PoolKnobs {
    fn default() -> Self {
        Self { leak: 0.0, size: 1.0, nameless: 0.0 }
    }
}

impl Default for InstanceKnobs {
    fn default() -> Self {
        Self {
            cpu: 1.0,
            stall_s: 0.0,
            retained: 0.0,
            leak: 0.0,
            allocation: 1.0,
            surviving: 0.0,
            stuck: 0.0,
            chatter: 0.0,
            power: Power::On,
            wedged: false,
            flap_s: 0.0,
            denied: false,
            refuses_twice: false,
            evicted: false,
            settings: Settings::default(),
            pools: Default::default(),
            hasty: None,
            next: NextVersion::default(),
        }
    }
}

/// Whether a process is meant to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    On,
    /// It ends at once and says nothing to anybody, as after `kill -9` or with its machine.
    Killed,
    /// It is asked to end, and says good-bye.
    Stopped,
}

/// Settings of a consumer that differ from those of the scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Factor of `max.poll.records`.
    pub(crate) poll_records: f64,
    /// `fetch.max.wait.ms` in seconds, beside a `fetch.min.bytes` that no fetch can reach, so that each waits for so
    /// long; 0 is what the scenario says of both.
    pub(crate) fetch_wait_s: f64,
    /// `max.poll.interval.ms` in seconds; 0 is that of the scenario.
    pub(crate) poll_interval_s: f64,
    /// Which of its releases runs.
    pub(crate) release: u32,
    /// Versions by which its code is newer than what has always run.
    pub(crate) version: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { poll_records: 1.0, fetch_wait_s: 0.0, poll_interval_s: 0.0, release: 0, version: 0 }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TopicKnobs {
    /// A partition, and the share of all records whose keys fall on it whatever the others get.
    pub(crate) hot: Option<(u32, f64)>,
    /// A partition in which the next record is one that no handler can work on, and the seconds after which it fails.
    pub(crate) poison: Option<(u32, f64)>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GroupKnobs {
    /// Probability that a commit is not written in time.
    pub(crate) commit_loss: f64,
    /// How unevenly its assignor spreads partitions: 0 is evenly, 1 is all to one member.
    pub(crate) skew: f64,
    /// Whether a member asks for a rebalance, once.
    pub(crate) rejoins: bool,
    /// Seconds that its coordinator takes for an assignment, on top.
    pub(crate) assignment_s: f64,
    /// Its committed offsets are deleted, and members begin so far back: a share of all that is kept.
    pub(crate) set_back: f64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct DatabaseKnobs {
    /// Factor of the time to execute each of its statements.
    pub(crate) statement: [f64; MOST_STATEMENTS],
    /// Factor of the speed at which it applies what it replicates; 0 is a stopped apply thread that says it runs.
    pub(crate) apply: f64,
    /// Whether the apply thread runs.
    pub(crate) applies: bool,
    /// Delay that it is told to keep, in seconds.
    pub(crate) delay_s: f64,
    /// Share of the transactions that need a row which somebody else has locked, and does not give back.
    pub(crate) locked: f64,
    /// Share of what its storage can do that something else takes.
    pub(crate) io: f64,
    /// That the server dies, and how.
    pub(crate) death: Option<Death>,
}

/// How a server dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Death {
    /// Whether its machine falls silent, so that nobody hears that connections are gone.
    pub(crate) is_silent: bool,
    /// Seconds until another server answers under its name.
    pub(crate) takeover_s: f64,
}

impl Default for DatabaseKnobs {
    fn default() -> Self {
        Self {
            statement: [1.0; MOST_STATEMENTS],
            apply: 1.0,
            applies: true,
            delay_s: 0.0,
            locked: 0.0,
            io: 0.0,
            death: None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheKnobs {
    /// Whether it answers.
    pub(crate) is_up: bool,
    /// Share of what is asked for that finds room.
    pub(crate) room: f64,
    /// Share of its contents that is lost, at the moment when this rises.
    pub(crate) lost: f64,
}

impl Default for CacheKnobs {
    fn default() -> Self {
        Self { is_up: true, room: 1.0, lost: 0.0 }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct EndpointKnobs {
    /// Factor of the time until it answers, in which it waits itself.
    pub(crate) latency: f64,
    /// Factor of the work that one request is.
    pub(crate) work: f64,
    /// Share of the requests that it refuses.
    pub(crate) errors: f64,
    /// Share of the look-ups of its name that find nothing.
    pub(crate) nameless: f64,
    /// Seconds that such a look-up takes.
    pub(crate) lookup_s: f64,
}

impl Default for EndpointKnobs {
    fn default() -> Self {
        Self { latency: 1.0, work: 1.0, errors: 0.0, nameless: 0.0, lookup_s: 0.0 }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HostKnobs {
    /// Processors that programs of nobody here want, as a multiple of those that there are.
    pub(crate) wanted: f64,
    /// Share of the processors that the machine below does not give.
    pub(crate) stolen: f64,
    /// Seconds by which its clock is ahead; negative when it is behind.
    pub(crate) clock_s: f64,
    /// Share of what is normally free of its volume that is taken.
    pub(crate) filled: f64,
}

/// Statements of one database that are told apart: four that write, and the one that reads.
pub(crate) const MOST_STATEMENTS: usize = 5;
