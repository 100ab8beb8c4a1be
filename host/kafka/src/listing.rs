//! Which groups do the brokers list, and who is in them? By the classic questions ListGroups and DescribeGroups, which
//! know nothing about members of KIP-848 groups. Start at [`ask`].

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError as Native;

use crate::book::host;
use crate::client::Handle;
use crate::offsets::assignment;
use crate::{GroupState, Member};

/// A group as its coordinator describes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    /// [`GroupState::Dead`] is what coordinators call a KIP-848 group here.
    pub(crate) state: GroupState,
    /// Whether it is one of consumers; Connect workers and the like form groups too.
    pub(crate) of_consumers: bool,
    pub(crate) members: Vec<Member>,
}

/// Asks every broker for its groups. Fails as a whole when one broker does not answer.
pub(crate) fn ask(handle: &Handle, timeout: Duration) -> Result<BTreeMap<String, Listed>, Native> {
    let list = handle.fetch_group_list(None, timeout)?;
    Ok(list
        .groups()
        .iter()
        .map(|group| {
            let mut members: Vec<_> = group
                .members()
                .iter()
                .map(|member| Member {
                    id: member.id().to_owned(),
                    client_id: member.client_id().to_owned(),
                    host: host(member.client_host()),
                    partitions: member.assignment().and_then(|bytes| assignment(bytes).ok()).unwrap_or_default(),
                })
                .collect();
            members.sort_by(|a, b| a.id.cmp(&b.id));
            let of_consumers = matches!(group.protocol_type(), "" | "consumer");
            (group.name().to_owned(), Listed { state: state(group.state()), of_consumers, members })
        })
        .collect())
}

/// The state as DescribeGroups spells it.
fn state(word: &str) -> GroupState {
    match word {
        "Stable" => GroupState::Stable,
        "PreparingRebalance" | "CompletingRebalance" | "AwaitingSync" => GroupState::Rebalancing,
        "Empty" => GroupState::Empty,
        "Dead" => GroupState::Dead,
        _ => GroupState::Unknown,
    }
}
