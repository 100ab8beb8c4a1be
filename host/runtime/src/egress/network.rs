//! The real way out. A name is resolved once, its addresses are checked, and exactly a checked address is dialled, so
//! that a name which resolves differently a moment later gains nothing. Redirects are not followed: a guest that wants
//! to follow one sends a new request, and that is checked like any other.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, HOST};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::Url;

use crate::egress::pattern::authority;
use crate::egress::resolve::{Resolver, SystemResolver, resolve};
use crate::egress::tls::{Tls, TlsError, TlsTarget, refused_later};
use crate::egress::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError};

/// Bytes that the head of a response may have.
const MAX_HEAD: usize = 64 << 10;
/// Headers that a response may have.
const MAX_HEADERS: usize = 100;

/// HTTP/1.1 over TCP and TLS, with the certificates that the system trusts. Clones share them.
#[derive(Clone)]
pub struct Network {
    tls: Tls,
    resolver: Arc<dyn Resolver>,
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
        Self { tls: Tls::system(), resolver: Arc::new(SystemResolver) }
    }

    /// The same, speaking TLS with some hosts as an operator says.
    ///
    /// # Errors
    /// When a certificate or key cannot be used.
    pub fn with_tls<'a>(mut self, targets: impl IntoIterator<Item = &'a TlsTarget>) -> Result<Self, TlsError> {
        for target in targets {
            self.tls.add(target)?;
        }
        Ok(self)
    }

    /// The same, asking this resolver for names.
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    #[cfg(test)]
    pub(super) fn pretend_system_trusts_somebody(&mut self) {
        self.tls.roots = 1;
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let stream = self.connect(&request).await?;
        if request.url.scheme() == "http" {
            return converse(stream, request).await;
        }
        let tls = self.tls.connect(&request.url, stream).await;
        let host = authority(&request.url);
        converse(tls.map_err(|reason| TransportError::Unreachable { host, reason })?, request).await
    }

    async fn connect(&self, request: &HttpRequest) -> Result<TcpStream, TransportError> {
        let mut reason = String::new();
        for address in resolve(&*self.resolver, request).await? {
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
    let url = request.url.clone();
    let broken = |error: hyper::Error| TransportError::Unreachable { host: host.clone(), reason: reason(&error, &url) };
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
    // An announcement costs the far side nothing, so little is set aside for it.
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(max).min(MAX_HEAD));
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
fn reason(error: &hyper::Error, url: &Url) -> String {
    if let Some(refused) = refused_later(error, url) {
        return refused;
    }
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
