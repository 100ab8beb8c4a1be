//! Which scenarios does somebody mean? A built-in name, a file, or all of a folder or pack. Start at [`one`] and [`all`].

use std::path::{Path, PathBuf};

use lagdoctor_sim::{Scenario, builtin_names, builtin_version};
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use crate::output::quoted;

/// What stands for every scenario that is built in.
pub const PUBLIC: &str = "builtin:public";
/// What names of scenarios that are built in begin with.
pub const BUILT_IN: &str = "builtin:";

/// Scenarios that somebody means by one name.
pub struct Pack {
    /// That name; of scenarios that are built in with their version, such as `builtin:public@1`.
    pub name: String,
    /// What is in it, at least one.
    pub scenarios: Vec<Named>,
}

/// A scenario, and what people call it.
pub struct Named {
    /// Its name in results.
    pub name: String,
    /// What [`one`] and `lagdoctor simulate` call it: that name, or its file.
    pub place: String,
    /// What it says.
    pub scenario: Scenario,
}

impl Named {
    /// What `lagdoctor simulate` calls it, as a shell reads it.
    pub fn source(&self) -> String {
        quoted(&self.place)
    }
}

/// A scenario as it is written, and where the files lie that it uses.
pub struct Written {
    /// The text.
    pub text: String,
    folder: Option<PathBuf>,
}

impl Written {
    /// The text of a file that it uses: one beside it, or else one that is built in.
    pub fn used(&self, name: &str) -> Option<String> {
        let beside = self.folder.as_ref().and_then(|folder| std::fs::read_to_string(folder.join(name)).ok());
        beside.or_else(|| Scenario::builtin_use(name))
    }
}

/// A built-in scenario, or one of a file.
pub fn one(name: &str) -> Result<Scenario> {
    if builtin_names().any(|known| known == name) {
        return Scenario::builtin(name).into_diagnostic();
    }
    let written = written(name)?;
    Scenario::parse(&written.text, |used| written.used(used))
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot use scenario {name}"))
}

/// The text of a built-in scenario, or of a file.
pub fn written(name: &str) -> Result<Written> {
    if let Some(text) = builtin_names().find(|known| *known == name).and_then(Scenario::builtin_use) {
        return Ok(Written { text, folder: None });
    }
    let path = Path::new(name);
    let text = std::fs::read_to_string(path).map_err(|error| {
        let known: Vec<&str> = builtin_names().collect();
        miette!(
            help = format!("built in are {}; or name a scenario file", known.join(", ")),
            "`{name}` is no built-in scenario, and no file that can be read ({error})"
        )
    })?;
    Ok(Written { text, folder: Some(path.parent().unwrap_or(Path::new(".")).to_owned()) })
}

/// All scenarios of a folder, in order of their files; the one of a file; all of `builtin:public`; or the one of `builtin:NAME`.
/// Those that are built in may be pinned to a version, as `builtin:public@1`; another than this program's is refused.
pub fn all(what: &str) -> Result<Pack> {
    if let Some(name) = what.strip_prefix(BUILT_IN) {
        return built_in(name);
    }
    let files = if Path::new(what).is_file() { vec![PathBuf::from(what)] } else { files(Path::new(what))? };
    let named = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file = path.to_string_lossy();
        Ok(Named { name, scenario: one(&file)?, place: file.into_owned() })
    };
    let scenarios = files.iter().map(named).collect::<Result<_>>()?;
    Ok(Pack { name: what.to_owned(), scenarios })
}

/// What one scenario of a pack is called alone, pinned as the pack is.
pub fn alone(pack: Option<&str>, scenario: &str) -> String {
    let pack = pack.unwrap_or(PUBLIC);
    match (pack.strip_prefix(BUILT_IN), pack.split_once('@')) {
        (Some(_), Some((_, version))) => format!("{BUILT_IN}{scenario}@{version}"),
        (Some(_), None) => format!("{BUILT_IN}{scenario}"),
        (None, _) => pack.to_owned(),
    }
}

fn built_in(what: &str) -> Result<Pack> {
    let name = of_this_version(what)?;
    let names: Vec<&str> = builtin_names().filter(|known| name == "public" || *known == name).collect();
    if names.is_empty() {
        let known: Vec<&str> = builtin_names().collect();
        return Err(miette!(
            help = format!("write {PUBLIC} for all, or one of {}", known.join(", ")),
            "no scenario called `{name}` is built in"
        ));
    }
    let named = |name: &str| Ok(Named { name: name.to_owned(), place: name.to_owned(), scenario: one(name)? });
    let scenarios = names.into_iter().map(named).collect::<Result<_>>()?;
    Ok(Pack { name: format!("{BUILT_IN}{name}@{}", builtin_version()), scenarios })
}

/// The name without its version; refuses one that is not here.
fn of_this_version(what: &str) -> Result<&str> {
    let Some((name, asked)) = what.split_once('@') else { return Ok(what) };
    let here = builtin_version();
    let help = match asked.parse::<usize>() {
        Ok(version) if version == here => return Ok(name),
        Ok(version) if version > 0 => {
            let other = if version > here { "a newer" } else { "an older" };
            format!(
                "grades of other versions cannot be compared: use {other} lagdoctor, which has @{version}; or write \
                 {BUILT_IN}{name}@{here}, and a baseline anew with `lagdoctor baseline update`"
            )
        }
        _ => format!("a version is a whole number from 1 on: write {BUILT_IN}{name}@{here}"),
    };
    Err(miette!(help = help, "this lagdoctor has {BUILT_IN}{name}@{here}, and not `{BUILT_IN}{what}`"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(what: &str, expected: Result<&str, &[&str]>) {
        match (all(what), expected) {
            (Ok(pack), Ok(name)) => assert_eq!(pack.name, name),
            (Err(error), Err(words)) => {
                let told = format!("{error:?}");
                words.iter().for_each(|words| assert!(told.contains(words), "{what}: {told}"));
            }
            (Ok(pack), Err(_)) => panic!("{what} is taken as {}", pack.name),
            (Err(error), Ok(_)) => panic!("{what}: {error:?}"),
        }
    }

    #[test]
    fn what_is_built_in_may_be_pinned_to_the_version_that_is_here_and_to_no_other() {
        let here = builtin_version();
        let name = format!("builtin:quiet@{here}");
        check("builtin:quiet", Ok(&name));
        check(&name, Ok(&name));
        let has = format!("this lagdoctor has builtin:quiet@{here}");
        check(&format!("builtin:quiet@{}", here + 1), Err(&[&has, "a newer lagdoctor", "baseline update"]));
        for wrong in ["0", "", "one", "-1", "1.0", "1@1"] {
            check(&format!("builtin:quiet@{wrong}"), Err(&[&has, &format!("write builtin:quiet@{here}")]));
        }
        check("builtin:nobody", Err(&["no scenario called `nobody`"]));
    }

    #[test]
    fn one_of_a_pack_is_pinned_as_the_pack_is() {
        assert_eq!(alone(None, "quiet"), "builtin:quiet");
        assert_eq!(alone(Some("builtin:public@3"), "quiet"), "builtin:quiet@3");
        assert_eq!(alone(Some("builtin:public"), "quiet"), "builtin:quiet");
        assert_eq!(alone(Some("mine@home"), "quiet"), "mine@home");
    }
}
