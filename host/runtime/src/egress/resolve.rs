//! Which addresses does a name have, and which of them may be dialled? A name is asked for once, and only addresses that
//! have been looked at leave this module. Start at [`resolve`].

use std::io;
use std::net::SocketAddr;

use crate::egress::pattern::authority;
use crate::egress::{BoxFuture, HttpRequest, TransportError, address};

/// Turns names into addresses.
pub trait Resolver: Send + Sync {
    /// The addresses of a name, with this port.
    fn resolve<'a>(&'a self, name: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The system's own resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, port)).await?.collect()) })
    }
}

/// The addresses of a request's host that may be dialled, at least one.
pub(super) async fn resolve(resolver: &dyn Resolver, request: &HttpRequest) -> Result<Vec<SocketAddr>, TransportError> {
    let host = authority(&request.url);
    let unreachable = |reason: String| TransportError::Unreachable { host: host.clone(), reason };
    let port = request.url.port_or_known_default().unwrap_or(80);
    let written = address::written(&request.url);
    let found: Vec<SocketAddr> = match (written, request.url.host_str()) {
        (Some(address), _) => vec![SocketAddr::new(address, port)],
        (None, Some(name)) => resolver
            .resolve(name, port)
            .await
            .map_err(|error| unreachable(format!("its name does not resolve: {error}")))?,
        (None, None) => return Err(unreachable("it has no name".to_owned())),
    };
    // The port is that of the request, whatever a resolver says.
    let canonical = found.into_iter().map(|found| SocketAddr::new(address::canonical(found.ip()), port));
    let (allowed, refused): (Vec<_>, Vec<_>) =
        canonical.partition(|found| address::may_dial(found.ip(), written, request.reach));
    match (allowed.is_empty(), refused.first()) {
        (false, _) => Ok(allowed),
        (true, Some(refused)) => {
            Err(TransportError::Address { host, address: refused.ip(), class: address::class(refused.ip()) })
        }
        (true, None) => Err(unreachable("its name has no address".to_owned())),
    }
}
