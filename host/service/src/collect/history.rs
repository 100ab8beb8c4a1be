//! What one cluster looked like over the last window, one look after the other, kept small: offsets as numbers, names
//! once. Start at [`KafkaHistory::push`]; [`KafkaHistory::view`] gives it as nodes, edges, series and events.

use std::collections::{BTreeMap, VecDeque};

use lagdoctor_kafka::{GroupState, Snapshot};
use lagdoctor_model::{
    Commit, Edge, Labels, Millis, Node, NodeId, PartitionId, Sample, Series, SeriesKey, SignalName, Signals, Timestamp,
    Topology, Window,
};

use crate::derive::group_command;
use crate::resolve::{Caps, Resolver};

/// How many commits of before the first look are kept; what the status rules need.
const RING: usize = lagdoctor_kafka::PartitionLag::RING;

/// A value over time.
type Past<T> = VecDeque<(Timestamp, T)>;

#[derive(Clone, Debug, Default)]
struct GroupPast {
    partitions: BTreeMap<PartitionId, GroupPartition>,
    members: Past<usize>,
    generation: Past<i64>,
    state: Past<GroupState>,
}

#[derive(Clone, Debug, Default)]
struct GroupPartition {
    committed: Past<Option<u64>>,
    lag: Past<Option<u64>>,
    commits: Past<Commit>,
}

#[derive(Clone, Debug, Default)]
struct LogPast {
    start: Past<Option<u64>>,
    end: Past<Option<u64>>,
    in_sync: Past<usize>,
    leader: Past<Option<i32>>,
}

/// Something that happened to a group or partition between two looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) at: Timestamp,
    pub(crate) node: NodeId,
    pub(crate) kind: &'static str,
    pub(crate) what: String,
}

/// A cluster as the resolver takes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) topology: Topology,
    pub(crate) series: Vec<Series>,
    pub(crate) events: Vec<Happened>,
    /// Group, client id and address of each member at the last look.
    pub(crate) members: Vec<(String, String, String)>,
}

/// The last window of one cluster.
#[derive(Clone, Debug)]
pub struct KafkaHistory {
    bootstrap: String,
    keep: Millis,
    last: Option<Snapshot>,
    groups: BTreeMap<String, GroupPast>,
    logs: BTreeMap<PartitionId, LogPast>,
}

impl KafkaHistory {
    /// An empty history that keeps `keep` of the past. `bootstrap` appears in the commands of reports.
    pub fn new(bootstrap: impl Into<String>, keep: Millis) -> Self {
        Self { bootstrap: bootstrap.into(), keep, last: None, groups: BTreeMap::new(), logs: BTreeMap::new() }
    }

    /// The newest look.
    pub fn last(&self) -> Option<&Snapshot> {
        self.last.as_ref()
    }

    /// Adds a look. One that is not later than the last is left out, since a clock that goes back must not undo what
    /// was seen. What has not been seen for the whole window is forgotten: a group that died stays visible until then.
    pub fn push(&mut self, snapshot: Snapshot) {
        let at = snapshot.at;
        if self.last.as_ref().is_some_and(|last| last.at >= at) {
            return;
        }
        let from = at - self.keep;
        for group in &snapshot.groups {
            let past = self.groups.entry(group.group.clone()).or_default();
            past.state.push_back((at, group.state));
            // A group that could not be read has no members that we know of, which is not "no members".
            if group.state != GroupState::Unknown {
                past.members.push_back((at, group.members.len()));
            }
            past.generation.extend(group.generation.map(|generation| (at, generation)));
            for partition in &group.partitions {
                let known = past.partitions.entry(partition.id.clone()).or_default();
                known.committed.push_back((at, partition.committed.map(|offset| offset.0)));
                known.lag.push_back((at, partition.lag.map(|lag| lag.0)));
                for commit in &partition.commits {
                    if known.commits.back().is_none_or(|(last, _)| *last < commit.at) {
                        known.commits.push_back((commit.at, *commit));
                    }
                }
            }
        }
        for partition in &snapshot.partitions {
            let known = self.logs.entry(partition.id.clone()).or_default();
            known.start.push_back((at, partition.log_start.map(|offset| offset.0)));
            known.end.push_back((at, partition.log_end.map(|offset| offset.0)));
            known.in_sync.push_back((at, partition.in_sync));
            known.leader.push_back((at, partition.leader));
        }
        self.last = Some(snapshot);
        self.forget(from);
    }

    fn forget(&mut self, from: Timestamp) {
        fn cut<T>(past: &mut Past<T>, from: Timestamp) {
            while past.front().is_some_and(|(at, _)| *at < from) {
                past.pop_front();
            }
        }
        for group in self.groups.values_mut() {
            cut(&mut group.members, from);
            cut(&mut group.generation, from);
            cut(&mut group.state, from);
            for partition in group.partitions.values_mut() {
                cut(&mut partition.committed, from);
                cut(&mut partition.lag, from);
                // Slow committers are judged by their last ten commits, however old.
                while partition.commits.len() > RING && partition.commits.front().is_some_and(|(at, _)| *at < from) {
                    partition.commits.pop_front();
                }
            }
            group.partitions.retain(|_, partition| !partition.committed.is_empty());
        }
        self.groups.retain(|_, group| !group.state.is_empty());
        for log in self.logs.values_mut() {
            cut(&mut log.start, from);
            cut(&mut log.end, from);
            cut(&mut log.in_sync, from);
            cut(&mut log.leader, from);
        }
        self.logs.retain(|_, log| !log.end.is_empty());
    }

    /// The signals that this cluster alone gives within the window. What follows from offsets is not among them: see
    /// [`crate::derive::derive`].
    pub fn signals(&self, window: &Window) -> Signals {
        let mut resolver = Resolver::new(*window, Topology::new(), Caps::default());
        resolver.add_kafka(self.view(window));
        resolver.finish()
    }

    /// The cluster within the window.
    pub(crate) fn view(&self, window: &Window) -> View {
        let mut view = View::default();
        let Some(last) = &self.last else { return view };
        for (name, group) in &self.groups {
            let Ok(node) = NodeId::new(format!("group:{name}")) else { continue };
            self.view_group(&mut view, window, &node, name, group);
        }
        for (id, log) in &self.logs {
            let Ok(node) = id.node() else { continue };
            view_log(&mut view, window, id, &node, log);
        }
        for broker in &last.brokers {
            if let Ok(id) = NodeId::new(format!("broker:{}", broker.id)) {
                let labels = Labels::from([("address".into(), broker.address.clone())]);
                view.topology.add_node(Node { id, labels });
            }
        }
        for group in &last.groups {
            for member in &group.members {
                view.members.push((group.group.clone(), member.client_id.clone(), member.host.clone()));
            }
        }
        view
    }

    fn view_group(&self, view: &mut View, window: &Window, node: &NodeId, name: &str, group: &GroupPast) {
        let cluster = self.last.as_ref().map(|last| last.cluster.clone()).unwrap_or_default();
        let state = group.state.back().map_or(GroupState::Unknown, |(_, state)| *state);
        let labels = Labels::from([("cluster".into(), cluster), ("state".into(), state.to_string())]);
        view.topology.add_node(Node { id: node.clone(), labels });
        let query = group_command(&self.bootstrap, name);
        let mut add = |signal: &str, labels: &Labels, samples: Vec<Sample>| {
            view.series.extend(series(node, signal, labels, samples, window).map(|series| series.with_query(&query)));
        };
        let none = Labels::new();
        add("kafka.consumer_group.members", &none, numbers(&group.members, |count| *count as f64));
        add("kafka.consumer_group.generation", &none, numbers(&group.generation, |generation| *generation as f64));
        for (id, partition) in &group.partitions {
            let labels =
                Labels::from([("topic".into(), id.topic.clone()), ("partition".into(), id.partition.to_string())]);
            let (offsets, times, lags) = partition.readings();
            add("kafka.consumer_group.offset", &labels, offsets);
            add("kafka.consumer_group.commit_time", &labels, times);
            add("kafka.consumer_group.lag", &labels, lags);
        }
        for id in group.partitions.keys() {
            if let Some(edge) = id.node().ok().and_then(|of| Edge::new(node.clone(), "consumes", of).ok()) {
                view.topology.connect(edge);
            }
        }
        for ((_, before), (at, after)) in group.generation.iter().zip(group.generation.iter().skip(1)) {
            if after != before && *at >= window.start && *at <= window.now {
                let what = format!("rebalanced: generation {before} -> {after}");
                view.events.push(Happened { at: *at, node: node.clone(), kind: "rebalance", what });
            }
        }
    }
}

impl GroupPartition {
    /// Offsets, commit times and lags: at each look, and before the first look at each commit that Kafka remembers.
    fn readings(&self) -> (Vec<Sample>, Vec<Sample>, Vec<Sample>) {
        let first_look = self.committed.front().map(|(at, _)| *at);
        let (mut offsets, mut times, mut lags) = (vec![], vec![], vec![]);
        for (at, commit) in self.commits.iter().filter(|(at, _)| first_look.is_some_and(|first| *at < first)) {
            offsets.push(Sample { at: *at, value: commit.offset.0 as f64 });
            times.push(Sample { at: *at, value: at.as_millis() as f64 });
            lags.extend(commit.lag.map(|lag| Sample { at: *at, value: lag.0 as f64 }));
        }
        let value = |number: &Option<u64>| number.map_or(f64::NAN, |number| number as f64);
        offsets.extend(numbers(&self.committed, value));
        lags.extend(numbers(&self.lag, value));
        let mut commits = self.commits.iter().peekable();
        let mut newest = None;
        for (look, _) in &self.committed {
            while let Some((at, _)) = commits.next_if(|(at, _)| at <= look) {
                newest = Some(*at);
            }
            times.extend(newest.map(|at| Sample { at: *look, value: at.as_millis() as f64 }));
        }
        (offsets, times, lags)
    }
}

fn view_log(view: &mut View, window: &Window, id: &PartitionId, node: &NodeId, log: &LogPast) {
    let value = |number: &Option<u64>| number.map_or(f64::NAN, |number| number as f64);
    let mut add =
        |signal: &str, samples: Vec<Sample>| view.series.extend(series(node, signal, &Labels::new(), samples, window));
    add("kafka.partition.current_offset", numbers(&log.end, value));
    add("kafka.partition.oldest_offset", numbers(&log.start, value));
    add("kafka.partition.replicas_in_sync", numbers(&log.in_sync, |count| *count as f64));
    let topic = NodeId::new(format!("topic:{}", id.topic));
    let leader = log.leader.back().and_then(|(_, leader)| *leader);
    let broker = leader.and_then(|leader| NodeId::new(format!("broker:{leader}")).ok());
    let edges = [topic.ok().map(|topic| ("part-of", topic)), broker.map(|broker| ("led-by", broker))];
    for (kind, dependency) in edges.into_iter().flatten() {
        if let Ok(edge) = Edge::new(node.clone(), kind, dependency) {
            view.topology.connect(edge);
        }
    }
    for ((_, before), (at, after)) in log.leader.iter().zip(log.leader.iter().skip(1)) {
        if after != before && *at >= window.start && *at <= window.now {
            let name = |leader: &Option<i32>| leader.map_or("none".to_owned(), |leader| leader.to_string());
            let what = format!("leader changed: broker {} -> {}", name(before), name(after));
            view.events.push(Happened { at: *at, node: node.clone(), kind: "failover", what });
        }
    }
}

fn numbers<T>(past: &Past<T>, value: impl Fn(&T) -> f64) -> Vec<Sample> {
    past.iter().map(|(at, known)| Sample { at: *at, value: value(known) }).collect()
}

fn series(node: &NodeId, signal: &str, labels: &Labels, mut samples: Vec<Sample>, window: &Window) -> Option<Series> {
    samples.retain(|sample| sample.at >= window.start && sample.at <= window.now);
    if samples.iter().all(|sample| sample.value.is_nan()) {
        return None;
    }
    let key = SeriesKey { node: node.clone(), signal: SignalName::new(signal).ok()?, labels: labels.clone() };
    Series::new(key, samples).ok()
}
