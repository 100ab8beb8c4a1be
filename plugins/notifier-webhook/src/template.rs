//! A body as the receiver wants it. A template is JSON whose texts may hold placeholders, `{{diagnosis.causes.0.node}}`, so
//! that whatever is filled in, the body stays well-formed. Start at [`Template::fill`].
//!
//! | in a template | becomes |
//! |---|---|
//! | `"{{event.at_ms}}"`, a placeholder alone | the value itself, a number here |
//! | `"Kafka: {{headline}}"` | text with the value in it |
//! | `"{{diagnosis.causes.0.owner \| nobody}}"` | the value, or `nobody` where there is none |
//! | `"{{diagnosis.causes.9.node}}"`, missing | null alone, nothing inside a text |

use lagdoctor_sdk::json::{Map, Value};

/// A template that was read, so that a mistake is found when it is configured and not at 3 a.m.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Template {
    /// A list or an object; also a number, a truth value or null, as it is.
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
    Constant(Value),
    Text(Vec<Piece>),
}

/// Part of a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Literal(String),
    Placeholder { path: Vec<String>, otherwise: Option<String> },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When a placeholder is not closed or its path does not begin with one of these words.
    pub(crate) fn read(template: &Value, roots: &[&str]) -> Result<Self, String> {
        Ok(match template {
            Value::String(text) => Self::Text(pieces(text, roots)?),
            Value::Array(list) => {
                Self::List(list.iter().map(|item| Self::read(item, roots)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| Ok((name.clone(), Self::read(value, roots)?));
                Self::Object(fields.iter().map(field).collect::<Result<_, String>>()?)
            }
            other => Self::Constant(other.clone()),
        })
    }

    /// The body: the template with the values of this document.
    pub(crate) fn fill(&self, document: &Value) -> Value {
        match self {
            Self::List(list) => Value::Array(list.iter().map(|item| item.fill(document)).collect()),
            Self::Object(fields) => {
                let filled = fields.iter().map(|(name, value)| (name.clone(), value.fill(document)));
                Value::Object(filled.collect::<Map<_, _>>())
            }
            Self::Constant(value) => value.clone(),
            Self::Text(pieces) => match &pieces[..] {
                [Piece::Placeholder { path, otherwise }] => {
                    let otherwise = || otherwise.clone().map_or(Value::Null, Value::String);
                    look_up(document, path).cloned().unwrap_or_else(otherwise)
                }
                pieces => Value::String(pieces.iter().map(|piece| piece.text(document)).collect()),
            },
        }
    }
}

impl Piece {
    fn text(&self, document: &Value) -> String {
        match self {
            Self::Literal(text) => text.clone(),
            Self::Placeholder { path, otherwise } => match look_up(document, path) {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => otherwise.clone().unwrap_or_default(),
            },
        }
    }
}

/// The value at a path; null counts as missing.
fn look_up<'d>(document: &'d Value, path: &[String]) -> Option<&'d Value> {
    let step = |value: &'d Value, name: &String| match value {
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    };
    path.iter().try_fold(document, step).filter(|value| !value.is_null())
}

fn pieces(text: &str, roots: &[&str]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once("{{") {
        let Some((inside, after)) = after.split_once("}}") else {
            return Err(format!("`{{{{{after}` is not closed by `}}}}`"));
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        let (path, otherwise) = match inside.split_once('|') {
            Some((path, otherwise)) => (path, Some(otherwise.trim().to_owned())),
            None => (inside, None),
        };
        let path: Vec<String> = path.trim().split('.').map(str::to_owned).collect();
        if !roots.contains(&path[0].as_str()) || path.iter().any(String::is_empty) {
            let roots = roots.join(", ");
            return Err(format!("`{{{{{inside}}}}}` is no placeholder; a path begins with one of {roots}"));
        }
        pieces.push(Piece::Placeholder { path, otherwise });
        rest = after;
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::json::json;
    use proptest::prelude::*;

    use super::*;

    const ROOTS: [&str; 2] = ["headline", "diagnosis"];

    fn check(template: Value, expected: Value) {
        let document = json!({
            "headline": "it \"broke\"\n{{diagnosis.n}}",
            "diagnosis": {"n": 7, "owner": null, "causes": [{"node": "database:a"}]}
        });
        assert_eq!(Template::read(&template, &ROOTS).unwrap().fill(&document), expected);
    }

    #[test]
    fn a_placeholder_alone_keeps_the_kind_of_its_value() {
        check(json!({"n": "{{diagnosis.n}}"}), json!({"n": 7}));
        check(json!("{{ diagnosis.causes }}"), json!([{"node": "database:a"}]));
        check(json!(["{{diagnosis.causes.0.node}}", 1, true, null]), json!(["database:a", 1, true, null]));
    }

    #[test]
    fn a_placeholder_in_a_text_becomes_text() {
        check(json!("n is {{diagnosis.n}}, {{diagnosis.causes.0.node}}"), json!("n is 7, database:a"));
    }

    #[test]
    fn what_is_missing_is_null_or_nothing_or_what_the_template_says() {
        check(json!("{{diagnosis.owner}}"), Value::Null);
        check(json!("owner: {{diagnosis.owner}}"), json!("owner: "));
        check(json!("{{diagnosis.owner | nobody}}"), json!("nobody"));
        check(json!("{{diagnosis.causes.9.node|none}}!"), json!("none!"));
    }

    #[test]
    fn a_value_is_never_read_as_a_template_and_cannot_break_the_body() {
        check(json!({"text": "> {{headline}}"}), json!({"text": "> it \"broke\"\n{{diagnosis.n}}"}));
    }

    #[test]
    fn a_mistake_is_found_before_it_matters() {
        for template in ["{{diagnosis.n", "{{}}", "{{secret}}", "{{diagnosis..n}}", "{{ | x}}"] {
            assert!(Template::read(&json!([template]), &ROOTS).is_err(), "{template}");
        }
    }

    proptest! {
        #[test]
        fn text_without_placeholders_stays_as_it_is(text in "[^{]{0,40}") {
            let template = Template::read(&json!(text), &ROOTS).unwrap();
            prop_assert_eq!(template.fill(&json!({})), json!(text));
        }
    }
}
