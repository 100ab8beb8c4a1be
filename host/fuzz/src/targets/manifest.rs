//! What a plugin says of itself, the schema of its configuration before all, and the configuration that an operator gives.

use std::io;
use std::sync::Arc;

use lagdoctor_runtime::{
    BoxFuture, Host, HostOptions, HttpRequest, HttpResponse, Limits, NoSecrets, Operator, Transport, TransportError,
};
use serde_json::Value;

use super::guest::Guest;
use super::{Input, Target};
use crate::Seed;
use crate::mutate::mutate;

const SCHEMA: &str = r##"{"type":"object","properties":{"url":{"type":"string","format":"uri","pattern":"^https?://"},
"mode":{"enum":["a","b"]},"n":{"type":"integer","minimum":0,"multipleOf":3},"list":{"type":"array","items":{"$ref":"#/$defs/x"},
"uniqueItems":true,"contains":{"type":"string"}}},"$defs":{"x":{"anyOf":[{"type":"string"},{"type":"number"}]}},
"required":["url"],"additionalProperties":false,"patternProperties":{"^x-":{}},"if":{"required":["n"]},"then":{"maxProperties":3}}"##;
const CONFIG: &str = r#"{"url":"https://a.example","mode":"a","n":9,"list":["x",1],"x-y":{"z":[null,true,1e3]}}"#;
const WORDS: [&[u8]; 16] = [
    b"\"$ref\":\"#\"",
    b"\"$ref\":\"#/$defs/x\"",
    b"\"$dynamicRef\":\"#a\"",
    b"\"pattern\":\"((a{99}){99}){99}\"",
    b"\"allOf\":[",
    b"{}",
    b"]",
    b"}",
    b"1e400",
    b"\"$id\":\"x\"",
    b"\"$schema\":\"http://json-schema.org/draft-04/schema#\"",
    b"\\u0000",
    b"null",
    b"\"unevaluatedProperties\":false",
    b"\"propertyNames\":{\"pattern\":\"(\"}",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        Box::pin(async { Err(TransportError::Unreachable { host, reason: "nobody is there".to_owned() }) })
    }
}

pub(super) struct ManifestText {
    runtime: tokio::runtime::Runtime,
    host: Host,
}

impl ManifestText {
    pub(super) fn new() -> io::Result<Self> {
        let limits = Limits { fuel: 1_000_000, memory_bytes: 4 << 20, ..Limits::default() };
        let host =
            Host::new(HostOptions { limits, ..HostOptions::new(Arc::new(Nowhere)) }).map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, host })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Target for ManifestText {
    fn generate(&self, seed: &mut Seed) -> Vec<Input> {
        let mut changed = |good: &str, often: usize| {
            let is_changed = seed.one_in(often);
            if is_changed { mutate(seed, good.as_bytes(), &WORDS) } else { good.as_bytes().to_vec() }
        };
        vec![
            Input::new("name", changed("sample", 8)),
            Input::new("schema.json", changed(SCHEMA, 1)),
            Input::new("config.json", changed(CONFIG, 2)),
        ]
    }

    fn run(&mut self, inputs: &[Input]) -> Result<(), String> {
        let [name, schema, config] = inputs else { return Err("a case has three inputs".to_owned()) };
        let mut guest = Guest::new("scorer", "unreachable");
        guest.name = text(&name.bytes);
        guest.schema = text(&schema.bytes);
        let Ok(plugin) = self.runtime.block_on(self.host.load("fuzzed.wasm", &guest.build())) else { return Ok(()) };
        let config: Value = serde_json::from_slice(&config.bytes).unwrap_or_default();
        let operator =
            Operator { name: text(&name.bytes), config, grants: vec![], secrets: Arc::new(NoSecrets), limits: None };
        match plugin.bind(operator) {
            Err(error) if error.to_string().contains('\u{1b}') => Err(format!("an error holds an escape: {error}")),
            _ => Ok(()),
        }
    }
}
