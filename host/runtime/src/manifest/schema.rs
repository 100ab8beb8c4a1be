//! Can a stranger's JSON Schema be used at all? The validator follows each reference each time it meets it, so a schema
//! of a page can take longer than the universe, or the whole stack. What it may cost is therefore worked out before it
//! is compiled: references lead to places of the same document, never in a circle, and all of them followed, the schema
//! stays small. Start at [`check`].

use std::collections::BTreeMap;

use serde_json::Value;

/// Most values that a schema may have once each reference is replaced by what it refers to.
const MAX_UNFOLDED: u64 = 100_000;
/// Most references that lead to one another in a row.
const MAX_CHAIN: usize = 32;
/// Most regular expressions; each takes memory once compiled.
const MAX_PATTERNS: usize = 200;
/// Bytes of one regular expression once compiled.
pub(super) const MAX_PATTERN_COMPILED: usize = 256 << 10;

type Sizes = BTreeMap<String, Option<u64>>;

/// Why a schema is refused, or nothing.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let patterns = count_patterns(schema);
    if patterns > MAX_PATTERNS {
        return Err(format!("config-schema has {patterns} regular expressions, at most {MAX_PATTERNS} are allowed"));
    }
    let mut sizes = BTreeMap::new();
    let size = unfolded(schema, schema, 0, &mut sizes)?;
    if size > MAX_UNFOLDED {
        return Err(format!(
            "config-schema is too large once its references are followed: at most {MAX_UNFOLDED} values are allowed"
        ));
    }
    Ok(())
}

fn count_patterns(schema: &Value) -> usize {
    match schema {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let own = match (key.as_str(), value) {
                    ("pattern", Value::String(_)) => 1,
                    ("patternProperties", Value::Object(patterns)) => patterns.len(),
                    _ => 0,
                };
                own + count_patterns(value)
            })
            .sum(),
        Value::Array(list) => list.iter().map(count_patterns).sum(),
        _ => 0,
    }
}

/// Values of `part` of `schema` with all references followed; `chain` of them led here. `sizes` holds those of targets by their pointer; a target
/// that is being worked out is there without a size, and meeting it again means that it refers to itself.
fn unfolded(schema: &Value, part: &Value, chain: usize, sizes: &mut Sizes) -> Result<u64, String> {
    let mut size = 1_u64;
    match part {
        Value::Object(map) => {
            for (key, value) in map {
                size = size.saturating_add(unfolded(schema, value, chain, sizes)?);
                match (key.as_str(), value) {
                    ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                        return Err(format!("config-schema uses `{key}`, which is not supported: use `$ref`"));
                    }
                    ("$ref", Value::String(target)) => {
                        size = size.saturating_add(target_size(schema, target, chain + 1, sizes)?);
                    }
                    _ => {}
                }
            }
        }
        Value::Array(list) => {
            for value in list {
                size = size.saturating_add(unfolded(schema, value, chain, sizes)?);
            }
        }
        _ => {}
    }
    Ok(size)
}

fn target_size(schema: &Value, target: &str, chain: usize, sizes: &mut Sizes) -> Result<u64, String> {
    let shown = crate::text::clean(target, 80);
    if chain > MAX_CHAIN {
        return Err(format!("config-schema has more than {MAX_CHAIN} references in a row, the last to `{shown}`"));
    }
    match sizes.get(target) {
        Some(Some(size)) => return Ok(*size),
        Some(None) => return Err(format!("config-schema refers to itself by `{shown}`")),
        None => {}
    }
    // A pointer into the document: `#`, or `#/` and a path. A path that is percent-encoded is one that nobody needs.
    let pointer = target.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let found = pointer.filter(|pointer| !pointer.contains('%')).and_then(|pointer| schema.pointer(pointer));
    let Some(found) = found else {
        return Err(format!("config-schema refers to `{shown}`, which is no place in it: write `#/$defs/NAME`"));
    };
    sizes.insert(target.to_owned(), None);
    let size = unfolded(schema, found, chain, sizes)?;
    sizes.insert(target.to_owned(), Some(size));
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(schema: &Value) -> String {
        check(schema).err().unwrap_or_default()
    }

    #[test]
    fn a_schema_with_shared_parts_is_fine() {
        let schema = json!({ "$defs": { "url": { "type": "string" } },
            "properties": { "a": { "$ref": "#/$defs/url" }, "b": { "$ref": "#/$defs/url" } } });
        assert_eq!(said(&schema), "");
    }

    #[test]
    fn a_schema_that_doubles_at_each_step_is_refused_in_no_time() {
        let mut defs = serde_json::Map::new();
        for step in 0..30 {
            let next = json!({ "$ref": format!("#/$defs/d{}", step + 1) });
            defs.insert(format!("d{step}"), json!({ "allOf": [next.clone(), next] }));
        }
        defs.insert("d30".into(), json!({ "type": "object" }));
        let said = said(&json!({ "$defs": defs, "$ref": "#/$defs/d0" }));
        assert!(said.contains("too large once its references are followed"), "{said}");
    }

    #[test]
    fn a_schema_of_references_to_references_is_refused() {
        let mut defs = serde_json::Map::new();
        for step in 0..5000 {
            defs.insert(format!("d{step}"), json!({ "$ref": format!("#/$defs/d{}", step + 1) }));
        }
        assert!(said(&json!({ "$defs": defs, "$ref": "#/$defs/d0" })).contains("references in a row"));
    }

    #[test]
    fn a_schema_that_leads_back_to_itself_or_elsewhere_is_refused() {
        assert!(said(&json!({ "$ref": "#" })).contains("refers to itself"));
        let circle =
            json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" });
        assert!(said(&circle).contains("refers to itself"));
        for elsewhere in ["https://evil.example/schema.json", "file:///etc/passwd", "#anchor", "#/$defs/none"] {
            assert!(said(&json!({ "$ref": elsewhere })).contains("no place in it"), "{elsewhere}");
        }
        assert!(said(&json!({ "$dynamicRef": "#x" })).contains("$dynamicRef"));
    }

    #[test]
    fn a_schema_of_nothing_but_patterns_is_refused() {
        let patterns: Vec<Value> =
            (0..300).map(|number| json!({ "pattern": format!("(a{{1000}}){{{number}}}") })).collect();
        assert!(said(&json!({ "anyOf": patterns })).contains("regular expressions"));
    }
}
