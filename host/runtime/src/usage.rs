//! How much of its limits has a plugin used? Counted for every call, whether it succeeded or not.

use std::sync::{Mutex, PoisonError};

/// The most that one call has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Units of fuel, of [`crate::Limits::fuel`].
    pub fuel: u64,
    /// Bytes of linear memory, of [`crate::Limits::memory_bytes`].
    pub memory_bytes: usize,
}

/// Keeps the most that any call has used.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Usage>);

impl Meter {
    pub(crate) fn note(&self, call: Usage) {
        let mut most = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        most.fuel = most.fuel.max(call.fuel);
        most.memory_bytes = most.memory_bytes.max(call.memory_bytes);
    }

    pub(crate) fn most(&self) -> Usage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
