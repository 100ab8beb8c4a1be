//! The promise of the JSON: what is printed follows the committed schemas, every printed field is documented, and no
//! promised field ever goes or changes its type.

use std::collections::BTreeSet;

use lagdoctor_model::{Diagnosis, Millis};
use serde_json::Value;

use super::*;

fn printed(diagnosis: &Diagnosis) -> Value {
    let plugin = PluginUse { name: "a".into(), version: "0.1.0".into(), world: "ranker".into(), sha256: "0".into() };
    let envelope = Envelope { took: Millis::seconds(2), cluster: "shop".into(), plugins: vec![plugin] };
    serde_json::from_str(&json(diagnosis, &Links::prometheus("http://p:9090"), &envelope)).unwrap()
}

fn check(schema: &str, document: &Value) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let faults: Vec<_> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    undocumented(&schema, document, "");
}

fn undocumented(schema: &Value, document: &Value, path: &str) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                let known = &schema["properties"][name];
                assert!(known.is_object(), "{path}/{name} is printed but not in the schema");
                undocumented(known, value, &format!("{path}/{name}"));
            }
        }
        Value::Array(items) => {
            for item in items {
                undocumented(&schema["items"], item, &format!("{path}[]"));
            }
        }
        _ => {}
    }
}

/// Every required field with its types, such as `causes[].confidence: number`.
fn promised(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|"),
        one => one.as_str().unwrap_or("any").to_owned(),
    };
    if !path.is_empty() {
        found.insert(format!("{path}: {types}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        promised(&schema["properties"][name], &path, found);
    }
    if schema["items"].is_object() {
        promised(&schema["items"], &format!("{path}[]"), found);
    }
}

fn still_promised(schema: &str, promises: &str) {
    let mut found = BTreeSet::new();
    promised(&serde_json::from_str(schema).unwrap(), "", &mut found);
    let kept: BTreeSet<String> = promises.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let broken: Vec<_> = kept.difference(&found).collect();
    assert!(broken.is_empty(), "fields that were promised are gone or changed: {broken:#?}");
    let new: Vec<_> = found.difference(&kept).map(String::as_str).collect();
    assert!(new.is_empty(), "new fields become promises: add these lines to the .promised file:\n{}", new.join("\n"));
}

#[test]
fn every_kind_of_diagnosis_follows_its_schema() {
    for diagnosis in [samples::cause(), samples::insufficient(), samples::no_incident()] {
        check(DIAGNOSIS_SCHEMA, &printed(&diagnosis));
    }
}

#[test]
fn a_status_follows_its_schema() {
    check(STATUS_SCHEMA, &serde_json::from_str(&super::status_tests::report().json()).unwrap());
}

#[test]
fn the_plugins_of_a_service_follow_their_schema() {
    check(PLUGINS_SCHEMA, &serde_json::from_str(&super::plugins::tests::sample().json()).unwrap());
}

#[test]
fn a_document_without_a_promised_field_is_refused() {
    let mut document = printed(&samples::cause());
    document.as_object_mut().unwrap().remove("verdict");
    let schema: Value = serde_json::from_str(DIAGNOSIS_SCHEMA).unwrap();
    assert!(!jsonschema::draft202012::new(&schema).unwrap().is_valid(&document));
}

#[test]
fn what_was_promised_once_is_still_promised() {
    still_promised(DIAGNOSIS_SCHEMA, include_str!("../../schema/diagnosis.promised"));
    still_promised(STATUS_SCHEMA, include_str!("../../schema/status.promised"));
    still_promised(PLUGINS_SCHEMA, include_str!("../../schema/plugins.promised"));
}
