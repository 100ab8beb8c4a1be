//! What a plugin says of itself: is it for a world of the contract, in the contract's words, and does its schema tell an
//! operator what to write?

use lagdoctor_model::Vocabulary;
use lagdoctor_runtime::{Manifest, Plugin, World};
use serde_json::{Map, Value};

use super::lines::Report;
use crate::subject::{bind, configurations, fields};

/// World, size, and the words that it lists.
pub(super) fn contract(plugin: &Plugin, report: &mut Report) {
    let Manifest { name, version, summary, signals, classes, .. } = plugin.manifest();
    let size = plugin.size().div_ceil(1024);
    report.fine("contract", format!("{name} {version}, a {} of {size} KiB", plugin.world()));
    if summary.trim().is_empty() {
        report.warn("manifest", "it has no summary; one sentence tells an operator what it is for".to_owned());
    }
    let words = Vocabulary::bundled();
    // The host drops what is not in the vocabulary, whoever gives it.
    for signal in plugin.manifest().unknown_signals() {
        let words = format!("{signal}; wit/signals.toml has what is known");
        match signal.listed.ends_with('.') {
            true => report.warn("manifest", words),
            false => report.fail("manifest", words),
        }
    }
    for class in classes.iter().filter(|class| words.class(class).is_none()) {
        report.fail("manifest", format!("`{class}` is no class; wit/classes.toml has all of them"));
    }
    if signals.is_empty() && matches!(plugin.world(), World::Scorer | World::Forecaster) {
        report.fail("manifest", "it lists no signals, so it would never be sent any; use `.reads(&[...])`".to_owned());
    }
    if signals.iter().any(|signal| signal == "*") {
        report.warn("manifest", "it reads `*`: every series of a site is copied to it; list what it needs".to_owned());
    }
}

/// What it imports. That it may is what loading has found out.
pub(super) fn imports(plugin: &Plugin, report: &mut Report) {
    let short = |name: &String| name.rsplit_once('/').map_or(name.clone(), |(_, tail)| tail.to_owned());
    let names: Vec<String> = plugin.imports().iter().map(short).collect();
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    report.fine("imports", format!("{names}; a {} may have these", plugin.world()));
}

/// What it asks for, with reasons.
pub(super) fn grants(plugin: &Plugin, report: &mut Report) {
    let grants = &plugin.manifest().grants;
    if grants.is_empty() {
        report.fine("grants", "it asks for nothing".to_owned());
    }
    let reaches = matches!(plugin.world(), World::Collector | World::Notifier);
    for ask in grants {
        let words = format!("{} {}", ask.kind, ask.value);
        if ask.reason.trim().is_empty() {
            report.warn("grants", format!("{words}: it gives no reason, and an operator who is not told why says no"));
        } else if !reaches {
            report.warn("grants", format!("{words}: a {} has no way to use it", plugin.world()));
        } else {
            report.fine("grants", format!("{words}: {}", ask.reason));
        }
    }
}

/// Whether each field is described and the defaults are accepted. Gives a configuration to go on
/// with, if one fits.
pub(super) fn schema(plugin: &Plugin, given: Option<&Value>, report: &mut Report) -> Option<Value> {
    let schema = &plugin.manifest().config_schema;
    let fields = fields(schema);
    let described =
        |field: &Value| field.get("description").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    let mute: Vec<&str> = fields.iter().filter(|(_, field)| !described(field)).map(|(name, _)| name.as_str()).collect();
    if !mute.is_empty() {
        report.fail("schema", format!("no description of {}; operators read them", mute.join(", ")));
    }
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        report.warn(
            "schema",
            "it takes fields that it does not know, so a typo goes unseen; set additionalProperties to false"
                .to_owned(),
        );
    }
    let defaults: Map<String, Value> =
        fields.iter().filter_map(|(name, field)| Some((name.clone(), field.get("default")?.clone()))).collect();
    // Defaults stand for what is left out, so they are tried together with what must be given.
    let filled = |given: &Value| {
        let given = given.as_object().cloned().unwrap_or_default();
        Value::Object(defaults.clone().into_iter().chain(given).collect())
    };
    let mut why = String::new();
    for candidate in configurations(schema, given) {
        match bind(plugin, candidate.clone()).and_then(|_| bind(plugin, filled(&candidate))) {
            Ok(_) => {
                let (all, set) = (fields.len(), defaults.len());
                if mute.is_empty() {
                    let words = format!("fields: {all}, each described; with a default, which it accepts: {set}");
                    report.fine("schema", words);
                }
                return Some(candidate);
            }
            Err(error) => why = error.to_string(),
        }
    }
    let way_out =
        if given.is_some() { "correct --config" } else { "if its defaults are right, give what fits with --config" };
    report.fail("schema", format!("{why}; {way_out}"));
    None
}
