//! What is tried. Each target is one reader of bytes that strangers give.

mod bundle;
mod components;
mod config;
#[path = "../../../runtime/tests/plugins/guest.rs"]
#[allow(dead_code, missing_docs, reason = "shared with the tests of the runtime, which use more of it")]
mod guest;
mod http;
mod import;
mod manifest;
mod offsets;

use crate::Seed;

/// One file or message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// What it is called.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Input {
    fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), bytes: bytes.into() }
    }
}

/// A reader, and inputs for it.
pub trait Target {
    /// The inputs of one case. The same seed gives the same inputs.
    fn generate(&self, seed: &mut Seed) -> Vec<Input>;

    /// Feeds them to the reader. A panic is a finding by itself.
    ///
    /// # Errors
    /// With what is wrong, when the reader did not panic but what it said or left behind must not be.
    fn run(&mut self, inputs: &[Input]) -> Result<(), String>;
}

/// The targets by name, in the order in which they are tried.
pub const NAMES: [&str; 7] = ["components", "bundle", "config", "manifest", "offsets", "http", "import"];

/// The target of this name; `None` when there is none.
///
/// # Errors
/// When what it needs is not there: a folder for files, a port.
pub fn of(name: &str) -> std::io::Result<Option<Box<dyn Target>>> {
    Ok(Some(match name {
        "components" => Box::new(components::Components::new()?),
        "bundle" => Box::new(bundle::Bundle::new()?),
        "config" => Box::new(config::ConfigFile::new()?),
        "manifest" => Box::new(manifest::ManifestText::new()?),
        "offsets" => Box::new(offsets::Offsets),
        "http" => Box::new(http::Http::new()?),
        "import" => Box::new(import::Import::new()?),
        _ => return Ok(None),
    }))
}
