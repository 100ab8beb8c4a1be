//! The commands, one file each. Each turns arguments into calls of the crates below and prints what they answer.

pub mod audit;
pub mod author;
pub mod baseline;
pub mod demo;
pub mod diagnose;
pub mod evaluate;
pub mod import;
pub mod plugin;
pub mod record;
pub mod service;
pub mod shrink;
pub mod simulate;
pub mod status;
pub mod swarm;
