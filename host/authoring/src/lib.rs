//! How does somebody make a plugin? In the order in which an author meets them: [`new`] writes a project that builds on
//! its own, [`build`] makes a component of it, [`mod@check`] says whether a host would want it, [`golden`] compares what it
//! finds in recorded incidents with what it found before. Nothing here prints: each gives back what there is to say.

pub mod build;
mod case;
pub mod check;
mod embedded;
pub mod golden;
mod job;
pub mod new;
mod stranger;
mod subject;

pub use case::Case;
pub use subject::Subject;
