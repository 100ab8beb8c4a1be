//! What can go wrong with the audit, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// The audit could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// There is none.
    #[error("there is no audit database `{}`; `lagdoctor run` and `lagdoctor diagnose` write one, and --file names another", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("`{}` is no audit of lagdoctor: {found}; name another file, or move this one away", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// SQLite refused.
    #[error("cannot {doing} the audit database `{}`: {reason}; {way_out}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What SQLite says.
        reason: String,
        /// What to do.
        way_out: &'static str,
    },
    /// The anchor could not be read or written.
    #[error("cannot {doing} the anchor of the audit `{}`: {source}; check rights and free space there, or name another with `anchor`", path.display())]
    Anchor {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The file could not be made.
    #[error("cannot make the audit database `{}`: {source}; check rights and free space there, or name another with `file`", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Secrets could not be kept out of the record, so there is none.
    #[error("the secrets are too long to be kept out of an audit record; use shorter ones")]
    Secrets,
    /// The input cannot be written down.
    #[error("the input cannot be written down: {0}")]
    Input(#[from] lagdoctor_bundle::WriteError),
    /// There is no such record.
    #[error("the audit holds no record `{wanted}`; {held}")]
    NoRecord {
        /// What was asked for.
        wanted: String,
        /// What there is.
        held: String,
    },
    /// A record that cannot be made sense of.
    #[error("record {sequence} cannot be read: {reason}; `lagdoctor audit verify` tells whether it was altered")]
    Broken {
        /// Which.
        sequence: u64,
        /// What is wrong.
        reason: String,
    },
}

/// Whether the file itself is damaged, and not only out of reach for now. What SQLite has no code for is a value of a kind
/// that nobody wrote there.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => matches!(
            code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TooBig | ErrorCode::TypeMismatch
        ),
        None => true,
    }
}

impl AuditError {
    pub(super) fn database(path: &Path, doing: &'static str, error: &rusqlite::Error) -> Self {
        let way_out = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "another process holds it; end that one, or name another file"
            }
            Some(ErrorCode::DiskFull) => "make room on that disk, or lower `max_mib` of [audit]",
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                "check who owns it and its folder, or name another file"
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                "it is damaged: move it away, keep it as it is for whoever looks into it, and a new one is begun"
            }
            None => "it is damaged: move it away, keep it as it is for whoever looks into it, and a new one is begun",
            _ => "check the disk that it lies on, or name another file",
        };
        let reason = match error {
            rusqlite::Error::SqliteFailure(_, Some(reason)) => reason.clone(),
            other => other.to_string(),
        };
        Self::Database { path: path.to_owned(), doing, reason, way_out }
    }
}
