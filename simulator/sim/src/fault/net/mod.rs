//! What lies between: links that are slow, lose packets, or are cut.

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[];
