//! How far is every group behind? One read asks for topics and brokers, lists groups, takes in commits, and only then
//! asks where logs end: a commit that comes in between makes lag look a moment old, never negative.
//! Start at [`LagReader::read`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::thread;
use std::time::Instant;

use lagdoctor_model::{Offset, PartitionId, Timestamp};
use rdkafka::error::RDKafkaErrorCode;

use crate::assemble::{Logs, Parts, assemble};
use crate::book::Book;
use crate::client::{Connector, Handle, code};
use crate::cluster::{Cluster, Place, offsets};
use crate::config::Patterns;
use crate::gaps::Gaps;
use crate::handles::{self, Commits, Handles};
use crate::listing::{self, Listed};
use crate::offsets::{Committed, Record, Skip, decode};
use crate::ring::Growth;
use crate::tail::{Broken, TOPIC, Tail};
use crate::{KafkaConfig, KafkaError, Snapshot};

/// After being refused `__consumer_offsets`, so many reads pass before it is tried again.
const RETRY_AFTER: u32 = 20;

/// For so many groups it is remembered whether a pattern matches.
const MOST_NAMES: usize = 100_000;

/// Where commits come from.
enum Source {
    /// From `__consumer_offsets`.
    Log(Box<Tail>),
    /// From each group's coordinator, since the log may not be read; tried again after so many reads.
    Coordinators(Handles, u32),
}

/// Records that were not understood.
#[derive(Clone, Copy, Debug, Default)]
struct Skipped {
    malformed: u64,
    too_young: u64,
    not_of_consumers: u64,
}

/// Reads the lag of every group of one cluster, over and over, without joining any of them.
///
/// Commits come from `__consumer_offsets`, which one assigned consumer follows: times of commits and members of groups
/// of both protocols are in there. Where it may not be read, every group's coordinator is asked instead, for up to 32
/// groups and without those times; a gap then says which right is missing.
pub struct LagReader {
    config: KafkaConfig,
    patterns: Patterns,
    connector: Connector,
    handle: Handle,
    cluster: Cluster,
    source: Source,
    book: Book,
    listed: BTreeMap<String, Listed>,
    unlisted: BTreeSet<String>,
    looked_up: BTreeSet<String>,
    wanted: BTreeMap<String, bool>,
    ends: BTreeMap<PartitionId, (Timestamp, Offset)>,
    skipped: Skipped,
    reads: u32,
}

impl fmt::Debug for LagReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LagReader").field("config", &self.config).field("reads", &self.reads).finish_non_exhaustive()
    }
}

impl LagReader {
    /// Connects to the cluster, and fails at once when the configuration is wrong or nobody answers. Blocks for at
    /// most the configured timeout.
    ///
    /// # Errors
    /// When a property or pattern is wrong, or no broker answers in time.
    pub fn connect(config: KafkaConfig) -> Result<Self, KafkaError> {
        let patterns = Patterns::compile(&config)?;
        let connector = Connector::new(&config)?;
        let handle = connector.for_questions()?;
        let cluster = Cluster::ask(&handle, connector.timeout()).map_err(|error| KafkaError::Unreachable {
            cluster: config.cluster.clone(),
            bootstrap: config.bootstrap.clone(),
            why: connector.why(&handle, &error),
        })?;
        let source = Source::Log(Box::new(Tail::open(&connector)?));
        Ok(Self {
            config,
            patterns,
            connector,
            handle,
            cluster,
            source,
            book: Book::default(),
            listed: BTreeMap::new(),
            unlisted: BTreeSet::new(),
            looked_up: BTreeSet::new(),
            wanted: BTreeMap::new(),
            ends: BTreeMap::new(),
            skipped: Skipped::default(),
            reads: 0,
        })
    }

    /// One look at the cluster. Blocks: each of a handful of steps waits at most for the configured timeout, and what
    /// fails becomes a gap. `now` should not go backwards from read to read.
    pub fn read(&mut self, now: Timestamp) -> Snapshot {
        let config = self.config.clone();
        let mut gaps = Gaps::new(&config);
        let logs = match Cluster::ask(&self.handle, self.connector.timeout()) {
            Ok(cluster) => {
                self.cluster = cluster;
                self.list_groups(&mut gaps);
                self.read_commits(now, &mut gaps);
                self.read_logs(now, &mut gaps)
            }
            // Every further question would wait as long, and get no answer either.
            Err(error) => {
                gaps.unreachable(&self.connector.why(&self.handle, &error), code(&error));
                Logs::default()
            }
        };
        self.connector.drain(&self.handle);
        gaps.skipped(self.skipped.malformed, self.skipped.too_young);
        self.reads = self.reads.saturating_add(1);
        let parts = Parts { cluster: &self.cluster, book: &self.book, listed: &self.listed, logs: &logs };
        let (groups, partitions, brokers) = assemble(&parts, &self.patterns, &mut gaps);
        tracing::debug!(cluster = config.cluster, groups = groups.len(), partitions = partitions.len(), skipped = ?self.skipped, "read lag");
        Snapshot { cluster: config.cluster.clone(), at: now, groups, partitions, brokers, gaps: gaps.finish() }
    }

    /// Keeps the last list when there is no new one: state and members of that moment are better than none.
    fn list_groups(&mut self, gaps: &mut Gaps<'_>) {
        match listing::ask(&self.handle, self.connector.timeout()) {
            Ok(listed) => {
                let unlisted: BTreeSet<String> = self
                    .book
                    .groups()
                    .filter(|group| !listed.contains_key(*group) && self.book.group(group).state.is_some())
                    .map(str::to_owned)
                    .collect();
                // A group may come or go between two questions, so only what is missing twice is missing.
                let missing: Vec<&str> = unlisted.intersection(&self.unlisted).map(String::as_str).collect();
                if !missing.is_empty() {
                    gaps.unlisted(&missing);
                }
                self.listed = listed.into_iter().filter(|(group, _)| self.patterns.wants_group(group)).collect();
                self.unlisted = unlisted;
            }
            // A cluster that cannot list groups, such as the in-process one, has told all it can.
            Err(error) if code(&error) == RDKafkaErrorCode::UnsupportedFeature => {}
            Err(error) => gaps.listing(&self.connector.why(&self.handle, &error), code(&error)),
        }
    }

    fn read_commits(&mut self, now: Timestamp, gaps: &mut Gaps<'_>) {
        let visible = self.cluster.topics.get(TOPIC).is_some_and(Result::is_ok);
        if let Source::Coordinators(_, retry_in) = &mut self.source {
            *retry_in = retry_in.saturating_sub(1);
            if visible
                && *retry_in == 0
                && let Ok(tail) = Tail::open(&self.connector)
            {
                self.start_over(Source::Log(Box::new(tail)));
            }
        }
        if let Source::Log(tail) = &mut self.source {
            if !visible {
                self.start_over(Source::Coordinators(Handles::default(), 1));
            } else {
                let budget = self.connector.timeout() / if self.reads == 0 { 2 } else { 4 };
                let (book, patterns) = (&mut self.book, &self.patterns);
                let (wanted, skipped) = (&mut self.wanted, &mut self.skipped);
                let sink = &mut |key: &[u8], value: Option<&[u8]>, sequence: i64| match decode(key, value) {
                    Ok(record) => {
                        let group = record.group();
                        let wants = match wanted.get(group) {
                            Some(wants) => *wants,
                            None => {
                                // Groups with names made up for one use come and go for ever.
                                if wanted.len() >= MOST_NAMES {
                                    wanted.clear();
                                }
                                *wanted.entry(group.to_owned()).or_insert(patterns.wants_group(group))
                            }
                        };
                        if wants {
                            book.apply(record, sequence);
                        }
                    }
                    Err(skip) => skipped.count(skip),
                };
                match tail.read(&self.connector, &self.cluster, now - self.config.window, budget, sink) {
                    Ok(progress) => {
                        gaps.progress(&progress);
                        if progress.past_left == 0 {
                            self.book.forget_tombstones();
                        } else {
                            self.look_up_idle_groups(gaps);
                        }
                        return;
                    }
                    Err(Broken::Denied) => {
                        self.start_over(Source::Coordinators(Handles::default(), RETRY_AFTER));
                    }
                    Err(Broken::Failed(why)) => {
                        gaps.offsets_topic_failed(why);
                        if let Ok(tail) = Tail::open(&self.connector) {
                            self.source = Source::Log(Box::new(tail));
                        }
                        return;
                    }
                }
            }
        }
        match visible {
            true => gaps.offsets_topic_denied(),
            false => gaps.offsets_topic_missing(),
        }
        self.ask_coordinators(now, gaps);
    }

    /// Places in the log and counted reads cannot be compared, so a new source starts an empty book.
    fn start_over(&mut self, source: Source) {
        self.source = source;
        self.book = Book::default();
        self.looked_up.clear();
    }

    /// Asks the coordinators of groups that are listed but have not committed within what was read of the log.
    fn look_up_idle_groups(&mut self, gaps: &mut Gaps<'_>) {
        let deadline = Instant::now() + self.connector.timeout() / 4;
        let everything = handles::readable(&self.cluster);
        let idle: Vec<String> = self
            .listed
            .iter()
            .filter(|(group, listed)| {
                listed.of_consumers && !self.looked_up.contains(*group) && !self.book.has_commits(group)
            })
            .map(|(group, _)| group.clone())
            .collect();
        for group in idle {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let Ok(handle) = self.connector.for_group(&group) else { continue };
            match handles::committed(&handle, &everything, left) {
                Ok(commits) => {
                    for (partition, offset) in commits {
                        self.book.seed(&group, partition, offset);
                    }
                    self.looked_up.insert(group);
                }
                Err(why) => gaps.group(&group, why),
            }
        }
    }

    /// The way without `__consumer_offsets`. The moment at which another offset is first seen stands for the time of
    /// the commit, and the count of reads for its place in the log.
    fn ask_coordinators(&mut self, now: Timestamp, gaps: &mut Gaps<'_>) {
        let gone: Vec<String> = self
            .book
            .groups()
            .filter(|group| {
                !self.listed.contains_key(*group) && !self.patterns.spelled_out().any(|name| name == *group)
            })
            .map(str::to_owned)
            .collect();
        for group in gone {
            self.book.remove(&group);
        }
        let listed = self.listed.iter().filter(|(_, listed)| listed.of_consumers).map(|(group, _)| group.as_str());
        let all: BTreeSet<&str> = listed.chain(self.patterns.spelled_out()).collect();
        let groups: BTreeSet<String> = all.iter().take(handles::MOST_GROUPS).map(|group| (*group).to_owned()).collect();
        if all.len() > groups.len() {
            gaps.too_many_groups(all.len() - groups.len());
        }
        let Source::Coordinators(handles, _) = &mut self.source else { return };
        let answers = handles.read(&self.connector, &self.cluster, &groups, self.connector.timeout());
        for (group, answer) in answers {
            match answer {
                Ok(commits) => self.note_commits(&group, &commits, now),
                Err(why) => gaps.group(&group, why),
            }
        }
    }

    fn note_commits(&mut self, group: &str, commits: &Commits, now: Timestamp) {
        let sequence = i64::from(self.reads);
        let known: Commits =
            self.book.committed(group).map(|(partition, offset, _)| (partition.clone(), offset)).collect();
        let record = |partition: &PartitionId, value| Record::Commit {
            group: group.to_owned(),
            partition: partition.clone(),
            value,
        };
        for (partition, offset) in commits {
            match known.get(partition) {
                None => self.book.seed(group, partition.clone(), *offset),
                Some(before) if before == offset => {}
                Some(_) => {
                    let committed = Committed { offset: *offset, at: now, topic_id: None };
                    self.book.apply(record(partition, Some(committed)), sequence);
                }
            }
        }
        for partition in known.keys().filter(|partition| !commits.contains_key(*partition)) {
            self.book.apply(record(partition, None), sequence);
        }
    }

    /// Asks where the logs of all partitions that matter start and end, and says of new commits how far behind they were.
    fn read_logs(&mut self, now: Timestamp, gaps: &mut Gaps<'_>) -> Logs {
        let mut ids: BTreeSet<PartitionId> = self
            .cluster
            .topics
            .keys()
            .filter(|topic| self.patterns.wants_topic(topic))
            .flat_map(|topic| self.cluster.partitions_of(topic))
            .collect();
        for group in self.book.groups() {
            ids.extend(self.book.committed(group).map(|(id, _, _)| id.clone()));
            ids.extend(self.book.group(group).members.into_iter().flat_map(|member| member.partitions));
        }
        let listed = self.listed.values().filter(|listed| listed.of_consumers);
        ids.extend(listed.flat_map(|listed| &listed.members).flat_map(|member| member.partitions.iter().cloned()));

        let mut invisible: BTreeMap<&str, Option<RDKafkaErrorCode>> = BTreeMap::new();
        for id in &ids {
            match self.cluster.topics.get(&id.topic) {
                None => invisible.insert(&id.topic, None),
                Some(Err(why)) => invisible.insert(&id.topic, Some(*why)),
                Some(Ok(_)) => None,
            };
        }
        gaps.topics(&invisible);
        let asked: Vec<PartitionId> = ids.iter().filter(|id| self.cluster.partition(id).is_some()).cloned().collect();

        let (handle, cluster, timeout) = (&self.handle, &self.cluster, self.connector.timeout());
        let ask = |place| offsets(handle, cluster, asked.iter().cloned(), place, timeout);
        let (starts, ends) = thread::scope(|scope| {
            let starts = scope.spawn(|| ask(Place::Start));
            let ends = ask(Place::End);
            (starts.join().unwrap_or_default(), ends)
        });
        gaps.logs("log end", &ends.failed);
        // Whoever gave no end gave no start either; once is enough to say so.
        let said: BTreeSet<&PartitionId> = ends.failed.iter().flat_map(|failed| &failed.partitions).collect();
        let mut failed = starts.failed;
        for failed in &mut failed {
            failed.partitions.retain(|id| !said.contains(id));
        }
        failed.retain(|failed| !failed.partitions.is_empty());
        gaps.logs("log start", &failed);

        let place = |offsets: BTreeMap<PartitionId, i64>| -> BTreeMap<PartitionId, Offset> {
            offsets.into_iter().filter_map(|(id, offset)| Some((id, Offset(u64::try_from(offset).ok()?)))).collect()
        };
        let logs = Logs { starts: place(starts.offsets), ends: place(ends.offsets), wanted: ids };
        let growth = logs
            .ends
            .iter()
            .map(|(id, end)| (id.clone(), Growth { before: self.ends.get(id).copied(), now: (now, *end) }))
            .collect();
        self.book.measure(&growth);
        self.ends.extend(logs.ends.iter().map(|(id, end)| (id.clone(), (now, *end))));
        self.ends.retain(|id, _| logs.wanted.contains(id));
        logs
    }
}

impl Skipped {
    fn count(&mut self, skip: Skip) {
        let counter = match skip {
            Skip::Malformed(_) => &mut self.malformed,
            // Share groups take 9 to 15, regular expressions of KIP-848 groups 16, and streams groups 17 to 23.
            Skip::KeyVersion(9..=23) => &mut self.not_of_consumers,
            Skip::KeyVersion(_) | Skip::ValueVersion { .. } => &mut self.too_young,
        };
        *counter += 1;
    }
}
