//! On systems where we cannot tell who may write to a folder there is no cache.

use std::convert::Infallible;
use std::io;
use std::path::Path;

use super::error::CacheError;

/// There is none: no value of it can be made.
pub(super) struct Folder(Infallible);

/// Why a file was not read or written.
pub(super) enum Unread {
    /// The folder is not ours alone.
    Untrusted(CacheError),
    /// The file is not.
    Flawed(String),
}

/// Bytes that this user alone could have written.
#[derive(Debug)]
pub(super) struct OwnBytes(Vec<u8>);

impl OwnBytes {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    #[cfg(test)]
    pub(super) fn claimed(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Folder {
    pub(super) fn open(_path: &Path) -> Result<Self, CacheError> {
        Err(CacheError::Unsupported)
    }

    pub(super) fn read(&self, _name: &str, _most_bytes: u64) -> Result<Option<OwnBytes>, Unread> {
        match self.0 {}
    }

    pub(super) fn write(&self, _name: &str, _parts: &[&[u8]]) -> Result<(), Unread> {
        match self.0 {}
    }

    pub(super) fn touch(&self, _name: &str) {
        match self.0 {}
    }

    pub(super) fn remove(&self, _name: &str) -> io::Result<()> {
        match self.0 {}
    }

    pub(super) fn shrink(&self, _newest: &str, _most_bytes: u64) -> u64 {
        match self.0 {}
    }
}
