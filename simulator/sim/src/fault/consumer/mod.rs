//! What consumers and their group do: their code, their members, their settings, their commits.

mod slow_code;

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[&slow_code::ConsumerSlowCode];
