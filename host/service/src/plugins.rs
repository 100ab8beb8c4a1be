//! Which plugins run? Bundled scorers, ranker and forecaster run unless the operator names others; collectors and
//! notifiers run when they are named. Each is loaded, and bound to its configuration and grants. Start at [`load`].
//!
//! A plugin has the intersection of what it asks for and of what is granted. Granted are: the operator's `grants`; the
//! addresses and secrets that the operator wrote into fields of `config` for which the plugin asks; and, to bundled
//! plugins, what their manifests ask for and the signals that they list.

mod error;

use std::sync::Arc;

use tokio::task::JoinSet;

use lagdoctor_model::nearest;
use lagdoctor_runtime::{Bound, BreakerRules, GrantRule, Host, IdleGrant, Operator, Plugin, Secrets, Standing, World};

use crate::config::{PluginSection, Purpose, Sources};
use crate::report::{PluginReport, PluginUse};

pub use error::PluginError;
use error::placed;

/// A component that is built into the program.
#[derive(Clone, Copy, Debug)]
pub struct Bundled<'a> {
    /// Its name, such as `scorer-kafka-lag`; the word before the first hyphen is its world.
    pub name: &'a str,
    /// The component.
    pub wasm: &'a [u8],
}

/// Bundled plugins that are there to be compared with, and run only when they are named.
const BASELINES: [&str; 6] = [
    "scorer-largest-z",
    "ranker-largest-z",
    "ranker-first-anomaly",
    "ranker-most-errors",
    "ranker-farthest-anomaly",
    "ranker-class-prior",
];

/// The plugins that judge and tell.
#[derive(Clone, Debug)]
pub struct Plugins {
    /// Say what is unusual.
    pub scorers: Vec<Bound>,
    /// Goes from findings to causes.
    pub ranker: Bound,
    /// Says where the backlog goes.
    pub forecaster: Option<Bound>,
    /// Tell people.
    pub notifiers: Vec<Bound>,
}

/// All plugins that run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Read signals, the surest first: where two say the same, the first counts.
    pub collectors: Vec<Bound>,
    /// Judge and tell.
    pub plugins: Plugins,
    /// What a configuration says in vain, and where.
    pub remarks: Vec<String>,
}

/// Loads and binds the plugins that `sources` name, and the bundled ones that run without being named.
///
/// # Errors
/// When a plugin is unknown, unreadable or no plugin, its configuration does not fit or names a secret that nobody
/// defined, or there is not exactly one ranker.
pub async fn load(host: &Host, sources: &Sources, bundled: &[Bundled<'_>]) -> Result<Loaded, PluginError> {
    let _compiled = compiled(host, sources, bundled).await;
    let (mut bound, mut remarks): (Vec<Bound>, Vec<String>) = (vec![], vec![]);
    for section in &sources.plugins {
        let joined = join(host, section, sources, bundled).await.map_err(|error| placed(section, error))?;
        // Gaps, findings and figures are told by name alone.
        if let Some(new) = &joined
            && bound.iter().any(|known| known.name() == new.name())
        {
            return Err(placed(section, PluginError::Twice { name: new.name().to_owned() }));
        }
        remarks.extend(joined.iter().flat_map(|bound| in_vain(section, bound)));
        bound.extend(joined);
    }
    let named = |name: &str| {
        sources.plugins.iter().any(|section| section.name.as_deref() == Some(name))
            || bound.iter().any(|plugin| plugin.name() == name)
    };
    let has = |world: World| bound.iter().any(|plugin| plugin.plugin().world() == world);
    let mut rest = vec![];
    for component in bundled {
        let wanted = match component.name.split('-').next() {
            Some("scorer") => true,
            Some("ranker") => !has(World::Ranker),
            Some("forecaster") => !has(World::Forecaster),
            _ => false,
        };
        if !wanted || named(component.name) || BASELINES.contains(&component.name) {
            continue;
        }
        let plugin = host.load(component.name, component.wasm).await?;
        rest.push(bind(host, plugin, &PluginSection::bundled(component.name), true, sources)?);
    }
    bound.extend(rest);
    sorted(bound, remarks)
}

/// The plugin of one section, unless it reads or tells and nothing of the kind is wanted.
async fn join(
    host: &Host,
    section: &PluginSection,
    sources: &Sources,
    bundled: &[Bundled<'_>],
) -> Result<Option<Bound>, PluginError> {
    let (plugin, is_bundled) = find(host, section, bundled).await?;
    if sources.purpose == Purpose::Recorded && matches!(plugin.world(), World::Collector | World::Notifier) {
        return Ok(None);
    }
    let name = &plugin.manifest().name;
    // What a stranger's plugin calls itself must not switch off another.
    if let (Some(file), None) = (&section.file, &section.alias)
        && bundled.iter().any(|component| component.name == name)
    {
        return Err(PluginError::Taken { file: file.display().to_string(), name: name.clone() });
    }
    bind(host, plugin, section, is_bundled, sources).map(Some)
}

/// The grants of a section that do nothing, and what a stranger's plugin waits for that nothing here gives.
fn in_vain(section: &PluginSection, bound: &Bound) -> Vec<String> {
    let told = |idle: &IdleGrant| {
        let number = section.grants.iter().position(|rule| *rule == idle.rule).unwrap_or_default();
        let place = section.lines.as_ref().map(|lines| lines.place(&format!("/grants/{number}")) + ": ");
        format!("{}plugin `{}`: {idle}", place.unwrap_or_default(), bound.name())
    };
    let is_theirs = section.file.is_some();
    let place = section.lines.as_ref().map(|lines| lines.place("") + ": ").unwrap_or_default();
    let unknown = bound.plugin().manifest().unknown_signals().filter(|_| is_theirs);
    let unknown = unknown.map(|signal| format!("{place}plugin `{}` lists a signal that is {signal}", bound.name()));
    bound.grants().idle(&section.grants).iter().map(told).chain(unknown).collect()
}

/// The bundled plugins that are likely to run, compiled at the same time, which is most of the time that a start takes.
/// What fails here fails again, and is told, where it is wanted; what is not wanted after all is dropped.
async fn compiled(host: &Host, sources: &Sources, bundled: &[Bundled<'_>]) -> Vec<Plugin> {
    let is_named = |name: &str| sources.plugins.iter().any(|section| section.name.as_deref() == Some(name));
    let judges =
        |name: &str| name.starts_with("scorer-") || name.starts_with("ranker-") || name.starts_with("forecaster-");
    let mut tasks = JoinSet::new();
    for component in bundled {
        if is_named(component.name) || (judges(component.name) && !BASELINES.contains(&component.name)) {
            let (host, name, wasm) = (host.clone(), component.name.to_owned(), component.wasm.to_vec());
            tasks.spawn(async move { host.load(&name, &wasm).await });
        }
    }
    tasks.join_all().await.into_iter().filter_map(Result::ok).collect()
}

/// Loads and binds the collectors that `sources` name and nothing else, for what reads and does not judge.
///
/// # Errors
/// As [`load`].
pub async fn collectors(host: &Host, sources: &Sources, bundled: &[Bundled<'_>]) -> Result<Vec<Bound>, PluginError> {
    let may_collect =
        |section: &&PluginSection| section.name.as_deref().is_none_or(|name| name.starts_with("collector-"));
    let mut bound = vec![];
    for section in sources.plugins.iter().filter(may_collect) {
        let at = |error| placed(section, error);
        let (plugin, is_bundled) = find(host, section, bundled).await.map_err(at)?;
        if plugin.world() == World::Collector {
            bound.push(bind(host, plugin, section, is_bundled, sources).map_err(at)?);
        }
    }
    Ok(bound)
}

async fn find(host: &Host, section: &PluginSection, bundled: &[Bundled<'_>]) -> Result<(Plugin, bool), PluginError> {
    if let Some(path) = &section.file {
        return Ok((host.load_file(path).await?, false));
    }
    let name = section.name.clone().unwrap_or_default();
    let Some(component) = bundled.iter().find(|component| component.name == name) else {
        let known: Vec<String> = bundled.iter().map(|component| component.name.to_owned()).collect();
        let meant = nearest(&name, known.iter().map(String::as_str)).map(str::to_owned);
        return Err(PluginError::Unknown { name, meant, known });
    };
    Ok((host.load(component.name, component.wasm).await?, true))
}

fn bind(
    host: &Host,
    plugin: Plugin,
    section: &PluginSection,
    is_bundled: bool,
    sources: &Sources,
) -> Result<Bound, PluginError> {
    let mut grants = section.grants.clone();
    grants.extend(GrantRule::from_config(plugin.manifest(), &section.config));
    if is_bundled {
        grants.extend(GrantRule::from_manifest(plugin.manifest()));
    }
    let name = section.alias.clone().unwrap_or_else(|| plugin.manifest().name.clone());
    let limits = section.limits.over(host.limits());
    let secrets: Arc<dyn Secrets> = Arc::new(sources.secrets.clone());
    let operator = Operator { name, config: section.config.clone(), grants, secrets, limits: Some(limits) };
    let bound = plugin.bind(operator)?;
    for secret in bound.grants().secrets().filter(|_| sources.purpose != Purpose::Review) {
        let plugin = || bound.name().to_owned();
        if !sources.secrets.has(secret) {
            return Err(PluginError::Secret { plugin: plugin(), secret: secret.to_owned() });
        }
        sources.secrets.check(secret).map_err(|why| PluginError::NoSecret { plugin: plugin(), why })?;
    }
    Ok(bound)
}

fn sorted(bound: Vec<Bound>, remarks: Vec<String>) -> Result<Loaded, PluginError> {
    let of = |world: World| -> Vec<Bound> {
        bound.iter().filter(|plugin| plugin.plugin().world() == world).cloned().collect()
    };
    let number = |world: World, plugins: &[Bound], wanted: &'static str| PluginError::Number {
        world,
        count: plugins.len(),
        names: plugins.iter().map(|plugin| plugin.name().to_owned()).collect(),
        wanted,
    };
    let mut rankers = of(World::Ranker);
    let mut forecasters = of(World::Forecaster);
    if forecasters.len() > 1 {
        return Err(number(World::Forecaster, &forecasters, "at most one can run"));
    }
    let ranker = match (rankers.pop(), rankers.is_empty()) {
        (Some(ranker), true) => ranker,
        _ => return Err(number(World::Ranker, &of(World::Ranker), "exactly one must run")),
    };
    let plugins =
        Plugins { scorers: of(World::Scorer), ranker, forecaster: forecasters.pop(), notifiers: of(World::Notifier) };
    Ok(Loaded { collectors: of(World::Collector), plugins, remarks })
}

impl Loaded {
    /// All plugins that have a say in a diagnosis, for its envelope.
    pub fn uses(&self) -> Vec<PluginUse> {
        self.collectors.iter().chain(self.plugins.judges()).map(used).collect()
    }

    /// The same plugins, each behind a guard of its own: for whoever calls them over and over. One that fails too often
    /// is left alone for a while, and a gap says so.
    #[must_use]
    pub fn guarded(&self, rules: &BreakerRules) -> Self {
        let guard = |plugins: &[Bound]| plugins.iter().map(|plugin| plugin.guarded(rules.clone())).collect();
        let Plugins { scorers, ranker, forecaster, notifiers } = &self.plugins;
        let plugins = Plugins {
            scorers: guard(scorers),
            ranker: ranker.guarded(rules.clone()),
            forecaster: forecaster.as_ref().map(|plugin| plugin.guarded(rules.clone())),
            notifiers: guard(notifiers),
        };
        Self { collectors: guard(&self.collectors), plugins, remarks: self.remarks.clone() }
    }

    /// All of them, those that read first and those that tell last.
    pub fn all(&self) -> impl Iterator<Item = &Bound> {
        self.collectors.iter().chain(self.plugins.judges()).chain(&self.plugins.notifiers)
    }

    /// How those behind a guard stand, by world and name.
    pub fn standings(&self) -> Vec<PluginReport> {
        let mut all: Vec<(World, PluginUse, Standing)> =
            self.all().filter_map(|plugin| Some((plugin.plugin().world(), used(plugin), plugin.standing()?))).collect();
        all.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
        all.into_iter().map(|(_, used, standing)| PluginReport::of(used, &standing)).collect()
    }
}

impl Plugins {
    /// Scorers, ranker and forecaster.
    pub fn judges(&self) -> impl Iterator<Item = &Bound> {
        self.scorers.iter().chain([&self.ranker]).chain(&self.forecaster)
    }

    /// The plugins that judge, for the envelope of a diagnosis of recorded signals.
    pub fn uses(&self) -> Vec<PluginUse> {
        self.judges().map(used).collect()
    }
}

fn used(bound: &Bound) -> PluginUse {
    let plugin = bound.plugin();
    PluginUse {
        name: bound.name().to_owned(),
        version: plugin.manifest().version.clone(),
        world: plugin.world().to_string(),
        sha256: plugin.digest().to_owned(),
    }
}
