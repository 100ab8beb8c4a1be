//! What is accepted as a plugin, and what is said of everything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use lagdoctor_runtime::{BindError, LoadError, Operator, World};
use serde_json::{Value, json};

use crate::guest::Guest;
use crate::{host_with, limits, operator, rules};

/// What is said of a file; empty when it is a plugin.
async fn check(wasm: &[u8]) -> String {
    let loaded = host_with(limits()).load("test.wasm", wasm).await;
    loaded.err().map(|error| error.to_string()).unwrap_or_default()
}

fn trap() -> Guest {
    Guest::new("scorer", "unreachable")
}

#[tokio::test]
async fn each_of_the_five_worlds_is_told_from_the_others() {
    for world in World::ALL {
        let name: &'static str = match world {
            World::Collector => "collector",
            World::Scorer => "scorer",
            World::Ranker => "ranker",
            World::Forecaster => "forecaster",
            World::Notifier => "notifier",
        };
        let wasm = Guest::new(name, "unreachable").build();
        let plugin = host_with(limits()).load("test.wasm", &wasm).await.unwrap();
        assert_eq!(plugin.world(), world);
        assert_eq!(plugin.manifest().name, "sample");
        assert_eq!((plugin.size(), plugin.source()), (wasm.len(), "test.wasm"));
        assert_eq!(plugin.digest().len(), 64);
    }
}

#[tokio::test]
async fn what_is_no_component_is_told_apart() {
    assert!(check(b"").await.contains("it is empty"));
    assert!(check(b"#!/bin/sh\nrm -rf /\n").await.contains("no WebAssembly component"));
    assert!(check(b"\0asm\x0d\0\x01\0garbage").await.contains("does not compile"));
    let (module, ..) = trap().module();
    assert!(check(&module).await.contains("core WebAssembly module and no component"));
    let cut = trap().build();
    assert!(check(&cut[..cut.len() / 2]).await.contains("does not compile"));
}

#[tokio::test]
async fn native_code_made_ahead_of_time_is_never_accepted() {
    let native = wasmtime::Engine::default().precompile_component(&trap().build()).unwrap();
    assert!(check(&native).await.contains("precompiled native code"));
}

#[tokio::test]
async fn an_import_of_the_system_is_named() {
    let mut guest = trap();
    guest.wit += "\nworld worldly { include scorer; import wasi:cli/environment@0.2.0; }\n";
    guest.wit += "package wasi:cli@0.2.0 { interface environment { get: func() -> string; } }\n";
    guest.world = "worldly";
    guest.top = r#"(import "wasi:cli/environment@0.2.0" "get" (func (param i32)))"#.to_owned();
    let said = check(&guest.build()).await;
    assert!(said.contains("is a scorer and imports `wasi:cli/environment@0.2.0`"), "{said}");
}

#[tokio::test]
async fn a_scorer_that_imports_the_network_is_refused() {
    let mut guest = trap();
    guest.wit += "\nworld outgoing { include scorer; import http; }\n";
    guest.world = "outgoing";
    guest.top = r#"(import "lagdoctor:plugin/http@0.1.0" "fetch" (func (param i32 i32)))"#.to_owned();
    let said = check(&guest.build()).await;
    assert!(said.contains("is a scorer and imports `lagdoctor:plugin/http@0.1.0`"), "{said}");
}

#[tokio::test]
async fn a_component_without_a_job_or_with_two_is_refused() {
    let mut idle = trap();
    idle.wit += "\nworld idle { export lifecycle; }\n";
    idle.world = "idle";
    let said = check(&idle.build()).await;
    assert!(said.contains("exports `lagdoctor:plugin/lifecycle@0.1.0`, and none of collecting"), "{said}");

    let mut both = trap();
    both.wit += "\nworld both { include scorer; export ranking; }\n";
    both.world = "both";
    both.top =
        r#"(func (export "lagdoctor:plugin/ranking@0.1.0#rank") (param i32) (result i32) unreachable)"#.to_owned();
    let said = check(&both.build()).await;
    assert!(said.contains("it is scorer and ranker at once"), "{said}");

    let mut mute = trap();
    mute.wit += "\nworld mute { export scoring; }\n";
    mute.world = "mute";
    let said = check(&mute.build()).await;
    assert!(said.contains("does not export `lifecycle`"), "{said}");
}

#[tokio::test]
async fn a_record_with_one_field_more_is_refused_before_it_runs() {
    let mut guest = trap();
    guest.wit = guest.wit.replace(
        "        statement: string,\n        ext: list<pair>,\n    }\n\n    /// What hurts",
        "        statement: string,\n        more: u32,\n        ext: list<pair>,\n    }\n\n    /// What hurts",
    );
    assert!(guest.wit.contains("more: u32"));
    let said = check(&guest.build()).await;
    assert!(said.contains("another version of the scorer contract"), "{said}");
}

#[tokio::test]
async fn a_later_version_of_the_contract_is_named() {
    let mut guest = trap();
    guest.wit = guest.wit.replace("@0.1.0", "@0.2.0");
    let said = check(&guest.build()).await;
    assert!(said.contains("`lagdoctor:plugin/scoring@0.2.0`") && said.contains("in version 0.1.0"), "{said}");
}

#[tokio::test]
async fn an_exported_interface_that_this_host_does_not_know_is_no_reason_to_refuse() {
    let mut guest = trap();
    guest.wit += "\ninterface hints { hint: func() -> u32; }\nworld hinting { include scorer; export hints; }\n";
    guest.world = "hinting";
    guest.top = r#"(func (export "lagdoctor:plugin/hints@0.1.0#hint") (result i32) i32.const 7)"#.to_owned();
    assert_eq!(check(&guest.build()).await, "");
}

#[tokio::test]
async fn a_function_that_only_a_later_host_has_is_named() {
    let mut guest = trap();
    guest.wit = guest.wit.replace("interface log {", "interface log {\n    mark: func();\n");
    guest.top = r#"(import "lagdoctor:plugin/log@0.1.0" "mark" (func))"#.to_owned();
    let said = check(&guest.build()).await;
    assert!(said.contains("another version of the scorer contract") && said.contains("mark"), "{said}");
}

#[tokio::test]
async fn a_plugin_that_cannot_describe_itself_is_refused_with_the_reason() {
    let describing = |body: &str| {
        let mut guest = trap();
        guest.describe = body.to_owned();
        guest.build()
    };
    for (body, why) in [
        ("unreachable", "panicked"),
        ("(loop (br 0)) unreachable", "used up its fuel"),
        (
            "(loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 1))))) unreachable",
            "of memory describing itself",
        ),
        ("i32.const -4", "cannot be read"),
    ] {
        let said = check(&describing(body)).await;
        assert!(said.starts_with("`test.wasm` cannot be described: ") && said.contains(why), "{body}: {said}");
    }
}

#[tokio::test]
async fn a_manifest_that_makes_no_sense_is_refused_with_the_field() {
    let with = |change: fn(&mut Guest)| {
        let mut guest = trap();
        change(&mut guest);
        guest.build()
    };
    assert!(check(&with(|guest| guest.name = "No Name".into())).await.contains("name `No Name`"));
    assert!(check(&with(|guest| guest.schema = "{".into())).await.contains("config-schema is no JSON"));
    assert!(check(&with(|guest| guest.grants = vec![("files", "/")])).await.contains("kind `files`"));
    assert!(check(&with(|guest| guest.signals = vec!["jvm.*"])).await.contains("signals holds `jvm.*`"));
}

/// What is said when a plugin with a schema is bound to this configuration; empty when it fits.
async fn bind(config: Value) -> String {
    let mut guest = trap();
    guest.grants = vec![("http", "config:url"), ("secret", "config:token")];
    guest.schema = json!({
        "type": "object",
        "properties": {
            "url": { "type": "string", "minLength": 1 },
            "token": { "type": "string" },
            "limits": { "type": "object", "properties": { "series": { "type": "integer", "maximum": 10 } } }
        },
        "required": ["url"],
        "additionalProperties": false
    })
    .to_string();
    let plugin = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap();
    plugin.bind(Operator { config, ..operator() }).err().map(|error| error.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn a_config_that_breaks_the_schema_is_refused_with_path_and_reason() {
    assert_eq!(bind(json!({ "url": "https://prom.example" })).await, "");
    let said = bind(json!({ "url": 7, "limits": { "series": 11 }, "colour": "red" })).await;
    assert!(said.starts_with("config of plugin `mine` does not fit `sample 0.1.0`: "), "{said}");
    for part in ["/url: ", "/limits/series: ", "colour"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(bind(json!(null)).await.contains("/: `url` is missing"));
    assert!(bind(json!([])).await.contains("must be an object"));
}

#[tokio::test]
async fn a_config_error_does_not_repeat_the_value() {
    let said = bind(json!({ "url": ["hunter2-hunter2"] })).await;
    assert!(said.contains("/url") && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_field_that_should_hold_a_url_and_does_not_is_named() {
    let said = bind(json!({ "url": "prometheus:9090" })).await;
    assert!(said.starts_with("config of plugin `mine`: `url` must hold an http or https URL"), "{said}");
    let said = bind(json!({ "url": "http://a.example", "token": "two words" })).await;
    assert!(said.starts_with("config of plugin `mine`: `token` must name a secret"), "{said}");
}

#[tokio::test]
async fn a_plugin_cannot_be_given_more_memory_than_the_pool_has() {
    let plugin = host_with(limits()).load("test.wasm", &trap().build()).await.unwrap();
    let greedy = lagdoctor_runtime::Limits { memory_bytes: 1 << 30, ..limits() };
    let refused = plugin.bind(Operator { limits: Some(greedy), ..operator() });
    assert!(matches!(refused, Err(BindError::Room { limit: "memory_mib", asked, .. }) if asked == 1 << 30));
}

#[tokio::test]
async fn a_bound_plugin_has_what_it_asked_for_and_was_given() {
    let mut guest = Guest::new("collector", "unreachable");
    guest.grants = vec![("http", "https://a.example"), ("secret", "token"), ("signals", "jvm.")];
    let plugin = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap();
    let grants = rules(&["http https://*.example", "http https://b.example", "secret other"]);
    let secrets = Arc::new(BTreeMap::<String, lagdoctor_runtime::Secret>::new());
    let bound = plugin.bind(Operator { grants, secrets, ..operator() }).unwrap();
    let reach = |url: &str| bound.grants().reach("GET", &url.parse().unwrap()).is_some();
    assert!(reach("https://a.example/") && !reach("https://b.example/"));
    assert_eq!(bound.grants().secrets().count(), 0);
    let denied: Vec<&str> = bound.grants().denied().iter().map(|ask| ask.value.as_str()).collect();
    assert_eq!(denied, ["token", "jvm."]);
}

#[test]
fn an_error_of_loading_names_all_foreign_imports() {
    let error = LoadError::Import {
        source_name: "a.wasm".into(),
        world: World::Ranker,
        imports: vec!["wasi:io/streams".into(), "wasi:cli/stdout".into()],
    };
    let said = error.to_string();
    assert!(said.contains("`wasi:io/streams`, `wasi:cli/stdout`, which are things that no ranker may have"), "{said}");
}

/// The figures of a guest that does nothing should not hang on a compiler, so it is kept as it was built.
#[test]
fn the_idle_guest_of_the_benches_is_made_of_this_text() {
    let built = Guest::scorer(|image| format!("i32.const {}", image.findings(&[]))).build();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/guests/idle.wasm");
    if std::env::var_os("LAGDOCTOR_WRITE_GUESTS").is_some() {
        std::fs::write(path, &built).unwrap();
    }
    assert!(std::fs::read(path).unwrap() == built, "set LAGDOCTOR_WRITE_GUESTS once to write {path} anew");
}
