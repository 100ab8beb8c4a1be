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
use crate::egress::scrub::Scrubber;
use crate::egress::secrets::{Secret, Secrets};
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
    scrubber: Option<Scrubber>,
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
        limits: &Limits,
    ) -> Self {
        let (plugin, limits) = (plugin.to_owned(), limits.clone());
        let denied = BTreeSet::new();
        Self { plugin, grants, secrets, transport, limits, scrubber: None, requests: 0, received: 0, denied }
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
        let sent = tokio::time::timeout(timeout, self.transport.send(request)).await;
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
                (url.clone(), reach.or_else(|| self.grants.reach(&method, &url)))
            }
            _ => {
                let url = parse(&ask.url)?;
                let reach = self.grants.reach(&method, &url);
                (url, reach)
            }
        };
        let origin = format!("{}://{}", url.scheme(), authority(&url));
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
            headers.extend(proof(auth, secret, &ask.body)?);
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
            TransportError::TooLarge { .. } => "; ask for less, or raise `http_body_bytes`",
            _ => "",
        };
        // A transport may quote what it was given, so what it says is scrubbed as well.
        let message = format!("{error}{way_out}");
        let message = self.scrubber().map(|scrubber| scrubber.text(message)).unwrap_or_default();
        Refusal { code, message: clean(&message, self.limits.output_text_bytes) }
    }

    fn scrubber(&mut self) -> Result<&Scrubber, Refusal> {
        if self.scrubber.is_none() {
            let secrets: Vec<Secret> = self.grants.secrets().filter_map(|name| self.secrets.get(name)).collect();
            self.scrubber = Scrubber::new(&secrets);
        }
        self.scrubber.as_ref().ok_or_else(|| Refusal {
            code: "bad-input",
            message: "the granted secrets are too long to be kept out of answers: use shorter ones".to_owned(),
        })
    }

    /// The response as a guest may see it.
    fn clean(&mut self, host: &str, response: HttpResponse) -> Result<HttpResponse, Refusal> {
        let encoding = response.headers.iter().find(|(name, _)| name == "content-encoding");
        if let Some((_, encoding)) =
            encoding.filter(|(_, encoding)| encoding != "identity" && !response.body.is_empty())
        {
            let encoding = clean(encoding, 40);
            return refuse(
                "unreachable",
                format!("{host} answered in `{encoding}` although it was not asked to compress"),
            );
        }
        let scrubber = self.scrubber()?;
        let mut bytes = 0;
        let headers = response.headers.into_iter().take(MAX_HEADERS).take_while(|(name, value)| {
            bytes += name.len() + value.len();
            bytes <= MAX_HEADER_BYTES
        });
        let headers = headers.map(|(name, value)| (scrubber.text(name), scrubber.text(value))).collect();
        Ok(HttpResponse { status: response.status, headers, body: scrubber.bytes(response.body) })
    }
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
        "hmac" => {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(value.as_bytes()) else {
                return refuse("bad-input", "the secret cannot be a key");
            };
            mac.update(body);
            let hex = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            (named()?, hex)
        }
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
