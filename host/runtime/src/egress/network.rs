//! The real way out. A name is resolved once, its addresses are checked, and exactly a checked address is dialled, so
//! that a name which resolves differently a moment later gains nothing. Redirects are not followed: a guest that wants
//! to follow one sends a new request, and that is checked like any other.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, HOST};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Host;

use crate::egress::pattern::authority;
use crate::egress::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError, address};

/// Bytes that the head of a response may have.
const MAX_HEAD: usize = 64 << 10;
/// Headers that a response may have.
const MAX_HEADERS: usize = 100;

/// HTTP/1.1 over TCP and TLS, with the certificates that the system trusts. Clones share them.
#[derive(Clone)]
pub struct Network {
    tls: Arc<rustls::ClientConfig>,
    roots: usize,
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Network {
    /// Reads the certificates that the system trusts (or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name). Without
    /// any, `http` works and each `https` request says what is missing.
    pub fn new() -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let (trusted, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = match rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
            Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
            // The provider above knows the default versions; without it there is no TLS at all.
            Err(error) => unreachable!("ring offers TLS 1.2 and 1.3: {error}"),
        };
        Self { tls: Arc::new(tls), roots: trusted }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let stream = connect(&request).await?;
        if request.url.scheme() == "http" {
            return converse(stream, request).await;
        }
        let host = authority(&request.url);
        let unreachable = |reason: String| TransportError::Unreachable { host: host.clone(), reason };
        if self.roots == 0 {
            return Err(unreachable(
                "this system trusts no certificates: install `ca-certificates`, or name a file in SSL_CERT_FILE"
                    .to_owned(),
            ));
        }
        let name = match request.url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.trim_end_matches('.').to_owned())
                .map_err(|_| unreachable("its name cannot be in a certificate".to_owned()))?,
            Some(Host::Ipv4(address)) => ServerName::from(std::net::IpAddr::from(address)),
            Some(Host::Ipv6(address)) => ServerName::from(std::net::IpAddr::from(address)),
            None => return Err(unreachable("it has no name".to_owned())),
        };
        let tls = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        let tls = tls.map_err(|error| unreachable(format!("no TLS: {error}")))?;
        converse(tls, request).await
    }
}

impl Transport for Network {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let (host, timeout) = (authority(&request.url), request.timeout);
            match tokio::time::timeout(timeout, self.exchange(request)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(TransportError::Timeout { host, timeout }),
            }
        })
    }
}

/// The addresses of a request's host that may be dialled, at least one.
async fn resolve(request: &HttpRequest) -> Result<Vec<SocketAddr>, TransportError> {
    let host = authority(&request.url);
    let unreachable = |reason: String| TransportError::Unreachable { host: host.clone(), reason };
    let port = request.url.port_or_known_default().unwrap_or(80);
    let written = address::written(&request.url);
    let found: Vec<SocketAddr> = match (written, request.url.host_str()) {
        (Some(address), _) => vec![SocketAddr::new(address, port)],
        (None, Some(name)) => {
            let found = tokio::net::lookup_host((name, port)).await;
            found.map_err(|error| unreachable(format!("its name does not resolve: {error}")))?.collect()
        }
        (None, None) => return Err(unreachable("it has no name".to_owned())),
    };
    let canonical = found.into_iter().map(|found| SocketAddr::new(address::canonical(found.ip()), found.port()));
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

async fn connect(request: &HttpRequest) -> Result<TcpStream, TransportError> {
    let mut reason = String::new();
    for address in resolve(request).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Requests are small and each waits for its answer.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => reason = format!("{address}: {error}"),
        }
    }
    Err(TransportError::Unreachable { host: authority(&request.url), reason })
}

/// Ends the task that drives a connection, whichever way the request ends.
struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn converse<S>(stream: S, request: HttpRequest) -> Result<HttpResponse, TransportError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let host = authority(&request.url);
    let broken = |error: hyper::Error| TransportError::Unreachable { host: host.clone(), reason: reason(&error) };
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let _driver = Driver(tokio::spawn(async move {
        // How the connection ends is seen by the request that uses it.
        let _ = connection.await;
    }));
    let max = request.max_body;
    let outgoing = outgoing(request)?;
    let response = sender.send_request(outgoing).await.map_err(broken)?;
    let (head, mut incoming) = response.into_parts();
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let too_large = || TransportError::TooLarge { host: host.clone(), max };
    if announced.is_some_and(|announced| announced > max) {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(max));
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            if body.len() + data.len() > max {
                return Err(too_large());
            }
            body.extend_from_slice(&data);
        }
    }
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    Ok(HttpResponse { status: head.status.as_u16(), headers, body })
}

fn outgoing(request: HttpRequest) -> Result<hyper::Request<Full<Bytes>>, TransportError> {
    let host = authority(&request.url);
    let usual = request.url.port().is_none();
    let name = crate::egress::pattern::host_of(&request.url).unwrap_or_default();
    let target = &request.url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut builder = hyper::Request::builder()
        .method(request.method.as_str())
        .uri(target)
        .header(HOST, if usual { &name } else { &host })
        .header("accept-encoding", "identity")
        .header("connection", "close");
    if !request.headers.iter().any(|(name, _)| name == "user-agent") {
        builder = builder.header("user-agent", concat!("lagdoctor/", env!("CARGO_PKG_VERSION")));
    }
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let built = builder.body(Full::new(Bytes::from(request.body)));
    // What is wrong is not said in its own words, because a header may be a secret.
    built.map_err(|_| TransportError::Unreachable {
        host,
        reason: "the request cannot be written as HTTP/1.1".to_owned(),
    })
}

/// An error with its causes, which is where hyper says what happened.
fn reason(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
