//! What the work on a record calls: databases and their pools, caches, HTTP, names.

mod db_replication_lag;
mod db_slow_statement;

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[&db_slow_statement::DbSlowStatement, &db_replication_lag::DbReplicationLag];
