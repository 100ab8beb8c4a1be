//! The promise of the JSON: what is printed follows the committed schemas, every printed field is documented, and no
//! promised field ever goes or changes its type.

#[path = "../../schema/promise.rs"]
mod promise;

use lagdoctor_model::{Diagnosis, Millis};
use serde_json::Value;

use super::*;

fn printed(diagnosis: &Diagnosis) -> Value {
    let plugin = PluginUse { name: "a".into(), version: "0.1.0".into(), world: "ranker".into(), sha256: "0".into() };
    let envelope = Envelope { took: Millis::seconds(2), cluster: "shop".into(), plugins: vec![plugin] };
    serde_json::from_str(&json(diagnosis, &Links::prometheus("http://p:9090"), &envelope)).unwrap()
}

#[test]
fn every_kind_of_diagnosis_follows_its_schema() {
    for diagnosis in [samples::cause(), samples::insufficient(), samples::no_incident()] {
        promise::follows(DIAGNOSIS_SCHEMA, &printed(&diagnosis));
    }
}

#[test]
fn a_status_follows_its_schema() {
    promise::follows(STATUS_SCHEMA, &serde_json::from_str(&super::status_tests::report().json()).unwrap());
}

#[test]
fn the_plugins_of_a_service_follow_their_schema() {
    promise::follows(PLUGINS_SCHEMA, &serde_json::from_str(&super::plugins::tests::sample().json()).unwrap());
}

#[test]
fn a_document_without_a_promised_field_is_refused() {
    promise::needs(DIAGNOSIS_SCHEMA, printed(&samples::cause()), "verdict");
}

#[test]
fn what_was_promised_once_is_still_promised() {
    promise::is_kept(DIAGNOSIS_SCHEMA, include_str!("../../schema/diagnosis.promised"));
    promise::is_kept(STATUS_SCHEMA, include_str!("../../schema/status.promised"));
    promise::is_kept(PLUGINS_SCHEMA, include_str!("../../schema/plugins.promised"));
}
