use super::*;
use crate::testing::asking;
use proptest::prelude::*;
use serde_json::json;
use url::Url;

fn rules(rules: &[&str]) -> Vec<GrantRule> {
    rules.iter().map(|rule| rule.parse().unwrap()).collect()
}

/// How far `method` may go to `url`, when the plugin asks for this and the operator allows that.
fn check(asks: &[&str], allows: &[&str], method: &str, url: &str) -> Option<Reach> {
    let config = json!({ "url": "http://prometheus:9090/base", "nested": { "urls": ["https://a.example", "https://b.example"] } });
    let grants = Grants::new(&asking(asks), &config, &rules(allows)).unwrap();
    grants.reach(method, &Url::parse(url).unwrap())
}

#[test]
fn a_request_passes_when_both_sides_name_its_host() {
    let (ask, allow) = (&["http https://a.example"][..], &["http https://a.example"][..]);
    assert_eq!(check(ask, allow, "GET", "https://a.example/x"), Some(Reach::Public));
    assert_eq!(check(ask, &[], "GET", "https://a.example/x"), None);
    assert_eq!(check(&[], allow, "GET", "https://a.example/x"), None);
    assert_eq!(check(ask, &["http https://b.example"], "GET", "https://a.example/x"), None);
    assert_eq!(check(&["http https://*"], allow, "GET", "https://b.example/x"), None);
    assert_eq!(check(ask, &["http https://*"], "GET", "https://b.example/x"), None);
    assert_eq!(
        check(&["http https://*"], &["http https://*.example"], "GET", "https://b.example/x"),
        Some(Reach::Public)
    );
}

#[test]
fn methods_beyond_get_and_post_are_granted_one_by_one() {
    let ask = &["http https://a.example"][..];
    assert_eq!(check(ask, &["http https://a.example"], "DELETE", "https://a.example/"), None);
    let allow = &["http https://a.example methods=DELETE,PUT"][..];
    assert_eq!(check(ask, allow, "DELETE", "https://a.example/"), Some(Reach::Public));
    assert_eq!(check(ask, allow, "POST", "https://a.example/"), Some(Reach::Public));
    assert_eq!(check(ask, allow, "PATCH", "https://a.example/"), None);
}

#[test]
fn a_url_in_the_config_counts_only_when_the_operators_grants_allow_it() {
    let ask = &["http config:url"][..];
    assert_eq!(check(ask, &[], "GET", "http://prometheus:9090/api"), None);
    assert_eq!(check(ask, &["http http://prometheus"], "GET", "http://prometheus:9090/api"), None);
    let allow = &["http http://prometheus:9090 private"][..];
    assert_eq!(check(ask, allow, "GET", "http://prometheus:9090/api"), Some(Reach::Private));
    let nested = &["http config:nested.urls"][..];
    assert_eq!(check(nested, &["http https://*.example"], "GET", "https://b.example/"), Some(Reach::Public));
    assert_eq!(check(&["http config:missing"], &["http https://*"], "GET", "https://b.example/"), None);
}

#[test]
fn the_rules_from_a_config_name_its_hosts_and_secrets_and_nothing_else() {
    let manifest =
        asking(&["http config:url", "secret config:token", "http https://fixed.example", "http config:missing"]);
    let config = json!({ "url": "http://10.0.0.7:9090/prom", "token": "prom-token", "other": "https://evil.example" });
    let rules: Vec<String> = GrantRule::from_config(&manifest, &config).iter().map(ToString::to_string).collect();
    assert_eq!(rules, ["http http://10.0.0.7:9090 private", "secret prom-token private"]);
}

#[test]
fn a_config_field_that_holds_no_url_is_named() {
    for (url, why) in [("prometheus:9090", "scheme"), ("http://user:pass@a.example", "secret"), ("", "relative")] {
        let (field, reason) = Grants::new(&asking(&["http config:url"]), &json!({ "url": url }), &[]).unwrap_err();
        assert_eq!(field, "url");
        assert!(reason.contains(why), "{url}: {reason}");
    }
}

#[test]
fn what_no_rule_allows_is_told_with_what_the_field_holds() {
    let manifest = asking(&["http config:url", "secret config:token", "signals jvm.", "http https://ok.example"]);
    let config = json!({ "url": "https://prom.example", "token": "t0ken" });
    let grants = Grants::new(&manifest, &config, &rules(&["http https://ok.example"])).unwrap();
    let denied: Vec<String> = grants.denied().iter().map(|ask| format!("{} {}", ask.kind, ask.value)).collect();
    assert_eq!(denied, ["http https://prom.example", "secret t0ken", "signals jvm."]);
}

#[test]
fn a_collector_emits_what_it_lists_and_the_operator_believes() {
    let mut manifest = asking(&["signals jvm."]);
    manifest.signals = vec!["kafka.".into()];
    let emits = |allows: &[&str], signal| Grants::new(&manifest, &json!({}), &rules(allows)).unwrap().may_emit(signal);
    assert!(emits(&["signals jvm."], "jvm.gc.count"));
    assert!(!emits(&["signals jvm."], "kafka.consumer_group.lag"));
    assert!(emits(&["signals kafka.consumer_group.lag"], "kafka.consumer_group.lag"));
    assert!(!emits(&["signals kafka.consumer_group.lag"], "kafka.consumer_group.lag2"));
    assert!(!emits(&[], "jvm.gc.count"));
    assert!(!emits(&["signals *"], "db.lock.waits"));
}

#[test]
fn a_secret_is_granted_by_its_name() {
    let of = |allows: &[&str]| {
        let grants = Grants::new(&asking(&["secret hook"]), &json!({}), &rules(allows)).unwrap();
        (grants.secret("hook"), grants.secret("other"))
    };
    assert_eq!(of(&[]), (None, None));
    assert_eq!(of(&["secret hook", "secret other"]), (Some(Reach::Public), None));
    assert_eq!(of(&["secret hook private"]), (Some(Reach::Private), None));
}

/// Whether the secret `token` of a plugin that asks for these may go to this URL.
fn goes(asks: &[&str], allows: &[&str], url: &str) -> bool {
    let config = json!({ "url": "http://prometheus:9090/base", "token": "token" });
    let grants = Grants::new(&asking(asks), &config, &rules(allows)).unwrap();
    grants.secret_may_go("token", &Url::parse(url).unwrap())
}

#[test]
fn a_secret_goes_where_its_grant_says() {
    let asks = &["http https://*", "secret token"][..];
    let allows = &["http https://a.example", "http https://b.example", "secret token for=https://a.example"][..];
    assert!(goes(asks, allows, "https://a.example/x"));
    for elsewhere in ["https://b.example/", "http://a.example/", "https://a.example:8443/", "https://a.example.evil/"] {
        assert!(!goes(asks, allows, elsewhere), "{elsewhere}");
    }
}

#[test]
fn a_secret_without_a_host_goes_where_the_configuration_leads() {
    let asks = &["http config:url", "http https://*", "secret config:token"][..];
    let allows = &["http http://prometheus:9090 private", "http https://other.example", "secret token"][..];
    assert!(goes(asks, allows, "http://prometheus:9090/api"));
    assert!(!goes(asks, allows, "https://other.example/"));
}

#[test]
fn a_secret_without_a_host_goes_to_the_only_host_there_is_and_of_two_to_none() {
    let asks = &["http https://*", "secret token"][..];
    assert!(goes(asks, &["http https://a.example", "secret token"], "https://a.example/"));
    assert!(!goes(asks, &["http https://a.example", "http https://b.example", "secret token"], "https://a.example/"));
    assert!(!goes(asks, &["http https://*.example", "secret token"], "https://a.example/"));
    assert!(!goes(asks, &["http https://a.example"], "https://a.example/"), "it is not granted at all");
}

#[test]
fn only_secrets_are_for_a_host() {
    for wrong in [
        "http https://a.example for=https://b.example",
        "signals jvm. for=https://a.example",
        "secret a for=",
        "secret a for=a.example",
    ] {
        assert!(wrong.parse::<GrantRule>().is_err(), "{wrong}");
    }
}

#[test]
fn a_rule_reads_back_as_it_prints() {
    for text in [
        "http https://a.example",
        "secret token private for=https://a.example,https://b.example:8443",
        "http http://10.0.0.1:9090 private methods=DELETE,PUT",
        "secret slack-hook private",
        "signals kafka.",
        "signals *",
    ] {
        let rule: GrantRule = text.parse().unwrap();
        assert_eq!(rule.to_string(), text);
        assert_eq!(serde_json::from_value::<GrantRule>(json!(text)).unwrap(), rule);
    }
}

#[test]
fn a_rule_that_would_open_too_much_or_nothing_is_refused() {
    for text in [
        "",
        "http",
        "files /etc",
        "http a.example",
        "http https://a.example/path",
        "http https://* private",
        "http https://*.corp private",
        "signals jvm. private",
        "http https://a.example public",
        "http https://a.example methods=",
        "http https://a.example methods=get",
        "http https://a.example methods=CONNECT",
        "secret a methods=PUT",
        "signals j*",
        "secret",
    ] {
        assert!(text.parse::<GrantRule>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_grant_reaches_further_than_the_rule_or_the_ask(
        ask in "https?://(\\*|\\*\\.t|[ab]\\.t)", allow in "https?://(\\*|\\*\\.t|[ab]\\.t)(:\\*)?", url in "https?://[abc]\\.t(:81)?/"
    ) {
        let grants = Grants::new(&asking(&[&format!("http {ask}")]), &json!({}), &rules(&[&format!("http {allow}")])).unwrap();
        let url = Url::parse(&url).unwrap();
        let both = [&ask, &allow].iter().all(|pattern| HttpPattern::parse(pattern).unwrap().covers(&url));
        prop_assert_eq!(grants.reach("GET", &url).is_some(), both);
    }

    #[test]
    fn no_text_breaks_the_rule_parser(text in "(http|secret|signals)? ?[ -~]{0,30}") {
        let _ = text.parse::<GrantRule>();
    }
}

#[test]
fn what_a_plugin_has_in_the_end_is_what_both_sides_name() {
    let effective = |asks: &[&str], allows: &[&str]| {
        Grants::new(&asking(asks), &json!({ "url": "http://prometheus:9090" }), &rules(allows)).unwrap().effective()
    };
    assert_eq!(
        effective(
            &["http config:url", "secret token", "signals db.", "signals jvm.gc.overhead"],
            &[
                "http http://prometheus:9090 private methods=PUT",
                "http https://other.example",
                "secret other",
                "signals db.server.",
                "signals jvm."
            ],
        ),
        ["http http://prometheus:9090 private methods=PUT", "signals db.server.", "signals jvm.gc.overhead"]
    );
    assert_eq!(effective(&["secret token"], &["secret token"]), ["secret token"]);
    assert_eq!(effective(&["signals db."], &[]), Vec::<String>::new());
}

#[test]
fn a_grant_of_what_nobody_asks_for_is_told_with_what_is_asked_for() {
    let idle = |asks: &[&str], allows: &[&str]| {
        let rules = rules(allows);
        let grants = Grants::new(&asking(asks), &json!({ "url": "http://prometheus:9090" }), &rules).unwrap();
        grants.idle(&rules).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let all = ["http http://prometheus:9090 private", "secret token", "signals db.server.", "signals *"];
    assert_eq!(idle(&["http config:url", "secret token", "signals db."], &all), Vec::<String>::new());
    assert_eq!(
        idle(
            &["http config:url", "secret token", "signals db.server."],
            &["http https://a", "secret tokn", "signals db"]
        ),
        [
            "the grant `http https://a` does nothing: the plugin asks for `http://prometheus:9090`",
            "the grant `secret tokn` does nothing: the plugin asks for `token`",
            "the grant `signals db` does nothing: no signal is called `db`; for all that begin so write `signals db.`",
        ]
    );
    assert_eq!(
        idle(&[], &["http https://a", "secret token", "signals db."]),
        [
            "the grant `http https://a` does nothing: the plugin asks for no host",
            "the grant `secret token` does nothing: the plugin asks for no secret",
            "the grant `signals db.` does nothing: the plugin gives no signals",
        ]
    );
}
