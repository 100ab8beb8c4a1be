//! The promise of the JSON: what is printed follows the committed schema, every printed field is documented, and no
//! promised field ever goes or changes its type.

use std::collections::BTreeSet;

use serde_json::Value;

use super::tests::scorecard;
use crate::paired::Comparison;

const SCHEMA: &str = include_str!("../../schema/evaluate.schema.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn printed() -> Value {
    let (scorecard, other) = (scorecard(), scorecard());
    let comparison = Comparison::of(other.runs(), scorecard.runs());
    serde_json::from_str(&super::json::json(&scorecard, Some(&comparison))).unwrap()
}

fn undocumented(schema: &Value, document: &Value, path: &str) {
    match document {
        Value::Object(fields) if schema["properties"].is_object() => {
            for (name, value) in fields {
                let known = &schema["properties"][name];
                assert!(known.is_object(), "{path}/{name} is printed but not in the schema");
                undocumented(known, value, &format!("{path}/{name}"));
            }
        }
        Value::Object(fields) if schema["additionalProperties"].is_object() => {
            for (name, value) in fields {
                undocumented(&schema["additionalProperties"], value, &format!("{path}/{name}"));
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

/// Every required field with its types, such as `runs[].seed: integer`.
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
    for (inner, mark) in [("items", "[]"), ("additionalProperties", ".*")] {
        if schema[inner].is_object() {
            promised(&schema[inner], &format!("{path}{mark}"), found);
        }
    }
}

#[test]
fn what_is_printed_follows_its_schema_and_is_documented() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let document = printed();
    let faults: Vec<_> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    undocumented(&schema(), &document, "");
}

#[test]
fn a_document_without_a_promised_field_is_refused() {
    let mut document = printed();
    document.as_object_mut().unwrap().remove("families");
    assert!(!jsonschema::draft202012::new(&schema()).unwrap().is_valid(&document));
}

#[test]
fn what_was_promised_once_is_still_promised() {
    let mut found = BTreeSet::new();
    promised(&schema(), "", &mut found);
    let promises = include_str!("../../schema/evaluate.promised");
    let kept: BTreeSet<String> = promises.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let broken: Vec<_> = kept.difference(&found).collect();
    assert!(broken.is_empty(), "fields that were promised are gone or changed: {broken:#?}");
    let new: Vec<_> = found.difference(&kept).map(String::as_str).collect();
    assert!(new.is_empty(), "new fields become promises: add these lines to the .promised file:\n{}", new.join("\n"));
}
