//! Guests that mean harm. Each is contained: the call ends, in its time and in its memory, what is said names plugin and
//! reason, and the host goes on. `cargo test -p lagdoctor-runtime --test plugins hostile` runs them all;
//! `tests/flat.rs` shows that thousands of them leave nothing behind, and `lagdoctor-service`'s `tests/hostile.rs` that a
//! diagnosis is finished without them.

mod altered;
mod bombs;
mod egress;
mod lies;
mod secrets;
mod texts;
mod work;
