//! The files of a bundle.

pub(crate) const HEADER: &str = "bundle.toml";
pub(crate) const TOPOLOGY: &str = "topology.json";
pub(crate) const SERIES: &str = "series.ndjson";
pub(crate) const HISTORY: &str = "history.ndjson";
pub(crate) const LOGS: &str = "logs.ndjson";
pub(crate) const EVENTS: &str = "events.ndjson";

/// All of them.
pub(crate) const ALL: [&str; 6] = [HEADER, TOPOLOGY, SERIES, HISTORY, LOGS, EVENTS];

/// How a bundle begins that is packed into one sequence of bytes. Behind it, for each file: `NAME LENGTH\n`, content.
pub(crate) const PACKED: &[u8] = b"lagdoctor bundle 1\n";
