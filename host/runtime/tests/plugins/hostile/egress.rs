//! Guests that want to go where nobody lets them, and far sides that answer so as to harm.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lagdoctor_runtime::{
    BoxFuture, Host, HostOptions, HttpRequest, HttpResponse, Limits, Network, Operator, Resolver, Transport,
    TransportError,
};

use crate::errand::Errand;
use crate::server::{Answer, End, Server, serve};
use crate::{at, limits, operator, query, rules, secrets};

/// Says of each name these addresses in turn, and counts.
struct Fickle {
    answers: Vec<Vec<SocketAddr>>,
    asked: Mutex<Vec<String>>,
}

impl Resolver for Fickle {
    fn resolve<'a>(&'a self, name: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let mut asked = self.asked.lock().unwrap();
        let answer = self.answers[asked.len() % self.answers.len()].clone();
        asked.push(name.to_owned());
        Box::pin(std::future::ready(Ok(answer)))
    }
}

fn fickle(answers: &[&[&str]]) -> Arc<Fickle> {
    let addresses = |list: &&[&str]| list.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 1)).collect();
    Arc::new(Fickle { answers: answers.iter().map(addresses).collect(), asked: Mutex::default() })
}

/// What a guest is told that does this errand over the real network, with these grants.
async fn told(errand: Errand<'_>, grants: &[&str], resolver: Option<Arc<Fickle>>, limits: Limits) -> String {
    let network = Network::new();
    let network = match resolver {
        Some(resolver) => network.with_resolver(resolver),
        None => network,
    };
    let host = Host::new(HostOptions { limits, ..HostOptions::new(Arc::new(network)) }).unwrap();
    let plugin = host.load("test.wasm", &errand.collector().build()).await.unwrap();
    let secrets = secrets(&[("token", "s3cr3t-t0ken")]);
    let bound = plugin.bind(Operator { grants: rules(grants), secrets, ..operator() }).unwrap();
    let page = bound.collect(&query(), at(60)).await.unwrap();
    page.gaps[0].statement.clone()
}

#[tokio::test]
async fn forbidden_addresses_are_refused_in_every_notation() {
    for host in [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "169.16689662",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[::169.254.169.254]",
        "[fd00:ec2::254]",
        "169.254.169.254.",
        "metadata.google.internal",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "167772161",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "198.18.0.1",
        "0.0.0.0",
        "0",
        "255.255.255.255",
        "224.0.0.1",
        "[ff02::1]",
        "[fe80::1]",
        "[fc00::1]",
    ] {
        let url = format!("http://{host}/latest/meta-data/");
        let said = told(Errand::get(&url), &["http http://*:*"], None, limits()).await;
        let named = ["which is not granted", "hands out credentials"].iter().any(|part| said.contains(part));
        assert!(named, "{host}: {said}");
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_a_forbidden_address_is_not_dialled() {
    for address in ["127.0.0.1", "::ffff:10.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1"] {
        let resolver = fickle(&[&[address]]);
        let said = told(Errand::get("http://rebind.example/"), &["http http://*"], Some(resolver), limits()).await;
        assert!(said.starts_with("rebind.example:80 has the ") && said.contains("not granted"), "{address}: {said}");
    }
}

#[tokio::test]
async fn a_private_grant_does_not_lead_to_metadata_through_a_name() {
    let resolver = fickle(&[&["169.254.169.254"]]);
    let grants = ["http http://rebind.example private", "http http://metadata.google.internal private"];
    for host in ["rebind.example", "metadata.google.internal"] {
        let url = format!("http://{host}/");
        let said = told(Errand::get(&url), &grants, Some(resolver.clone()), limits()).await;
        assert!(said.contains("only a grant of this very address"), "{host}: {said}");
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_something_else_a_moment_later_gains_nothing() {
    let server = serve(|_| Answer::ok(b"the real one")).await;
    let grant = format!("http http://rebind.example:{} private", server.port);
    let url = format!("http://rebind.example:{}/", server.port);
    // Checked and dialled is the first answer; the second, which is what a second look would give, is never asked for.
    let resolver = fickle(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let said = told(Errand::get(&url), &[&grant], Some(resolver.clone()), limits()).await;
    assert_eq!((said.as_str(), resolver.asked.lock().unwrap().len()), ("the real one", 1));
    // And the other way round: what is refused stays refused.
    let resolver = fickle(&[&["169.254.169.254"], &["127.0.0.1"]]);
    let said = told(Errand::get(&url), &[&grant], Some(resolver.clone()), limits()).await;
    assert!(said.contains("not granted"), "{said}");
    assert_eq!((resolver.asked.lock().unwrap().len(), server.asked.lock().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn of_several_addresses_only_those_are_dialled_that_may_be() {
    let server = serve(|_| Answer::ok(b"should not be seen")).await;
    let url = format!("http://mixed.example:{}/", server.port);
    let resolver = fickle(&[&["127.0.0.1", "169.254.169.254", "0.0.0.0"]]);
    let grant = format!("http http://mixed.example:{}", server.port);
    let said = told(Errand::get(&url), &[&grant], Some(resolver), limits()).await;
    assert!(said.contains("not granted") && server.asked.lock().unwrap().is_empty(), "{said}");
}

/// What is told by a server on loopback that answers so, and how often it was asked.
async fn answered(answer: impl Fn(&str) -> Answer + Send + Sync + 'static, limits: Limits) -> (String, usize) {
    let server = serve(answer).await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let grant = format!("http http://127.0.0.1:{} private", server.port);
    let grants = [grant.as_str(), "secret token"];
    let errand = Errand { auth: Some(("bearer", "token", "")), timeout_ms: 400, ..Errand::get(&url) };
    let said = told(errand, &grants, None, limits).await;
    let asked = server.asked.lock().unwrap().len();
    (said.replace(&server.port.to_string(), "PORT"), asked)
}

#[tokio::test]
async fn a_redirect_to_a_forbidden_place_is_handed_to_the_guest_and_not_followed() {
    let elsewhere = serve(|_| Answer::ok(b"followed")).await;
    let there = elsewhere.port;
    for place in [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("http://127.0.0.1:{there}/"),
        format!("//localhost:{there}/"),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1:25/x".to_owned(),
    ] {
        for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
            let headers = format!("location: {place}\r\n");
            let (said, asked) = answered(move |_| Answer::with(status, &headers, b"go there"), limits()).await;
            assert_eq!((said.as_str(), asked), ("go there", 1), "{status} {place}");
        }
    }
    assert!(elsewhere.asked.lock().unwrap().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn a_guest_that_follows_a_redirect_itself_is_checked_like_any_other_and_takes_no_credentials_along() {
    let home = serve(|_| Answer::ok(b"home")).await;
    let other = serve(|_| Answer::ok(b"other")).await;
    let grants: Vec<String> = [&home, &other]
        .iter()
        .map(|server: &&Server| format!("http http://127.0.0.1:{} private", server.port))
        .chain([format!("secret token for=http://127.0.0.1:{}", home.port)])
        .collect();
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    let there = format!("http://127.0.0.1:{}/", other.port);
    let with_secret = Errand { auth: Some(("bearer", "token", "")), ..Errand::get(&there) };
    let said = told(with_secret, &grants, None, limits()).await;
    assert!(said.contains("may not go to http://127.0.0.1") && other.asked.lock().unwrap().is_empty(), "{said}");
    assert_eq!(told(Errand::get(&there), &grants, None, limits()).await, "other");
    let here = format!("http://127.0.0.1:{}/", home.port);
    let with_secret = Errand { auth: Some(("bearer", "token", "")), ..Errand::get(&here) };
    assert_eq!(told(with_secret, &grants, None, limits()).await, "home");
    assert!(home.asked.lock().unwrap()[0].contains("Bearer s3cr3t-t0ken"));
    assert!(!other.asked.lock().unwrap()[0].contains("s3cr3t"), "credentials went along");
}

#[tokio::test]
async fn an_answer_that_never_comes_or_never_ends_is_given_up() {
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let cases = [
        (vec![], End::Silence, "did not answer within"),
        (vec![head.clone()], End::Silence, "did not answer within"),
        (vec![b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal".to_vec()], End::Silence, "did not answer within"),
        (vec![head.clone(), b"x: y\r\n".to_vec()], End::Again, "cannot reach"),
        (vec![chunked.clone(), format!("400\r\n{}\r\n", "x".repeat(1024)).into_bytes()], End::Again, "is larger than"),
        (vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 4096]], End::Again, "is larger than"),
        (vec![b"HTTP/1.1 102 Processing\r\n\r\n".to_vec()], End::Again, ""),
        (vec![chunked, b"1;".to_vec(), vec![b'e'; 4096]], End::Again, "cannot reach"),
    ];
    for (pieces, end, part) in cases {
        let shown = String::from_utf8_lossy(&pieces.concat()).into_owned();
        let small = Limits { http_body_bytes: 64 << 10, ..limits() };
        let (said, _) = answered(move |_| Answer { pieces: pieces.clone(), end }, small).await;
        let named =
            ["did not answer within", "cannot reach", "is larger than"].iter().any(|known| said.contains(known));
        assert!(named && said.contains("127.0.0.1:PORT") && said.contains(part), "{shown:?}: {said}");
    }
}

#[tokio::test]
async fn what_comes_compressed_is_refused_and_so_never_unfolds() {
    for headers in [
        "content-encoding: gzip\r\n",
        "content-encoding: GZIP\r\n",
        "content-encoding: br\r\n",
        "content-encoding: identity\r\ncontent-encoding: gzip\r\n",
        "content-encoding: identity, gzip\r\n",
    ] {
        // The head of a gzip stream.
        let (said, _) = answered(move |_| Answer::with("200 OK", headers, b"\x1f\x8b\x08bomb"), limits()).await;
        assert!(said.contains("although it was not asked to compress"), "{headers}: {said}");
    }
    let compressed = b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n4\r\nbomb\r\n0\r\n\r\n";
    let answer = move |_: &str| Answer { pieces: vec![compressed.to_vec()], end: End::Closed };
    let (said, _) = answered(answer, limits()).await;
    assert!(said.contains("although it was not asked to compress"), "{said}");
}

#[tokio::test]
async fn nothing_in_a_request_of_a_guest_can_add_a_header_or_another_request() {
    let server = serve(|_| Answer::ok(b"fine")).await;
    let base = format!("http://127.0.0.1:{}", server.port);
    let grant = format!("http {base} private");
    for (path, header, value) in [
        ("/a%0d%0aevil: 1", "x-a", "b"),
        ("/a\r\nevil: 1", "x-a", "b"),
        ("/a HTTP/1.1\r\nevil: 1\r\n\r\nGET /b", "x-a", "b"),
        ("/", "x-a", "b\r\nevil: 1"),
        ("/", "x-a", "b\nevil: 1"),
        ("/", "x-a\r\nevil", "1"),
        ("/", "x-a: b\r\nevil", "1"),
        ("/", "transfer-encoding", "chunked"),
        ("/", "content-length", "0"),
        ("/", "host", "evil.example"),
    ] {
        let url = format!("{base}{path}");
        let errand = Errand { headers: vec![(header, value)], ..Errand::get(&url) };
        told(errand, &[&grant], None, limits()).await;
    }
    let split = Errand { method: "GET / HTTP/1.1\r\nevil: 1\r\n\r\nGET", ..Errand::get(&base) };
    told(split, &[&grant], None, limits()).await;
    for request in server.asked.lock().unwrap().iter() {
        assert!(!request.lines().any(|line| line.starts_with("evil")), "{request}");
        assert!(request.contains(&format!("\r\nhost: 127.0.0.1:{}\r\n", server.port)), "{request}");
    }
}

#[tokio::test]
async fn one_plugin_has_so_many_requests_under_way_and_no_more() {
    for most in [1, 2, 5] {
        let crowd = Arc::new(Crowd::default());
        let few = Limits { http_concurrency: most, ..limits() };
        let host = Host::new(HostOptions { limits: few, ..HostOptions::new(crowd.clone()) }).unwrap();
        let plugin = host.load("test.wasm", &Errand::get("https://api.example/").collector().build()).await.unwrap();
        let bound = plugin.bind(Operator { grants: rules(&["http https://api.example"]), ..operator() }).unwrap();
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let bound = bound.clone();
            calls.spawn(async move { bound.collect(&query(), at(60)).await });
        }
        while let Some(call) = calls.join_next().await {
            call.unwrap().unwrap();
        }
        assert_eq!((crowd.all.load(Ordering::SeqCst), crowd.most.load(Ordering::SeqCst)), (10, most));
    }
}

/// Answers after a while, and counts who waits for it.
#[derive(Default)]
struct Crowd {
    inside: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

impl Transport for Crowd {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async {
            let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(inside, Ordering::SeqCst);
            self.all.fetch_add(1, Ordering::SeqCst);
            // All ten calls come to their request meanwhile, as they share one thread.
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            self.inside.fetch_sub(1, Ordering::SeqCst);
            Ok(HttpResponse { status: 200, headers: vec![], body: vec![] })
        })
    }
}
