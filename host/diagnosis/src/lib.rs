//! Pure thinking: from signals to a diagnosis, in three steps with guests between them. [`detect`] says which group hurts
//! and since when; after the scorers have spoken, [`plan`] decides which of their findings matter to that group; after
//! the ranker has spoken, [`conclude`] says what lagdoctor makes of it all, or that the evidence is too thin to say.
//! Nothing here reads a clock, does I/O or depends on the order in which findings came.
//!
//! Start at [`detect`]. [`DependencyGraph`] is how all three walk from a symptom to its causes; [`status`] judges a
//! single partition by its commits.

mod conclude;
mod detect;
mod graph;
pub mod number;
mod plan;
mod robust;
mod seen;
pub mod status;
#[cfg(test)]
mod testing;

pub use conclude::{CONFIDENT, MARGIN, SURE, conclude};
pub use detect::{Detection, GroupHealth, Health, Lookout, ServiceHealth, detect};
pub use graph::DependencyGraph;
pub use plan::{OffPath, Plan, on_the_way, plan};
