//! FORMAT.md and the schemas beside it say what the code does.

mod common;

use std::fs;
use std::process::Command;

use common::Folder;
use lagdoctor_bundle::{Meta, Truth, read, write};
use lagdoctor_model::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

const FORMAT: &str = include_str!("../FORMAT.md");

/// The first block of this language.
fn block(language: &str) -> &'static str {
    let start = format!("```{language}\n");
    FORMAT.split(&start).nth(1).and_then(|rest| rest.split("```").next()).expect("FORMAT.md has such a block")
}

fn schema(name: &str) -> jsonschema::Validator {
    let path = format!("{}/schema/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn check(schema_name: &str, instance: &Value) {
    let schema = schema(schema_name);
    let errors: Vec<_> = schema.iter_errors(instance).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0], "{schema_name}: {instance}");
}

fn check_folder(dir: &std::path::Path) {
    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    check("bundle", &serde_json::to_value(toml::from_str::<toml::Table>(&text("bundle.toml")).unwrap()).unwrap());
    check("topology", &serde_json::from_str(&text("topology.json")).unwrap());
    for (file, schema) in [("series", "series"), ("history", "series"), ("logs", "log"), ("events", "event")] {
        for line in text(&format!("{file}.ndjson")).lines() {
            check(schema, &serde_json::from_str(line).unwrap());
        }
    }
}

#[test]
fn what_is_written_is_as_the_schemas_have_it() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("b");
    let mut recorded = Folder::with(&[("events.ndjson", None)]).read();
    recorded.signals.history = recorded.signals.series.clone();
    write(&dir, &recorded.signals, &Meta::default()).unwrap();
    check_folder(&dir);
    check_folder(Folder::with(&[]).path());
}

#[test]
fn schemas_refuse_what_the_reader_leaves_out() {
    let refused = |name: &str, text: &str| {
        assert!(!schema(name).is_valid(&serde_json::from_str(text).unwrap()), "{name}: {text}");
    };
    refused("series", r#"{"node":"group:g","signal":"x","values":[1]}"#);
    refused("series", r#"{"node":"group:g","signal":"x","times_ms":[0],"values":["1"]}"#);
    refused("series", r#"{"node":"g","signal":"x","times_ms":[0],"values":[1]}"#);
    refused("event", r#"{"time_ms":1,"node":"group:g","kind":"Big Deploy","what":"x"}"#);
    refused("log", r#"{"time_ms":"noon","node":"group:g","message":"x"}"#);
    refused("truth", r#"{"incident":true}"#);
    refused("truth", r#"{"incident":false,"root":[{"node":"a:b","class":"c"}]}"#);
}

#[test]
fn a_bundle_is_twenty_lines_of_python() {
    let python = block("python");
    assert!(python.lines().filter(|line| !line.trim().is_empty()).count() <= 20);
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("b");
    let Ok(run) = Command::new("python3").arg("-c").arg(python).arg(&dir).output() else {
        // Without Python here, what it would write is still checked wherever it is there.
        return;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    check_folder(&dir);
    let recorded = read(&dir).unwrap();
    let statements: Vec<_> = recorded.signals.gaps.iter().map(|gap| gap.statement.as_str()).collect();
    assert_eq!(
        statements,
        [
            "events.ndjson: it is not there; nothing is known of what it would tell",
            "logs.ndjson: it is not there; nothing is known of what it would tell",
        ]
    );
    assert_eq!(recorded.signals.window.points(), 241);
    assert_eq!(recorded.signals.topology.edges().count(), 2);
    let last: Vec<_> = recorded.signals.series.iter().map(|series| series.last().unwrap().value).collect();
    assert_eq!(last, [0.25, 36_000.0]);
}

#[test]
fn the_examples_of_the_description_hold() {
    let line: Value = serde_json::from_str(block("json")).unwrap();
    check("log", &line);
    let folder = TempDir::new().unwrap();
    let bundle = folder.path().join("b");
    fs::write(Truth::path_for(&bundle), block("toml")).unwrap();
    let truth = Truth::read(&bundle).unwrap();
    assert_eq!(truth.onset, Some(Timestamp::from_millis(1_772_369_400_000).unwrap()));
    assert_eq!(truth.roots[0].accept.len(), 1);
    check("truth", &serde_json::to_value(toml::from_str::<toml::Table>(block("toml")).unwrap()).unwrap());
}
