//! Whom does the host trust, and who does it say it is? Everywhere the certificates of the system count and nobody is told
//! who asks; an operator may say otherwise for some hosts by a [`TlsTarget`]. Start at [`Tls::connect`].

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

use crate::egress::HttpPattern;
use crate::egress::pattern::authority;

/// What an operator says about TLS to some hosts.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsTarget {
    /// Which hosts. Of two targets that cover one host the first counts.
    pub hosts: HttpPattern,
    /// Certificates in PEM of the authorities to trust there, instead of the system's; `None` for the system's.
    pub authorities: Option<Vec<u8>>,
    /// Who the host says it is.
    pub identity: Option<Identity>,
}

/// A certificate and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate in PEM, and those that lead to an authority.
    pub certificates: Vec<u8>,
    /// The private key in PEM, not encrypted.
    pub key: Vec<u8>,
}

impl fmt::Debug for TlsTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |is: bool| if is { "its own" } else { "none" };
        let (authorities, identity) = (known(self.authorities.is_some()), known(self.identity.is_some()));
        write!(f, "TlsTarget({}, authorities: {authorities}, identity: {identity})", self.hosts)
    }
}

/// Why a [`TlsTarget`] cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No certificate of an authority.
    #[error(
        "the file of authorities holds no certificate that can be read: it must be PEM, `-----BEGIN CERTIFICATE-----`"
    )]
    Authorities,
    /// No certificate of the host's own.
    #[error("the certificate cannot be read: it must be PEM, `-----BEGIN CERTIFICATE-----`")]
    Certificate,
    /// No key.
    #[error("the private key cannot be read: it must be PEM, `-----BEGIN PRIVATE KEY-----`, and not encrypted")]
    Key,
    /// The two do not belong together, or are of a kind that TLS does not have.
    #[error("certificate and key cannot be used together: {0}")]
    Identity(String),
}

/// How the host speaks TLS.
#[derive(Clone)]
pub(super) struct Tls {
    usual: Arc<ClientConfig>,
    /// How many certificates the system trusts.
    pub(super) roots: usize,
    system: Arc<RootCertStore>,
    targets: Vec<(HttpPattern, Arc<ClientConfig>, Trust)>,
}

/// Whose certificates count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    System,
    Own,
}

impl Tls {
    /// With what the system trusts.
    pub(super) fn system() -> Self {
        let mut roots = RootCertStore::empty();
        let (trusted, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let system = Arc::new(roots);
        let usual = Arc::new(builder(system.clone()).with_no_client_auth());
        Self { usual, roots: trusted, system, targets: vec![] }
    }

    /// The same with what an operator says about some hosts.
    pub(super) fn add(&mut self, target: &TlsTarget) -> Result<(), TlsError> {
        let (roots, trust) = match &target.authorities {
            None => (self.system.clone(), Trust::System),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|_| TlsError::Authorities)?;
                    roots.add(certificate).map_err(|_| TlsError::Authorities)?;
                }
                if roots.is_empty() {
                    return Err(TlsError::Authorities);
                }
                (Arc::new(roots), Trust::Own)
            }
        };
        let config = match &target.identity {
            None => builder(roots).with_no_client_auth(),
            Some(identity) => {
                let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&identity.certificates).collect();
                let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(TlsError::Certificate)?;
                let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(|_| TlsError::Key)?;
                let config = builder(roots).with_client_auth_cert(chain, key);
                config.map_err(|error| TlsError::Identity(error.to_string()))?
            }
        };
        self.targets.push((target.hosts.clone(), Arc::new(config), trust));
        Ok(())
    }

    /// Speaks TLS over this connection with the host of a URL; else says what is wrong, and what to do about it.
    pub(super) async fn connect(&self, url: &Url, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let target = self.targets.iter().find(|(hosts, ..)| hosts.covers(url));
        let (config, trust) = target.map_or((&self.usual, Trust::System), |(_, config, trust)| (config, *trust));
        if trust == Trust::System && self.roots == 0 {
            return Err(
                "this system trusts no certificates: install `ca-certificates`, or name a file in SSL_CERT_FILE"
                    .to_owned(),
            );
        }
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.trim_end_matches('.').to_owned())
                .map_err(|_| "its name cannot be in a certificate".to_owned())?,
            Some(Host::Ipv4(address)) => ServerName::from(std::net::IpAddr::from(address)),
            Some(Host::Ipv6(address)) => ServerName::from(std::net::IpAddr::from(address)),
            None => return Err("it has no name".to_owned()),
        };
        TlsConnector::from(config.clone()).connect(name, stream).await.map_err(|error| match of_tls(&error) {
            Some(error) => explained(error, url, trust),
            None => format!("no TLS: {error}"),
        })
    }
}

fn builder(roots: Arc<RootCertStore>) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(builder) => builder.with_root_certificates(roots),
        // The provider above knows the default versions; without it there is no TLS at all.
        Err(error) => unreachable!("ring offers TLS 1.2 and 1.3: {error}"),
    }
}

/// The error of TLS in an error of a connection, if that is what it is.
pub(super) fn of_tls<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(found) = error.downcast_ref::<rustls::Error>().or(inner) {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The same for an error after the handshake: with TLS 1.3 that is when a server refuses who asks.
pub(super) fn refused_later(error: &(dyn std::error::Error + 'static), url: &Url) -> Option<String> {
    let error = of_tls(error)?;
    matches!(error, rustls::Error::AlertReceived(_)).then(|| explained(error, url, Trust::System))
}

/// What an error of TLS means, and what to do about it.
fn explained(error: &rustls::Error, url: &Url, trust: Trust) -> String {
    let section = format!("a section [[tls]] with `hosts = \"https://{}\"`", authority(url));
    let advice = match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer | CertificateError::BadSignature if trust == Trust::System => {
                format!(
                    "nobody that this system trusts has signed its certificate; if your own authority did, name it by `ca` in {section}"
                )
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "none of the authorities that [[tls]] names for it has signed its certificate; correct `ca` there"
                    .to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name; write the name that the certificate has".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired; renew it there, or correct the clock here".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet; correct the clock here".to_owned()
            }
            _ => "its certificate cannot be trusted".to_owned(),
        },
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            format!("it wants to know who asks; give `certificate` and `key` in {section}")
        }
        rustls::Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure,
        ) => format!("it refuses who asks; look at `certificate` and `key` in {section}"),
        _ => return format!("no TLS: {error}"),
    };
    format!("no TLS: {advice} ({error})")
}

#[cfg(test)]
mod tests;
