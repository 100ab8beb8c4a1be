//! The notifier against a receiver that answers from memory.

use lagdoctor_sdk::json::{self, Value, json};
use lagdoctor_sdk::testing::{FakeHost, NOW_MS, check_manifest};
use lagdoctor_sdk::{Error, IncidentEvent, Notifier, Plugin, Receipt, Rendering, Request};

use super::WebhookNotifier;

const PLAIN: &str = r#"{"url": "https://hooks.example.com/t/s3cr3t"}"#;
const DIAGNOSIS: &str =
    r#"{"verdict": "cause", "causes": [{"node": "database:orders-db", "confidence": 0.9, "owner": null}]}"#;

fn notify(config: &str, host: &FakeHost, phase: &str) -> Result<Vec<Receipt>, Error> {
    let (incident, idempotency_key) = ("fulfilment-1".to_owned(), "fulfilment-1/opened/1".to_owned());
    let event = IncidentEvent { incident, phase: phase.to_owned(), at_ms: NOW_MS, idempotency_key, ext: vec![] };
    let renderings = [("headline", "it \"broke\""), ("text", "line one\nline two"), ("markdown", "# it broke")];
    let renderings =
        renderings.map(|(format, text)| Rendering { format: format.to_owned(), text: text.to_owned(), ext: vec![] });
    WebhookNotifier::from_json(config)?.notify(host, &event, DIAGNOSIS, &renderings)
}

/// What was sent.
fn sent(config: &str, phase: &str) -> Request {
    let host = FakeHost::answering(vec![(202, "")]);
    notify(config, &host, phase).unwrap();
    host.requests().remove(0)
}

fn body(request: &Request) -> Value {
    json::from_slice(&request.body).unwrap()
}

fn header<'r>(request: &'r Request, name: &str) -> &'r str {
    request.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
}

#[test]
fn the_manifest_says_what_the_plugin_does() {
    check_manifest::<WebhookNotifier>();
}

#[test]
fn without_a_template_everything_is_sent() {
    let request = sent(PLAIN, "opened");
    let body = body(&request);
    assert_eq!(body["event"]["incident"], "fulfilment-1");
    assert_eq!(body["event"]["phase"], "opened");
    assert_eq!(body["headline"], "it \"broke\"");
    assert_eq!(body["diagnosis"]["causes"][0]["node"], "database:orders-db");
    assert_eq!((request.method.as_str(), header(&request, "content-type")), ("POST", "application/json"));
    assert_eq!(header(&request, "idempotency-key"), "fulfilment-1/opened/1");
    assert_eq!(request.auth, None);
}

#[test]
fn a_pager_gets_its_own_words() {
    let config = json!({
        "url": "https://events.example.com/v2/enqueue",
        "words": {"opened": "trigger", "updated": "trigger", "closed": "resolve"},
        "template": {
            "routing_key": "R0",
            "event_action": "{{event.word}}",
            "dedup_key": "{{event.incident}}",
            "payload": {
                "summary": "Kafka: {{headline}}",
                "severity": "critical",
                "source": "{{diagnosis.causes.0.node | unknown}}",
                "custom_details": {"sure": "{{diagnosis.causes.0.confidence}}", "owner": "{{diagnosis.causes.0.owner | nobody}}"}
            }
        }
    });
    let body = body(&sent(&config.to_string(), "closed"));
    assert_eq!(
        body,
        json!({
            "routing_key": "R0", "event_action": "resolve", "dedup_key": "fulfilment-1",
            "payload": {"summary": "Kafka: it \"broke\"", "severity": "critical", "source": "database:orders-db",
                        "custom_details": {"sure": 0.9, "owner": "nobody"}}
        })
    );
}

#[test]
fn a_template_that_is_a_text_is_sent_as_text() {
    let request = sent(r#"{"url": "https://h.example/x", "template": "{{headline}}\n{{text}}"}"#, "opened");
    assert_eq!(String::from_utf8_lossy(&request.body), "it \"broke\"\nline one\nline two");
    assert_eq!(header(&request, "content-type"), "text/plain; charset=utf-8");
}

#[test]
fn a_secret_signs_the_body_unless_another_proof_is_asked_for() {
    for (config, kind, name) in [
        (r#"{"url": "https://h.example", "secret": "key"}"#, "hmac", "x-lagdoctor-signature"),
        (r#"{"url": "https://h.example", "secret": "key", "auth_header": "x-sig"}"#, "hmac", "x-sig"),
        (r#"{"url": "https://h.example", "secret": "key", "auth": "bearer"}"#, "bearer", ""),
        (
            r#"{"url": "https://h.example", "secret": "key", "auth": "header", "auth_header": "x-api-key"}"#,
            "header",
            "x-api-key",
        ),
        (r#"{"secret": "key", "auth": "secret-url"}"#, "secret-url", ""),
    ] {
        let auth = sent(config, "opened").auth.unwrap();
        assert_eq!((auth.kind.as_str(), auth.secret.as_str(), auth.name.as_str()), (kind, "key", name), "{config}");
    }
}

#[test]
fn a_receipt_does_not_tell_the_path_which_may_be_a_password() {
    let host = FakeHost::answering(vec![(200, "")]);
    let receipts = notify(PLAIN, &host, "opened").unwrap();
    assert_eq!(receipts[0].destination, "webhook at https://hooks.example.com");
    let host = FakeHost::answering(vec![(500, "")]);
    let error = notify(PLAIN, &host, "opened").unwrap_err();
    assert!(!error.message.contains("s3cr3t"), "{}", error.message);
}

#[test]
fn a_step_that_was_not_chosen_is_not_told() {
    let host = FakeHost::answering(vec![]);
    assert_eq!(notify(r#"{"url": "https://h.example", "phases": ["closed"]}"#, &host, "opened").unwrap(), []);
    assert_eq!(notify(PLAIN, &host, "reopened").unwrap(), []);
    assert!(host.requests().is_empty());
}

#[test]
fn each_refusal_has_a_code_and_a_way_out() {
    for (status, code, words) in [
        (401, "unauthorised", "`secret`"),
        (404, "bad-config", "`url`"),
        (422, "bad-config", "`template`"),
        (308, "bad-config", "elsewhere"),
        (429, "rate-limited", "next change"),
        (502, "upstream", "receiver"),
    ] {
        let host = FakeHost::answering(vec![(status, "because\nof this")]);
        let error = notify(PLAIN, &host, "opened").unwrap_err();
        assert_eq!(error.code, code, "{status}: {}", error.message);
        assert!(error.message.contains(words) && error.message.contains("because of this"), "{}", error.message);
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_its_field() {
    for (config, words) in [
        ("{}", "`url`"),
        (r#"{"url": "hooks.example.com"}"#, "`url`"),
        (r#"{"url": "https://user:pass@h.example"}"#, "`url`"),
        (r#"{"url": "https://h.example", "auth": "bearer"}"#, "`secret`"),
        (r#"{"url": "https://h.example", "auth": "secret-url", "secret": "k"}"#, "`url`"),
        (r#"{"url": "https://h.example", "headers": {"Content-Type": "x"}}"#, "`headers`"),
        (r#"{"url": "https://h.example", "headers": {"idempotency-key": "x"}}"#, "`headers`"),
        (r#"{"url": "https://h.example", "words": {"shut": "x"}}"#, "`shut`"),
        (r#"{"url": "https://h.example", "template": {"a": "{{password}}"}}"#, "`template`"),
    ] {
        let error = WebhookNotifier::from_json(config).unwrap_err();
        assert_eq!(error.code, "bad-config", "{config}");
        assert!(error.message.contains(words), "{config}: {}", error.message);
    }
}
