use lagdoctor_model::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::offsets::{ClassicMember, Committed};

const GROUP: &str = "fulfilment";

fn orders(partition: u32) -> PartitionId {
    PartitionId::new("orders", partition)
}

fn commit(offset: Option<u64>, ms: i64) -> Record {
    let value = offset.map(|offset| Committed {
        offset: Offset(offset),
        at: Timestamp::from_millis(ms).unwrap(),
        topic_id: Some(TopicId([7; 16])),
    });
    Record::Commit { group: GROUP.into(), partition: orders(0), value }
}

fn classic(generation: i32, members: &[&str]) -> Record {
    let members = members
        .iter()
        .map(|id| ClassicMember {
            id: (*id).into(),
            client_id: "fulfilment-0".into(),
            host: "/10.0.0.7".into(),
            partitions: vec![orders(0)],
        })
        .collect();
    let value = Some(ClassicGroup { protocol_type: "consumer".into(), generation, members });
    Record::Classic { group: GROUP.into(), value }
}

fn epoch(epoch: i32) -> Record {
    Record::Epoch { group: GROUP.into(), value: Some(epoch) }
}

fn target(epoch: i32) -> Record {
    Record::TargetEpoch { group: GROUP.into(), value: Some(epoch) }
}

fn member(topics: &[&str]) -> Record {
    let value = Some(ConsumerMember {
        client_id: "fulfilment-0".into(),
        host: "/10.0.0.7".into(),
        topics: topics.iter().map(|topic| (*topic).into()).collect(),
        by_pattern: false,
    });
    Record::Member { group: GROUP.into(), member: "m1".into(), value }
}

fn current(epoch: i32, settled: bool) -> Record {
    let value = Some(CurrentAssignment { epoch, settled, partitions: vec![(TopicId([7; 16]), vec![0, 1])] });
    Record::Current { group: GROUP.into(), member: "m1".into(), value }
}

/// The book after these records, in this order.
fn book(records: impl IntoIterator<Item = Record>) -> Book {
    let mut book = Book::default();
    for (sequence, record) in records.into_iter().enumerate() {
        book.apply(record, sequence as i64);
    }
    book
}

fn check_state(records: Vec<Record>, state: Option<GroupState>, generation: Option<i64>) {
    let known = book(records).group(GROUP);
    assert_eq!((known.state, known.generation), (state, generation));
}

#[test]
fn a_group_whose_consumers_are_gone_stays_and_a_deleted_one_goes() {
    let gone = vec![commit(Some(5), 1000), classic(3, &["m1"]), classic(4, &[])];
    assert_eq!(book(gone.clone()).groups().collect::<Vec<_>>(), [GROUP]);
    check_state(gone.clone(), Some(GroupState::Empty), Some(4));
    let tombstones = [commit(None, 0), Record::Classic { group: GROUP.into(), value: None }];
    assert_eq!(book(gone.into_iter().chain(tombstones)).groups().count(), 0);
}

#[test]
fn a_kip_848_group_is_stable_once_every_member_has_reached_the_epoch() {
    let joined = vec![epoch(5), member(&["orders"])];
    check_state(joined.clone(), Some(GroupState::Rebalancing), Some(5));
    let given = |more: &[Record]| joined.iter().chain(more).cloned().collect::<Vec<_>>();
    check_state(given(&[target(5)]), Some(GroupState::Rebalancing), Some(5));
    check_state(given(&[target(5), current(5, false)]), Some(GroupState::Rebalancing), Some(5));
    check_state(given(&[target(5), current(5, true)]), Some(GroupState::Stable), Some(5));
    check_state(vec![epoch(6), target(6)], Some(GroupState::Empty), Some(6));
}

#[test]
fn a_topic_id_is_named_by_a_commit_or_by_the_only_topic_that_the_member_asked_for() {
    let partitions = |records: Vec<Record>| {
        let known = book(records).group(GROUP);
        (known.members[0].partitions.clone(), known.unnamed)
    };
    let both = vec![orders(0), orders(1)];
    assert_eq!(partitions(vec![epoch(1), member(&["orders"]), current(1, true)]), (both.clone(), 0));
    let two_topics = vec![epoch(1), member(&["orders", "returns"]), current(1, true)];
    assert_eq!(partitions(two_topics.clone()), (vec![], 2));
    assert_eq!(partitions(two_topics.into_iter().chain([commit(Some(1), 1000)]).collect()), (both, 0));
}

#[test]
fn a_group_that_moves_to_the_new_protocol_and_back_is_what_it_was_last() {
    let there = vec![classic(3, &["m1"]), Record::Classic { group: GROUP.into(), value: None }, epoch(4)];
    assert_eq!(book(there.clone()).group(GROUP).protocol, GroupProtocol::Consumer);
    let back = there.into_iter().chain([Record::Epoch { group: GROUP.into(), value: None }, classic(5, &["m1"])]);
    let known = book(back).group(GROUP);
    assert_eq!((known.protocol, known.generation), (GroupProtocol::Classic, Some(5)));
}

#[test]
fn a_connect_cluster_is_no_group_of_consumers() {
    let value = Some(ClassicGroup { protocol_type: "connect".into(), generation: 1, members: vec![] });
    assert!(!book([Record::Classic { group: GROUP.into(), value }]).group(GROUP).of_consumers);
}

#[test]
fn what_the_coordinator_answered_counts_until_a_record_says_better() {
    let mut book = Book::default();
    book.seed(GROUP, orders(0), Offset(7));
    assert_eq!(book.committed(GROUP).map(|(_, offset, _)| offset).collect::<Vec<_>>(), [Offset(7)]);
    book.apply(commit(Some(9), 1000), 0);
    book.seed(GROUP, orders(0), Offset(7));
    assert_eq!(book.committed(GROUP).map(|(_, offset, _)| offset).collect::<Vec<_>>(), [Offset(9)]);
    book.apply(commit(None, 0), 1);
    assert!(!book.has_commits(GROUP));
}

fn history() -> impl Strategy<Value = Vec<Record>> {
    let one = prop_oneof![
        4 => (0u64..100, 0i64..100_000).prop_map(|(offset, ms)| commit(Some(offset), ms)),
        1 => Just(commit(None, 0)),
        1 => (0..10i32).prop_map(|generation| classic(generation, &["m1"])),
        1 => (0..10i32).prop_map(epoch),
        1 => Just(member(&["orders"])),
        1 => (0..10i32).prop_map(|epoch| current(epoch, true)),
    ];
    prop::collection::vec(one, 0..30)
}

proptest! {
    #[test]
    fn reading_the_past_after_the_present_gives_what_reading_in_order_gives(records in history(), split in any::<prop::sample::Index>()) {
        let in_order = book(records.clone());
        let numbered: Vec<_> = records.into_iter().enumerate().collect();
        let (past, present) = numbered.split_at(split.index(numbered.len() + 1));
        let mut late = Book::default();
        for (sequence, record) in present.iter().chain(past) {
            late.apply(record.clone(), *sequence as i64);
        }
        late.forget_tombstones();
        prop_assert_eq!(in_order.group(GROUP), late.group(GROUP));
        let offsets = |book: &Book| book.committed(GROUP).map(|(id, offset, _)| (id.clone(), offset)).collect::<Vec<_>>();
        prop_assert_eq!(offsets(&in_order), offsets(&late));
        prop_assert_eq!(in_order.groups().collect::<Vec<_>>(), late.groups().collect::<Vec<_>>());
    }

    #[test]
    fn reading_twice_changes_nothing(records in history()) {
        let once = book(records.clone());
        let mut twice = book(records.clone());
        for (sequence, record) in records.into_iter().enumerate() {
            twice.apply(record, sequence as i64);
        }
        prop_assert_eq!(once.group(GROUP), twice.group(GROUP));
        let rings = |book: &Book| book.committed(GROUP).map(|(_, _, ring)| ring.commits()).collect::<Vec<_>>();
        prop_assert_eq!(rings(&once), rings(&twice));
    }
}
