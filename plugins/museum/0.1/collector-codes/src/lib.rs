//! A collector that fails as it is told: `{"code": CODE}` when it collects, `{"refuse": CODE}` when it is configured. It
//! has been asked with every code of the contract, and with one that is none.

wit_bindgen::generate!({ path: "../wit", world: "collector" });

use std::cell::RefCell;

use collecting::{Page, Query};
use exports::lagdoctor::plugin::{collecting, lifecycle};
use lagdoctor::plugin::types::{Manifest, PluginError};

struct Plugin;

thread_local! {
    static CODE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The text of a field, in a flat object of texts without quotation marks.
fn field(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{name}\":\""))?;
    rest.split('"').next().map(str::to_owned)
}

fn failure(code: String) -> PluginError {
    let message = format!("this is {code}");
    PluginError { code, message, ext: vec![("x-museum".to_owned(), "0.1".to_owned())] }
}

impl lifecycle::Guest for Plugin {
    fn describe() -> Manifest {
        Manifest {
            name: "museum-collector-codes".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Fails as it is told.".to_owned(),
            signals: vec![],
            classes: vec![],
            config_schema: r#"{"type":"object","properties":{"code":{"type":"string"},"refuse":{"type":"string"}}}"#
                .to_owned(),
            grants: vec![],
            ext: vec![],
        }
    }

    fn configure(config_json: String) -> Result<(), PluginError> {
        if let Some(code) = field(&config_json, "refuse") {
            return Err(failure(code));
        }
        CODE.set(field(&config_json, "code").unwrap_or_default());
        Ok(())
    }
}

impl collecting::Guest for Plugin {
    fn collect(_: Query) -> Result<Page, PluginError> {
        Err(failure(CODE.take()))
    }
}

export!(Plugin);
