//! What the program serves over HTTP: simulated endpoints, and what a running service tells of itself.

pub mod service;
pub mod simulated;
