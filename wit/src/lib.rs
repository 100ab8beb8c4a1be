//! What has been promised to plugin authors, as text: the WIT package and the vocabulary that its strings are taken
//! from. This crate has no dependencies and no code, so that anything may depend on it. Start with `README.md`
//! beside it, which gives the reason for each choice.
//!
//! ```
//! assert!(lagdoctor_wit::TYPES.contains("record finding"));
//! assert!(lagdoctor_wit::SIGNALS.contains("kafka.consumer_group.lag"));
//! ```

/// Name and version of the WIT package, as it stands in the import and export names of a component.
pub const PACKAGE: &str = "lagdoctor:plugin@0.1.0";
/// The shared records and the host's functions: `types.wit`.
pub const TYPES: &str = include_str!("../types.wit");
/// The five jobs and their worlds: `worlds.wit`.
pub const WORLDS: &str = include_str!("../worlds.wit");
/// The signals: `signals.toml`.
pub const SIGNALS: &str = include_str!("../signals.toml");
/// The kinds of nodes and edges: `nodes.toml`.
pub const NODES: &str = include_str!("../nodes.toml");
/// The fault classes: `classes.toml`.
pub const CLASSES: &str = include_str!("../classes.toml");
/// What real exporters call each signal: `dialects.toml`.
pub const DIALECTS: &str = include_str!("../dialects.toml");
