//! TLS against a real server on loopback, with authorities made in the test.

use std::net::SocketAddr;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::egress::{BoxFuture, HttpRequest, Network, Reach, Resolver, Transport};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(vec![]).unwrap();
    // Two authorities of one name would be told apart by their signatures only.
    let key = KeyPair::generate().unwrap();
    let name: String = key.public_key_raw().iter().map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, key).unwrap()
}

/// Certificate and key for this name, signed by this authority, valid until the end of this year.
fn issued(by: &Authority, name: &str, until: i32) -> (rcgen::Certificate, KeyPair) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if let Ok(address) = name.parse() {
        params.subject_alt_names = vec![SanType::IpAddress(address)];
    }
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 12, 31);
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, by).unwrap(), key)
}

/// Everything is on this machine.
struct Here;

impl Resolver for Here {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])))
    }
}

/// A TLS server with this certificate that wants to know its clients when it has an authority for them. It answers each
/// request with `hello`.
async fn server(certificate: (rcgen::Certificate, KeyPair), clients: Option<&Authority>) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_slice(certificate.1.serialize_pem().as_bytes()).unwrap();
    let config = builder.with_single_cert(vec![certificate.0.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut sent = vec![0; 4096];
            if stream.read(&mut sent).await.is_ok_and(|read| read > 0) {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
                let _ = stream.shutdown().await;
            }
        }
    });
    port
}

fn target(hosts: &str, authority: Option<&Authority>, identity: Option<&(rcgen::Certificate, KeyPair)>) -> TlsTarget {
    let identity = identity.map(|(certificate, key)| Identity {
        certificates: certificate.pem().into_bytes(),
        key: key.serialize_pem().into_bytes(),
    });
    let authorities = authority.map(|authority| authority.pem().into_bytes());
    TlsTarget { hosts: HttpPattern::parse(hosts).unwrap(), authorities, identity }
}

/// What comes of asking this host, with its port, where the operator says this of TLS.
async fn ask(host: &str, port: u16, targets: &[TlsTarget]) -> String {
    // Any system trusts somebody; without anybody the message would be another one.
    let mut network = Network::new().with_tls(targets).unwrap().with_resolver(Arc::new(Here));
    network.pretend_system_trusts_somebody();
    let request = HttpRequest {
        method: "GET".into(),
        url: Url::parse(&format!("https://{host}:{port}/")).unwrap(),
        headers: vec![],
        body: vec![],
        timeout: Duration::from_secs(10),
        max_body: 1000,
        reach: Reach::Private,
    };
    match network.send(request).await {
        Ok(response) => String::from_utf8(response.body).unwrap(),
        Err(error) => error.to_string().replace(&port.to_string(), "PORT"),
    }
}

const HOST: &str = "https://db.shop.internal:*";

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_for_its_hosts_and_for_no_others() {
    let own = authority();
    let port = server(issued(&own, "db.shop.internal", 2200), None).await;
    assert_eq!(ask("db.shop.internal", port, &[target(HOST, Some(&own), None)]).await, "hello");
    let elsewhere = [target("https://other.shop.internal:*", Some(&own), None)];
    let said = ask("db.shop.internal", port, &elsewhere).await;
    assert!(said.contains("nobody that this system trusts"), "{said}");
}

#[tokio::test]
async fn an_unknown_authority_is_refused_with_what_to_configure() {
    let port = server(issued(&authority(), "db.shop.internal", 2200), None).await;
    let said = ask("db.shop.internal", port, &[]).await;
    assert!(said.starts_with("cannot reach db.shop.internal:PORT: no TLS: nobody that this system trusts"), "{said}");
    assert!(
        said.contains("name it by `ca` in a section [[tls]] with `hosts = \"https://db.shop.internal:PORT\"`"),
        "{said}"
    );
    let said = ask("db.shop.internal", port, &[target(HOST, Some(&authority()), None)]).await;
    assert!(said.contains("none of the authorities that [[tls]] names for it"), "{said}");
}

#[tokio::test]
async fn a_server_that_wants_to_know_who_asks_is_told() {
    let (own, clients) = (authority(), authority());
    let port = server(issued(&own, "db.shop.internal", 2200), Some(&clients)).await;
    let said = ask("db.shop.internal", port, &[target(HOST, Some(&own), None)]).await;
    assert!(said.contains("it wants to know who asks; give `certificate` and `key` in a section [[tls]]"), "{said}");
    let known = issued(&clients, "lagdoctor", 2200);
    assert_eq!(ask("db.shop.internal", port, &[target(HOST, Some(&own), Some(&known))]).await, "hello");
    let stranger = issued(&authority(), "lagdoctor", 2200);
    let said = ask("db.shop.internal", port, &[target(HOST, Some(&own), Some(&stranger))]).await;
    assert!(said.contains("it refuses who asks; look at `certificate` and `key`"), "{said}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let own = authority();
    let port = server(issued(&own, "other.shop.internal", 2200), None).await;
    let said = ask("db.shop.internal", port, &[target(HOST, Some(&own), None)]).await;
    assert!(said.contains("its certificate is for another name"), "{said}");
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let own = authority();
    let port = server(issued(&own, "db.shop.internal", 2021), None).await;
    let said = ask("db.shop.internal", port, &[target(HOST, Some(&own), None)]).await;
    assert!(said.contains("its certificate has expired"), "{said}");
}

#[tokio::test]
async fn an_address_may_stand_in_a_certificate() {
    let own = authority();
    let port = server(issued(&own, "127.0.0.1", 2200), None).await;
    assert_eq!(ask("127.0.0.1", port, &[target("https://127.0.0.1:*", Some(&own), None)]).await, "hello");
}

#[test]
fn what_is_no_certificate_or_no_key_is_said_at_once() {
    let own = authority();
    let one = issued(&own, "lagdoctor", 2200);
    let other = issued(&own, "lagdoctor", 2200);
    let said =
        |target: TlsTarget| Network::new().with_tls([&target]).err().map(|error| error.to_string()).unwrap_or_default();
    let text = |change: fn(&mut Identity)| {
        let mut target = target(HOST, Some(&own), Some(&one));
        target.identity.iter_mut().for_each(change);
        said(target)
    };
    assert_eq!(text(|_| ()), "");
    assert!(
        said(TlsTarget { authorities: Some(b"no PEM".to_vec()), ..target(HOST, None, None) }).contains("authorities")
    );
    assert!(text(|identity| identity.certificates.clear()).contains("the certificate cannot be read"));
    assert!(text(|identity| identity.key.clear()).contains("private key cannot be read"));
    let mut mixed = target(HOST, Some(&own), Some(&one));
    mixed.identity = target(HOST, None, Some(&(one.0, other.1))).identity;
    assert!(said(mixed).contains("cannot be used together"));
}

#[test]
fn a_target_prints_no_key() {
    let own = authority();
    let shown = format!("{:?}", target(HOST, Some(&own), Some(&issued(&own, "lagdoctor", 2200))));
    assert_eq!(shown, "TlsTarget(https://db.shop.internal:*, authorities: its own, identity: its own)");
}
