//! A collector without the SDK. Two requests, one with a password and one with a header that is the secret; two pages, told
//! apart by `next`; every record of a page once; each `ext` filled.

wit_bindgen::generate!({ path: "../wit", world: "collector" });

use collecting::{Page, Query, RawEdge, RawEvent, RawGap, RawLog, RawNode, RawSeries};
use exports::lagdoctor::plugin::{collecting, lifecycle};
use lagdoctor::plugin::http::{Auth, Request};
use lagdoctor::plugin::types::{Grant, Manifest, PluginError};
use lagdoctor::plugin::{clock, http, log};

struct Plugin;

const SOURCE: &str = "https://source.example:8443";

fn ext() -> Vec<(String, String)> {
    vec![("x-museum".to_owned(), "0.1".to_owned()), ("later".to_owned(), "anything".to_owned())]
}

fn attributes(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl lifecycle::Guest for Plugin {
    fn describe() -> Manifest {
        let grant = |kind: &str, value: &str| Grant {
            kind: kind.to_owned(),
            value: value.to_owned(),
            reason: "the source is there".to_owned(),
            ext: ext(),
        };
        Manifest {
            name: "museum-collector-bindgen".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Turns two pages.".to_owned(),
            signals: vec!["kafka.topic.append_rate".to_owned()],
            classes: vec![],
            config_schema: String::new(),
            grants: vec![
                grant("http", SOURCE),
                grant("secret", "login"),
                grant("secret", "key"),
                grant("signals", "kafka.topic.append_rate"),
            ],
            ext: ext(),
        }
    }

    fn configure(_: String) -> Result<(), PluginError> {
        Ok(())
    }
}

fn ask(method: &str, path: &str, body: &str, auth: (&str, &str, &str)) -> Result<http::Response, PluginError> {
    let (kind, secret, name) = auth;
    http::fetch(&Request {
        method: method.to_owned(),
        url: format!("{SOURCE}{path}"),
        headers: attributes(&[("content-type", "text/plain"), ("x-asked-at", &clock::now_ms().to_string())]),
        body: body.as_bytes().to_vec(),
        auth: Some(Auth { kind: kind.to_owned(), secret: secret.to_owned(), name: name.to_owned(), ext: ext() }),
        timeout_ms: 2000,
        ext: ext(),
    })
}

impl collecting::Guest for Plugin {
    fn collect(query: Query) -> Result<Page, PluginError> {
        log::write(9, &format!("page `{}` of {:?}", query.page, query.targets));
        if query.page == "second" {
            let (series, logs, events, nodes, edges, gaps) = (vec![], vec![], vec![], vec![], vec![], vec![]);
            return Ok(Page { series, logs, events, nodes, edges, gaps, next: String::new(), ext: ext() });
        }
        let said = ask("POST", "/query", "rate", ("basic", "login", ""))?;
        let more = ask("GET", "/more", "", ("header", "key", "x-api-key"))?;
        let text = String::from_utf8_lossy(&said.body).into_owned();
        Ok(Page {
            series: vec![RawSeries {
                signal: "kafka.topic.append_rate".to_owned(),
                attributes: attributes(&[("topic", "orders")]),
                temporality: "gauge".to_owned(),
                times_ms: vec![query.start_ms, query.end_ms],
                values: vec![f64::from(said.status), f64::NAN],
                query: "rate".to_owned(),
                ext: ext(),
            }],
            logs: vec![RawLog {
                at_ms: query.end_ms,
                severity: 17,
                message: format!("{text}; {:?}", more.headers),
                attributes: attributes(&[("topic", "orders")]),
                ext: ext(),
            }],
            events: vec![RawEvent {
                at_ms: query.start_ms,
                kind: "deploy".to_owned(),
                what: "version two".to_owned(),
                attributes: attributes(&[("service", "order-svc")]),
                ext: ext(),
            }],
            nodes: vec![RawNode {
                kind: "topic".to_owned(),
                name: "orders".to_owned(),
                attributes: attributes(&[("owner", "ann")]),
                ext: ext(),
            }],
            edges: vec![RawEdge {
                dependent: "group:orders".to_owned(),
                dependency: "topic:orders".to_owned(),
                kind: "consumes".to_owned(),
                ext: ext(),
            }],
            gaps: vec![RawGap { cause: "refused".to_owned(), statement: "one shard said no".to_owned(), ext: ext() }],
            next: "second".to_owned(),
            ext: ext(),
        })
    }
}

export!(Plugin);
