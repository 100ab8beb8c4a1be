//! A notifier without the SDK. Its address is the secret; one receipt for each rendering, and each `ext` filled.

wit_bindgen::generate!({ path: "../wit", world: "notifier" });

use exports::lagdoctor::plugin::{lifecycle, notifying};
use lagdoctor::plugin::http::{Auth, Request};
use lagdoctor::plugin::types::{Grant, Manifest, PluginError};
use lagdoctor::plugin::{clock, http, log};
use notifying::{IncidentEvent, Receipt, Rendering};

struct Plugin;

fn ext() -> Vec<(String, String)> {
    vec![("x-museum".to_owned(), "0.1".to_owned()), ("later".to_owned(), "anything".to_owned())]
}

impl lifecycle::Guest for Plugin {
    fn describe() -> Manifest {
        let grant = |kind: &str, value: &str| Grant {
            kind: kind.to_owned(),
            value: value.to_owned(),
            reason: "people are told there".to_owned(),
            ext: ext(),
        };
        Manifest {
            name: "museum-notifier-bindgen".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Tells whoever has the address.".to_owned(),
            signals: vec![],
            classes: vec![],
            config_schema: String::new(),
            grants: vec![grant("http", "https://hooks.example"), grant("secret", "hook")],
            ext: ext(),
        }
    }

    fn configure(_: String) -> Result<(), PluginError> {
        Ok(())
    }
}

impl notifying::Guest for Plugin {
    fn notify(
        event: IncidentEvent,
        diagnosis_json: String,
        renderings: Vec<Rendering>,
    ) -> Result<Vec<Receipt>, PluginError> {
        log::write(9, &event.incident);
        let mut receipts = Vec::new();
        for rendering in &renderings {
            let auth =
                Auth { kind: "secret-url".to_owned(), secret: "hook".to_owned(), name: String::new(), ext: ext() };
            let response = http::fetch(&Request {
                method: "POST".to_owned(),
                url: format!("?format={}", rendering.format),
                headers: vec![("idempotency-key".to_owned(), event.idempotency_key.clone())],
                body: format!("{} {} at {}: {}", event.phase, event.at_ms, clock::now_ms(), rendering.text)
                    .into_bytes(),
                auth: Some(auth),
                timeout_ms: 60_000,
                ext: ext(),
            })?;
            receipts.push(Receipt {
                destination: format!("hook: {} of {} bytes", rendering.format, diagnosis_json.len()),
                reference: if response.status == 200 { String::new() } else { response.status.to_string() },
                ext: ext(),
            });
        }
        Ok(receipts)
    }
}

export!(Plugin);
