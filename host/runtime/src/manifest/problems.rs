//! What is wrong with a configuration, in words for whoever wrote it: where, what was expected, and what was likely meant.
//! Values are left out, because an operator may have put a secret where it does not belong.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use lagdoctor_model::nearest;
use serde_json::Value;

use crate::error::ConfigProblem;
use crate::text::clean;

/// An error of the validator as problems, one for each field that it is about.
pub(crate) fn problems(schema: &Value, error: &ValidationError<'_>) -> Vec<ConfigProblem> {
    let pointer = error.instance_path().to_string();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = fields(schema, &pointer);
            let problem = |field: &String| ConfigProblem {
                pointer: clean(&format!("{pointer}/{}", field.replace('~', "~0").replace('/', "~1")), 300),
                reason: no_such_field(field, &known),
            };
            unexpected.iter().map(problem).collect()
        }
        ValidationErrorKind::Required { property } => {
            let field = property.as_str().unwrap_or_default();
            let known = fields(schema, &pointer);
            let about =
                known.iter().find(|(name, _)| name == field).map(|(_, about)| about.as_str()).unwrap_or_default();
            let about = if about.is_empty() { String::new() } else { format!(" ({about})") };
            vec![ConfigProblem { pointer, reason: clean(&format!("`{field}` is missing{about}"), 300) }]
        }
        _ => vec![ConfigProblem { pointer, reason: clean(&error.masked().to_string(), 300) }],
    }
}

fn no_such_field(field: &str, known: &[(String, String)]) -> String {
    let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    let meant = match nearest(field, names.iter().copied()) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => ";".to_owned(),
    };
    let there_is = match &names[..] {
        [] => "there is no field at all".to_owned(),
        [only] => format!("there is only `{only}`"),
        names => format!("there are `{}`", names.join("`, `")),
    };
    clean(&format!("there is no such field{meant} {there_is}"), 600)
}

/// Names and descriptions of the fields that a schema has at a place. What stands behind references and choices is not
/// looked for.
fn fields(schema: &Value, pointer: &str) -> Vec<(String, String)> {
    let mut at = Some(schema);
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        at = at.and_then(|at| at.get("properties").and_then(|fields| fields.get(&step)).or_else(|| at.get("items")));
    }
    let Some(Value::Object(fields)) = at.and_then(|at| at.get("properties")) else { return vec![] };
    let about = |field: &Value| field.get("description").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    fields.iter().map(|(name, field)| (name.clone(), about(field))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(config: Value, expected: &[&str]) {
        let list = json!({ "type": "array", "items": { "additionalProperties": false, "properties": { "name": {} } } });
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["url"],
            "properties": { "url": { "type": "string", "description": "address of the server" }, "queries": list }
        });
        let validator = crate::manifest::compile(&schema).unwrap();
        let found = validator.iter_errors(&config).flat_map(|error| problems(&schema, &error));
        assert_eq!(found.map(|problem| problem.to_string()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_problem_names_the_field_what_was_expected_and_what_was_likely_meant() {
        check(json!({ "url": "x" }), &[]);
        check(json!({}), &["/: `url` is missing (address of the server)"]);
        check(json!({ "url": 4711 }), &["/url: value is not of type \"string\""]);
        check(
            json!({ "url": "x", "querys": [], "z": 1 }),
            &[
                "/querys: there is no such field; did you mean `queries`? there are `queries`, `url`",
                "/z: there is no such field; there are `queries`, `url`",
            ],
        );
        check(
            json!({ "url": "x", "queries": [{}, { "nam": "y" }] }),
            &["/queries/1/nam: there is no such field; did you mean `name`? there is only `name`"],
        );
    }
}
