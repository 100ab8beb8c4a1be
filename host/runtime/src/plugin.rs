//! A loaded plugin, and the same bound to an operator's configuration. Start at [`Plugin::bind`].

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::egress::Secrets;
use crate::egress::veil::Common;
use crate::engine::Shared;
use crate::error::{BindError, ConfigProblem};
use crate::grants::{GrantRule, Grants};
use crate::guard::Guard;
use crate::limits::Limits;
use crate::load::Prepared;
use crate::manifest::{self, Manifest, World};
use crate::rate::LogRate;
use crate::text::clean;
use crate::usage::{Meter, Usage};

/// A component that has been checked, compiled and described. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) parts: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) source: String,
    pub(crate) manifest: Manifest,
    pub(crate) world: World,
    pub(crate) digest: String,
    pub(crate) imports: Vec<String>,
    pub(crate) size: usize,
    pub(crate) from_cache: bool,
    pub(crate) prepared: Prepared,
}

/// What an operator says about one plugin.
#[derive(Clone)]
pub struct Operator {
    /// The operator's name for it, by which findings, gaps and logs call it.
    pub name: String,
    /// Its configuration; `null` counts as an empty object.
    pub config: Value,
    /// What it is allowed.
    pub grants: Vec<GrantRule>,
    /// Where its secrets come from.
    pub secrets: Arc<dyn Secrets>,
    /// What one call may use; `None` for what the host gives.
    pub limits: Option<Limits>,
}

/// A plugin with its configuration, ready to be called. Each call runs on a fresh instance. Cheap to clone.
#[derive(Clone)]
pub struct Bound {
    pub(crate) plugin: Plugin,
    pub(crate) inner: Arc<Inner>,
    /// Missing where each call is made whatever came of the last.
    pub(crate) guard: Option<Arc<Guard>>,
}

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) config: String,
    pub(crate) rules: Vec<GrantRule>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) limits: Limits,
    pub(crate) log_rate: Arc<LogRate>,
    pub(crate) common: Arc<Common>,
    pub(crate) meter: Meter,
}

impl Plugin {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.parts.manifest
    }

    /// Its job.
    pub fn world(&self) -> World {
        self.parts.world
    }

    /// SHA-256 of its component, in hex.
    pub fn digest(&self) -> &str {
        &self.parts.digest
    }

    /// What it imports, by the names of the contract.
    pub fn imports(&self) -> &[String] {
        &self.parts.imports
    }

    /// Bytes of its component.
    pub fn size(&self) -> usize {
        self.parts.size
    }

    /// Whether its machine code came out of the cache, so that nothing had to be compiled.
    pub fn from_cache(&self) -> bool {
        self.parts.from_cache
    }

    /// What it was loaded from, as the caller of [`crate::Host::load`] said.
    pub fn source(&self) -> &str {
        &self.parts.source
    }

    /// Joins it with an operator's configuration. What it asks for and was not granted is no error: it is told by
    /// [`Grants::denied`], and the guest finds out when it tries.
    ///
    /// # Errors
    /// When the configuration breaks the plugin's schema, is larger than a guest is given, when a field that a grant
    /// refers to holds no URL or name, or when a limit is above what the host's pool has room for.
    pub fn bind(&self, operator: Operator) -> Result<Bound, BindError> {
        let Operator { name, config, grants: rules, secrets, limits } = operator;
        let name = clean(&name, 256);
        let config = if config.is_null() { Value::Object(serde_json::Map::new()) } else { config };
        self.check_config(&name, &config)?;
        let grants = Grants::new(self.manifest(), &config, &rules);
        let grants = grants.map_err(|(field, reason)| BindError::Field { plugin: name.clone(), field, reason })?;
        let limits = limits.unwrap_or_else(|| self.parts.shared.limits.clone());
        if let Some((limit, asked, most)) = self.parts.shared.pool.exceeded(&limits) {
            return Err(BindError::Room { plugin: name, limit, asked, most });
        }
        let config = config.to_string();
        if config.len() > limits.config_bytes {
            return Err(BindError::ConfigSize { plugin: name, bytes: config.len(), most: limits.config_bytes });
        }
        let log_rate = Arc::new(LogRate::new(limits.log_lines_per_minute));
        let common = Arc::new(Common::new(&limits));
        let (grants, meter) = (Arc::new(grants), Meter::default());
        let inner = Inner { name, config, rules, grants, secrets, limits, log_rate, common, meter };
        Ok(Bound { plugin: self.clone(), inner: Arc::new(inner), guard: None })
    }

    fn check_config(&self, name: &str, config: &Value) -> Result<(), BindError> {
        let Manifest { name: own, version, config_schema, .. } = self.manifest();
        let broken =
            |problems| BindError::Config { plugin: name.to_owned(), manifest: format!("{own} {version}"), problems };
        let whole = |reason| vec![ConfigProblem { pointer: String::new(), reason }];
        if !config.is_object() {
            return Err(broken(whole("it must be an object".to_owned())));
        }
        let validator = manifest::compile(config_schema).map_err(|why| broken(whole(why)))?;
        let problems = validator.iter_errors(config).flat_map(|error| manifest::problems(config_schema, &error));
        let problems: Vec<ConfigProblem> = problems.take(10).collect();
        if problems.is_empty() { Ok(()) } else { Err(broken(problems)) }
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { name, version, .. } = self.manifest();
        write!(f, "{} {name} {version} from {}", self.world(), self.source())
    }
}

impl Bound {
    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The plugin itself.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Its configuration, as JSON.
    pub fn config(&self) -> &str {
        &self.inner.config
    }

    /// What the operator allows it.
    pub fn rules(&self) -> &[GrantRule] {
        &self.inner.rules
    }

    /// What it has been granted, and what it has not.
    pub fn grants(&self) -> &Grants {
        &self.inner.grants
    }

    /// What one call may use.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The most that one of its calls has used so far.
    pub fn usage(&self) -> Usage {
        self.inner.meter.most()
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.name(), self.plugin)
    }
}
