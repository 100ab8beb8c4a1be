//! The HTTP APIs through which a run is read, as pure functions from a request to a response: the same words as the real
//! servers, so that the same collectors read them. Start at [`prometheus::answer`] and [`elasticsearch::answer`].

pub mod elasticsearch;
pub mod prometheus;

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Value of the header `content-type`.
    pub content_type: &'static str,
    /// Body, UTF-8.
    pub body: String,
}

impl Response {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string() }
    }
}
