//! How a diagnosis is told: to a tired engineer at a terminal ([`text`]), in a ticket or a chat ([`markdown`],
//! [`headline`]), on a page to look at ([`html`]) and to programs ([`json`], whose schema is committed and only grows). The status of groups is told the
//! same ways, see [`StatusReport`]. Everything here is a pure function: the same diagnosis gives the same bytes.

mod fold;
mod html;
mod json;
mod links;
mod markdown;
mod page;
mod status;
mod status_text;
mod text;

pub use html::html;
pub use json::{Body, Envelope, PluginUse, body, json};
pub use links::Links;
pub use markdown::{headline, markdown};
pub use page::{Colour, Style};
pub use status::{GroupReport, PartitionReport, StatusReport};
pub use status_text::Rows;
pub use text::text;

/// The JSON Schema of what [`json`] gives.
pub const DIAGNOSIS_SCHEMA: &str = include_str!("../../schema/diagnosis.schema.json");
/// The JSON Schema of what [`StatusReport::json`] gives.
pub const STATUS_SCHEMA: &str = include_str!("../../schema/status.schema.json");

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod status_tests;
