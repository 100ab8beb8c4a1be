//! The causes that faults may act on, and nothing else: symptoms must come of themselves. Every knob has a neutral value,
//! and all are put back to it before faults that are active act again.

/// All knobs, by the index of the node that they belong to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knobs {
    pub(crate) producers: Vec<ProducerKnobs>,
    pub(crate) instances: Vec<InstanceKnobs>,
    pub(crate) databases: Vec<DatabaseKnobs>,
    pub(crate) hosts: Vec<HostKnobs>,
}

/// How many there are of each kind of node.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) producers: usize,
    pub(crate) instances: usize,
    pub(crate) databases: usize,
    pub(crate) hosts: usize,
}

impl Knobs {
    /// Every knob where it is when nothing is wrong.
    pub(crate) fn neutral(of: Numbers) -> Self {
        Self {
            producers: vec![ProducerKnobs::default(); of.producers],
            instances: vec![InstanceKnobs::default(); of.instances],
            databases: vec![DatabaseKnobs::default(); of.databases],
            hosts: vec![HostKnobs::default(); of.hosts],
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ProducerKnobs {
    /// Factor of the rate at which it sends.
    pub(crate) rate: f64,
}

impl Default for ProducerKnobs {
    fn default() -> Self {
        Self { rate: 1.0 }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct InstanceKnobs {
    /// Factor of the processor time of one record.
    pub(crate) cpu: f64,
    /// Seconds for which a record's thread waits without using a processor.
    pub(crate) stall_s: f64,
    /// Share of the heap that is normally free and is now retained.
    pub(crate) retained: f64,
    /// Factor of the memory that work allocates.
    pub(crate) allocation: f64,
    /// Share of new memory that outlives one young collection and has to be copied, besides the little that always does.
    pub(crate) surviving: f64,
    /// Share of the worker threads that wait for something that never comes.
    pub(crate) stuck: f64,
    /// Lines that the work on one record writes besides the usual ones.
    pub(crate) chatter: f64,
}

impl Default for InstanceKnobs {
    fn default() -> Self {
        Self { cpu: 1.0, stall_s: 0.0, retained: 0.0, allocation: 1.0, surviving: 0.0, stuck: 0.0, chatter: 0.0 }
    }
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
}

impl Default for DatabaseKnobs {
    fn default() -> Self {
        Self { statement: [1.0; MOST_STATEMENTS], apply: 1.0, applies: true, delay_s: 0.0 }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HostKnobs {
    /// Processors that programs of nobody here want, as a multiple of those that there are.
    pub(crate) wanted: f64,
    /// Share of the processors that the machine below does not give.
    pub(crate) stolen: f64,
}

/// Statements of one database that are told apart: four that write, and the one that reads.
pub(crate) const MOST_STATEMENTS: usize = 5;
