//! What was true, once a second: backlog and time lag of each group. Never shown to anybody but grading; it says whether
//! a fault hurt.

use crate::cluster::Cluster;
use crate::random::Hash;
use crate::units::Micros;

/// True readings of a run, one per second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    /// By group.
    pub(crate) groups: Vec<GroupTrace>,
    /// Log end of each partition of each topic, by second.
    ends: Vec<Vec<Vec<u64>>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct GroupTrace {
    pub(crate) name: String,
    pub(crate) backlog: Vec<u64>,
    /// Age of the oldest record that is not committed, in seconds.
    pub(crate) time_lag: Vec<f64>,
}

impl Trace {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let group = |name: &String| GroupTrace { name: name.clone(), ..GroupTrace::default() };
        Self {
            groups: cluster.groups.iter().map(|known| group(&known.name)).collect(),
            ends: cluster.topics.iter().map(|topic| vec![vec![]; topic.partitions.len()]).collect(),
        }
    }

    /// Notes the end of a step, if it is the end of a second.
    pub(crate) fn note(&mut self, cluster: &Cluster) {
        if cluster.now.0 % Micros::SECOND.0 != 0 {
            return;
        }
        for (topic, ends) in cluster.topics.iter().zip(&mut self.ends) {
            let noted = ends.first().map_or(0, Vec::len);
            ends.resize_with(topic.partitions.len(), || vec![0; noted]);
            for (number, ends) in ends.iter_mut().enumerate() {
                ends.push(topic.log_end(number as u32, cluster.now));
            }
        }
        for (place, trace) in self.groups.iter_mut().enumerate() {
            let ends = &self.ends[cluster.groups[place].topic];
            let now = ends.first().map_or(0, Vec::len);
            let oldest = cluster.groups[place].committed.iter().zip(ends).map(|(committed, ends)| {
                let committed = committed.unwrap_or(0);
                now - ends.partition_point(|end| *end <= committed)
            });
            trace.time_lag.push(oldest.max().unwrap_or(0) as f64);
            trace.backlog.push(cluster.lags(place).sum());
        }
    }

    /// Lets go of all but so many seconds. Whatever is older than that seems to be just as old.
    pub(crate) fn keep(&mut self, seconds: usize) {
        let old = self.ends.iter().flatten().next().map_or(0, Vec::len).saturating_sub(seconds);
        self.ends.iter_mut().flatten().for_each(|ends| drop(ends.drain(..old)));
        for group in &mut self.groups {
            group.backlog.drain(..old.min(group.backlog.len()));
            group.time_lag.drain(..old.min(group.time_lag.len()));
        }
    }

    pub(crate) fn hash(&self, hash: &mut Hash) {
        for group in &self.groups {
            hash.add(group.name.as_bytes());
            for (backlog, time_lag) in group.backlog.iter().zip(&group.time_lag) {
                hash.add_number(*backlog);
                hash.add_number(time_lag.to_bits());
            }
        }
    }
}
