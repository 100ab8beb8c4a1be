//! Each fault, seen through the simulated Prometheus alone: what moves, what does not, and in which order. One file for
//! each area of faults; [`seen`] asks.

mod called;
mod consumer;
mod databases;
mod dependencies;
mod harmless;
mod hosts;
mod kafka;
mod load;
mod net;
mod process;
mod seen;
