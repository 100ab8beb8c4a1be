//! How is an incident kept, so that it can be diagnosed again next week, by somebody else, or by CI?
//!
//! A bundle is a folder of plain files that anyone can write: `FORMAT.md` beside this crate describes it, with a
//! schema for each file. [`read()`] is strict about what makes a folder a bundle and lenient about everything in it:
//! what is broken becomes a [`lagdoctor_model::Gap`] that names file and line, and the rest is used. [`write()`]
//! gives the same bytes for the same signals. The [`Truth`] of a labelled bundle lies beside it, never in it.
//!
//! [`pack`] and [`unpack`] do the same without a folder. [`mod@import`] makes labelled bundles of what others recorded.
//!
//! Start at [`read()`]; a folder goes through `read` → `read::{topology, series, lines}` → `Signals::normalised`.
//! Text is redacted on the way in and on the way out.

mod files;
mod header;
pub mod import;
mod read;
mod trouble;
mod truth;
mod write;

pub use header::Meta;
pub use lagdoctor_model::KnownSymptom;
pub use read::{BundleError, Recorded, read, unpack};
pub use truth::{Alternative, Root, Truth, TruthError};
pub use write::{WriteError, pack, topology_json, write};

/// The version of the format that this crate reads and writes: `schema` of `bundle.toml`.
pub const SCHEMA: u32 = 1;
