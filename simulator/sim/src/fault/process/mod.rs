//! What processes and hosts have: heap, threads, processors, disks, clocks, versions.

mod gc_full;

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[&gc_full::JvmGcFull];
