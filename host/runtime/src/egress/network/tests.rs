use super::*;
use crate::egress::{AddressClass, Reach};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

/// Listens on loopback, answers one request with these bytes, and gives back what it was sent.
async fn server(answer: Vec<u8>) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = Vec::new();
        while !sent.windows(4).any(|window| window == b"\r\n\r\n") {
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).await.unwrap();
            sent.extend_from_slice(&buffer[..read]);
        }
        // The client may have hung up already, having seen enough.
        let _ = stream.write_all(&answer).await;
        String::from_utf8(sent).unwrap()
    });
    (port, serve)
}

fn request(url: &str, reach: Reach) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: Url::parse(url).unwrap(),
        headers: vec![("x-scope".into(), "orders".into())],
        body: vec![],
        timeout: Duration::from_secs(10),
        max_body: 1000,
        reach,
    }
}

/// What a loopback server that answers so gives, and what it was sent.
async fn check(answer: &str) -> (Result<HttpResponse, TransportError>, String) {
    let (port, serve) = server(answer.as_bytes().to_vec()).await;
    let url = format!("http://127.0.0.1:{port}/api/v1?query=up");
    let outcome = Network::new().send(request(&url, Reach::Private)).await;
    (outcome, serve.await.unwrap().replace(&port.to_string(), "PORT"))
}

#[tokio::test]
async fn a_request_is_written_with_the_hosts_own_headers_and_its_answer_read() {
    let (answer, sent) = check("HTTP/1.1 200 OK\r\nX-Kind: test\r\ncontent-length: 5\r\n\r\nhello").await;
    assert!(sent.starts_with("GET /api/v1?query=up HTTP/1.1\r\nhost: 127.0.0.1:PORT\r\n"), "{sent}");
    assert!(sent.contains("\r\naccept-encoding: identity\r\n") && sent.contains("\r\nx-scope: orders\r\n"), "{sent}");
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hello"[..]));
    assert!(answer.headers.contains(&("x-kind".into(), "test".into())));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let (answer, _) =
        check("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(answer.unwrap().status, 302);
}

#[tokio::test]
async fn a_body_is_cut_off_at_its_cap_announced_or_not() {
    let too_large = |answer: Result<HttpResponse, TransportError>| {
        matches!(answer, Err(TransportError::TooLarge { max: 1000, .. }))
    };
    assert!(too_large(check("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n").await.0));
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let chunks = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}");
    assert!(too_large(check(&chunks).await.0));
    assert_eq!(
        check(&format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"))
            .await
            .0
            .unwrap()
            .body
            .len(),
        1000
    );
}

#[tokio::test]
async fn what_is_no_http_or_breaks_off_is_unreachable() {
    for answer in ["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", ""] {
        let (outcome, _) = check(answer).await;
        assert!(matches!(outcome, Err(TransportError::Unreachable { .. })), "{answer}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_not_read_to_its_end() {
    let (outcome, _) = check(&format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(200_000))).await;
    assert!(matches!(outcome, Err(TransportError::Unreachable { .. })), "{outcome:?}");
    let (outcome, _) = check(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101))).await;
    assert!(matches!(outcome, Err(TransportError::Unreachable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn without_a_private_grant_nothing_is_dialled_on_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = format!("http://{host}:{port}/");
        let refused = Network::new().send(request(&url, Reach::Public)).await.unwrap_err();
        assert!(matches!(refused, TransportError::Address { class: AddressClass::Private, .. }), "{host}: {refused:?}");
    }
    drop(listener);
    let refused = Network::new().send(request("http://169.254.169.254/", Reach::Public)).await.unwrap_err();
    assert!(matches!(refused, TransportError::Address { class: AddressClass::Metadata, .. }), "{refused:?}");
}

#[tokio::test]
async fn a_closed_port_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = Network::new().send(request(&format!("http://127.0.0.1:{port}/"), Reach::Private)).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot reach 127.0.0.1:{port}: ")), "{error}");
}

#[tokio::test]
async fn a_far_side_that_keeps_silent_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let patient = HttpRequest { timeout: Duration::from_millis(20), ..request(&url, Reach::Private) };
    assert!(matches!(Network::new().send(patient).await, Err(TransportError::Timeout { .. })));
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/secret", listener.local_addr().unwrap());
    let serve = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut sent = Vec::new();
        let _ = stream.read_to_end(&mut sent).await;
        sent
    });
    let mut network = Network::new();
    network.pretend_system_trusts_somebody();
    let error = network.send(request(&url, Reach::Private)).await.unwrap_err();
    assert!(error.to_string().contains("no TLS"), "{error}");
    let sent = serve.await.unwrap();
    assert!(!sent.windows(6).any(|window| window == b"secret"), "the path went out in the clear");
}
