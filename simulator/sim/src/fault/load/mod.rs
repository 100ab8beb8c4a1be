//! What producers send: how much, which keys, how large, and what it holds.

mod burst;
mod duplicate_key;
mod hot_key;
mod message_size;
mod poison;
mod replay;
mod schema_break;

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[
    &burst::LoadBurst,
    &hot_key::LoadHotKey,
    &message_size::LoadMessageSize,
    &poison::DataPoison,
    &duplicate_key::DataDuplicateKey,
    &schema_break::DataSchemaBreak,
    &replay::LoadReplay,
];
