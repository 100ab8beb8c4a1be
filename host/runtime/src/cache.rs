//! Has this component been compiled before, by this version and for this processor? [`Cache`] keeps machine code in a
//! folder, named by what it was made from: the digest of the component and of everything of the engine that has a say in
//! the code.
//!
//! Machine code runs unconfined, so the question that matters is who can have written it. [`folder`] answers it: only
//! this user could, all the way down from the root, and every later access goes through the opened folder and never
//! through its name again. [`entry`] answers the lesser one, whether a file is whole. The bytes that were checked are
//! the bytes that are loaded; no file is looked at twice.
//!
//! A cache never stops anybody: what cannot be used is said once, and compiled instead. Start at [`Cache::open`].

mod entry;
mod error;
#[cfg(unix)]
mod folder;
#[cfg(not(unix))]
#[path = "cache/nowhere.rs"]
mod folder;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use wasmtime::Engine;
use wasmtime::component::Component;

pub(crate) use entry::{Key, hex};
pub use error::CacheError;
use folder::{Folder, Unread};

/// Compiled components in a folder that this user alone can write. Clones share it, and so may several processes: files
/// appear whole or not at all, and one that another process has taken away is compiled again.
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    folder: Folder,
    path: PathBuf,
    most_bytes: u64,
    /// The folder is no longer ours alone.
    is_off: AtomicBool,
    /// That nothing can be kept has been said.
    has_complained: AtomicBool,
    loaded: AtomicU64,
    stored: AtomicU64,
    refused: AtomicU64,
    evicted: AtomicU64,
}

/// What a cache has done so far, in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheTally {
    /// Components that were not compiled because they were there.
    pub loaded: u64,
    /// Components that were compiled and put in.
    pub stored: u64,
    /// Files that were not what they should be, and were taken away.
    pub refused: u64,
    /// Files that were taken away to keep the bound.
    pub evicted: u64,
}

impl Cache {
    /// Bytes that a cache keeps unless told otherwise: 512 MiB, some hundred plugins or a dozen interpreters.
    pub const DEFAULT_BYTES: u64 = 512 << 20;

    /// Uses this folder, and makes it (mode 0700) when it is not there. All files together stay within `most_bytes`; the
    /// ones that have not been used for longest go first.
    ///
    /// # Errors
    /// When the folder, or one above it, can be written by others or belongs to them, a symbolic link on the way is
    /// theirs, or it cannot be opened or made.
    pub fn open(path: &Path, most_bytes: u64) -> Result<Self, CacheError> {
        let folder = Folder::open(path)?;
        let inner = Inner {
            folder,
            path: path.to_owned(),
            most_bytes,
            is_off: AtomicBool::new(false),
            has_complained: AtomicBool::new(false),
            loaded: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The folder, as it was named.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// What it has done so far.
    pub fn tally(&self) -> CacheTally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Inner { loaded, stored, refused, evicted, .. } = &*self.inner;
        CacheTally { loaded: read(loaded), stored: read(stored), refused: read(refused), evicted: read(evicted) }
    }

    /// The component of this key, if it is there and whole. `source` is what the log calls it.
    pub(crate) fn load(&self, engine: &Engine, key: &Key, source: &str) -> Option<Component> {
        let inner = &*self.inner;
        if inner.is_off.load(Ordering::Relaxed) {
            return None;
        }
        let name = key.file_name();
        let bytes = match inner.folder.read(&name, inner.most_bytes) {
            Ok(bytes) => bytes?,
            Err(Unread::Untrusted(error)) => {
                self.turn_off(&error);
                return None;
            }
            Err(Unread::Flawed(why)) => {
                self.refuse(&name, source, &why);
                return None;
            }
        };
        let verified = match entry::verify(key, &bytes) {
            Ok(verified) => verified,
            Err(flaw) => {
                self.refuse(&name, source, &flaw.to_string());
                return None;
            }
        };
        match deserialize(engine, &verified) {
            Ok(component) => {
                inner.folder.touch(&name);
                inner.loaded.fetch_add(1, Ordering::Relaxed);
                Some(component)
            }
            // Nothing is wrong with the file: the component wants more than this host's pool has. Compiling says what.
            Err(error) => {
                tracing::debug!(target: "lagdoctor::cache", "`{source}` is not taken from the cache: {error:#}");
                None
            }
        }
    }

    /// Keeps a component that has just been compiled, when that can be done.
    pub(crate) fn store(&self, key: &Key, component: &Component, source: &str) {
        let inner = &*self.inner;
        if inner.is_off.load(Ordering::Relaxed) {
            return;
        }
        let code = match component.serialize() {
            Ok(code) => code,
            Err(error) => return self.complain(source, &format!("{error:#}")),
        };
        let header = entry::header(key, &code);
        let size = (header.len() + code.len()) as u64;
        if size > inner.most_bytes {
            return self
                .complain(source, &format!("it takes {size} bytes, and the cache may have {}", inner.most_bytes));
        }
        let name = key.file_name();
        match inner.folder.write(&name, &[&header, &code]) {
            Ok(()) => {
                inner.stored.fetch_add(1, Ordering::Relaxed);
                let evicted = inner.folder.shrink(&name, inner.most_bytes);
                inner.evicted.fetch_add(evicted, Ordering::Relaxed);
            }
            Err(Unread::Untrusted(error)) => self.turn_off(&error),
            Err(Unread::Flawed(why)) => self.complain(source, &why),
        }
    }

    fn turn_off(&self, error: &CacheError) {
        if !self.inner.is_off.swap(true, Ordering::Relaxed) {
            let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            tracing::warn!(target: "lagdoctor::cache", "compiled plugins are no longer kept: {error}{cause}");
        }
    }

    fn complain(&self, source: &str, why: &str) {
        if !self.inner.has_complained.swap(true, Ordering::Relaxed) {
            let path = self.inner.path.display();
            tracing::warn!(target: "lagdoctor::cache", "cannot keep `{source}` compiled in {path}, so it will be compiled again: {why}");
        }
    }

    fn refuse(&self, name: &str, source: &str, why: &str) {
        self.inner.refused.fetch_add(1, Ordering::Relaxed);
        let path = self.inner.path.join(name);
        let path = path.display();
        let end = match self.inner.folder.remove(name) {
            Ok(()) => "it was removed".to_owned(),
            Err(error) => format!("it could not be removed ({error})"),
        };
        tracing::warn!(
            target: "lagdoctor::cache",
            "{path} is not what was kept there for `{source}`: {why}; {end}, and the plugin is compiled again"
        );
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "compiled components in {}", self.inner.path.display())
    }
}

/// Machine code as a component. A file of another version or processor is an error of Wasmtime.
#[allow(unsafe_code)]
fn deserialize(engine: &Engine, verified: &entry::Verified<'_>) -> wasmtime::Result<Component> {
    // SAFETY: Wasmtime asks that the bytes are what `Component::serialize` gave. `Verified` is made of bytes that were
    // read once, out of a file that this user alone could write, in a folder that this user alone could write and reach
    // others through, and that carry the digest which `Cache::store` wrote beside the code for this very key. They are in
    // our own memory, so that nothing changes between that check and this call.
    unsafe { Component::deserialize(engine, verified.code()) }
}

#[cfg(all(test, unix))]
mod tests;
