//! Which scenarios does somebody mean? A built-in name, a file, or all of a folder or pack. Start at [`one`] and [`all`].

use std::path::{Path, PathBuf};

use lagdoctor_sim::{Scenario, builtin_names};
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use crate::output::quoted;

/// What stands for every scenario that is built in.
pub const PUBLIC: &str = "builtin:public";

/// A scenario, and what people call it.
pub struct Named {
    /// Its name in results.
    pub name: String,
    /// What `lagdoctor simulate` calls it, as a shell reads it.
    pub source: String,
    /// What it says.
    pub scenario: Scenario,
}

/// A built-in scenario, or one of a file.
pub fn one(name: &str) -> Result<Scenario> {
    if builtin_names().any(|known| known == name) {
        return Scenario::builtin(name).into_diagnostic();
    }
    let path = Path::new(name);
    let text = std::fs::read_to_string(path).map_err(|error| {
        let known: Vec<&str> = builtin_names().collect();
        miette!(
            help = format!("built in are {}; or name a scenario file", known.join(", ")),
            "`{name}` is no built-in scenario, and no file that can be read ({error})"
        )
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let used = |name: &str| std::fs::read_to_string(folder.join(name)).ok().or_else(|| Scenario::builtin_use(name));
    Scenario::parse(&text, used).into_diagnostic().wrap_err_with(|| format!("cannot use scenario {name}"))
}

/// All scenarios of a folder, in order of their files; of `builtin:public`; or the one of `builtin:NAME`.
pub fn all(what: &str) -> Result<Vec<Named>> {
    if let Some(name) = what.strip_prefix("builtin:") {
        return built_in(name);
    }
    let files = files(Path::new(what))?;
    let named = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file = path.to_string_lossy();
        Ok(Named { name, source: quoted(&file), scenario: one(&file)? })
    };
    files.iter().map(named).collect()
}

fn built_in(name: &str) -> Result<Vec<Named>> {
    let names: Vec<&str> = builtin_names().filter(|known| name == "public" || *known == name).collect();
    if names.is_empty() {
        let known: Vec<&str> = builtin_names().collect();
        return Err(miette!(
            help = format!("write {PUBLIC} for all, or one of {}", known.join(", ")),
            "no scenario called `{name}` is built in"
        ));
    }
    let named = |name: &str| Ok(Named { name: name.to_owned(), source: name.to_owned(), scenario: one(name)? });
    names.into_iter().map(named).collect()
}

/// The scenario files of a folder, in order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| {
        miette!(
            help = format!("name a folder of scenario files, or {PUBLIC}"),
            "cannot read `{}`: {error}",
            folder.display()
        )
    };
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        files.extend(path.extension().is_some_and(|end| end == "toml").then_some(path));
    }
    files.sort();
    match files.is_empty() {
        true => Err(miette!("`{}` holds no scenario files (*.toml)", folder.display())),
        false => Ok(files),
    }
}
