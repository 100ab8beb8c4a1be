//! What plugins are, import and ask for.

pub mod configured;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lagdoctor_runtime::{Limit, Limits, Network, Plugin, Unknown};
use lagdoctor_service::Sources;
use lagdoctor_service::report::{Align, table};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::json;
use tokio::task::JoinSet;

use crate::args::Format;
use crate::bundled::BUNDLED;
use crate::client;
use crate::commands::author::component;
use crate::host::host;
use crate::output::{self, Output};

const COLUMNS: [(&str, Align); 5] = [
    ("WORLD", Align::Left),
    ("NAME", Align::Left),
    ("VERSION", Align::Left),
    ("SIZE", Align::Right),
    ("WHAT FOR", Align::Left),
];

/// The plugins of a running service, and how they stand.
pub async fn standings(server: &str, format: Format, output: &Output) -> Result<ExitCode> {
    let report = client::plugins(server).await?;
    output.say(&match format {
        Format::Text => report.text(output.style()),
        Format::Json => report.json(),
        Format::Markdown => report.markdown(),
    });
    Ok(output::exit(output::FINE))
}

/// The plugins inside this program.
pub async fn list(format: Format, output: &Output) -> Result<ExitCode> {
    let host = host(Arc::new(Network::new()), &Sources::default())?;
    // All at the same time, because what is not in the cache has to be compiled.
    let mut loads = JoinSet::new();
    for component in BUNDLED {
        let host = host.clone();
        loads.spawn(async move { host.load(component.name, component.wasm).await });
    }
    let mut plugins = loads.join_all().await.into_iter().collect::<Result<Vec<_>, _>>().into_diagnostic()?;
    plugins.sort_by(|a, b| (a.world(), &a.manifest().name).cmp(&(b.world(), &b.manifest().name)));
    if plugins.is_empty() {
        output.note("this program was built without plugins; run `cargo xtask build`");
    }
    output.say(&match format {
        Format::Json => pretty(&json!({ "plugins": plugins.iter().map(document).collect::<Vec<_>>() })),
        Format::Text => {
            let row = |plugin: &Plugin| {
                let manifest = plugin.manifest();
                let size = format!("{} KiB", plugin.size() / 1024);
                let (world, name, version) = (plugin.world().to_string(), &manifest.name, &manifest.version);
                vec![world, name.clone(), version.clone(), size, manifest.summary.clone()]
            };
            let rows: Vec<Vec<String>> = plugins.iter().map(row).collect();
            table(&COLUMNS, &rows).join("\n")
        }
        Format::Markdown => {
            let row = |plugin: &Plugin| {
                let manifest = plugin.manifest();
                format!("| {} | `{}` | {} | {} |\n", plugin.world(), manifest.name, manifest.version, manifest.summary)
            };
            let rows: String = plugins.iter().map(row).collect();
            format!("| world | name | version | what for |\n|---|---|---|---|\n{rows}")
        }
    });
    Ok(output::exit(output::FINE))
}

/// Whether this can only be meant as the name of a bundled plugin.
fn is_name(plugin: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    plugin.chars().all(is_part) && !Path::new(plugin).exists()
}

/// One plugin: bundled, or of a file.
pub async fn inspect(plugin: &str, format: Format, output: &Output) -> Result<ExitCode> {
    let host = host(Arc::new(Network::new()), &Sources::default())?;
    let loaded = match BUNDLED.iter().find(|component| component.name == plugin) {
        Some(component) => host.load(component.name, component.wasm).await.into_diagnostic(),
        None if is_name(plugin) => {
            let known: Vec<&str> = BUNDLED.iter().map(|component| component.name).collect();
            Err(miette!(
                help = format!("give the file of a component, the folder of a project, or one of {}", known.join(", ")),
                "`{plugin}` is no bundled plugin, and no such file is here"
            ))
        }
        None => {
            // A project's folder stands for what was built of it.
            let path = component::meant(Path::new(plugin))?;
            component::found(&path)?;
            if let Some(words) = component::outdated(&path) {
                output.note(&format!("warn  {words}"));
            }
            host.load_file(&path).await.into_diagnostic()
        }
    }?;
    output.say(&match format {
        Format::Json => {
            let mut document = document(&loaded);
            document["limits"] = limits(host.limits());
            pretty(&document)
        }
        Format::Text => page(&loaded, host.limits()),
        Format::Markdown => format!("```\n{}```\n", page(&loaded, host.limits())),
    });
    Ok(output::exit(output::FINE))
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn document(plugin: &Plugin) -> serde_json::Value {
    let manifest = plugin.manifest();
    let unknown = |signal: &Unknown<'_>| json!({ "name": signal.listed, "nearest": signal.nearest });
    let ask = |ask: &lagdoctor_runtime::Ask| json!({ "kind": ask.kind.to_string(), "value": ask.value, "reason": ask.reason });
    json!({
        "name": manifest.name,
        "version": manifest.version,
        "world": plugin.world().to_string(),
        "summary": manifest.summary,
        "sha256": plugin.digest(),
        "bytes": plugin.size(),
        "imports": plugin.imports(),
        "signals": manifest.signals,
        "unknown_signals": manifest.unknown_signals().map(|signal| unknown(&signal)).collect::<Vec<_>>(),
        "classes": manifest.classes,
        "grants": manifest.grants.iter().map(ask).collect::<Vec<_>>(),
        "config_schema": manifest.config_schema,
    })
}

/// What one call may use, by the names of a configuration.
fn limits(limits: &Limits) -> serde_json::Value {
    let entry = |limit: Limit| {
        let Limit { key, value, unit, what } = limit;
        (key.to_owned(), json!({ "value": value, "unit": unit.as_str(), "what": what }))
    };
    serde_json::Value::Object(limits.table().into_iter().map(entry).collect())
}

/// The same as columns: how it is set, how much it is, what it is.
fn limits_table(limits: &Limits) -> String {
    let rows: Vec<(Limit, String)> = limits.table().into_iter().map(|limit| (limit, limit.to_string())).collect();
    let keys = rows.iter().map(|(limit, _)| limit.key.len()).max().unwrap_or(0);
    let values = rows.iter().map(|(_, value)| value.len()).max().unwrap_or(0);
    let line = |(limit, value): &(Limit, String)| format!("{:keys$}  {value:>values$}  {}", limit.key, limit.what);
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn page(plugin: &Plugin, limits: &Limits) -> String {
    let manifest = plugin.manifest();
    let mut page = format!("{} {}\n{}\n\n", manifest.name, manifest.version, manifest.summary);
    let mut row = |name: &str, value: String| {
        let value = if value.is_empty() { "none".to_owned() } else { value };
        page += &format!("{name:9} {}\n", value.replace('\n', "\n          "));
    };
    let asks: Vec<String> =
        manifest.grants.iter().map(|ask| format!("{} {}: {}", ask.kind, ask.value, ask.reason)).collect();
    row("world", plugin.world().to_string());
    row("sha256", plugin.digest().to_owned());
    row("size", format!("{} bytes", plugin.size()));
    row("imports", plugin.imports().join("\n"));
    row("asks for", asks.join("\n"));
    let unknown: Vec<String> = manifest.unknown_signals().map(|signal| signal.to_string()).collect();
    row("signals", [manifest.signals.clone(), unknown].concat().join("\n"));
    row("classes", manifest.classes.join("\n"));
    row("limits", limits_table(limits));
    row("config", pretty(&manifest.config_schema).trim_end().to_owned());
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_a_table_with_the_names_by_which_they_are_set() {
        let table = limits_table(&Limits::default());
        let line = |key: &str| table.lines().find(|line| line.split(' ').next() == Some(key)).unwrap().to_owned();
        assert_eq!(line("fuel"), "fuel                  10,000,000,000  units of work, about one an instruction");
        assert_eq!(line("memory_mib"), "memory_mib                    64 MiB  all memories and tables together");
        assert_eq!(line("http_timeout"), "http_timeout                    10 s  time for one request");
    }

    #[test]
    fn limits_are_numbers_with_their_unit_for_programs() {
        let limits = limits(&Limits::default());
        assert_eq!(limits["memory_mib"]["value"], 64 << 20);
        assert_eq!(limits["memory_mib"]["unit"], "bytes");
        assert_eq!(limits["timeout"]["value"], 30_000);
        assert_eq!(limits["timeout"]["unit"], "ms");
        assert_eq!(limits.as_object().map(serde_json::Map::len), Some(Limits::default().table().len()));
    }
}
