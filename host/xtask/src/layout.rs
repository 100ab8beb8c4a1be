//! Where does everything lie?

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand};
use lagdoctor_guest_build::Workshop;

use crate::run::Failure;

/// The folders of this repository.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Around the source of this program.
    pub(crate) fn here() -> Self {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { root: crate_folder.ancestors().nth(2).unwrap_or(crate_folder).to_path_buf() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// Components that are kept for ever.
    pub(crate) fn museum(&self) -> PathBuf {
        self.plugins().join("museum")
    }

    pub(crate) fn plugins_manifest(&self) -> PathBuf {
        self.plugins().join("Cargo.toml")
    }

    /// Where finished components go; `host/cli/build.rs` takes them from there.
    pub(crate) fn components(&self) -> PathBuf {
        self.root.join("target/plugins")
    }

    /// Cargo's folder for guests: one of its own, because two compilers may share it with nobody.
    pub(crate) fn guest_target(&self) -> PathBuf {
        self.root.join("target/guests")
    }

    /// What is built when plugins are.
    pub(crate) fn workshop(&self) -> Workshop {
        let sources = (self.root.clone(), "lagdoctor".to_owned());
        Workshop { folder: self.plugins(), target: self.guest_target(), sources }
    }

    /// Cargo's folder for the workspace; `CARGO_TARGET_DIR` and configuration may move it.
    pub(crate) fn target(&self) -> Result<PathBuf, Failure> {
        Ok(self.metadata(&self.root.join("Cargo.toml"))?.target_directory.into_std_path_buf())
    }

    /// What cargo says of a workspace, its dependencies left aside.
    pub(crate) fn metadata(&self, manifest: &Path) -> Result<Metadata, Failure> {
        let mut command = MetadataCommand::new();
        command.manifest_path(manifest).no_deps();
        command.exec().map_err(|source| Failure::Metadata { path: manifest.to_path_buf(), source })
    }

    /// The cargo that runs this program, at the root of the repository.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        command
    }
}
