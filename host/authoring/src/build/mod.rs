//! How does an author's project become a component? [`Project::open`] sees what lies in a folder and in which language,
//! [`Project::build`] runs that language's own tool and puts the component beside the manifest. Cargo talks to the person
//! itself; what the tools of scripts say is for programs, so it is kept, and the fault of the script looked for in it.

mod fault;
mod rust;
mod scripted;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use lagdoctor_guest_build::{Toolchain, ToolchainError};

pub use fault::Fault;
use scripted::Script;

/// A folder with a plugin's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    folder: PathBuf,
    name: String,
    source: Source,
}

/// In which language it is written, and what its manifest says of that.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Rust,
    JavaScript(Script),
    Python(Script),
}

/// What was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The component, beside the manifest.
    pub path: PathBuf,
    /// The component.
    pub bytes: Vec<u8>,
    /// What the tool of a script said although it went well.
    pub said: String,
}

/// A folder holds no plugin, or it cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No manifest.
    #[error("`{}` holds no Cargo.toml, package.json or pyproject.toml, so there is nothing to build", .0.display())]
    NoProject(PathBuf),
    /// Nothing is there, or a file.
    #[error("`{}` {}, so there is no project in it", .0.display(), if .0.exists() { "is a file and no folder" } else { "is not there" })]
    NoFolder(PathBuf),
    /// A manifest that does not describe a plugin.
    #[error("`{}` does not describe a plugin: {why}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is missing, and what to write.
        why: String,
    },
    /// No compiler for Rust.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The tool of a language is not there.
    #[error("`{tool}`, which makes components of {language}, is not there")]
    Tool {
        /// Its program.
        tool: &'static str,
        /// For which language.
        language: &'static str,
    },
    /// A program could not be started, or be listened to.
    #[error("cannot run `{program}`")]
    Run {
        /// What was started.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The tool has said why.
    #[error("{tool} could not build `{name}`; what it says stands above")]
    Failed {
        /// Which tool.
        tool: &'static str,
        /// The plugin.
        name: String,
        /// What it says, where it has not said it to the person itself.
        said: String,
    },
    /// A script with a fault.
    #[error("{fault}")]
    Fault {
        /// What is wrong with it, and where.
        fault: Fault,
        /// All that the tool says.
        said: String,
    },
    /// Cargo succeeded and left no module.
    #[error("cargo built `{0}` and left no WebAssembly module; is `crate-type` of [lib] a list with \"cdylib\" in it?")]
    NoModule(String),
    /// A module that is no plugin.
    #[error("`{name}` does not become a component: {why}")]
    Component {
        /// The plugin.
        name: String,
        /// Why.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl BuildError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoFolder(path) if path.exists() => {
                "give the project's folder; a component is given by `--component FILE` where it is asked for"
            }
            Self::NoFolder(_) | Self::NoProject(_) => {
                "give the plugin's folder, or make one with `lagdoctor plugin new scorer NAME`"
            }
            Self::Manifest { .. } => "`lagdoctor plugin new scorer NAME` writes a manifest to copy from",
            Self::Run { .. } => "install it, or put it on the PATH",
            Self::Toolchain(_) => "either command has to be run only once",
            Self::Tool { tool: scripted::JAVASCRIPT, .. } => "npm install",
            Self::Tool { .. } => "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1",
            Self::Failed { tool: rust::CARGO, .. } => "`cargo test` builds the same source natively, and sooner",
            Self::Failed { .. } => "run the plugin's own tests first, which say more in less time",
            Self::Fault { .. } => "the plugin's own tests find such things in less time; -v shows all that was said",
            Self::NoModule(_) => "write crate-type = [\"cdylib\", \"rlib\"] under [lib]",
            Self::Component { .. } => "a plugin has exactly one line such as `lagdoctor_sdk::export_scorer!(Type);`",
            Self::File { .. } => "check the path, the rights and the free space",
        }
    }
}

impl Project {
    /// The project in this folder.
    ///
    /// # Errors
    /// When there is no manifest, or it does not describe a plugin.
    pub fn open(folder: &Path) -> Result<Self, BuildError> {
        type Reader = fn(&str) -> Result<(String, Source), String>;
        let kinds: [(&str, Reader); 3] =
            [("Cargo.toml", rust::read), ("package.json", scripted::javascript), ("pyproject.toml", scripted::python)];
        for (manifest, read) in kinds {
            let path = folder.join(manifest);
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(source) => return Err(BuildError::File { verb: "read", path, source }),
            };
            let (name, source) = read(&text).map_err(|why| BuildError::Manifest { path: path.clone(), why })?;
            let folder =
                std::path::absolute(folder).map_err(|source| BuildError::File { verb: "read", path, source })?;
            return Ok(Self { folder, name, source });
        }
        if folder.is_dir() {
            Err(BuildError::NoProject(folder.to_path_buf()))
        } else {
            Err(BuildError::NoFolder(folder.to_path_buf()))
        }
    }

    /// The name of the plugin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it lies; absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its component goes.
    pub fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }

    /// The source that has changed last, seen from the folder, if it has since the component was built.
    pub fn newer_source(&self) -> Option<PathBuf> {
        let built = fs::metadata(self.component()).and_then(|data| data.modified()).ok()?;
        let kinds: &[&str] = match self.source {
            Source::Rust => &["rs", "toml", "lock", "wit"],
            Source::JavaScript(_) => &["js", "mjs", "cjs", "json"],
            Source::Python(_) => &["py", "toml"],
        };
        let (at, path) = sources::newest(&self.folder, kinds)?;
        (at > built).then_some(path)
    }

    /// Builds the component. `toolchain` finds a compiler, if it takes one. What cargo says goes to standard error as it
    /// is; `now` is told what is done next where nobody else says it and it takes long.
    ///
    /// # Errors
    /// When there is no tool, it fails, or what it makes is no plugin.
    pub fn build(
        &self,
        toolchain: impl FnOnce() -> Result<Toolchain, ToolchainError>,
        now: &dyn Fn(&str),
    ) -> Result<Built, BuildError> {
        let (bytes, said) = match &self.source {
            Source::Rust => (rust::build(self, toolchain()?)?, String::new()),
            Source::JavaScript(script) => scripted::build_javascript(self, script, now)?,
            Source::Python(script) => scripted::build_python(self, script, now)?,
        };
        let path = self.component();
        write_whole(&path, &bytes)?;
        Ok(Built { path, bytes, said })
    }
}

fn command_name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let failed = |source| BuildError::File { verb: "write", path: path.to_path_buf(), source };
    std::fs::write(&fresh, bytes).map_err(failed)?;
    std::fs::rename(&fresh, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(manifest: Option<(&str, &str)>) -> String {
        let folder = tempfile::tempdir().unwrap();
        if let Some((file, text)) = manifest {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        match Project::open(folder.path()) {
            Ok(project) => project.component().file_name().unwrap().to_string_lossy().into_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// What is newer than the component when only this file was written after it.
    fn newer(manifest: (&str, &str), written: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str, age_s: u64| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 - age_s);
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        };
        let (file, text) = manifest;
        put(file, text, 100);
        put("src/old.rs", "", 90);
        let project = Project::open(folder.path()).unwrap();
        assert_eq!(project.newer_source(), None, "there is nothing to be newer than");
        put("a.wasm", "", 50);
        assert_eq!(project.newer_source(), None);
        put(written, text, 10);
        project.newer_source().map(|path| path.display().to_string())
    }

    #[test]
    fn a_component_is_outdated_by_what_it_is_made_of_and_by_nothing_else() {
        let rust = ("Cargo.toml", "[package]\nname = \"a\"\n[lib]\ncrate-type = [\"cdylib\"]\n");
        for source in
            ["Cargo.toml", "src/lib.rs", "src/deep/er.rs", "build.rs", "lagdoctor-sdk/src/lib.rs", "wit/a.wit"]
        {
            assert_eq!(newer(rust, source).as_deref(), Some(source));
        }
        for other in ["README.md", "tests/golden/x/expected.txt", "target/debug/x.rs", "tests/a.rs", ".git/a.rs"] {
            assert_eq!(newer(rust, other), None, "{other}");
        }
        let javascript = ("package.json", r#"{"name": "a", "lagdoctor": {"world": "scorer", "source": "a.js"}}"#);
        assert_eq!(newer(javascript, "a.js").as_deref(), Some("a.js"));
        assert_eq!(newer(javascript, "lib/b.mjs").as_deref(), Some("lib/b.mjs"));
        for other in ["node_modules/x/y.js", "a.test.mjs", "test/a.js", "package-lock.json"] {
            assert_eq!(newer(javascript, other), None, "{other}");
        }
        let python =
            ("pyproject.toml", "[project]\nname = \"a\"\n[tool.lagdoctor]\nworld = \"scorer\"\nsource = \"a.py\"\n");
        assert_eq!(newer(python, "a.py").as_deref(), Some("a.py"));
        for other in [".venv/lib/x.py", "venv/lib/x.py", "wit_world/x.py", "test_a.py", "a_test.py", "__pycache__/a.py"]
        {
            assert_eq!(newer(python, other), None, "{other}");
        }
    }

    #[test]
    fn a_folder_that_holds_no_plugin_is_told_what_it_lacks() {
        assert!(said_of(None).contains("holds no Cargo.toml"));
        let rust = |text| said_of(Some(("Cargo.toml", text)));
        assert!(rust("[package").contains("it is no TOML"));
        assert!(rust("[workspace]").contains("no `name`"));
        assert!(rust("[package]\nname = \"a\"\n").contains("crate-type"));
        assert_eq!(rust("[package]\nname = \"my-scorer\"\n[lib]\ncrate-type = [\"cdylib\"]\n"), "my-scorer.wasm");
        let javascript = |text| said_of(Some(("package.json", text)));
        assert!(javascript("[").contains("it is no JSON"));
        assert!(javascript(r#"{"name": "a"}"#).contains("\"lagdoctor\""));
        assert!(
            javascript(r#"{"name": "a", "lagdoctor": {"world": "oracle", "source": "a.js"}}"#).contains("`oracle`")
        );
        let good = r#"{"name": "my-scorer", "lagdoctor": {"world": "scorer", "source": "a.js"}}"#;
        assert_eq!(javascript(good), "my-scorer.wasm");
        let python = |text| said_of(Some(("pyproject.toml", text)));
        assert!(python("[project]\nname = \"a\"\n").contains("[tool.lagdoctor]"));
        let escape = "[project]\nname = \"a\"\n[tool.lagdoctor]\nworld = \"scorer\"\nsource = \"../a.py\"\n";
        assert!(python(escape).contains("source"));
        assert_eq!(python(&escape.replace("../", "")), "a.wasm");
        assert!(rust("[package]\nname = \"../../a\"\n[lib]\ncrate-type = [\"cdylib\"]\n").contains("cannot name"));
    }
}
