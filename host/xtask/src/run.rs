//! How is another program started, and what is said when that fails?

use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use lagdoctor_guest_build::ToolchainError;
use lagdoctor_guest_build::process::{output_of, shown};

/// Why a command of `cargo xtask` could not do its job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{what}\n\n{usage}")]
    Usage { what: String, usage: &'static str },
    #[error("cannot start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("`{command}` failed with {status}")]
    Failed { command: String, status: String },
    #[error("cannot {verb} {}", path.display())]
    File { verb: &'static str, path: PathBuf, source: io::Error },
    #[error("these are missing: {0}")]
    Missing(String),
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    #[error("plugin `{plugin}` does not become a component: {why}")]
    Component { plugin: String, why: String },
    #[error("there is no plugin `{0}`; there are: {1}")]
    NoPlugin(String, String),
    #[error("{0}")]
    Museum(String),
    #[error("cannot read what cargo says of {}", path.display())]
    Metadata { path: PathBuf, source: cargo_metadata::Error },
}

impl Failure {
    pub(crate) fn usage(what: &str, usage: &'static str) -> Self {
        Self::Usage { what: what.to_owned(), usage }
    }

    /// For `map_err` on what was done with a file.
    pub(crate) fn file(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { verb, path, source }
    }
}

/// Runs a program that talks to the person itself.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|source| Failure::Start { program: command.get_program().to_string_lossy().into_owned(), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Failed { command: shown(command), status: status.to_string() })
}

/// The day in UTC as `YYYY-MM-DD`, for what is written down.
pub(crate) fn today() -> String {
    output_of(Command::new("date").args(["-u", "+%F"])).unwrap_or_else(|| "unknown".to_owned())
}

/// Writes a file whole or not at all, and only when it differs, so that nothing that depends on it is built again.
/// Returns whether it was written.
pub(crate) fn write_if_changed(path: &std::path::Path, bytes: &[u8]) -> Result<bool, Failure> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    fs::write(&fresh, bytes).map_err(Failure::file("write", &fresh))?;
    fs::rename(&fresh, path).map_err(Failure::file("replace", path))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_would_not_change_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin.wasm");
        assert!(write_if_changed(&path, b"one").unwrap());
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        assert!(!write_if_changed(&path, b"one").unwrap());
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
        assert!(write_if_changed(&path, b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing temporary stays behind");
    }
}
