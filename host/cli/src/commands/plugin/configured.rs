//! Which plugins does a configuration make run, and what may each do? For whoever runs a stranger's plugin and wants to see
//! what it would get before it runs.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lagdoctor_runtime::{Bound, Limit, Limits, Network, World};
use lagdoctor_service::report::{Align, table};
use miette::Result;
use serde_json::{Value, json};

use super::pretty;
use crate::args::Format;
use crate::commands::author::component;
use crate::host::host;
use crate::output::{self, Output};
use crate::session::{self, Session};

const COLUMNS: [(&str, Align); 4] =
    [("WORLD", Align::Left), ("NAME", Align::Left), ("VERSION", Align::Left), ("FROM", Align::Left)];

/// How a right to make signals begins.
const SIGNALS: &str = "signals ";

/// Loads and binds all plugins, as the service would, and says what came of it. None of them is called, and no secret is
/// looked for, so that a stranger's plugin can be judged before it is trusted with any.
pub async fn list(file: &Path, format: Format, output: &Output) -> Result<ExitCode> {
    let sources = session::reviewed(&session::config(file)?)?;
    let host = host(Arc::new(Network::new()), &sources)?;
    for section in &sources.plugins {
        if let Some(words) = section.file.as_deref().and_then(component::outdated) {
            output.note(&format!("warn  {words}"));
        }
    }
    let session = Session::on(&host, sources, &[], "").await?;
    let plugins: Vec<Granted> = session.loaded.all().map(|bound| Granted::new(bound, host.limits())).collect();
    output.say(&match format {
        Format::Json => {
            let documents: Vec<Value> = plugins.iter().map(Granted::document).collect();
            pretty(&json!({ "plugins": documents, "remarks": session.loaded.remarks }))
        }
        Format::Text => text(&plugins),
        Format::Markdown => markdown(&plugins),
    });
    Ok(output::exit(output::FINE))
}

/// What one plugin has.
struct Granted<'a> {
    bound: &'a Bound,
    /// What it may do, one right a line.
    may: Vec<String>,
    /// What it asks for and may not do.
    denied: Vec<String>,
    /// Limits that are not those of the host.
    limits: Vec<Limit>,
}

impl<'a> Granted<'a> {
    fn new(bound: &'a Bound, usual: &Limits) -> Self {
        let denied = bound.grants().denied().iter();
        let denied = denied.map(|ask| format!("{} {}: {}", ask.kind, ask.value, ask.reason)).collect();
        let usual = usual.table();
        let differs = |limit: &Limit| usual.iter().any(|usual| usual.key == limit.key && usual.value != limit.value);
        let limits = bound.limits().table().into_iter().filter(differs).collect();
        // What scorers and rankers list are the signals that they read; only a collector makes any.
        let is_right = |right: &String| bound.plugin().world() == World::Collector || !right.starts_with(SIGNALS);
        let may = bound.grants().effective().into_iter().filter(is_right).collect();
        Self { bound, may, denied, limits }
    }

    fn row(&self) -> Vec<String> {
        let plugin = self.bound.plugin();
        let version = plugin.manifest().version.clone();
        vec![plugin.world().to_string(), self.bound.name().to_owned(), version, self.from().to_owned()]
    }

    /// The file; what is built into the program is loaded by its own name.
    fn from(&self) -> &str {
        let plugin = self.bound.plugin();
        if plugin.source() == plugin.manifest().name { "bundled" } else { plugin.source() }
    }

    fn document(&self) -> Value {
        let plugin = self.bound.plugin();
        json!({
            "name": self.bound.name(),
            "world": plugin.world().to_string(),
            "version": plugin.manifest().version,
            "from": self.from(),
            "sha256": plugin.digest(),
            "may": self.may,
            "denied": self.denied,
            "limits": self.limits.iter().map(|limit| (limit.key.to_owned(), json!(limit.value))).collect::<serde_json::Map<_, _>>(),
        })
    }

    /// What there is to say besides the row: a word and what it is about.
    fn rights(&self) -> Vec<(&'static str, String)> {
        let (signals, others): (Vec<&String>, Vec<&String>) =
            self.may.iter().partition(|right| right.starts_with(SIGNALS));
        let signals: Vec<&str> = signals.iter().filter_map(|right| right.strip_prefix(SIGNALS)).collect();
        let may = others.into_iter().map(|right| ("may", right.clone()));
        let may = may.chain((!signals.is_empty()).then(|| ("may", format!("{SIGNALS}{}", signals.join(" ")))));
        let denied = self.denied.iter().map(|right| ("asks in vain", right.clone()));
        let limits = self.limits.iter().map(|limit| ("limit", format!("{} {limit}", limit.key)));
        may.chain(denied).chain(limits).collect()
    }
}

fn text(plugins: &[Granted<'_>]) -> String {
    let rows: Vec<Vec<String>> = plugins.iter().map(Granted::row).collect();
    let mut page = table(&COLUMNS, &rows).join("\n") + "\n";
    for plugin in plugins {
        let rights = plugin.rights();
        if !rights.is_empty() {
            page += &format!("\n{}\n", plugin.bound.name());
        }
        let mut last = "";
        for (word, right) in &rights {
            page += &format!("  {:12}  {right}\n", if *word == last { "" } else { word });
            last = word;
        }
    }
    page + "\nwhat is not named has no network, no secrets and the limits of [host]; none has files\n"
}

fn markdown(plugins: &[Granted<'_>]) -> String {
    let row = |plugin: &Granted<'_>| {
        let rights = plugin.rights().iter().map(|(word, right)| format!("{word} `{right}`")).collect::<Vec<_>>();
        let rights = if rights.is_empty() { "nothing outside".to_owned() } else { rights.join("<br>") };
        format!("| {} | {rights} |\n", plugin.row().join(" | "))
    };
    let rows: String = plugins.iter().map(row).collect();
    format!("| world | name | version | from | rights |\n|---|---|---|---|---|\n{rows}")
}
