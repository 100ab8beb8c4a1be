// What tests of printed JSON ask of every schema: it is followed, it documents each field, and it only grows.
// Included by the tests of each crate that prints JSON.

use std::collections::BTreeSet;

use serde_json::Value;

/// Fails where a document breaks its schema or has a field that the schema does not know.
pub(crate) fn follows(schema: &str, document: &Value) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let faults: Vec<_> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    undocumented(&schema, document, "");
}

/// Fails where a document is accepted without this field of its top level.
pub(crate) fn needs(schema: &str, mut document: Value, field: &str) {
    assert!(document.as_object_mut().unwrap().remove(field).is_some(), "{field} is not printed");
    let schema: Value = serde_json::from_str(schema).unwrap();
    assert!(!jsonschema::draft202012::new(&schema).unwrap().is_valid(&document), "{field} can be missing");
}

/// Fails where a required field or its type is other than once promised, or new and not yet among the promises.
pub(crate) fn is_kept(schema: &str, promises: &str) {
    let mut found = BTreeSet::new();
    promised(&serde_json::from_str(schema).unwrap(), "", &mut found);
    let kept: BTreeSet<String> = promises.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let broken: Vec<_> = kept.difference(&found).collect();
    assert!(broken.is_empty(), "fields that were promised are gone or changed: {broken:#?}");
    let new: Vec<_> = found.difference(&kept).map(String::as_str).collect();
    assert!(new.is_empty(), "new fields become promises: add these lines to the .promised file:\n{}", new.join("\n"));
}

fn undocumented(schema: &Value, document: &Value, path: &str) {
    match document {
        Value::Object(fields) if schema["additionalProperties"].is_object() => {
            for (name, value) in fields {
                undocumented(&schema["additionalProperties"], value, &format!("{path}/{name}"));
            }
        }
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
    for (inner, mark) in [("items", "[]"), ("additionalProperties", ".*")] {
        if schema[inner].is_object() {
            promised(&schema[inner], &format!("{path}{mark}"), found);
        }
    }
}
