//! A plugin in JavaScript or Python: its tool puts an interpreter and the script into one component. Whatever the
//! interpreter would import beyond the contract is left out, so that the component imports what its world may.

use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use lagdoctor_runtime::World;
use serde_json::Value;

use super::fault::{self, Fault};
use super::{BuildError, Project, Source, command_name};
use crate::embedded;
use crate::new::Name;

/// The tool for JavaScript, which npm puts into the project.
pub(super) const JAVASCRIPT: &str = "componentize-js";
/// The tool for Python, which pip puts into a virtual environment.
pub(super) const PYTHON: &str = "componentize-py";

/// What the JavaScript engine would otherwise import from WASI.
const WITHOUT: [&str; 5] = ["stdio", "random", "clocks", "http", "fetch-event"];

/// What a manifest says of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    world: World,
    /// Seen from the project.
    file: PathBuf,
}

/// Name and kind of what a package.json describes.
pub(super) fn javascript(text: &str) -> Result<(String, Source), String> {
    let manifest: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let name = manifest.get("name").and_then(Value::as_str).ok_or("it has no \"name\"")?;
    let ours = manifest.get("lagdoctor");
    let ours = ours.ok_or(r#"write "lagdoctor": {"world": "scorer", "source": "plugin.js"} into it"#)?;
    let field = |field: &str| ours.get(field).and_then(Value::as_str);
    Ok((named(name)?, Source::JavaScript(script(field("world"), field("source"))?)))
}

/// Name and kind of what a pyproject.toml describes.
pub(super) fn python(text: &str) -> Result<(String, Source), String> {
    let manifest: toml::Table = text.parse().map_err(|error| format!("it is no TOML: {error}"))?;
    let name = manifest.get("project").and_then(|project| project.get("name")?.as_str());
    let name = name.ok_or("it has no `name` under [project]")?;
    let ours = manifest.get("tool").and_then(|tool| tool.get("lagdoctor"));
    let ours = ours.ok_or("write world = \"scorer\" and source = \"plugin.py\" under [tool.lagdoctor]")?;
    let field = |field: &str| ours.get(field).and_then(toml::Value::as_str);
    Ok((named(name)?, Source::Python(script(field("world"), field("source"))?)))
}

fn named(name: &str) -> Result<String, String> {
    Name::new(name).map(|name| name.to_string()).map_err(|error| error.to_string())
}

fn script(world: Option<&str>, file: Option<&str>) -> Result<Script, String> {
    let world = world.ok_or("`world` is missing: collector, scorer, ranker, forecaster or notifier")?;
    let known = World::ALL.into_iter().find(|known| known.to_string() == world);
    let world = known
        .ok_or_else(|| format!("`{world}` is no world; there are collector, scorer, ranker, forecaster, notifier"))?;
    let file = PathBuf::from(file.ok_or("`source` is missing: the file of the script")?);
    let is_inside = file.components().all(|part| matches!(part, Component::Normal(_)));
    if is_inside { Ok(Script { world, file }) } else { Err("`source` must be a file inside the project".to_owned()) }
}

/// What is made by a tool of scripts: the component, and what the tool said.
type Made = Result<(Vec<u8>, String), BuildError>;

/// Builds a component of JavaScript.
pub(super) fn build_javascript(project: &Project, script: &Script, now: &dyn Fn(&str)) -> Made {
    let tool = project.folder().join("node_modules/.bin").join(JAVASCRIPT);
    if !tool.exists() {
        return Err(BuildError::Tool { tool: JAVASCRIPT, language: "JavaScript" });
    }
    // componentize-js does not say where a module cannot be read; Node.js does, at once.
    let mut check = Command::new("node");
    check.current_dir(project.folder()).arg("--check").arg(project.folder().join(&script.file));
    if let Ok((false, said)) = heard(&mut check)
        && let Some(fault) = fault::in_javascript(&said, project.folder())
    {
        return Err(BuildError::Fault { fault, said });
    }
    let (contract, made) = prepared(project)?;
    let mut command = Command::new(tool);
    command.current_dir(project.folder()).arg(&script.file).arg("--wit").arg(contract).arg("--out").arg(&made);
    command.args(["--world-name", &script.world.to_string(), "--disable"]).args(WITHOUT);
    now(&format!("{JAVASCRIPT} puts {} and a JavaScript engine into one component", script.file.display()));
    let said = run(JAVASCRIPT, project, &mut command, fault::in_javascript)?;
    Ok((read(made)?, said))
}

/// Builds a component of Python, and beside the script what the contract is in Python, for editors and tests.
pub(super) fn build_python(project: &Project, script: &Script, now: &dyn Fn(&str)) -> Made {
    let tool = python_tool(project.folder());
    let tool = tool.ok_or(BuildError::Tool { tool: PYTHON, language: "Python" })?;
    let (contract, made) = prepared(project)?;
    let command = || {
        let mut command = Command::new(&tool);
        command.current_dir(project.folder()).arg("--quiet").arg("--wit-path").arg(&contract);
        command.args(["--world", &script.world.to_string()]);
        command
    };
    if !project.folder().join("wit_world").exists() {
        now(&format!("{PYTHON} writes wit_world, which is the contract in Python"));
        run(PYTHON, project, command().args(["bindings", "."]), fault::in_python)?;
    }
    let module = script.file.with_extension("").iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(".");
    let mut command = command();
    command.args(["componentize", &module, "--stub-wasi", "--output"]).arg(&made);
    now(&format!("{PYTHON} puts {} and a Python interpreter into one component", script.file.display()));
    let said = run(PYTHON, project, &mut command, fault::in_python)?;
    Ok((read(made)?, said))
}

/// Runs a tool to its end. What it says, or what is wrong with the script according to that.
fn run(
    tool: &'static str,
    project: &Project,
    command: &mut Command,
    find: fn(&str, &Path) -> Option<Fault>,
) -> Result<String, BuildError> {
    let (is_well, said) =
        heard(command).map_err(|source| BuildError::Run { program: command_name(command), source })?;
    if is_well {
        return Ok(said);
    }
    Err(match find(&said, project.folder()) {
        Some(fault) => BuildError::Fault { fault, said },
        None => BuildError::Failed { tool, name: project.name().to_owned(), said },
    })
}

/// Runs a program to its end: whether it went well, and what it said.
fn heard(command: &mut Command) -> io::Result<(bool, String)> {
    let output = command.stdin(Stdio::null()).output()?;
    let said = [output.stderr, output.stdout].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

/// The tool of the project's own virtual environment, of the active one, or on the PATH.
fn python_tool(folder: &Path) -> Option<PathBuf> {
    let inside = |environment: PathBuf| {
        let program = if cfg!(windows) { "Scripts/componentize-py.exe" } else { "bin/componentize-py" };
        Some(environment.join(program)).filter(|tool| tool.exists())
    };
    let active = || env::var_os("VIRTUAL_ENV").and_then(|folder| inside(PathBuf::from(folder)));
    let on_path = || {
        let folders = env::split_paths(&env::var_os("PATH")?).collect::<Vec<_>>();
        folders.into_iter().map(|folder| folder.join(PYTHON)).find(|tool| tool.is_file())
    };
    inside(folder.join(".venv")).or_else(active).or_else(on_path)
}

/// Writes the contract where the tool reads it. Gives that folder, and the file to make.
fn prepared(project: &Project) -> Result<(PathBuf, PathBuf), BuildError> {
    let target = project.folder().join("target");
    let contract = target.join("wit");
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| BuildError::File { verb: "write", path, source }
    };
    fs::create_dir_all(&contract).map_err(failed(&contract))?;
    for (path, text) in embedded::files() {
        if let Some(file) = path.strip_prefix("wit/").filter(|file| file.ends_with(".wit")) {
            let path = contract.join(file);
            fs::write(&path, text).map_err(failed(&path))?;
        }
    }
    Ok((contract, target.join(format!("{}.wasm", project.name()))))
}

fn read(made: PathBuf) -> Result<Vec<u8>, BuildError> {
    fs::read(&made).map_err(|source| BuildError::File { verb: "read", path: made, source })
}
