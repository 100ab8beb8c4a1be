//! Write plugins for lagdoctor. A plugin implements [`Plugin`] (who it is, how it is configured) and one job:
//! [`Collector`], [`Scorer`], [`Ranker`], [`Forecaster`] or [`Notifier`]. One line, such as [`export_scorer!`], makes it
//! a component. Everything here also runs natively, so that a plugin is tested with `cargo test` and no WebAssembly.
//!
//! Start at [`Scorer`]; look at the data through [`View`] and judge it with [`stats`].
//!
//! ```
//! use lagdoctor_sdk::{Error, Finding, Manifest, NoConfig, Plugin, Scorer, View};
//!
//! struct PendingPools;
//!
//! impl Plugin for PendingPools {
//!     type Config = NoConfig;
//!     fn manifest() -> Manifest {
//!         Manifest::new("scorer-pending", "0.1.0", "Finds connection pools that threads wait for.")
//!             .reads(&["db.client.connection.pending_requests"])
//!             .names(&["pool.too-small"])
//!     }
//!     fn new(_: NoConfig) -> Result<Self, Error> {
//!         Ok(Self)
//!     }
//! }
//!
//! impl Scorer for PendingPools {
//!     fn score(&self, view: &View) -> Result<Vec<Finding>, Error> {
//!         let series = view.of_signal("db.client.connection.pending_requests");
//!         Ok(series
//!             .map(|pending| {
//!                 let waiting = pending.last().unwrap_or(0.0);
//!                 Finding::about(&pending)
//!                     .score(if waiting > 0.0 { 0.8 } else { 0.0 })
//!                     .class("pool.too-small")
//!                     .saw(waiting, 0.0)
//!                     .says(format!("{waiting} threads wait for a connection"))
//!             })
//!             .collect())
//!     }
//! }
//!
//! lagdoctor_sdk::export_scorer!(PendingPools);
//! # fn main() {}
//! ```

#[doc(hidden)]
pub mod bindings;
mod change;
mod contract;
mod host;
pub mod log;
mod manifest;
mod numbers;
mod plugin;
pub mod stats;
pub mod testing;
mod view;
mod volume;
pub mod words;

pub use change::{Change, ramp};
pub use contract::{code, score_of};
pub use host::Host;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use host::Sandbox;
pub use manifest::Manifest;
pub use numbers::NoConfig;
#[doc(hidden)]
pub use numbers::{__closed, __closed_len};
pub use plugin::{Adapter, Collector, Forecaster, Notifier, Plugin, Ranker, Scorer};
pub use view::{LogRef, NodeRef, SeriesRef, View};
pub use volume::Volume;

pub use bindings::collecting::exports::lagdoctor::plugin::collecting::{
    Page, Query, RawEdge, RawEvent, RawGap, RawLog, RawNode, RawSeries,
};
pub use bindings::forecasting::exports::lagdoctor::plugin::forecasting::{Projection, Target};
pub use bindings::notifying::exports::lagdoctor::plugin::notifying::{IncidentEvent, Receipt, Rendering};
pub use bindings::shared::lagdoctor::plugin::http::{Auth, Request, Response};
pub use bindings::shared::lagdoctor::plugin::types::{
    Batch, Cause, Dismissal, Edge, Event, Finding, LogColumns, Node, PluginError as Error, Ranking, Series, Symptom,
};
/// The contract and the vocabulary, as text.
pub use lagdoctor_wit as contract_text;
#[doc(hidden)]
pub use serde;
pub use serde_json as json;
