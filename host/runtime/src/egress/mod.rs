//! The one way out. A guest's request goes through [`policy`] (grants, headers, secrets, caps), then to a
//! [`Transport`]: [`Network`] in production, something in process in tests and simulations. No transport is ever
//! handed a request that the policy has not let pass.

pub(crate) mod address;
mod form;
mod network;
mod pattern;
pub(crate) mod policy;
mod resolve;
mod scrub;
pub(crate) mod secrets;
mod tls;
pub(crate) mod veil;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use url::Url;

pub use address::{AddressClass, canonical};
pub use network::Network;
pub use pattern::HttpPattern;
pub use resolve::{Resolver, SystemResolver};
pub use scrub::Scrubber;
pub use secrets::{InvalidSecret, NoSecrets, Secret, Secrets};
pub use tls::{Identity, TlsError, TlsTarget};

/// A future behind a pointer, as an async function of a trait object gives it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How far a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Only to addresses of the public internet.
    Public,
    /// Also to private and loopback addresses: the operator named this host.
    Private,
}

/// A request that the policy has let pass. It may hold secrets, so it prints only method and host.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// An upper-case word.
    pub method: String,
    /// Absolute, `http` or `https`, without user information and fragment.
    pub url: Url,
    /// Names in lower case; no `host`, `content-length` or `connection`, which are the transport's.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
    /// From resolving the name to the last byte.
    pub timeout: Duration,
    /// Most bytes of the response's body.
    pub max_body: usize,
    /// Which addresses may be dialled.
    pub reach: Reach,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url.origin().ascii_serialization())
    }
}

/// What came back. Any status is a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Not compressed.
    pub body: Vec<u8>,
}

/// No response came. Statements name the host and never the path, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The name does not resolve, nothing listens, the connection broke, or the certificate is not trusted.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// The host, with its port.
        host: String,
        /// Why.
        reason: String,
    },
    /// The host has only addresses that may not be dialled.
    #[error("{host} has the {class} address {address}, which is not granted")]
    Address {
        /// The host, with its port.
        host: String,
        /// The address, canonical.
        address: std::net::IpAddr,
        /// What kind of address.
        class: AddressClass,
    },
    /// No whole response within the time.
    #[error("{host} did not answer within {} ms", timeout.as_millis())]
    Timeout {
        /// The host, with its port.
        host: String,
        /// The time.
        timeout: Duration,
    },
    /// The response's body is larger than allowed.
    #[error("the answer of {host} is larger than {max} bytes")]
    TooLarge {
        /// The host, with its port.
        host: String,
        /// Most bytes.
        max: usize,
    },
}

/// Carries requests. Implementations follow no redirect, keep no cookies, and honour `timeout`, `max_body` and `reach`
/// as far as they mean anything to them.
pub trait Transport: Send + Sync {
    /// Sends one request and reads its whole response.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;
}
