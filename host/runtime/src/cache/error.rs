//! Why a folder is not used as a cache.

use std::io;
use std::path::PathBuf;

/// A folder that compiled code is not read from or written to. The host goes on without.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Group or others could put machine code there, or put another folder in its place.
    #[error(
        "others may write to {} (mode {mode:04o}), and compiled code from there would run unconfined: `chmod go-w {}`, or choose a folder that is yours alone",
        path.display(), path.display()
    )]
    Writable {
        /// The folder itself, or the one above it that is at fault.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is somebody else's.
    #[error(
        "{} belongs to user {owner} and this is user {user}, so compiled code from there cannot be trusted: choose a folder that is yours alone",
        path.display()
    )]
    Owner {
        /// The folder itself, or the one above it that is at fault.
        path: PathBuf,
        /// Number of the user that it belongs to.
        owner: u32,
        /// Number of the user that this process runs as.
        user: u32,
    },
    /// Somebody else decides where the path leads.
    #[error(
        "{} is a symbolic link of user {owner} and this is user {user}, so who made it decides where compiled code comes from: choose a folder that is yours alone",
        path.display()
    )]
    Link {
        /// The link.
        path: PathBuf,
        /// Number of the user that it belongs to.
        owner: u32,
        /// Number of the user that this process runs as.
        user: u32,
    },
    /// There is a file, or a ring of links, where the folder should be.
    #[error("{} is no folder: choose another one", path.display())]
    NotAFolder {
        /// What is there.
        path: PathBuf,
    },
    /// It cannot be opened or made.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// Who may write to a folder cannot be found out on this system.
    #[error("compiled code is kept only on Unix, where it can be told who may write to a folder")]
    Unsupported,
}
