//! What the program serves over HTTP: for now, simulated endpoints.

pub mod simulated;
