//! How does one read `__consumer_offsets` so that the last hour is there at once, news comes with every read, and the
//! past before that follows as time allows? One consumer is assigned to all partitions from a moment in the past and
//! stays; a second one reads from the start of the log up to where the first began, then goes. Neither joins a group.
//!
//! The past matters because the topic is compacted: what it still holds is the last word on each key, such as the
//! members of a group that has not rebalanced for weeks. Start at [`Tail::open`] and [`Tail::read`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lagdoctor_model::{PartitionId, Timestamp};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
use rdkafka::{Message, Offset as At};

use crate::KafkaError;
use crate::client::{Connector, Handle};
use crate::cluster::{Cluster, Place, list, offsets};

/// Where group coordinators keep what they know.
pub(crate) const TOPIC: &str = "__consumer_offsets";

/// A log may end in records that are never handed out: transaction markers. librdkafka says so once, without saying
/// where, and whether something has been appended since cannot be asked. So when a partition was at its end and nothing
/// comes for this long, it still is.
const GRACE: Duration = Duration::from_millis(1500);
/// The same for partitions in which that has happened before: those of groups that commit in transactions. Brokers hand
/// out what is new at once; a little longer than a fetch may wait is long enough.
const SHORT_GRACE: Duration = Duration::from_millis(300);

/// Takes in a record: key, value and its place in its partition.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&[u8], Option<&[u8]>, i64);

/// What stops reading for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// We may not read the topic.
    Denied,
    /// librdkafka gave up; a new consumer may do better.
    Failed(RDKafkaErrorCode),
}

/// How far reading came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Partitions of the topic whose news is not all in.
    pub(crate) behind: usize,
    /// Partitions of the topic whose past is not all in.
    pub(crate) past_left: usize,
    /// Partitions of the topic.
    pub(crate) partitions: usize,
}

/// Where one partition is read.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The next record to come.
    next: i64,
    /// When its end was reported, if nothing has come since.
    end_reported: Option<Instant>,
    /// Where the log ended when nothing more was to come, though the next record was to come before that.
    rested_at: Option<i64>,
    /// Whether that has happened.
    has_markers: bool,
}

impl Position {
    fn at(next: i64) -> Self {
        Self { next, end_reported: None, rested_at: None, has_markers: false }
    }

    /// Whether nothing more is to be expected, having waited since this moment.
    fn rests(&self, since: Instant) -> bool {
        let grace = if self.has_markers { SHORT_GRACE } else { GRACE };
        self.end_reported.is_some_and(|reported| reported.max(since).elapsed() >= grace)
    }

    fn has_reached(&self, end: i64) -> bool {
        self.next >= end || self.rested_at.is_some_and(|rested_at| rested_at >= end)
    }
}

/// The past of the topic, up to where the tail began.
struct Past {
    handle: Handle,
    /// By partition, where the past ends.
    until: BTreeMap<u32, i64>,
}

/// A consumer that follows `__consumer_offsets`.
pub(crate) struct Tail {
    handle: Handle,
    /// Asks where the log ends. A broker answers one connection's questions in turn, so that on the other one a
    /// question waits until the fetch before it has got something or given up.
    asker: Handle,
    positions: BTreeMap<u32, Position>,
    past: Option<Past>,
}

impl Tail {
    /// Makes a consumer that reads nothing yet: [`Tail::read`] takes in the partitions.
    pub(crate) fn open(connector: &Connector) -> Result<Self, KafkaError> {
        Ok(Self {
            handle: connector.for_reading()?,
            asker: connector.for_asking_readers()?,
            positions: BTreeMap::new(),
            past: None,
        })
    }

    /// Takes in what is new, then what is old. The news takes at most twice `timeout`, the past at most `past_budget`.
    pub(crate) fn read(
        &mut self,
        connector: &Connector,
        cluster: &Cluster,
        since: Timestamp,
        past_budget: Duration,
        sink: Sink<'_>,
    ) -> Result<Progress, Broken> {
        let timeout = connector.timeout();
        self.take_in_partitions(connector, cluster, since, timeout)?;
        connector.drain(&self.asker);
        let behind = self.read_news(cluster, Instant::now() + timeout, sink)?;
        let partitions = cluster.partitions_of(TOPIC).count();
        let unread = partitions.saturating_sub(self.positions.len());
        let past_left = self.read_past(Instant::now() + past_budget, sink)?;
        Ok(Progress { behind: behind + unread, past_left: past_left + unread, partitions })
    }

    /// Finds out where to begin in partitions that are not read yet. One that does not answer is tried next time.
    fn take_in_partitions(
        &mut self,
        connector: &Connector,
        cluster: &Cluster,
        since: Timestamp,
        timeout: Duration,
    ) -> Result<(), Broken> {
        let ask = |partitions: Vec<PartitionId>, place, until: Instant| {
            let left = until.saturating_duration_since(Instant::now());
            offsets(&self.asker, cluster, partitions, place, left).offsets
        };
        let deadline = Instant::now() + timeout;
        let known = |id: &PartitionId| self.positions.contains_key(&id.partition);
        let new: Vec<_> = cluster.partitions_of(TOPIC).filter(|id| !known(id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let ends = ask(new, Place::End, deadline);
        let starts = ask(ends.keys().cloned().collect(), Place::Start, deadline);
        let begins = ask(starts.keys().cloned().collect(), Place::Since(since), deadline);
        let (mut taken_in, mut until) = (vec![], BTreeMap::new());
        for (id, begin) in begins {
            let (Some(start), Some(end)) = (starts.get(&id), ends.get(&id)) else { continue };
            let next = if begin < 0 { *end } else { begin };
            if *start < next {
                until.insert(id.partition, next);
                taken_in.push((id.clone(), *start));
            }
            self.positions.insert(id.partition, Position::at(next));
        }
        assign(&self.handle, self.positions.iter().map(|(number, at)| (PartitionId::new(TOPIC, *number), at.next)))?;
        if !taken_in.is_empty() {
            // Partitions that are still being read start over, which does no harm: records may come twice.
            let handle = connector.for_reading().map_err(|_| Broken::Failed(RDKafkaErrorCode::Fail))?;
            if let Some(past) = self.past.take() {
                taken_in.extend(past.until.keys().map(|number| (PartitionId::new(TOPIC, *number), 0)));
                until.extend(past.until);
            }
            assign(&handle, taken_in)?;
            self.past = Some(Past { handle, until });
        }
        Ok(())
    }

    /// Reads to where the log ends now. Gives how many partitions did not get there in time.
    fn read_news(&mut self, cluster: &Cluster, deadline: Instant, sink: Sink<'_>) -> Result<usize, Broken> {
        // What has been fetched since the last read comes first; it may be all that is new.
        while Instant::now() < deadline && self.poll(Duration::ZERO, sink)?.is_some() {}
        let asked = self.positions.keys().map(|number| PartitionId::new(TOPIC, *number));
        let left = deadline.saturating_duration_since(Instant::now());
        let ends: BTreeMap<u32, i64> = offsets(&self.asker, cluster, asked, Place::End, left)
            .offsets
            .into_iter()
            .map(|(id, end)| (id.partition, end))
            .collect();
        let asked_at = Instant::now();
        loop {
            let mut behind = 0;
            for (number, position) in &mut self.positions {
                match ends.get(number) {
                    Some(end) if position.has_reached(*end) => {}
                    Some(end) if position.rests(asked_at) => {
                        position.rested_at = Some(*end);
                        position.has_markers = true;
                    }
                    _ => behind += 1,
                }
            }
            let now = Instant::now();
            if behind == 0 || now >= deadline {
                return Ok(behind);
            }
            let patience = deadline.saturating_duration_since(now).min(Duration::from_millis(50));
            if self.poll(patience, sink)?.is_some() {
                // What has come is taken in at once; whether that was all is asked afterwards.
                while Instant::now() < deadline && self.poll(Duration::ZERO, sink)?.is_some() {}
            }
        }
    }

    /// Takes in what comes next, if anything comes.
    fn poll(&mut self, patience: Duration, sink: Sink<'_>) -> Result<Option<()>, Broken> {
        match self.handle.poll(patience) {
            None => Ok(None),
            Some(Ok(message)) => {
                if let Ok(number) = u32::try_from(message.partition()) {
                    let next = message.offset().saturating_add(1);
                    let position = self.positions.entry(number).or_insert(Position::at(next));
                    position.next = position.next.max(next);
                    position.end_reported = None;
                }
                take_in(&message, sink);
                Ok(Some(()))
            }
            Some(Err(Native::PartitionEOF(number))) => {
                let number = u32::try_from(number).ok();
                if let Some(position) = number.and_then(|number| self.positions.get_mut(&number)) {
                    position.end_reported = Some(Instant::now());
                }
                Ok(Some(()))
            }
            Some(Err(error)) => fatal(&error).map_or(Ok(Some(())), Err),
        }
    }

    /// Reads on in the past. Gives how many partitions are left.
    fn read_past(&mut self, deadline: Instant, sink: Sink<'_>) -> Result<usize, Broken> {
        let Some(past) = &mut self.past else { return Ok(0) };
        while !past.until.is_empty() && Instant::now() < deadline {
            let patience = deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(50));
            match past.handle.poll(patience) {
                None => {}
                Some(Ok(message)) => {
                    let number = u32::try_from(message.partition()).unwrap_or(u32::MAX);
                    let (next, until) = (message.offset().saturating_add(1), past.until.get(&number).copied());
                    if until.is_some_and(|until| message.offset() < until) {
                        take_in(&message, sink);
                    }
                    if until.is_some_and(|until| next >= until) {
                        past.finish(number);
                    }
                }
                Some(Err(Native::PartitionEOF(number))) => past.finish(u32::try_from(number).unwrap_or(u32::MAX)),
                Some(Err(error)) => {
                    if let Some(broken) = fatal(&error) {
                        return Err(broken);
                    }
                }
            }
        }
        let left = past.until.len();
        if left == 0 {
            self.past = None;
        }
        Ok(left)
    }
}

impl Past {
    /// Stops fetching a partition whose past is in.
    fn finish(&mut self, number: u32) {
        if self.until.remove(&number).is_some()
            && let Ok(done) = list([(&PartitionId::new(TOPIC, number), At::Invalid)])
        {
            // When it fails, records come that nobody takes in.
            self.handle.pause(&done).ok();
        }
    }
}

fn assign(handle: &Handle, at: impl IntoIterator<Item = (PartitionId, i64)>) -> Result<(), Broken> {
    let at: Vec<_> = at.into_iter().collect();
    list(at.iter().map(|(id, next)| (id, At::Offset(*next))))
        .and_then(|list| handle.assign(&list))
        .map_err(|error| Broken::Failed(crate::client::code(&error)))
}

fn take_in(message: &impl Message, sink: Sink<'_>) {
    if let Some(key) = message.key() {
        sink(key, message.payload(), message.offset());
    }
}

/// Whether an error ends reading. Others are librdkafka's to retry; the deadline tells whether it succeeds.
fn fatal(error: &Native) -> Option<Broken> {
    match error {
        Native::MessageConsumption(RDKafkaErrorCode::TopicAuthorizationFailed) => Some(Broken::Denied),
        Native::MessageConsumptionFatal(code) => Some(Broken::Failed(*code)),
        _ => None,
    }
}
