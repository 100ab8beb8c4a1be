use super::*;
use crate::egress::Transport;
use crate::grants::GrantRule;
use crate::testing::{InProcess, asking, ok};
use serde_json::json;
use std::collections::BTreeMap;
use url::Url;

const TOKEN: &str = "s3cr3t-t0ken+/";
const HOOK: &str = "https://hooks.example/services/T000/abcdefghijklmnop";

/// One call of a plugin that may reach `api.example`, a private one and a webhook, over this transport.
fn session<T: Transport + 'static>(transport: &Arc<T>, limits: Limits) -> Session {
    let manifest =
        asking(&["http https://*", "http http://*:*", "secret token", "secret login", "secret hook", "secret lost"]);
    let rules = [
        "http https://api.example methods=DELETE",
        "http http://10.0.0.7:9090 private",
        "http http://127.0.0.1:1234",
        "http http://169.254.169.254 private",
        "http http://0.0.0.0 private",
        "secret token for=https://api.example",
        "secret login for=https://api.example",
        "secret hook",
        "secret lost",
    ];
    let rules: Vec<GrantRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let grants = Arc::new(Grants::new(&manifest, &json!({}), &rules).unwrap());
    let secret = |name: &str, value: &str| (name.to_owned(), Secret::new(value).unwrap());
    let secrets: BTreeMap<String, Secret> = [
        secret("token", TOKEN),
        secret("login", "scraper:correct-horse"),
        secret("hook", HOOK),
        secret("other", "not-granted"),
    ]
    .into();
    Session::new("prom", grants, Arc::new(secrets), transport.clone(), Arc::new(Common::new(&limits)), &limits)
}

fn get(url: &str) -> Ask {
    Ask { method: "GET".into(), url: url.into(), timeout_ms: 1000, ..Ask::default() }
}

fn auth(kind: &str, secret: &str, name: &str) -> Option<Auth> {
    Some(Auth { kind: kind.into(), secret: secret.into(), name: name.into() })
}

/// What goes out for this ask: `METHOD URL` and headers, or `code: message`.
async fn check(ask: Ask) -> String {
    let transport = Arc::new(InProcess::new(|_: &HttpRequest| Ok(ok("fine"))));
    let outcome = session(&transport, Limits::default()).fetch(ask).await;
    match outcome {
        Ok(_) => {
            let asked = transport.asked.lock().unwrap();
            let headers: Vec<String> =
                asked[0].headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            format!("{} {} {}", asked[0].method, asked[0].url, headers.join("; ")).trim_end().to_owned()
        }
        Err(refusal) => {
            assert!(transport.asked.lock().unwrap().is_empty(), "it was sent although it was refused");
            format!("{}: {}", refusal.code, refusal.message)
        }
    }
}

#[tokio::test]
async fn a_granted_request_goes_out_without_its_fragment() {
    assert_eq!(check(get("https://API.example/a?b=c#d")).await, "GET https://api.example/a?b=c");
}

#[tokio::test]
async fn what_is_not_granted_is_refused_with_the_line_that_would_grant_it() {
    let said = check(get("https://other.example:8443/x")).await;
    assert!(said.starts_with("not-granted:") && said.contains("`http https://other.example:8443`"), "{said}");
    let said = check(Ask { method: "PUT".into(), ..get("https://api.example/") }).await;
    assert!(said.contains("methods=PUT"), "{said}");
    assert_eq!(
        check(Ask { method: "DELETE".into(), ..get("https://api.example/") }).await,
        "DELETE https://api.example/"
    );
}

#[tokio::test]
async fn addresses_are_judged_before_any_transport_is_asked() {
    assert_eq!(check(get("http://10.0.0.7:9090/api")).await, "GET http://10.0.0.7:9090/api");
    assert_eq!(check(get("http://0x0a.7:9090/api")).await, "GET http://10.0.0.7:9090/api");
    assert_eq!(check(get("http://169.254.169.254/")).await, "GET http://169.254.169.254/");
    for url in ["http://127.0.0.1:1234/", "http://2130706433:1234/", "http://0.0.0.0/"] {
        assert!(check(get(url)).await.starts_with("not-granted:"), "{url}");
    }
    // The grant is about the IPv4 address; the same address in IPv6 is another host to it.
    assert!(check(get("http://[::ffff:169.254.169.254]/")).await.starts_with("not-granted:"));
}

#[tokio::test]
async fn a_url_that_two_parsers_could_read_differently_is_refused() {
    for url in [
        "https://api.example@evil.example/",
        "https://user:pw@api.example/",
        "https://api.example\\@evil.example/",
        "https://api.example/a b",
        "https://api.exa\tmple/",
        "https://api.example/\n",
        "//api.example/",
        "/path",
        "",
        "file:///etc/passwd",
        "ftp://api.example/",
        "javascript:1",
    ] {
        let said = check(get(url)).await;
        assert!(said.starts_with("bad-input:"), "{url}: {said}");
    }
    assert!(check(get(&format!("https://api.example/{}", "a".repeat(9000)))).await.starts_with("bad-input:"));
}

#[tokio::test]
async fn a_guest_cannot_break_out_of_a_header_or_set_the_hosts_own() {
    let with =
        |name: &str, value: &str| Ask { headers: vec![(name.into(), value.into())], ..get("https://api.example/") };
    assert_eq!(check(with("x-scope", "a b")).await, "GET https://api.example/ x-scope: a b");
    for (name, value) in [
        ("x-a", "b\r\nx-c: d"),
        ("x-a", "b\0"),
        ("x-a\r\nb", "c"),
        ("X-A", "b"),
        ("", "b"),
        ("x a", "b"),
        ("host", "evil.example"),
        ("authorization", "Bearer x"),
        ("content-length", "0"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "10.0.0.1"),
        ("proxy-authorization", "x"),
        ("accept-encoding", "gzip"),
    ] {
        let said = check(with(name, value)).await;
        assert!(said.starts_with("bad-input:"), "{name}: {value}: {said}");
    }
    let many = Ask { headers: vec![("x-a".into(), "b".into()); 65], ..get("https://api.example/") };
    assert!(check(many).await.starts_with("bad-input:"));
    for method in ["get", "", "CONNECT", "GET /"] {
        assert!(check(Ask { method: method.into(), ..get("https://api.example/") }).await.starts_with("bad-input:"));
    }
}

#[tokio::test]
async fn secrets_are_added_behind_the_boundary() {
    let with = |auth| Ask { auth, body: b"body".to_vec(), ..get("https://api.example/") };
    let sent = "GET https://api.example/";
    assert_eq!(check(with(auth("bearer", "token", ""))).await, format!("{sent} authorization: Bearer {TOKEN}"));
    assert_eq!(
        check(with(auth("basic", "login", ""))).await,
        format!("{sent} authorization: Basic c2NyYXBlcjpjb3JyZWN0LWhvcnNl")
    );
    assert_eq!(check(with(auth("header", "token", "X-Api-Key"))).await, format!("{sent} x-api-key: {TOKEN}"));
    // The digest was computed with another implementation of HMAC.
    let hmac = check(with(auth("hmac", "token", "x-signature"))).await;
    assert_eq!(hmac, format!("{sent} x-signature: e44de95bb5500b004e33ad1fb24f6e91a96b3bd10b15ee7357e2b0ece6a901a5"));
}

#[tokio::test]
async fn a_secret_that_is_not_granted_or_not_there_is_refused() {
    let with = |kind, name, header| Ask { auth: auth(kind, name, header), ..get("https://api.example/") };
    assert!(check(with("bearer", "other", "")).await.starts_with("not-granted: secret `other`"));
    assert!(check(with("bearer", "lost", "")).await.contains("has no value"));
    assert!(check(with("magic", "token", "")).await.starts_with("bad-input:"));
    for header in ["", "host", "content-length", "x\r\ny"] {
        assert!(check(with("header", "token", header)).await.starts_with("bad-input:"), "{header}");
    }
}

#[tokio::test]
async fn a_secret_url_takes_additions_to_path_and_query_only() {
    let with = |url: &str| Ask { auth: auth("secret-url", "hook", ""), ..get(url) };
    assert_eq!(check(with("")).await, format!("GET {HOOK}"));
    assert_eq!(check(with("thread?x=1")).await, format!("GET {HOOK}/thread?x=1"));
    assert_eq!(check(with("/thread")).await, format!("GET {HOOK}/thread"));
    for url in ["https://evil.example/", "//evil.example/", "../x", "a/../../x", "%2e%2e/x", "a\\b", "x#y", "x\r\ny"] {
        let said = check(with(url)).await;
        assert!(said.starts_with("bad-input:") && !said.contains("T000"), "{url}: {said}");
    }
    let put = Ask { method: "PUT".into(), ..with("") };
    let said = check(put).await;
    assert!(said.starts_with("not-granted:") && !said.contains("T000"), "{said}");
}

#[tokio::test]
async fn a_guest_never_sees_a_secret_that_the_far_side_echoes() {
    let echo = |request: &HttpRequest| {
        let headers =
            vec![("x-echo".to_owned(), request.headers[0].1.clone()), ("location".to_owned(), HOOK.to_owned())];
        let body = format!("{:?} also correct-horse, {HOOK} and c2NyYXBlcjpjb3JyZWN0LWhvcnNl", request.headers);
        Ok(HttpResponse { status: 302, headers, body: body.into_bytes() })
    };
    let transport = Arc::new(InProcess::new(echo));
    let ask = Ask { auth: auth("bearer", "token", ""), ..get("https://api.example/") };
    let response = session(&transport, Limits::default()).fetch(ask).await.unwrap();
    let seen = format!("{:?} {}", response.headers, String::from_utf8(response.body).unwrap());
    for secret in [TOKEN, "correct-horse", "T000", "abcdefghijklmnop", "c2NyYXBl"] {
        assert!(!seen.contains(secret), "{seen}");
    }
    assert_eq!(response.status, 302, "a redirect is an answer like any other");
    assert_eq!(transport.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_error_of_the_transport_does_not_give_a_secret_away() {
    let transport = Arc::new(InProcess::new(|request: &HttpRequest| {
        Err(TransportError::Unreachable {
            host: "hooks.example".into(),
            reason: format!("no route to {}", request.url),
        })
    }));
    let ask = Ask { auth: auth("secret-url", "hook", ""), ..get("") };
    let refusal = session(&transport, Limits::default()).fetch(ask).await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.message.as_str()),
        ("unreachable", "cannot reach hooks.example: no route to [secret]")
    );
}

#[tokio::test]
async fn one_call_has_so_many_requests_and_bytes_and_no_more() {
    let transport = Arc::new(InProcess::new(|request: &HttpRequest| Ok(ok(&"x".repeat(request.url.path().len() - 1)))));
    let limits = Limits {
        http_requests: 4,
        http_request_bytes: 3,
        http_body_bytes: 6,
        http_total_bytes: 9,
        ..Limits::default()
    };
    let mut session = session(&transport, limits);
    let large = Ask { body: vec![0; 4], ..get("https://api.example/") };
    assert_eq!(session.fetch(large).await.unwrap_err().code, "bad-input");
    assert_eq!(session.fetch(get("https://api.example/1234567")).await.unwrap_err().code, "bad-input");
    assert_eq!(session.fetch(get("https://api.example/123456")).await.unwrap().body.len(), 6);
    let refusal = session.fetch(get("https://api.example/1234")).await.unwrap_err();
    assert_eq!(
        refusal.message,
        "the answer of api.example:443 is larger than 3 bytes; ask for less, or raise `http_body_mib`"
    );
    assert_eq!(session.fetch(get("https://api.example/1")).await.unwrap_err().code, "rate-limited");
}

#[tokio::test]
async fn a_transport_gets_no_more_time_than_the_host_and_the_guest_allow() {
    let transport = Arc::new(InProcess::new(|_: &HttpRequest| Ok(ok(""))));
    let mut session = session(&transport, Limits { http_timeout: Duration::from_millis(500), ..Limits::default() });
    for timeout_ms in [0, 20, 60_000] {
        session.fetch(Ask { timeout_ms, ..get("https://api.example/") }).await.unwrap();
    }
    let times: Vec<u128> = transport.asked.lock().unwrap().iter().map(|asked| asked.timeout.as_millis()).collect();
    assert_eq!(times, [1, 20, 500]);
}

#[tokio::test]
async fn a_transport_that_never_answers_is_given_up() {
    struct Silent;
    impl Transport for Silent {
        fn send(&self, _: HttpRequest) -> crate::egress::BoxFuture<'_, Result<HttpResponse, TransportError>> {
            Box::pin(std::future::pending())
        }
    }
    let ask = Ask { timeout_ms: 1, ..get("https://api.example/") };
    let refusal = session(&Arc::new(Silent), Limits::default()).fetch(ask).await.unwrap_err();
    assert_eq!((refusal.code, refusal.message.as_str()), ("unreachable", "api.example:443 did not answer within 1 ms"));
}

#[tokio::test]
async fn an_answer_that_is_compressed_unasked_is_refused() {
    let transport = Arc::new(InProcess::new(|_: &HttpRequest| {
        Ok(HttpResponse { headers: vec![("content-encoding".into(), "gzip".into())], ..ok("zip") })
    }));
    let refusal = session(&transport, Limits::default()).fetch(get("https://api.example/")).await.unwrap_err();
    assert!(refusal.message.contains("`gzip`"), "{refusal:?}");
}

#[tokio::test]
async fn where_a_cloud_hands_out_credentials_is_refused_by_name() {
    for host in ["metadata.google.internal", "METADATA.google.internal.", "instance-data"] {
        let manifest = asking(&["http http://*"]);
        let grants = Grants::new(&manifest, &json!({}), &["http http://*".parse().unwrap()]).unwrap();
        let transport = Arc::new(InProcess::new(|_: &HttpRequest| Ok(ok("fine"))));
        let (secrets, limits) = (Arc::new(crate::NoSecrets), Limits::default());
        let common = Arc::new(Common::new(&limits));
        let mut session = Session::new("prom", Arc::new(grants), secrets, transport.clone(), common, &limits);
        let refusal = session.fetch(get(&format!("http://{host}/"))).await.unwrap_err();
        assert!(refusal.message.contains("hands out credentials"), "{refusal:?}");
        assert!(transport.asked.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_secret_goes_only_to_its_host() {
    let with = |url: &str| Ask { auth: auth("bearer", "token", ""), ..get(url) };
    assert!(check(with("https://api.example/")).await.contains(TOKEN));
    let said = check(with("http://10.0.0.7:9090/")).await;
    assert!(said.starts_with("not-granted: secret `token` may not go to http://10.0.0.7:9090"), "{said}");
    assert!(said.contains("`secret token for=http://10.0.0.7:9090`"), "{said}");
}

#[tokio::test]
async fn a_secret_that_was_changed_after_it_was_sent_is_still_blanked() {
    struct Rotating(std::sync::atomic::AtomicU32);
    impl Secrets for Rotating {
        fn get(&self, _: &str) -> Option<Secret> {
            let turn = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Secret::new(format!("rotated-{turn}-secret")).ok()
        }
    }
    let manifest = asking(&["http https://*", "secret token"]);
    let rules = ["http https://api.example".parse().unwrap(), "secret token".parse().unwrap()];
    let grants = Arc::new(Grants::new(&manifest, &json!({}), &rules).unwrap());
    let transport = Arc::new(InProcess::new(|request: &HttpRequest| Ok(ok(&format!("{:?}", request.headers)))));
    let limits = Limits::default();
    let common = Arc::new(Common::new(&limits));
    let mut session = Session::new("prom", grants, Arc::new(Rotating(0.into())), transport, common, &limits);
    for _ in 0..3 {
        let ask = Ask { auth: auth("bearer", "token", ""), ..get("https://api.example/") };
        let body = String::from_utf8(session.fetch(ask).await.unwrap().body).unwrap();
        assert!(body.contains("[secret]") && !body.contains("rotated"), "{body}");
    }
}

#[test]
fn a_request_prints_neither_path_nor_headers() {
    let request = HttpRequest {
        method: "GET".into(),
        url: Url::parse(HOOK).unwrap(),
        headers: vec![("authorization".into(), TOKEN.into())],
        body: vec![],
        timeout: Duration::ZERO,
        max_body: 0,
        reach: Reach::Public,
    };
    assert_eq!(format!("{request:?}"), "GET https://hooks.example");
}
