//! What was diagnosed, from what, by whom, and can it be believed? Each diagnosis leaves a [`Record`] in an embedded
//! database: its input, the components that judged with their configuration and grants, how each call ended, what was
//! answered, and how the answer came about. Records form a chain of hashes whose head is written to a second place, the
//! anchor, so that [`Book::verify`] finds whatever was altered, removed or put elsewhere before the last anchor; and a
//! record holds all that it takes to make the same diagnosis again, byte for byte: [`Replayer::replay`].
//!
//! Writing starts at [`Draft::new`] and [`Audit::append`], reading at [`Audit::book`]. Nothing here may stop a diagnosis:
//! whoever writes says what failed in one note and goes on.

mod anchor;
mod book;
mod chain;
mod draft;
mod error;
mod path;
mod record;
mod replay;
mod store;
mod verify;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use lagdoctor_model::Millis;

pub use anchor::Anchors;
pub use book::{Book, Kept};
pub use chain::Digest;
pub use draft::{Draft, Entry};
pub use error::AuditError;
pub use path::{DecisionPath, FindingRecord, RankedRecord, RankingRecord};
pub use record::{Build, CallRecord, InputRecord, PluginRecord, Record};
pub use replay::{Nowhere, Replayed, Replayer};
pub use store::Appended;
pub use verify::{Against, Fault, Verified};

/// Where the audit lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The database.
    pub database: PathBuf,
    /// The anchor, best on another disk or host: it is what the database is checked against.
    pub anchor: PathBuf,
}

impl Place {
    /// This database, and the anchor beside it.
    pub fn beside(database: impl Into<PathBuf>) -> Self {
        let database = database.into();
        let anchor = database.with_extension("anchor");
        Self { database, anchor }
    }
}

/// How much is kept. The newest record is kept whatever it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Older records are removed.
    pub age: Millis,
    /// Bytes of the database; the oldest records are removed until it holds less.
    pub bytes: u64,
}

impl Default for Keep {
    /// 30 days and 512 MiB.
    fn default() -> Self {
        Self { age: Millis::minutes(30 * 24 * 60), bytes: 512 << 20 }
    }
}

/// An audit that is written to.
#[derive(Clone, Debug)]
pub struct Audit {
    place: Place,
    keep: Keep,
}

impl Audit {
    /// The audit at this place. Nothing is opened yet: each record opens the database anew, so that a disk that was away
    /// is used again once it is back.
    pub fn new(place: Place, keep: Keep) -> Self {
        Self { place, keep }
    }

    /// Adds a record, and removes what is no longer kept. `component` gives the bytes of a component of this digest; it
    /// is asked for those that the database does not hold yet, and one that it cannot give is left out, so that records
    /// of it cannot be replayed. Several processes may do this at once; each record follows the one before.
    ///
    /// # Errors
    /// When the database cannot be written, or the anchor cannot be read: then there is no record. One that is kept while its
    /// anchor cannot be written is told by [`Appended::notes`], and the next anchor covers it.
    pub fn append(&self, draft: &Draft, component: &dyn Fn(Digest) -> Option<Vec<u8>>) -> Result<Appended, AuditError> {
        store::append(&self.place, self.keep, draft, component)
    }

    /// Opens the audit for reading.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn book(&self) -> Result<Book, AuditError> {
        Book::open(&self.place.database)
    }

    /// The anchor, as it is now; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn anchors(&self) -> Result<Option<Anchors>, AuditError> {
        Anchors::load(&self.place.anchor)
    }

    /// Where it lies.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

/// The database that is used unless another is named: in `XDG_STATE_HOME`, else in `.local/state` of `HOME`.
pub fn default_database(state_home: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    let absolute = |path: &&Path| path.is_absolute();
    let state = match state_home.filter(absolute) {
        Some(state) => state.to_owned(),
        None => home.filter(absolute)?.join(".local/state"),
    };
    Some(state.join("lagdoctor/audit.sqlite"))
}
