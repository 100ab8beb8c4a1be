//! How a diagnosis is told: to a tired engineer at a terminal ([`text`]), in a ticket or a chat ([`markdown`],
//! [`headline`]), on a page to look at ([`html`]) and to programs ([`json`], whose schema is committed and only grows). The status of groups is told the
//! same ways, see [`StatusReport`]; how plugins stand is told by [`PluginsReport`], and a service's own numbers by
//! [`metrics()`]. Everything here is a pure function: the same diagnosis gives the same bytes.

mod fold;
mod html;
mod json;
mod links;
mod markdown;
mod metrics;
mod page;
mod plugins;
mod status;
mod status_text;
mod table;
mod text;

pub use html::html;
pub use json::{Body, Envelope, PluginUse, body, json};
pub use links::Links;
pub use markdown::{headline, markdown};
pub use metrics::{ServiceTally, metrics};
pub(crate) use page::clean;
pub use page::{Colour, Style};
pub use plugins::{FailureCount, LastFailure, PluginReport, PluginsReport};
pub use status::{GroupReport, PartitionReport, StatusReport};
pub use status_text::Rows;
pub use table::{Align, table};
pub use text::text;

/// The JSON Schema of what [`json`] gives.
pub const DIAGNOSIS_SCHEMA: &str = include_str!("../../schema/diagnosis.schema.json");
/// The JSON Schema of what [`StatusReport::json`] gives.
pub const STATUS_SCHEMA: &str = include_str!("../../schema/status.schema.json");
/// The JSON Schema of what [`PluginsReport::json`] gives.
pub const PLUGINS_SCHEMA: &str = include_str!("../../schema/plugins.schema.json");

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod status_tests;
