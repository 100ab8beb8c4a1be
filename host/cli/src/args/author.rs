//! The part of the command line that authors of plugins use.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use lagdoctor_runtime::World;

/// What an author does, in this order.
#[derive(Debug, Subcommand)]
pub enum AuthorCommand {
    /// Begin a plugin: a project that builds on its own, with a first scorer (or collector, ...) and its test.
    New(NewArgs),
    /// Make a component of the project in a folder; finds, or after asking installs, the compiler that it takes.
    Build(BuildArgs),
    /// Would a host want it? Contract, grants, schema, limits, determinism, and inputs that make little sense.
    Check(CheckArgs),
    /// Compare what it says of recorded incidents with what it said before.
    Test(TestArgs),
}

/// Arguments of `plugin new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// What its job is.
    #[arg(value_enum)]
    pub world: Job,
    /// What it is called: lower-case letters, digits and hyphens.
    pub name: String,
    /// What it is written in; scorers have a choice.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub language: Language,
    /// The folder to make, or an empty one such as `.`. Default: one of its name, here.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Small and fast.
    Rust,
    /// With Node.js and npm; brings an engine of 12 MB.
    Javascript,
    /// With Python 3.10 and pip; brings an interpreter of 18 MB.
    Python,
}

/// The job of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Job {
    /// Reads signals out of one kind of system.
    Collector,
    /// Says what is unusual.
    Scorer,
    /// Goes from findings to causes.
    Ranker,
    /// Says where a series is going.
    Forecaster,
    /// Tells people.
    Notifier,
}

impl From<Job> for World {
    fn from(job: Job) -> Self {
        match job {
            Job::Collector => Self::Collector,
            Job::Scorer => Self::Scorer,
            Job::Ranker => Self::Ranker,
            Job::Forecaster => Self::Forecaster,
            Job::Notifier => Self::Notifier,
        }
    }
}

/// Arguments of `plugin build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The project's folder.
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// Which compiler to use.
    #[arg(long, value_enum, default_value_t = Compiler::First)]
    pub toolchain: Compiler,
    /// Install Debian packages for it without asking, where rustup cannot bring it.
    #[arg(long)]
    pub yes: bool,
}

/// Where the compiler comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compiler {
    /// The first that works.
    First,
    /// The one in use, with rustup's standard library for WebAssembly.
    Rustup,
    /// Debian's packages.
    Debian,
}

/// Arguments of `plugin check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A component, or the folder of a project that was built.
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    pub plugin: PathBuf,
    /// Its configuration, as JSON. Default: one that its schema accepts.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The usual window: a built-in scenario, or a scenario file.
    #[arg(long, value_name = "SCENARIO", default_value = "slow-consumer")]
    pub scenario: String,
}

/// Arguments of `plugin test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The project's folder; its recordings lie below tests/golden.
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// The component. Default: the one that `plugin build` left in the folder.
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// Its configuration, as JSON.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Keep what it says now as what is expected.
    #[arg(long)]
    pub update: bool,
}
