//! What does an operator hear of a plugin that a configuration names and that cannot run, or not as it was meant? The line, the
//! field, what was expected and what was likely meant.

mod common;

use std::path::Path;

use common::try_loaded_with;
use lagdoctor_runtime::Network;
use lagdoctor_service::config::Purpose;
use lagdoctor_service::{Config, Sources};
use std::sync::Arc;

/// The sources of a file `shop.toml` that ends in this.
fn sources(text: &str) -> Sources {
    Sources::from_config(&Config::parse(Path::new("shop.toml"), text).unwrap()).unwrap()
}

async fn check(text: &str, expected: &str) {
    let error = try_loaded_with(&sources(text), Arc::new(Network::new())).await.unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

const PROMETHEUS: &str = "[[plugin]]\nname = \"collector-prometheus\"\n[plugin.config]\n";

#[tokio::test]
async fn a_field_that_does_not_fit_is_told_with_its_line() {
    check(
        &format!("{PROMETHEUS}url = \"http://a:9090\"\ntenent = \"shop\"\n"),
        "shop.toml:5: config of plugin `collector-prometheus` does not fit `collector-prometheus 0.1.0`: /tenent: there is no such field; \
         did you mean `tenant`? there are `auth`, ",
    )
    .await;
    check(
        &format!("{PROMETHEUS}tenant = \"x\"\n"),
        "shop.toml:3: config of plugin `collector-prometheus` does not fit `collector-prometheus 0.1.0`: /: `url` is missing (",
    )
    .await;
    check(
        &format!("{PROMETHEUS}url = \"a:9090\"\n"),
        "shop.toml:4: config of plugin `collector-prometheus` does not fit `collector-prometheus 0.1.0`: /url: ",
    )
    .await;
}

#[tokio::test]
async fn a_plugin_that_is_not_there_is_told_with_its_line_and_the_likely_name() {
    let unknown = "[notify]\n[[plugin]]\nname = \"colector-prometheus\"\n";
    check(unknown, "shop.toml:3: `colector-prometheus` is no bundled plugin; did you mean `collector-prometheus`? ")
        .await;
    check("\n[[plugin]]\nfile = \"none.wasm\"\n", "shop.toml:3: cannot read plugin file none.wasm").await;
}

#[tokio::test]
async fn a_secret_that_a_plugin_uses_and_nobody_has_stops_it_and_names_both() {
    let uses = format!("{PROMETHEUS}url = \"http://a:9090\"\nauth = \"bearer\"\nsecret = \"token\"\n");
    check(&uses, "shop.toml:3: plugin `collector-prometheus` uses the secret `token`, which [secrets] does not have")
        .await;
    let missing = format!("{uses}[secrets]\ntoken = {{ file = \"/nowhere/token\" }}\n");
    check(
        &missing,
        "shop.toml:3: plugin `collector-prometheus`: secret `token` is not to be had from /nowhere/token: ",
    )
    .await;
}

#[tokio::test]
async fn what_only_reads_or_tells_is_not_wanted_when_signals_are_recorded() {
    let text = "[[plugin]]\nname = \"notifier-webhook\"\nconfig = { url = \"https://hook.example/x\", secret = \"gone\" }\n\
                [secrets]\ngone = { file = \"/nowhere/gone\" }\n";
    let config = Config::parse(Path::new("shop.toml"), text).unwrap();
    let loaded =
        try_loaded_with(&Sources::wanted(&config, Purpose::Recorded).unwrap(), Arc::new(Network::new())).await.unwrap();
    assert!(loaded.plugins.notifiers.is_empty() && !loaded.plugins.scorers.is_empty());
    check(text, "shop.toml:3: plugin `notifier-webhook`: secret `gone` is not to be had ").await;
}

#[tokio::test]
async fn a_grant_that_does_nothing_is_remarked_with_its_line() {
    let text = "[[plugin]]\nname = \"collector-prometheus\"\nconfig = { url = \"http://a:9090\" }\ngrants = [\n  \"signals db.\",\n  \"signals db\",\n]\n";
    let loaded = try_loaded_with(&sources(text), Arc::new(Network::new())).await.unwrap();
    let expected = "shop.toml:6: plugin `collector-prometheus`: the grant `signals db` does nothing: no signal is called `db`; for all \
                    that begin so write `signals db.`";
    assert_eq!(loaded.remarks, [expected]);
}

#[tokio::test]
async fn two_plugins_of_one_name_are_refused_since_all_is_told_by_name() {
    let twice = "[[plugin]]\nname = \"collector-prometheus\"\nconfig = { url = \"http://a:9090\" }\n\
                 [[plugin]]\nname = \"collector-prometheus\"\nconfig = { url = \"http://b:9090\" }\n";
    check(twice, "shop.toml:4: a plugin called `collector-prometheus` is there already: give one of them another name")
        .await;
    let told_apart = format!("{twice}alias = \"prometheus-b\"\n");
    let loaded = try_loaded_with(&sources(&told_apart), Arc::new(Network::new())).await.unwrap();
    assert_eq!(
        loaded.collectors.iter().map(|plugin| plugin.name()).collect::<Vec<_>>(),
        ["collector-prometheus", "prometheus-b"]
    );
}

#[tokio::test]
async fn what_a_plugin_would_get_can_be_seen_without_any_of_its_secrets() {
    let text = format!(
        "{PROMETHEUS}url = \"http://a:9090\"\nauth = \"bearer\"\nsecret = \"token\"\n[secrets]\ntoken = {{ command = [\"false\"] }}\n"
    );
    let config = Config::parse(Path::new("shop.toml"), &text).unwrap();
    let sources = Sources::wanted(&config, Purpose::Review).unwrap();
    let loaded = try_loaded_with(&sources, Arc::new(Network::new())).await.unwrap();
    let has = loaded.collectors[0].grants().effective();
    assert!(has.contains(&"secret token for http://a:9090".to_owned()), "{has:?}");
    check(&text, "shop.toml:3: plugin `collector-prometheus`: secret `token` is not to be had from the command false")
        .await;
}
