//! Can bytes of strangers break the program? Each [`Target`] makes inputs from a seed and feeds them to one reader; an input
//! that makes it panic, die, hang or eat the memory is a finding. The same seed always gives the same input, so a finding
//! is replayed by one command. Start at [`targets::of`]; `main.rs` supervises, so that even an abort is noticed.

pub mod mutate;
pub mod seed;
pub mod targets;

pub use seed::Seed;
pub use targets::{Input, Target};
