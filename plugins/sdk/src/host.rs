//! What a collector or notifier may ask of the host, as a trait, so that tests answer in its place.

use crate::{Error, Request, Response};

/// The outside, as far as it was granted.
pub trait Host {
    /// The run's clock, in Unix milliseconds. A replay repeats it.
    fn now_ms(&self) -> i64;

    /// Sends one request. Any HTTP status is a response; redirects are not followed.
    ///
    /// # Errors
    /// When no response came: `not-granted`, `unreachable`, `bad-input` or `rate-limited`.
    fn fetch(&self, request: &Request) -> Result<Response, Error>;
}

/// The host itself.
#[cfg(target_family = "wasm")]
#[derive(Clone, Copy, Debug)]
pub struct Sandbox;

#[cfg(target_family = "wasm")]
impl Host for Sandbox {
    fn now_ms(&self) -> i64 {
        crate::bindings::shared::lagdoctor::plugin::clock::now_ms()
    }

    fn fetch(&self, request: &Request) -> Result<Response, Error> {
        crate::bindings::shared::lagdoctor::plugin::http::fetch(request)
    }
}
