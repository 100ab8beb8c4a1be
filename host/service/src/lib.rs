//! The shell of lagdoctor: in what order do things happen, and who is told? In running order: [`config`] says what the
//! operator wants, [`plugins`] loads what judges, [`collect`] reads sources, [`resolve`] places what they say on nodes,
//! [`mod@derive`] adds what follows from offsets, [`diagnose()`] asks the plugins why, [`report`] tells people and programs,
//! [`notify`] decides whom to wake, [`audit`] keeps what was done and proves it.
//!
//! Start at [`Collector::collect`] and [`diagnose()`]; a recorded incident skips the first.

pub mod audit;
pub mod collect;
pub mod config;
pub mod derive;
mod diagnose;
pub mod notify;
pub mod plugins;
pub mod report;
pub mod resolve;

pub use collect::{Collector, KafkaHistory, Look, Reading, Request, Watched, Ways};
pub use config::{Config, ConfigError, Flags, Sources};
pub use diagnose::{Asked, Job, Options, Prepared, Trace, again, diagnose, traced};
pub use plugins::{Bundled, Loaded, PluginError, Plugins};

/// A duration as the async runtime takes it.
fn duration(time: lagdoctor_model::Millis) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(0))
}
