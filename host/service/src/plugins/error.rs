//! Why a plugin cannot run, and which line of a configuration says what it should do otherwise.

use lagdoctor_runtime::{BindError, ConfigProblem, LoadError, World};

use crate::config::{ConfigError, PluginSection};

/// Plugins that cannot run. What fails later is a gap.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// There is no such bundled plugin.
    #[error("`{name}` is no bundled plugin; {}there are {}", meant.as_ref().map_or_else(String::new, |meant| format!("did you mean `{meant}`? ")), known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// The one that was likely meant.
        meant: Option<String>,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A file cannot be read or is no plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A configuration does not fit its plugin.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A file calls itself as a bundled plugin does.
    #[error(
        "plugin file {file} calls itself `{name}`, as a bundled plugin does: give it another name, or in [[plugin]] an `alias`, which is \
         `{name}` if it is to take that one's place"
    )]
    Taken {
        /// The file.
        file: String,
        /// The name.
        name: String,
    },
    /// Two are called the same.
    #[error("a plugin called `{name}` is there already: give one of them another name by `alias`")]
    Twice {
        /// The name.
        name: String,
    },
    /// A plugin's configuration names a secret that is not defined.
    #[error(
        "plugin `{plugin}` uses the secret `{secret}`, which [secrets] does not have; add `{secret} = {{ env = \"VARIABLE\" }}` \
         or `{secret} = {{ file = \"PATH\" }}` to [secrets]"
    )]
    Secret {
        /// The plugin.
        plugin: String,
        /// The secret's name.
        secret: String,
    },
    /// A secret that a plugin uses is not to be had.
    #[error("plugin `{plugin}`: {why}")]
    NoSecret {
        /// The plugin.
        plugin: String,
        /// Which, from where, and why.
        why: ConfigError,
    },
    /// A section of a configuration file names what cannot run.
    #[error("{place}: {why}")]
    Placed {
        /// `FILE:LINE`.
        place: String,
        /// Why.
        why: Box<PluginError>,
    },
    /// There is none of a world that there must be one of, or several of one that there may be only one of.
    #[error("{count} plugins of world `{world}` are named ({}), but {wanted}", names.join(", "))]
    Number {
        /// The world.
        world: World,
        /// How many.
        count: usize,
        /// Which.
        names: Vec<String>,
        /// How many there must be.
        wanted: &'static str,
    },
}

/// The error with the line that it is about, where a file names the plugin.
pub(super) fn placed(section: &PluginSection, mut error: PluginError) -> PluginError {
    let Some(lines) = &section.lines else { return error };
    let pointer = match &mut error {
        PluginError::Unknown { .. } => "/name".to_owned(),
        PluginError::Load(_) | PluginError::Taken { .. } => "/file".to_owned(),
        PluginError::Twice { .. } => "/alias".to_owned(),
        PluginError::Bind(BindError::Config { problems, .. }) => {
            let at = |problem: &ConfigProblem| format!("/config{}", problem.pointer);
            let first = problems.first().map(at).unwrap_or_default();
            for problem in problems.iter_mut().skip(1) {
                let line = lines.line(&at(problem));
                if line != lines.line(&first) {
                    problem.reason += &format!(" (line {line})");
                }
            }
            first
        }
        PluginError::Bind(BindError::Field { field, .. }) => format!("/config/{}", field.replace('.', "/")),
        PluginError::Bind(BindError::Room { limit, .. }) => format!("/limits/{limit}"),
        _ => "/config".to_owned(),
    };
    PluginError::Placed { place: lines.place(&pointer), why: Box::new(error) }
}
