//! Components that are small until somebody looks inside.

use std::fmt::Write;

use lagdoctor_runtime::{LoadError, Operator};
use serde_json::json;

use crate::guest::Guest;
use crate::{batch, host_with, limits, operator};

async fn load(wasm: &[u8]) -> LoadError {
    host_with(limits()).load("bomb.wasm", wasm).await.expect_err("a bomb was taken for a plugin")
}

/// A component in which each of so many components holds two of the one before.
fn doubling(levels: usize) -> Vec<u8> {
    let mut text = "(component (component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..=levels {
        let _ = write!(
            text,
            "(component $c{level} (alias outer 1 $c{0} (component $x)) (instance (instantiate $x)) (instance (instantiate $x)))",
            level - 1
        );
    }
    let _ = write!(text, "(instance (instantiate $c{levels})))");
    wat::parse_str(&text).unwrap()
}

#[tokio::test]
async fn a_component_that_doubles_at_each_level_is_refused_before_it_is_unfolded() {
    for levels in [12, 28] {
        let said = load(&doubling(levels)).await.to_string();
        assert!(said.contains("bomb.wasm") && said.contains("instances"), "{said}");
    }
}

#[tokio::test]
async fn a_few_instances_of_one_component_are_no_bomb() {
    let said = load(&doubling(3)).await.to_string();
    assert!(said.contains("implements no world"), "{said}");
}

#[tokio::test]
async fn a_schema_that_would_take_for_ever_is_refused_with_the_plugin() {
    let mut defs = serde_json::Map::new();
    for step in 0..30 {
        let next = json!({ "$ref": format!("#/$defs/d{}", step + 1) });
        defs.insert(format!("d{step}"), json!({ "allOf": [next.clone(), next] }));
    }
    defs.insert("d30".into(), json!({ "type": "object" }));
    for schema in [json!({ "$defs": defs, "$ref": "#/$defs/d0" }), json!({ "$ref": "#" })] {
        let mut guest = Guest::new("scorer", "unreachable");
        guest.schema = schema.to_string();
        let said = load(&guest.build()).await.to_string();
        assert!(said.contains("the manifest of `bomb.wasm` is invalid: config-schema"), "{said}");
    }
}

#[tokio::test]
async fn a_pattern_that_explodes_is_refused_with_the_plugin() {
    let mut guest = Guest::new("scorer", "unreachable");
    guest.schema = json!({ "properties": { "a": { "pattern": "((a{100}){100}){100}" } } }).to_string();
    let said = load(&guest.build()).await.to_string();
    assert!(said.contains("config-schema"), "{said}");
}

#[tokio::test]
async fn values_that_are_wrong_in_a_thousand_ways_are_named_ten_times() {
    let mut guest = Guest::new("scorer", "unreachable");
    guest.schema = json!({ "additionalProperties": { "type": "string" } }).to_string();
    let plugin = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap();
    let config = (0..1000).map(|number| (format!("field{number}"), json!(number))).collect();
    let said =
        plugin.bind(Operator { config: serde_json::Value::Object(config), ..operator() }).unwrap_err().to_string();
    assert!(said.matches("field").count() <= 11 && said.len() < 4000, "{said}");
}

#[tokio::test]
async fn types_that_are_not_those_of_the_contract_are_refused_before_anything_runs() {
    for (from, to) in [
        ("score: f64", "score: f32"),
        ("onset-ms: option<s64>", "onset-ms: s64"),
        ("statement: string", "statement: list<u8>"),
        ("series: option<u32>", "series: option<u64>"),
        ("configure: func(config-json: string)", "configure: func(config-json: list<u8>)"),
    ] {
        let mut guest = Guest::new("scorer", "unreachable");
        guest.wit = guest.wit.replace(from, to);
        if from.starts_with("configure") {
            // Text and bytes look the same to the core module.
            assert!(guest.wit.contains(to), "{to}");
        }
        let Ok(wasm) = std::panic::catch_unwind(|| guest.build()) else { continue };
        let said = load(&wasm).await.to_string();
        assert!(said.contains("another version of the scorer contract"), "{from}: {said}");
    }
}

#[tokio::test]
async fn a_component_cut_or_changed_anywhere_is_refused_or_is_a_plugin_that_fails() {
    let whole = Guest::scorer(|image| format!("i32.const {}", image.findings(&[]))).build();
    let host = host_with(limits());
    for place in (0..whole.len()).step_by(whole.len() / 60) {
        assert!(host.load("cut.wasm", &whole[..place]).await.is_err(), "cut at {place}");
        let mut changed = whole.clone();
        changed[place] ^= 0x11;
        if let Ok(plugin) = host.load("changed.wasm", &changed).await
            && let Ok(bound) = plugin.bind(operator())
        {
            let _ = bound.score(&batch()).await;
        }
    }
}
