//! What consumers and their group do: their code, their members, their settings, their commits.

mod commit_failure;
mod coordinator_timeout;
mod crash;
mod credentials;
mod fetch_poll;
mod poll_timeout;
mod rebalance_storm;
mod slow_code;
mod stuck;
mod too_few;
mod uneven_assignment;

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[
    &slow_code::ConsumerSlowCode,
    &crash::ConsumerCrash,
    &too_few::ConsumerTooFew,
    &stuck::ConsumerStuck,
    &poll_timeout::ConsumerPollTimeout,
    &rebalance_storm::GroupRebalanceStorm,
    &uneven_assignment::GroupUnevenAssignment,
    &fetch_poll::ConfigFetchPoll,
    &commit_failure::GroupCommitFailure,
    &credentials::SecurityCredentials,
    &coordinator_timeout::GroupCoordinatorTimeout,
];
