//! What is tried here: a component, alone on a host whose network exists only in memory, granted what it asks for, and
//! configured as its schema allows. Whether it may have all that is the operator's affair.

use std::sync::Arc;

use lagdoctor_runtime::{BindError, Bound, Cache, GrantRule, Host, HostError, HostOptions, Operator, Plugin};
use serde_json::{Map, Value, json};

use crate::stranger::{ADDRESS, Samples, Stranger};

/// What is tried.
pub struct Subject<'a> {
    /// What it is called, usually a path.
    pub source: &'a str,
    /// The component.
    pub wasm: &'a [u8],
    /// The operator's configuration; `None` for one that its schema accepts.
    pub config: Option<Value>,
    /// Where compiled components are kept; interpreters of other languages take seconds to compile.
    pub cache: Option<Cache>,
}

impl Subject<'_> {
    /// A host on which nobody is reached but the stranger.
    pub(crate) fn host(&self, stranger: &Arc<Stranger>) -> Result<Host, HostError> {
        Host::new(HostOptions { cache: self.cache.clone(), ..HostOptions::new(stranger.clone()) })
    }
}

/// Joined with a configuration, and granted all that it asks for.
pub(crate) fn bind(plugin: &Plugin, config: Value) -> Result<Bound, BindError> {
    let mut grants = GrantRule::from_manifest(plugin.manifest());
    grants.extend(GrantRule::from_config(plugin.manifest(), &config));
    let name = plugin.manifest().name.clone();
    let secrets = Arc::new(Samples::of(plugin.manifest()));
    plugin.bind(Operator { name, config, grants, secrets, limits: None })
}

/// Configurations to try one after the other: the given one, or one for each way that the schema leaves, with what must be
/// given and no more.
pub(crate) fn configurations(schema: &Value, given: Option<&Value>) -> Vec<Value> {
    given.map_or_else(|| examples(&fields(schema), schema), |given| vec![given.clone()])
}

/// The fields of a schema.
pub(crate) fn fields(schema: &Value) -> Map<String, Value> {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Configurations that give what must be given: one for each way that the schema leaves.
fn examples(fields: &Map<String, Value>, schema: &Value) -> Vec<Value> {
    let base = example(fields, schema);
    let ways = ["oneOf", "anyOf"].into_iter().filter_map(|word| schema.get(word)?.as_array()).flatten();
    let mut all: Vec<Value> = ways
        .map(|way| {
            // What a way says of a field narrows what the schema says of it.
            let narrowed = way.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            let fields = fields.clone().into_iter().chain(narrowed.clone()).collect();
            let mut example = example(&fields, way).as_object().cloned().unwrap_or_default();
            let fixed = narrowed.iter().filter_map(|(name, field)| Some((name.clone(), field.get("const")?.clone())));
            example.extend(fixed);
            Value::Object(base.as_object().cloned().unwrap_or_default().into_iter().chain(example).collect())
        })
        .collect();
    all.push(base);
    all
}

/// A value for each field that must be given.
fn example(fields: &Map<String, Value>, schema: &Value) -> Value {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let value = |name: &str| {
        let field = fields.get(name)?;
        if let Some(known) = field.get("const").or_else(|| field.get("default")).or_else(|| field.get("enum")?.get(0)) {
            return Some(known.clone());
        }
        let is_address = name.contains("url") || field.to_string().contains("http");
        Some(match field.get("type").and_then(Value::as_str) {
            Some("string") if is_address => json!(ADDRESS),
            Some("number" | "integer") => field.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(false),
            Some("array") => json!([]),
            Some("object") => json!({}),
            _ => json!("sample"),
        })
    };
    Value::Object(required.filter_map(|name| Some((name.to_owned(), value(name)?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_must_be_given_get_a_value_of_their_kind() {
        let schema = json!({
            "required": ["url", "level", "mode", "count"],
            "properties": {
                "url": {"type": "string"},
                "level": {"type": "number", "minimum": 0.5},
                "mode": {"enum": ["a", "b"]},
                "count": {"type": "integer", "default": 7},
                "optional": {"type": "string"},
            }
        });
        let fields = schema["properties"].as_object().unwrap();
        let expected = json!({"url": "http://stranger.example:8080/", "level": 0.5, "mode": "a", "count": 7});
        assert_eq!(examples(fields, &schema), [expected]);
    }

    #[test]
    fn each_way_that_a_schema_leaves_is_tried() {
        let schema = json!({
            "properties": {"url": {"type": "string"}, "secret": {"type": "string"}, "auth": {"enum": ["none", "bearer"]}},
            "anyOf": [
                {"required": ["url"]},
                {"required": ["secret"], "properties": {"auth": {"const": "bearer"}}},
            ]
        });
        let fields = schema["properties"].as_object().unwrap();
        let expected =
            [json!({"url": "http://stranger.example:8080/"}), json!({"secret": "sample", "auth": "bearer"}), json!({})];
        assert_eq!(examples(fields, &schema), expected);
    }
}
