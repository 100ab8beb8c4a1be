//! A notifier with the SDK. It signs what it sends, and its receipt has the reference that the far side gave.

use lagdoctor_sdk::{
    Auth, Error, Host, IncidentEvent, Manifest, Notifier, Plugin, Receipt, Rendering, Request, code, json,
};
use serde::Deserialize;

const SCHEMA: &str = r#"{
  "type": "object",
  "required": ["url", "key"],
  "properties": {"url": {"type": "string"}, "key": {"type": "string"}}
}"#;

#[derive(Deserialize)]
struct Config {
    url: String,
    key: String,
}

struct Signed(Config);

impl Plugin for Signed {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new("museum-notifier-sdk", "0.1.0", "Tells, and signs.")
            .configured_by(SCHEMA)
            .asks_http("config:url", "it is told there")
            .asks_secret("config:key", "what it is signed with")
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self(config))
    }
}

impl Notifier for Signed {
    fn notify(
        &self,
        host: &dyn Host,
        event: &IncidentEvent,
        diagnosis_json: &str,
        renderings: &[Rendering],
    ) -> Result<Vec<Receipt>, Error> {
        let diagnosis: json::Value = json::from_str(diagnosis_json)
            .map_err(|error| Error::new(code::BAD_INPUT, format!("the diagnosis is no JSON: {error}")))?;
        let headline = renderings.iter().find(|rendering| rendering.format == "headline");
        let body = json::json!({
            "phase": event.phase,
            "at_ms": event.at_ms,
            "headline": headline.map(|rendering| rendering.text.as_str()),
            "schema": diagnosis["schema"],
        });
        let request = Request::post_json(&self.0.url, &body)
            .header("idempotency-key", &event.idempotency_key)
            .auth(Some(Auth::hmac("x-signature", &self.0.key)));
        let response = host.fetch(&request)?;
        let reference = response.header("x-reference").unwrap_or_default();
        Ok(vec![Receipt::new(format!("the far side, for {}", event.incident), reference)])
    }
}

lagdoctor_sdk::export_notifier!(Signed);
