//! What producers send: how much, which keys, how large, and what it holds.

mod burst;

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[&burst::LoadBurst];
