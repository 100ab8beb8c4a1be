//! A plugin in Rust: cargo makes a core module, which is wrapped here.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lagdoctor_guest_build::{Toolchain, Workshop, wrap};
use serde_json::Value;
use toml::Table;

use super::{BuildError, Project, Source, command_name};
use crate::new::Name;

/// The tool.
pub(super) const CARGO: &str = "cargo";

/// Name and kind of what a Cargo.toml describes.
pub(super) fn read(text: &str) -> Result<(String, Source), String> {
    let manifest: Table = text.parse().map_err(|error| format!("it is no TOML: {error}"))?;
    let name = manifest.get("package").and_then(|package| package.get("name")?.as_str());
    let name = Name::new(name.ok_or("it has no `name` under [package]")?).map_err(|error| error.to_string())?;
    let kinds = manifest.get("lib").and_then(|lib| lib.get("crate-type")?.as_array());
    let is_library = kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("cdylib")));
    if is_library {
        Ok((name.to_string(), Source::Rust))
    } else {
        Err("a plugin is a library of crate-type [\"cdylib\", \"rlib\"], to be written under [lib]".to_owned())
    }
}

/// Builds the component.
pub(super) fn build(project: &Project, toolchain: Toolchain) -> Result<Vec<u8>, BuildError> {
    let (folder, name) = (project.folder(), project.name());
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
    // Apart from what `cargo test` leaves there, which another compiler may have made.
    let target = folder.join(target).join("plugin");
    let sources = (folder.to_path_buf(), name.to_owned());
    let mut cargo = toolchain.cargo(&Workshop { folder: folder.to_path_buf(), target, sources });
    cargo.args(["--package", name, "--message-format", "json-render-diagnostics"]);
    let module = module(project, &mut cargo)?.ok_or_else(|| BuildError::NoModule(name.to_owned()))?;
    let module = std::fs::read(&module).map_err(|source| BuildError::File { verb: "read", path: module, source })?;
    let component = wrap(&module).map_err(|why| BuildError::Component { name: name.to_owned(), why })?;
    Ok(component.bytes)
}

/// Runs cargo and hears from it which module it made.
fn module(project: &Project, cargo: &mut Command) -> Result<Option<PathBuf>, BuildError> {
    let program = command_name(cargo);
    let failed = |source| BuildError::Run { program: program.clone(), source };
    let mut child = cargo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut module = None;
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        module = artifact(&line.map_err(failed)?, &project.folder().join("Cargo.toml")).or(module);
    }
    if child.wait().map_err(failed)?.success() {
        Ok(module)
    } else {
        Err(BuildError::Failed { tool: CARGO, name: project.name().to_owned(), said: String::new() })
    }
}

/// The module in one line of what cargo tells programs, if it is about the crate of this manifest.
fn artifact(line: &str, manifest: &Path) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_ours = message.get("reason")?.as_str()? == "compiler-artifact"
        && same_file(Path::new(message.get("manifest_path")?.as_str()?), manifest);
    let files = message.get("filenames").filter(|_| is_ours)?.as_array()?;
    files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm")).map(PathBuf::from)
}

fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_that_of_the_plugin_and_not_of_what_it_depends_on() {
        let line = |manifest: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"{manifest}","filenames":["/t/libx.rlib","/t/x.wasm"]}}"#
            )
        };
        let manifest = Path::new("/p/Cargo.toml");
        assert_eq!(artifact(&line("/p/Cargo.toml"), manifest), Some("/t/x.wasm".into()));
        assert_eq!(artifact(&line("/p/lagdoctor-sdk/Cargo.toml"), manifest), None);
        assert_eq!(artifact("Compiling x", manifest), None);
        assert_eq!(artifact(r#"{"reason":"build-finished","success":true}"#, manifest), None);
    }
}
