//! What can go wrong with a plugin, by what was being tried: starting the host, loading, binding to an operator's
//! configuration, calling. A failed call is no error of lagdoctor: it becomes a [`Gap`] by [`CallError::gap`].

use std::fmt;
use std::path::PathBuf;

use lagdoctor_model::{Gap, GapCause};

/// The host could not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Wasmtime refused the configuration, or the address space for the instance pool is not there.
    #[error(
        "cannot set up the WebAssembly engine for {slots} calls of {memory_mib} MiB: lower `memory_mib` or `concurrent_calls`, or raise the \
         limit of address space (`ulimit -v`): {reason}"
    )]
    Engine {
        /// Calls that may run at one moment.
        slots: u32,
        /// Memory of each.
        memory_mib: usize,
        /// What Wasmtime says.
        reason: String,
    },
    /// The thread that ticks could not be started.
    #[error("cannot start the thread that interrupts plugins")]
    Ticker(#[source] std::io::Error),
}

/// A file is no plugin that this host can run. `source_name` is what the caller called it, usually a path.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read plugin file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A core module, such as plain `cargo build --target wasm32-unknown-unknown` leaves.
    #[error("`{source_name}` is a core WebAssembly module and no component: wrap it with `wasm-tools component new`")]
    CoreModule {
        /// What was loaded.
        source_name: String,
    },
    /// Native code made ahead of time. It would run unconfined, so it is never accepted from a plugin.
    #[error("`{source_name}` is precompiled native code, which is never accepted: give the component itself (`.wasm`)")]
    Precompiled {
        /// What was loaded.
        source_name: String,
    },
    /// Neither.
    #[error("`{source_name}` is no WebAssembly component: {reason}")]
    NotWasm {
        /// What was loaded.
        source_name: String,
        /// Why.
        reason: String,
    },
    /// It does not compile.
    #[error("`{source_name}` does not compile, so it is damaged or needs what this host does not offer: {reason}")]
    Compile {
        /// What was loaded.
        source_name: String,
        /// What Wasmtime says.
        reason: String,
    },
    /// It exports no job, several, or no `lifecycle`.
    #[error("`{source_name}` implements no world of `lagdoctor:plugin@0.1.0`: {reason}")]
    World {
        /// What was loaded.
        source_name: String,
        /// What it exports instead.
        reason: String,
    },
    /// It imports what this host does not give.
    #[error(
        "`{source_name}` is a {world} and imports {}, which {} no {world} may have: a plugin has no files, no network, \
         no environment and no clock of its own; build it for `wasm32-unknown-unknown` with the SDK",
        list(imports), if imports.len() == 1 { "is something that" } else { "are things that" }
    )]
    Import {
        /// What was loaded.
        source_name: String,
        /// Its world.
        world: crate::World,
        /// All imports that are not ours.
        imports: Vec<String>,
    },
    /// A record, variant or function differs from the contract.
    #[error(
        "`{source_name}` was built against another version of the {world} contract; rebuild it with this version's SDK: {reason}"
    )]
    Types {
        /// What was loaded.
        source_name: String,
        /// Its world.
        world: crate::World,
        /// The first difference.
        reason: String,
    },
    /// `describe` failed.
    #[error("`{source_name}` cannot be described: {error}")]
    Describe {
        /// What was loaded.
        source_name: String,
        /// How it failed.
        error: CallError,
    },
    /// What `describe` says makes no sense.
    #[error("the manifest of `{source_name}` is invalid: {reason}")]
    Manifest {
        /// What was loaded.
        source_name: String,
        /// Which field, and why.
        reason: String,
    },
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What is wrong with one field of a plugin's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", if pointer.is_empty() { "/" } else { pointer })]
pub struct ConfigProblem {
    /// Where: a JSON pointer into the configuration, empty for all of it.
    pub pointer: String,
    /// What was expected there; never the value itself.
    pub reason: String,
}

fn listed(problems: &[ConfigProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A plugin and its configuration do not fit.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The configuration breaks the plugin's own schema.
    #[error("config of plugin `{plugin}` does not fit `{manifest}`: {}", listed(problems))]
    Config {
        /// The operator's name for it.
        plugin: String,
        /// Name and version from the manifest.
        manifest: String,
        /// At most ten.
        problems: Vec<ConfigProblem>,
    },
    /// A field that a grant refers to holds no URL or name.
    #[error("config of plugin `{plugin}`: `{field}` {reason}")]
    Field {
        /// The operator's name for it.
        plugin: String,
        /// The field.
        field: String,
        /// What it should hold.
        reason: String,
    },
    /// A limit above what the host's pool has room for.
    #[error(
        "`{limit}` of plugin `{plugin}` comes to {asked}, and this host has room for {most}: lower it, or start the host with more"
    )]
    Room {
        /// The operator's name for it.
        plugin: String,
        /// The limit's name in a configuration.
        limit: &'static str,
        /// How much it should have, in bytes where it is memory.
        asked: usize,
        /// How much there is for one call.
        most: usize,
    },
    /// A configuration larger than a guest is given.
    #[error(
        "config of plugin `{plugin}` has {bytes} bytes as JSON, and at most {most} are passed on: shorten it, or raise `config_kib`"
    )]
    ConfigSize {
        /// The operator's name for it.
        plugin: String,
        /// Bytes that it has.
        bytes: usize,
        /// Most that it may have.
        most: usize,
    },
}

/// What a plugin says went wrong: the codes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorCode {
    /// Its configuration passed the schema and still makes no sense.
    BadConfig,
    /// The data it was given makes no sense to it.
    BadInput,
    /// It was not granted what it needs.
    NotGranted,
    /// The far side cannot be reached.
    Unreachable,
    /// The far side refuses the credentials.
    Unauthorised,
    /// The far side, or the host, asks to slow down.
    RateLimited,
    /// The far side answered with an error.
    Upstream,
    /// It cannot do this.
    Unsupported,
    /// Its own fault; also every code that the contract does not know.
    Internal,
}

impl ErrorCode {
    /// The code of this word; an unknown word is `Internal`.
    pub fn parse(word: &str) -> Self {
        match word {
            "bad-config" => Self::BadConfig,
            "bad-input" => Self::BadInput,
            "not-granted" => Self::NotGranted,
            "unreachable" => Self::Unreachable,
            "unauthorised" => Self::Unauthorised,
            "rate-limited" => Self::RateLimited,
            "upstream" => Self::Upstream,
            "unsupported" => Self::Unsupported,
            _ => Self::Internal,
        }
    }

    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadConfig => "bad-config",
            Self::BadInput => "bad-input",
            Self::NotGranted => "not-granted",
            Self::Unreachable => "unreachable",
            Self::Unauthorised => "unauthorised",
            Self::RateLimited => "rate-limited",
            Self::Upstream => "upstream",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// It used up its fuel.
    Fuel,
    /// It used up its time.
    Deadline,
    /// It wanted more memory, or larger tables, than it may have.
    Memory,
    /// It trapped: a panic, an access out of bounds, a recursion without end.
    Trap,
    /// It answered what the contract forbids.
    Contract,
    /// It needs what it was not granted.
    NotGranted,
    /// No instance was free within its time.
    Busy,
    /// It was not called, because it failed too often: see [`crate::Breaker`].
    Quarantined,
    /// It said itself what went wrong.
    Typed {
        /// What it said.
        code: ErrorCode,
    },
}

impl FailureKind {
    /// Whether this counts against the plugin, so that enough of it quarantines it. What the far side or the operator has
    /// to put right does not, and neither does a busy host. Being late does, whoever is slow: a plugin that is late each
    /// time costs every diagnosis all of its time.
    pub fn is_fault(self) -> bool {
        match self {
            Self::Fuel | Self::Deadline | Self::Memory | Self::Trap | Self::Contract => true,
            Self::Typed { code } => code == ErrorCode::Internal,
            Self::NotGranted | Self::Busy | Self::Quarantined => false,
        }
    }

    /// The word for it in metrics and JSON; of what a plugin said itself, its code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Trap => "trap",
            Self::Contract => "contract",
            Self::NotGranted => ErrorCode::NotGranted.as_str(),
            Self::Busy => "busy",
            Self::Quarantined => "quarantined",
            Self::Typed { code } => code.as_str(),
        }
    }
}

/// A call that gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{statement}")]
pub struct CallError {
    /// The operator's name of the plugin.
    pub plugin: String,
    /// How it failed.
    pub kind: FailureKind,
    /// One sentence: what was tried, on what, why it failed, what to do next. Free of secrets and control characters.
    pub statement: String,
}

impl CallError {
    /// What the diagnosis shows instead of the answer.
    pub fn gap(&self) -> Gap {
        let cause = match self.kind {
            FailureKind::NotGranted => GapCause::NotGranted,
            FailureKind::Typed { code } => match code {
                ErrorCode::Unreachable | ErrorCode::Upstream => GapCause::Unreachable,
                ErrorCode::Unauthorised | ErrorCode::RateLimited => GapCause::Refused,
                ErrorCode::NotGranted => GapCause::NotGranted,
                _ => GapCause::PluginFailed,
            },
            _ => GapCause::PluginFailed,
        };
        Gap { source: self.plugin.clone(), cause, node: None, statement: self.statement.clone() }
    }
}
