//! What goes into a snapshot? Records know commits, epochs and members of both protocols; the brokers' list knows what
//! state a classic group is in this moment; logs know how much there is. Start at [`assemble`].

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::{Lag, Offset, PartitionId, lag};

use crate::book::{Book, Known};
use crate::cluster::Cluster;
use crate::config::Patterns;
use crate::gaps::Gaps;
use crate::listing::Listed;
use crate::{Broker, GroupProtocol, GroupSnapshot, GroupState, Member, PartitionLag, PartitionSnapshot};

/// Where logs start and end, as far as that could be asked.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    pub(crate) starts: BTreeMap<PartitionId, Offset>,
    pub(crate) ends: BTreeMap<PartitionId, Offset>,
    /// All partitions that matter.
    pub(crate) wanted: BTreeSet<PartitionId>,
}

/// What a snapshot is made of.
pub(crate) struct Parts<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) book: &'a Book,
    pub(crate) listed: &'a BTreeMap<String, Listed>,
    pub(crate) logs: &'a Logs,
}

/// Puts groups, partitions and brokers together, each in order.
pub(crate) fn assemble(
    parts: &Parts<'_>,
    patterns: &Patterns,
    gaps: &mut Gaps<'_>,
) -> (Vec<GroupSnapshot>, Vec<PartitionSnapshot>, Vec<Broker>) {
    let names: BTreeSet<&str> = parts.book.groups().chain(parts.listed.keys().map(String::as_str)).collect();
    let mut groups = vec![];
    for name in names.into_iter().filter(|name| patterns.wants_group(name)) {
        let known = parts.book.group(name);
        let unnamed = known.unnamed;
        if let Some(group) = group(parts, name, known) {
            if unnamed > 0 {
                gaps.unnamed(name, unnamed);
            }
            groups.push(group);
        }
    }
    let partitions = parts
        .logs
        .wanted
        .iter()
        .filter_map(|id| {
            let known = parts.cluster.partition(id)?;
            Some(PartitionSnapshot {
                id: id.clone(),
                log_start: parts.logs.starts.get(id).copied(),
                log_end: parts.logs.ends.get(id).copied(),
                leader: known.leader,
                replicas: known.replicas,
                in_sync: known.in_sync,
            })
        })
        .collect();
    let brokers =
        parts.cluster.brokers.iter().map(|(id, address)| Broker { id: *id, address: address.clone() }).collect();
    (groups, partitions, brokers)
}

/// One group; `None` when it is none of consumers, or there is nothing to say about it.
fn group(parts: &Parts<'_>, name: &str, known: Known) -> Option<GroupSnapshot> {
    let listed = parts.listed.get(name);
    if !known.of_consumers || listed.is_some_and(|listed| !listed.of_consumers) {
        return None;
    }
    let (protocol, state) = protocol_and_state(&known, listed);
    // The brokers call every group dead that the classic protocol does not know. Without a commit or a record, such a
    // group may be one of share consumers, or gone.
    if state == GroupState::Unknown && known.state.is_none() && !parts.book.has_commits(name) {
        return None;
    }
    let members = match listed {
        Some(listed) if protocol == GroupProtocol::Classic => members(&listed.members, known.members),
        _ => known.members,
    };
    let mut partitions: BTreeMap<PartitionId, PartitionLag> = BTreeMap::new();
    for (id, committed, ring) in parts.book.committed(name) {
        partitions
            .insert(id.clone(), PartitionLag { commits: ring.commits(), ..behind(parts.logs, id, Some(committed)) });
    }
    for id in members.iter().flat_map(|member| &member.partitions) {
        partitions.entry(id.clone()).or_insert_with(|| behind(parts.logs, id, None));
    }
    Some(GroupSnapshot {
        group: name.to_owned(),
        state,
        protocol,
        generation: known.generation,
        members,
        partitions: partitions.into_values().collect(),
    })
}

fn protocol_and_state(known: &Known, listed: Option<&Listed>) -> (GroupProtocol, GroupState) {
    let recorded = known.state.unwrap_or(GroupState::Unknown);
    match (known.protocol, listed.map(|listed| listed.state)) {
        (GroupProtocol::Consumer, _) => (GroupProtocol::Consumer, recorded),
        (GroupProtocol::Classic, Some(GroupState::Unknown) | None) => (GroupProtocol::Classic, recorded),
        (GroupProtocol::Classic, Some(state)) => (GroupProtocol::Classic, state),
        (GroupProtocol::Unknown, Some(GroupState::Dead | GroupState::Unknown) | None) => {
            (GroupProtocol::Unknown, GroupState::Unknown)
        }
        (GroupProtocol::Unknown, Some(state)) => (GroupProtocol::Classic, state),
    }
}

/// Members as listed. During a rebalance the brokers list them without what they read; the last known is kept then.
fn members(listed: &[Member], known: Vec<Member>) -> Vec<Member> {
    let mut known: BTreeMap<String, Vec<PartitionId>> =
        known.into_iter().map(|member| (member.id, member.partitions)).collect();
    listed
        .iter()
        .cloned()
        .map(|mut member| {
            if member.partitions.is_empty() {
                member.partitions = known.remove(&member.id).unwrap_or_default();
            }
            member
        })
        .collect()
}

/// How far behind a group is that has committed this.
fn behind(logs: &Logs, id: &PartitionId, committed: Option<Offset>) -> PartitionLag {
    let (log_start, log_end) = (logs.starts.get(id).copied(), logs.ends.get(id).copied());
    let lost = match (log_start, committed) {
        (Some(start), Some(committed)) if committed < start => Some(lag(start, committed).0),
        _ => None,
    };
    let behind = match (log_end, committed) {
        (Some(end), Some(committed)) => Some(Lag(lag(end, committed).0.saturating_sub(lost.unwrap_or(0)))),
        _ => None,
    };
    PartitionLag { id: id.clone(), committed, log_end, lag: behind, lost, commits: vec![] }
}
