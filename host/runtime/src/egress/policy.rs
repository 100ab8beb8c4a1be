//! What stands between a guest's request and the network, in this order: caps, URL, grants, address, headers, secrets;
//! and on the way back: caps, and secrets blanked. One [`Session`] lives as long as one call. Start at
//! [`Session::fetch`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::Limits;
use crate::egress::form::{MAX_HEADER_BYTES, MAX_HEADERS, below, headers, is_header_name, is_hosts_own, method, parse};
use crate::egress::pattern::authority;
use crate::egress::secrets::{Secret, Secrets};
use crate::egress::veil::{Common, Veil};
use crate::egress::{HttpRequest, HttpResponse, Reach, Transport, TransportError, address};
use crate::grants::Grants;
use crate::text::clean;

/// A request in a guest's words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) auth: Option<Auth>,
    pub(crate) timeout_ms: u32,
}

/// How to prove who is asking.
#[derive(Clone, Debug, Default)]
pub(crate) struct Auth {
    pub(crate) kind: String,
    pub(crate) secret: String,
    pub(crate) name: String,
}

/// Why no response came, in the words of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

pub(crate) fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { code, message: message.into() })
}

/// What one call may do, and has done, on the network.
pub(crate) struct Session {
    plugin: String,
    grants: Arc<Grants>,
    secrets: Arc<dyn Secrets>,
    transport: Arc<dyn Transport>,
    limits: Limits,
    common: Arc<Common>,
    veil: Veil,
    requests: usize,
    received: usize,
    denied: BTreeSet<String>,
}

impl Session {
    pub(crate) fn new(
        plugin: &str,
        grants: Arc<Grants>,
        secrets: Arc<dyn Secrets>,
        transport: Arc<dyn Transport>,
        common: Arc<Common>,
        limits: &Limits,
    ) -> Self {
        Self {
            plugin: plugin.to_owned(),
            veil: Veil::new(grants.clone(), secrets.clone(), common.clone()),
            grants,
            secrets,
            transport,
            limits: limits.clone(),
            common,
            requests: 0,
            received: 0,
            denied: BTreeSet::new(),
        }
    }

    /// What was asked for in vain because it is not granted, one sentence each.
    pub(crate) fn denied(&self) -> impl Iterator<Item = &str> {
        self.denied.iter().map(String::as_str)
    }

    /// A redactor for what the plugin says.
    pub(crate) fn redactor(&self) -> lagdoctor_model::Redactor {
        self.grants.redactor()
    }

    /// Sends one request.
    pub(crate) async fn fetch(&mut self, ask: Ask) -> Result<HttpResponse, Refusal> {
        let outcome = self.try_fetch(ask).await;
        if let Err(refusal) = &outcome {
            tracing::debug!(plugin = self.plugin, code = refusal.code, "{}", refusal.message);
            if refusal.code == "not-granted" && self.denied.len() < 10 {
                self.denied.insert(refusal.message.clone());
            }
        }
        outcome
    }

    async fn try_fetch(&mut self, ask: Ask) -> Result<HttpResponse, Refusal> {
        self.requests += 1;
        if self.requests > self.limits.http_requests {
            let most = self.limits.http_requests;
            return refuse("rate-limited", format!("one call may send {most} requests, and they are used up"));
        }
        if ask.body.len() > self.limits.http_request_bytes {
            let most = self.limits.http_request_bytes;
            return refuse(
                "bad-input",
                format!("the request's body has {} bytes, at most {most} are allowed", ask.body.len()),
            );
        }
        let request = self.admit(ask)?;
        let host = authority(&request.url);
        let (method, timeout, max) = (request.method.clone(), request.timeout, request.max_body);
        let (common, transport) = (self.common.clone(), self.transport.clone());
        let exchange = async move {
            // Nobody closes it, and whoever waits too long runs out of time.
            let _turn = common.turns.acquire().await;
            transport.send(request).await
        };
        let sent = tokio::time::timeout(timeout, exchange).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.failed(&error)),
            Err(_) => return Err(self.failed(&TransportError::Timeout { host, timeout })),
        };
        if response.body.len() > max {
            return Err(self.failed(&TransportError::TooLarge { host, max }));
        }
        self.received += response.body.len();
        tracing::debug!(
            plugin = self.plugin,
            method,
            host,
            status = response.status,
            bytes = response.body.len(),
            "http"
        );
        self.clean(&host, response)
    }

    /// The request as it goes out, when it may.
    fn admit(&mut self, ask: Ask) -> Result<HttpRequest, Refusal> {
        let auth = ask.auth.as_ref().filter(|auth| !auth.kind.is_empty());
        let secret = match auth {
            Some(auth) => Some((auth, self.secret(auth)?)),
            None => None,
        };
        let method = method(&ask.method)?;
        let (url, reach) = match &secret {
            Some((auth, (secret, reach))) if auth.kind == "secret-url" => {
                let url = parse(secret.expose()).and_then(|base| below(base, &ask.url)).map_err(|refusal| Refusal {
                    message: format!("secret `{}`: {}", auth.secret, refusal.message),
                    ..refusal
                })?;
                // Whoever grants a secret that is a URL grants its host; methods beyond the usual need a rule.
                let reach = if matches!(method.as_str(), "GET" | "POST") { Some(*reach) } else { None };
                if self.grants.secret_is_tied_elsewhere(&auth.secret, &url) {
                    return Err(self.astray(&auth.secret, &url));
                }
                (url.clone(), reach.or_else(|| self.grants.reach(&method, &url)))
            }
            _ => {
                let url = parse(&ask.url)?;
                let reach = self.grants.reach(&method, &url);
                (url, reach)
            }
        };
        let origin = origin(&url);
        let Some(reach) = reach else {
            let add =
                if matches!(method.as_str(), "GET" | "POST") { String::new() } else { format!(" methods={method}") };
            return refuse(
                "not-granted",
                format!(
                    "{method} {origin} is not granted to plugin `{0}`: add `http {origin}{add}` to the grants of `{0}`, if the plugin asks for it",
                    self.plugin
                ),
            );
        };
        if reach == Reach::Public && address::is_metadata_name(&url) {
            let host = authority(&url);
            return refuse(
                "not-granted",
                format!(
                    "{host} is where a cloud hands out credentials; only a grant of this very host with `private` allows that"
                ),
            );
        }
        if let Some(address) = address::written(&url)
            && !address::may_dial(address, Some(address), reach)
        {
            let error = TransportError::Address {
                host: authority(&url),
                address: address::canonical(address),
                class: address::class(address),
            };
            return Err(self.failed(&error));
        }
        let mut headers = headers(ask.headers)?;
        if let Some((auth, (secret, _))) = &secret {
            // The URL that is a secret goes where it says, which has been looked at above.
            if auth.kind != "secret-url" && !self.grants.secret_may_go(&auth.secret, &url) {
                return Err(self.astray(&auth.secret, &url));
            }
            self.veil.remember(secret, (auth.kind == "hmac").then(|| digest(secret, &ask.body)).transpose()?);
            if let Some((name, value)) = proof(auth, secret, &ask.body)? {
                if headers.iter().any(|(given, _)| *given == name) {
                    return refuse("bad-input", format!("header `{name}` is that of the secret: leave it out"));
                }
                headers.push((name, value));
            }
        }
        let wanted = Duration::from_millis(u64::from(ask.timeout_ms.max(1)));
        let timeout = wanted.min(self.limits.http_timeout);
        let max_body = self.limits.http_body_bytes.min(self.limits.http_total_bytes.saturating_sub(self.received));
        Ok(HttpRequest { method, url, headers, body: ask.body, timeout, max_body, reach })
    }

    /// The secret that a request names, when it is granted and there is one.
    fn secret(&mut self, auth: &Auth) -> Result<(Secret, Reach), Refusal> {
        let name = clean(&auth.secret, 80);
        let Some(reach) = self.grants.secret(&auth.secret) else {
            return refuse(
                "not-granted",
                format!(
                    "secret `{name}` is not granted to plugin `{0}`: add `secret {name}` to the grants of `{0}`, if the plugin asks for it",
                    self.plugin
                ),
            );
        };
        let Some(secret) = self.secrets.get(&auth.secret) else {
            return refuse(
                "not-granted",
                // Worded so that no redactor takes the name for the secret itself.
                format!("`{name}` is granted as a secret but has no value: look at where it is said to come from"),
            );
        };
        Ok((secret, reach))
    }

    /// The refusal to let a secret go to this URL.
    fn astray(&self, secret: &str, url: &url::Url) -> Refusal {
        let (name, origin) = (clean(secret, 80), origin(url));
        let message = format!(
            "secret `{name}` may not go to {origin}: if it belongs there, write `secret {name} for={origin}` into the grants of `{}`",
            self.plugin
        );
        Refusal { code: "not-granted", message }
    }

    fn failed(&mut self, error: &TransportError) -> Refusal {
        let code = match error {
            TransportError::Unreachable { .. } | TransportError::Timeout { .. } => "unreachable",
            TransportError::Address { .. } => "not-granted",
            TransportError::TooLarge { .. } => "bad-input",
        };
        let way_out = match error {
            TransportError::Address { class: address::AddressClass::Unusable, .. } => "; no request can go there",
            TransportError::Address { class: address::AddressClass::Metadata, .. } => {
                "; only a grant of this very address with `private` allows that"
            }
            TransportError::Address { .. } => "; if it is meant, add `private` to the grant of this host or secret",
            TransportError::TooLarge { .. } => "; ask for less, or raise `http_body_mib`",
            _ => "",
        };
        // A transport may quote what it was given, so what it says is scrubbed as well.
        let message = format!("{error}{way_out}");
        let message = self.veil.text(message).unwrap_or_default();
        Refusal { code, message: clean(&message, self.limits.output_text_bytes) }
    }

    /// The response as a guest may see it.
    fn clean(&mut self, host: &str, response: HttpResponse) -> Result<HttpResponse, Refusal> {
        let mut encodings = response.headers.iter().filter(|(name, value)| match name.as_str() {
            "content-encoding" => !value.eq_ignore_ascii_case("identity"),
            "transfer-encoding" => !value.eq_ignore_ascii_case("chunked"),
            _ => false,
        });
        // What is compressed could not be searched for secrets, and a small answer could become a large one.
        if let Some((_, encoding)) = encodings.next().filter(|_| !response.body.is_empty()) {
            let encoding = clean(encoding, 40);
            return refuse(
                "unreachable",
                format!("{host} answered in `{encoding}` although it was not asked to compress"),
            );
        }
        let mut bytes = 0;
        let mut headers = Vec::new();
        for (name, value) in response.headers.into_iter().take(MAX_HEADERS) {
            bytes += name.len() + value.len();
            if bytes > MAX_HEADER_BYTES {
                break;
            }
            headers.push((self.veil.text(name)?, self.veil.text(value)?));
        }
        Ok(HttpResponse { status: response.status, headers, body: self.veil.bytes(response.body)? })
    }
}

/// `scheme://host:port`, as grants have it.
fn origin(url: &url::Url) -> String {
    format!("{}://{}", url.scheme(), authority(url))
}

/// The HMAC-SHA-256 of a body.
fn digest(secret: &Secret, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return refuse("bad-input", "the secret cannot be a key");
    };
    mac.update(body);
    Ok(mac.finalize().into_bytes().to_vec())
}

/// The header that proves who is asking; none when the URL does.
fn proof(auth: &Auth, secret: &Secret, body: &[u8]) -> Result<Option<(String, String)>, Refusal> {
    let value = secret.expose();
    let named = || {
        let name = auth.name.to_ascii_lowercase();
        if is_header_name(&name) && (!is_hosts_own(&name) || name == "authorization") {
            Ok(name)
        } else {
            refuse("bad-input", format!("`{}` cannot be the header of a secret", clean(&auth.name, 80)))
        }
    };
    let header = match auth.kind.as_str() {
        "bearer" => ("authorization".to_owned(), format!("Bearer {value}")),
        "basic" => ("authorization".to_owned(), format!("Basic {}", BASE64_STANDARD.encode(value))),
        "header" => (named()?, value.to_owned()),
        "hmac" => (named()?, digest(secret, body)?.iter().map(|byte| format!("{byte:02x}")).collect()),
        "secret-url" => return Ok(None),
        other => {
            let other = clean(other, 40);
            return refuse(
                "bad-input",
                format!("`{other}` is no way to authenticate: bearer, basic, header, secret-url or hmac"),
            );
        }
    };
    Ok(Some(header))
}

#[cfg(test)]
mod tests;
