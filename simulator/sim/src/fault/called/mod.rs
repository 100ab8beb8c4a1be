//! What the work on a record calls: databases and their pools, caches, HTTP, names.

mod cache_down;
mod cache_thrash;
mod db_down;
mod db_io;
mod db_lock;
mod db_replication_lag;
mod db_slow_statement;
mod dns_failure;
mod http_slow;
mod pool_leak;
mod pool_too_small;
mod retry_storm;

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[
    &db_slow_statement::DbSlowStatement,
    &db_lock::DbLock,
    &pool_leak::PoolLeak,
    &pool_too_small::PoolTooSmall,
    &db_replication_lag::DbReplicationLag,
    &db_down::DbDown,
    &db_io::DbIo,
    &cache_down::CacheDown,
    &cache_thrash::CacheThrash,
    &http_slow::HttpSlow,
    &retry_storm::RetryStorm,
    &dns_failure::DnsFailure,
];
