//! Guests that are after secrets, with and without the help of the far side.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use lagdoctor_runtime::{Host, HostOptions, Network, Operator};

use crate::errand::Errand;
use crate::hostile::texts::logged;
use crate::server::{Answer, serve};
use crate::{at, limits, operator, query, rules, secrets};

const TOKEN: &str = "s3cr3t-t0ken/+\"&";
/// Of a plugin that this one knows nothing of.
const FOREIGN: &str = "kafka-pa55word-of-another";

/// What a far side makes of a request.
type Echo = fn(&str) -> Answer;

/// What the guest, its log and the far side see of an errand, when the far side answers with `echo` of the request.
async fn seen(errand: Errand<'_>, path: &str, echo: Echo) -> (String, String, Vec<String>) {
    let server = serve(echo).await;
    let base = format!("http://127.0.0.1:{}", server.port);
    let url = format!("{base}{path}");
    let host = Host::new(HostOptions { limits: limits(), ..HostOptions::new(Arc::new(Network::new())) }).unwrap();
    let errand = Errand { url: if errand.url.is_empty() { &url } else { errand.url }, ..errand };
    let plugin = host.load("test.wasm", &errand.collector().build()).await.unwrap();
    let grants = rules(&[&format!("http {base} private methods=PUT"), "secret token"]);
    let secrets = secrets(&[("token", TOKEN), ("foreign", FOREIGN)]);
    let bound = plugin.bind(Operator { grants, secrets, ..operator() }).unwrap();
    let (outcome, log) = logged(bound.collect(&query(), at(60))).await;
    let told = match outcome {
        Ok(page) => format!("{page:?}"),
        Err(error) => error.to_string(),
    };
    let asked = server.asked.lock().unwrap().clone();
    (told, log, asked)
}

/// The value of a header as the far side got it.
fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default()
}

fn authorization(request: &str) -> &str {
    header(request, "authorization").trim_start_matches("Bearer ")
}

#[tokio::test]
async fn a_far_side_that_echoes_a_secret_tells_the_guest_nothing() {
    let echoes: [(&str, Echo); 10] = [
        ("plain", |request| Answer::ok(request.as_bytes())),
        ("split over chunks", |request| Answer::chunks(request.as_bytes())),
        ("base64", |request| Answer::ok(BASE64_STANDARD.encode(request).as_bytes())),
        ("base64 for URLs", |request| Answer::ok(BASE64_URL_SAFE_NO_PAD.encode(authorization(request)).as_bytes())),
        ("percent", |request| {
            let encoded: String = authorization(request).bytes().map(|byte| format!("%{byte:02x}")).collect();
            Answer::ok(encoded.as_bytes())
        }),
        ("JSON", |request| Answer::ok(serde_json::json!({ "you": authorization(request) }).to_string().as_bytes())),
        ("JSON in JSON", |request| {
            let inner = serde_json::json!({ "you": authorization(request) }).to_string();
            Answer::ok(serde_json::json!([inner]).to_string().as_bytes())
        }),
        ("hex", |request| {
            let hex: String = authorization(request).bytes().map(|byte| format!("{byte:02X}")).collect();
            Answer::ok(hex.as_bytes())
        }),
        ("status and headers", |request| {
            let headers = format!("location: /{0}\r\nx-{0}: {0}\r\n", "s3cr3t-t0ken");
            let _ = request;
            Answer::with("302 Found", &headers, authorization(request).as_bytes())
        }),
        ("an error page", |request| Answer::with("401 Unauthorized", "", request.as_bytes())),
    ];
    for (how, echo) in echoes {
        let errand = Errand { auth: Some(("bearer", "token", "")), ..Errand::get("") };
        let (told, log, asked) = seen(errand, "/", echo).await;
        assert!(asked[0].contains(TOKEN), "{how}: it did not go out: {asked:?}");
        assert!(told.contains("[secret]") || told.contains("<"), "{how}: nothing came back: {told}");
        let encoded = BASE64_STANDARD.encode(TOKEN);
        let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
        let percent: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for needle in ["s3cr3t", "t0ken", &encoded[..12], &hex[..16], &percent[..16]] {
            for place in [&told, &log] {
                assert!(!place.to_lowercase().contains(&needle.to_lowercase()), "{how}: {needle} in {place}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_secret_has_computed_does_not_come_back_either() {
    let echoes: [Echo; 4] = [
        |request| Answer::ok(header(request, "x-signature").as_bytes()),
        |request| Answer::ok(header(request, "x-signature").to_uppercase().as_bytes()),
        |request| Answer::chunks(header(request, "x-signature").as_bytes()),
        |request| Answer::ok(BASE64_STANDARD.encode(header(request, "x-signature")).as_bytes()),
    ];
    for echo in echoes {
        let auth = Some(("hmac", "token", "x-signature"));
        let (told, log, asked) =
            seen(Errand { method: "POST", body: b"body", auth, ..Errand::get("") }, "/", echo).await;
        let signature = header(&asked[0], "x-signature").to_owned();
        assert_eq!(signature.len(), 64, "{asked:?}");
        let encoded = BASE64_STANDARD.encode(&signature);
        for place in [&told, &log] {
            let lower = place.to_lowercase();
            assert!(!lower.contains(&signature[..16]) && !place.contains(&encoded[..16]), "{place}");
        }
        assert!(told.contains("[secret]"), "{told}");
    }
}

#[tokio::test]
async fn a_secret_of_somebody_else_that_the_far_side_knows_is_blanked_as_well() {
    let (told, log, _) =
        seen(Errand::get(""), "/", |_| Answer::ok(format!("sasl.password was {FOREIGN}").as_bytes())).await;
    assert!(!told.contains("pa55word") && !log.contains("pa55word"), "{told} {log}");
}

#[tokio::test]
async fn a_guest_cannot_have_a_secret_put_where_it_likes() {
    let fine: Echo = |_| Answer::ok(b"fine");
    // No placeholder of any kind is filled in: a secret goes into its header and nowhere else.
    for placeholder in ["${token}", "{{secret:token}}", "$token", "%token%", "secret:token", "<token>"] {
        let path = format!("/?q={placeholder}");
        let errand = Errand {
            method: "POST",
            headers: vec![("x-a", placeholder)],
            body: placeholder.as_bytes(),
            ..Errand::get("")
        };
        let (_, log, asked) = seen(errand, &path, fine).await;
        assert!(!asked.concat().contains("s3cr3t") && !log.contains("s3cr3t"), "{placeholder}: {asked:?}");
    }
    // A header that frames the message, or one that the guest has set too, holds no secret.
    for name in ["host", "content-length", "x-forwarded-for", "x-a: b\r\nevil", ""] {
        let errand = Errand { auth: Some(("header", "token", name)), ..Errand::get("") };
        let (told, _, asked) = seen(errand, "/", fine).await;
        assert!(asked.is_empty() && told.contains("header"), "{name}: {told} {asked:?}");
    }
    let twice =
        Errand { headers: vec![("x-key", "mine")], auth: Some(("header", "token", "x-key")), ..Errand::get("") };
    let (told, _, asked) = seen(twice, "/", fine).await;
    assert!(asked.is_empty() && told.contains("header `x-key` is that of the secret"), "{told}");
}

#[tokio::test]
async fn a_secret_goes_to_no_host_that_it_is_not_granted_for() {
    let fine: Echo = |_| Answer::ok(b"fine");
    for url in ["http://127.0.0.2:1/", "https://evil.example/", "http://localhost:1/"] {
        let errand = Errand { auth: Some(("bearer", "token", "")), ..Errand::get(url) };
        let (told, _, asked) = seen(errand, "/", fine).await;
        assert!(asked.is_empty() && told.contains("not granted") && !told.contains("s3cr3t"), "{url}: {told}");
    }
    // A token is no address, and what is said of it does not show it.
    let (told, _, asked) = seen(Errand { auth: Some(("secret-url", "token", "")), ..Errand::get("") }, "/", fine).await;
    assert!(asked.is_empty() && told.contains("the URL is none") && !told.contains("s3cr3t"), "{told}");
}
