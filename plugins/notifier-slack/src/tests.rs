//! The notifier against a Slack that answers from memory.

use lagdoctor_sdk::json::{self, Value, json};
use lagdoctor_sdk::testing::{FakeHost, NOW_MS, check_manifest};
use lagdoctor_sdk::{Error, IncidentEvent, Notifier, Plugin, Receipt, Rendering};

use super::SlackNotifier;

const WEBHOOK: &str = r#"{"webhook": "slack-hook"}"#;
const BOT: &str = r##"{"token": "slack-bot", "channel": "#orders-oncall"}"##;

fn event(phase: &str) -> IncidentEvent {
    IncidentEvent {
        incident: "fulfilment-20231114".to_owned(),
        phase: phase.to_owned(),
        at_ms: NOW_MS,
        idempotency_key: "k".to_owned(),
        ext: vec![],
    }
}

fn renderings() -> Vec<Rendering> {
    [("headline", "fulfilment falls behind: database:orders-db-replica is behind its primary"), ("text", "REPORT")]
        .map(|(format, text)| Rendering { format: format.to_owned(), text: text.to_owned(), ext: vec![] })
        .to_vec()
}

fn diagnosis() -> Value {
    let cause = json!({
        "node": "database:orders-db-replica", "words": "the replica is behind its primary", "confidence": 0.93,
        "owner": "team-orders", "because": "its apply thread stopped before the backlog began",
        "evidence": [{"node": "database:orders-db-replica", "statement": "apply thread stopped at 12:41:15",
                      "url": "https://grafana.example/explore?a=1&b=2"}],
        "actions": [{"say": "See both threads", "command": "mysql -h replica -e 'SHOW REPLICA STATUS\\G'"}]
    });
    let other = json!({"node": "service:fulfilment", "words": "its own code is slow", "confidence": 0.11});
    json!({
        "schema": 1, "verdict": "cause", "headline": "h",
        "impact": {"backlog": 184_200, "time_lag_ms": 330_000, "growth_per_s": 120.4, "partitions_lagging": 12, "partitions": 12},
        "time_to_data_loss_ms": null,
        "causes": [cause, other],
        "ruled_out": [{"node": "jvm:fulfilment-0", "because": "collection time is normal"}],
        "gaps": [{"statement": "no logs: Elasticsearch is not configured"}], "needs": [{"statement": "never shown when sure"}],
        "forecast": {"statement": "it does not clear by itself"}
    })
}

fn notify(config: &str, host: &FakeHost, phase: &str, diagnosis: &str) -> Result<Vec<Receipt>, Error> {
    SlackNotifier::from_json(config)?.notify(host, &event(phase), diagnosis, &renderings())
}

/// What was posted.
fn posted(config: &str, phase: &str, diagnosis: &str) -> Value {
    let host = FakeHost::answering(vec![(200, r#"{"ok": true, "ts": "1.2"}"#)]);
    notify(config, &host, phase, diagnosis).unwrap();
    json::from_slice(&host.requests()[0].body).unwrap()
}

fn texts(message: &Value) -> Vec<String> {
    let text = |block: &Value| {
        let text = block.pointer("/text/text").or_else(|| block.pointer("/elements/0/text"));
        text.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    message["blocks"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn the_manifest_says_what_the_plugin_does() {
    check_manifest::<SlackNotifier>();
}

#[test]
fn whoever_configures_nothing_is_told_both_ways() {
    let error = SlackNotifier::from_json("{}").unwrap_err();
    assert!(error.message.contains("`webhook`") && error.message.contains("`token`"), "{}", error.message);
}

#[test]
fn a_message_says_what_why_how_known_what_to_do_and_what_was_not_seen() {
    let message = posted(WEBHOOK, "opened", &diagnosis().to_string());
    assert_eq!(
        texts(&message),
        [
            "\u{1f534} Incident: fulfilment falls behind: database:orders-db-replica is behind its primary",
            "184,200 records behind, oldest waits 5 min 30 s, growing by 120 a second, 12 of 12 partitions\nit does not clear by itself",
            "*Cause*\n`database:orders-db-replica` the replica is behind its primary (93 % sure)\nits apply thread stopped before the backlog began\nOwner: team-orders",
            "*Evidence*\n• `database:orders-db-replica`: apply thread stopped at 12:41:15 <https://grafana.example/explore?a=1&amp;b=2|graph>",
            "*What to do*\n• See both threads\n```mysql -h replica -e 'SHOW REPLICA STATUS\\G'```",
            "*Less likely*\n• `service:fulfilment` its own code is slow (11 % sure)",
            "*Ruled out*\n• `jvm:fulfilment-0`: collection time is normal",
            "*Not seen*\n• no logs: Elasticsearch is not configured",
            "lagdoctor, incident `fulfilment-20231114`, <!date^1699999200^{date_short_pretty} {time_secs}|Unix time 1699999200>",
        ]
    );
}

#[test]
fn a_guess_is_called_a_guess_and_says_what_would_settle_it() {
    let mut thin = diagnosis();
    thin["verdict"] = json!("insufficient-evidence");
    let texts = texts(&posted(WEBHOOK, "opened", &thin.to_string())).join("\n");
    assert!(texts.contains("*Best guess, not enough evidence*") && texts.contains("never shown when sure"), "{texts}");
    assert!(!texts.contains("*Cause*"));
}

#[test]
fn when_it_is_over_nobody_is_blamed_or_called() {
    let config = r#"{"webhook": "slack-hook", "mention": "<!subteam^S0123>"}"#;
    let over = texts(&posted(config, "closed", &diagnosis().to_string())).join("\n");
    assert!(over.starts_with("\u{2705} Over: "), "{over}");
    assert!(!over.contains("*Cause*") && !over.contains("S0123"));
    assert!(texts(&posted(config, "opened", &diagnosis().to_string())).contains(&"<!subteam^S0123>".to_owned()));
}

#[test]
fn limits_of_block_kit_are_kept_whatever_is_in_the_diagnosis() {
    let mut huge = diagnosis();
    huge["causes"][0]["because"] = json!("<!channel> & ".repeat(2000));
    huge["causes"][0]["evidence"] = json!(vec![json!({"statement": "x".repeat(5000)}); 100]);
    huge["causes"][0]["actions"] = json!(vec![json!({"say": "y", "command": "z".repeat(5000)}); 100]);
    huge["gaps"] = json!(vec![json!({"statement": "g".repeat(900)}); 100]);
    let message = posted(WEBHOOK, "opened", &huge.to_string());
    let blocks = message["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50);
    for text in texts(&message) {
        assert!(text.chars().count() <= 3000);
        assert!(!text.contains("<!channel"), "nobody is called by a diagnosis");
    }
    assert!(texts(&message)[0].chars().count() <= 150);
}

#[test]
fn a_diagnosis_that_cannot_be_read_is_sent_as_text() {
    let texts = texts(&posted(WEBHOOK, "opened", "not json"));
    assert_eq!(texts[1], "```REPORT```");
}

#[test]
fn a_webhook_is_reached_by_its_secret_and_a_bot_by_its_token() {
    let host = FakeHost::answering(vec![(200, "ok")]);
    let receipts = notify(WEBHOOK, &host, "opened", "{}").unwrap();
    let request = &host.requests()[0];
    let auth = request.auth.as_ref().unwrap();
    assert_eq!((request.url.as_str(), auth.kind.as_str(), auth.secret.as_str()), ("", "secret-url", "slack-hook"));
    assert_eq!(receipts[0].destination, "Slack, by the incoming webhook `slack-hook`");

    let host = FakeHost::answering(vec![(200, r#"{"ok": true, "ts": "1699999200.0001"}"#)]);
    let receipts = notify(BOT, &host, "opened", "{}").unwrap();
    let request = &host.requests()[0];
    let auth = request.auth.as_ref().unwrap();
    assert_eq!(request.url, "https://slack.com/api/chat.postMessage");
    assert_eq!((auth.kind.as_str(), auth.secret.as_str()), ("bearer", "slack-bot"));
    assert!(String::from_utf8_lossy(&request.body).contains(r##""channel":"#orders-oncall""##));
    assert_eq!(
        (receipts[0].destination.as_str(), receipts[0].reference.as_str()),
        ("Slack channel #orders-oncall", "1699999200.0001")
    );
}

#[test]
fn a_step_that_was_not_chosen_is_not_told() {
    let host = FakeHost::answering(vec![]);
    let config = r#"{"webhook": "slack-hook", "phases": ["opened"]}"#;
    assert_eq!(notify(config, &host, "updated", "{}").unwrap(), []);
    assert!(host.requests().is_empty());
    let unknown = notify(WEBHOOK, &host, "reopened", "{}").unwrap();
    assert!(unknown.is_empty() && host.requests().is_empty(), "only opened, updated and closed are told");
}

#[test]
fn each_refusal_has_a_code_and_a_way_out() {
    for (config, status, body, code, words) in [
        (WEBHOOK, 404, "no_service", "bad-config", "make a new one"),
        (WEBHOOK, 403, "action_prohibited", "unauthorised", "chat:write"),
        (WEBHOOK, 429, "", "rate-limited", "no reason"),
        (WEBHOOK, 500, "rollup_error", "upstream", "status.slack.com"),
        (BOT, 200, r#"{"ok": false, "error": "not_in_channel"}"#, "bad-config", "/invite"),
        (BOT, 200, r#"{"ok": false, "error": "invalid_auth"}"#, "unauthorised", "secret"),
        (BOT, 200, r#"{"ok": false, "error": "is_archived"}"#, "bad-config", "in use"),
        (BOT, 503, "<html>", "upstream", "503"),
    ] {
        let host = FakeHost::answering(vec![(status, body)]);
        let error = notify(config, &host, "opened", "{}").unwrap_err();
        assert_eq!(error.code, code, "{status} {body}: {}", error.message);
        assert!(error.message.contains(words), "{}", error.message);
    }
}

#[test]
fn two_ways_at_once_or_half_a_way_are_refused() {
    for config in [
        r#"{"webhook": "a", "token": "b", "channel": "c"}"#,
        r#"{"token": "b"}"#,
        r#"{"webhook": "a", "phases": ["shut"]}"#,
    ] {
        assert_eq!(SlackNotifier::from_json(config).unwrap_err().code, "bad-config", "{config}");
    }
}
