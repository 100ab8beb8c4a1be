//! What a guest gets through its one way out.

use std::sync::{Arc, Mutex};

use lagdoctor_model::Millis;
use lagdoctor_runtime::{
    Bound, BoxFuture, CollectQuery, FailureKind, Host, HostOptions, HttpRequest, HttpResponse, Limits, Operator,
    Transport, TransportError,
};

use crate::errand::Errand;
use crate::guest::Guest;
use crate::{at, limits, operator, rules, secrets};

/// Echoes what it is asked, headers included, and counts.
#[derive(Default)]
struct Echo {
    asked: Mutex<Vec<String>>,
}

impl Transport for Echo {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = format!("{} {} {}", request.method, request.url, headers.join(" "));
        self.asked.lock().unwrap().push(text.clone());
        Box::pin(async move { Ok(HttpResponse { status: 200, headers: vec![], body: text.into_bytes() }) })
    }
}

/// A collector that sends one request, with or without a bearer secret, and gives the body of the answer, or the
/// message of the error, as its one gap. `times` is how often it sends it.
fn fetcher(url: &str, secret: Option<&str>, times: u32) -> Guest {
    Errand { auth: secret.map(|name| ("bearer", name, "")), times, ..Errand::get(url) }.collector()
}

async fn bound(guest: Guest, echo: &Arc<Echo>, limits: Limits) -> Bound {
    let host = Host::new(HostOptions { limits, ..HostOptions::new(echo.clone()) }).unwrap();
    let plugin = host.load("test.wasm", &guest.build()).await.unwrap();
    let grants =
        rules(&["http https://api.example", "http http://127.0.0.1:9090", "secret token for=https://api.example"]);
    plugin.bind(Operator { grants, secrets: secrets(&[("token", "s3cr3t-t0ken")]), ..operator() }).unwrap()
}

/// What the guest is told, and what went out.
async fn check(guest: Guest, limits: Limits) -> (String, Vec<String>) {
    let echo = Arc::new(Echo::default());
    let query = CollectQuery::all(at(0), at(60), Millis::seconds(15));
    let page = bound(guest, &echo, limits).await.collect(&query, at(60)).await.unwrap();
    let told = page.gaps[0].statement.clone();
    (told, echo.asked.lock().unwrap().clone())
}

#[tokio::test]
async fn a_granted_request_is_answered() {
    let (told, asked) = check(fetcher("https://api.example/x?y", None, 1), limits()).await;
    assert_eq!((told.as_str(), asked.len()), ("GET https://api.example/x?y", 1));
}

#[tokio::test]
async fn a_secret_goes_out_and_does_not_come_back() {
    let (told, asked) = check(fetcher("https://api.example/", Some("token"), 1), limits()).await;
    assert_eq!(asked, ["GET https://api.example/ authorization=Bearer s3cr3t-t0ken"]);
    assert!(told.contains("authorization=Bearer") && !told.contains("s3cr3t"), "{told}");
}

#[tokio::test]
async fn what_is_not_granted_never_reaches_the_transport() {
    for url in ["https://other.example/", "http://127.0.0.1:9090/", "http://169.254.169.254/"] {
        let (told, asked) = check(fetcher(url, None, 1), limits()).await;
        assert!(told.contains("not granted") && asked.is_empty(), "{url}: {told} {asked:?}");
    }
}

#[tokio::test]
async fn requests_beyond_the_limit_are_refused_and_the_guest_goes_on() {
    let few = Limits { http_requests: 3, ..limits() };
    let (told, asked) = check(fetcher("https://api.example/", None, 5), few).await;
    assert_eq!((told.as_str(), asked.len()), ("one call may send 3 requests, and they are used up", 3));
}

#[tokio::test]
async fn a_plugin_that_gives_up_for_want_of_a_grant_says_which() {
    let mut guest = fetcher("https://other.example/", None, 1);
    let error = guest.image.error("not-granted", "cannot reach the metrics");
    guest.job = format!("{} drop (i32.const {error})", guest.job);
    let query = CollectQuery::all(at(0), at(60), Millis::seconds(15));
    let error = bound(guest, &Arc::default(), limits()).await.collect(&query, at(60)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::NotGranted);
    assert!(error.statement.contains("add `http https://other.example:443` to the grants of `mine`"), "{error}");
}

#[tokio::test]
async fn a_plugin_reaches_nothing_while_it_describes_itself() {
    let mut guest = fetcher("https://api.example/", None, 1);
    // Panics when the request is answered: the first byte of a result is 0 for success.
    let (request, response) = {
        let place = guest.image.place(&[0; 96]);
        (place, guest.image.place(&[0; 32]))
    };
    guest.describe = format!(
        "(call $fetch (i32.const {request}) (i32.const {response}))
         (if (i32.eqz (i32.load8_u (i32.const {response}))) (then unreachable))
         (loop (br 0)) unreachable"
    );
    let host = Host::new(HostOptions { limits: limits(), ..HostOptions::new(Arc::new(Echo::default())) }).unwrap();
    let said = host.load("test.wasm", &guest.build()).await.unwrap_err().to_string();
    assert!(said.contains("used up its fuel"), "it went on after the refusal: {said}");
}
