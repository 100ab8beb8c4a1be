//! How does a plugin begin? [`project`] gives the files of a project that builds, is tested and does something real from
//! the first minute, and [`write()`] puts them into a folder. SDK and contract lie inside it as plain sources, so that it
//! needs neither this repository nor a registry that has our crates.

use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use lagdoctor_runtime::World;

use crate::embedded;

/// Words that cannot name a crate, or would hide another one.
const RESERVED: [&str; 16] = [
    "alloc",
    "core",
    "crate",
    "lagdoctor",
    "lagdoctor-sdk",
    "lagdoctor-wit",
    "lib",
    "main",
    "mod",
    "proc-macro",
    "self",
    "serde",
    "serde-json",
    "std",
    "test",
    "wit-bindgen",
];

/// What a folder of recorded incidents is for.
const GOLDEN: &str = include_str!("new/templates/golden.md.txt");

/// The name of a plugin, of its folder and of its crate. Invariant: `[a-z][a-z0-9-]*`, at most 64 bytes, not reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// A text that cannot name a plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` cannot name a plugin: {why}; try `{try_this}`")]
pub struct InvalidName {
    /// What was given, control characters blanked.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
    /// What would be right.
    pub try_this: String,
}

impl Name {
    /// Takes a text as a name.
    ///
    /// # Errors
    /// When it is none, with one that would be.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let why = if text.is_empty() {
            "it is empty"
        } else if text.len() > 64 {
            "it is longer than 64 bytes"
        } else if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            "it must begin with a lower-case letter"
        } else if !text.chars().all(is_word) || text.ends_with('-') {
            "it must be lower-case letters, digits and hyphens, and end in no hyphen"
        } else if RESERVED.contains(&text) {
            "another crate is called so"
        } else {
            return Ok(Self(text.to_owned()));
        };
        let shown = text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
        Err(InvalidName { text: shown, why, try_this: suggestion(text) })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `StockLevels` of `stock-levels`.
    fn type_name(&self) -> String {
        let word = |word: &str| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
        };
        self.0.split('-').map(word).collect()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The nearest name to a text: words in lower case, joined by hyphens.
fn suggestion(text: &str) -> String {
    let mut words = String::new();
    let mut after_lower = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            // `StockLevels` is two words.
            if c.is_ascii_uppercase() && after_lower {
                words.push('-');
            }
            words.push(c.to_ascii_lowercase());
        } else if !words.is_empty() && !words.ends_with('-') {
            words.push('-');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    let words: String = words.trim_start_matches(|c: char| !c.is_ascii_lowercase()).chars().take(60).collect();
    let words = words.trim_end_matches('-');
    if words.is_empty() || RESERVED.contains(&words) { format!("my-{words}plugin") } else { words.to_owned() }
}

/// A project could not be written.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// No folder is there, but something else.
    #[error("`{}` is there already and is no folder; choose another name or another folder", .0.display())]
    Exists(PathBuf),
    /// A folder with something in it.
    #[error(
        "{} holds {} already, and nothing in it is written over; choose another name or another folder",
        named(folder),
        listed(there)
    )]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
        /// What lies in it, in the order of their names.
        there: Vec<String>,
    },
    /// A folder cannot be looked into.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody has written one yet.
    #[error(
        "there is no template of a {world} in {language:?}; there is one of a scorer, and one of a {world} in Rust"
    )]
    NoTemplate {
        /// Its job.
        world: World,
        /// The language.
        language: Language,
    },
    /// A file or folder cannot be made.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Names of files that are shown of a folder that is not empty.
const SHOWN: usize = 5;

fn named(folder: &Path) -> String {
    if folder == Path::new(".") { "this folder".to_owned() } else { format!("`{}`", folder.display()) }
}

/// `Cargo.toml, src and 3 more`.
fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// In which language a plugin is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Small and fast; every world has a template.
    Rust,
    /// Brings an engine of 12 MB; scorers have a template.
    JavaScript,
    /// Brings an interpreter of 18 MB; scorers have a template.
    Python,
}

/// The files of a new project: path in its folder, and text.
///
/// # Errors
/// When there is no template for this world in this language.
pub fn project(world: World, name: &Name, language: Language) -> Result<Vec<(PathBuf, String)>, NewError> {
    match language {
        Language::Rust => Ok(rust(world, name)),
        Language::JavaScript if world == World::Scorer => Ok(copied("javascript", "scorer-cache-js", name)),
        Language::Python if world == World::Scorer => Ok(copied("python", "scorer-retries-py", name)),
        _ => Err(NewError::NoTemplate { world, language }),
    }
}

/// A worked example under another name, with the contract beside it.
fn copied(language: &str, called: &str, name: &Name) -> Vec<(PathBuf, String)> {
    let own = embedded::example(language).map(|(path, text)| (path.into(), text.replace(called, name.as_str())));
    let contract = embedded::files()
        .into_iter()
        .filter(|(path, _)| path.starts_with("wit/") && !path.ends_with("Cargo.toml") && !path.ends_with(".rs"));
    let golden = ("tests/golden/README.md".into(), GOLDEN.to_owned());
    own.chain(contract.map(|(path, text)| (path.into(), text))).chain([golden]).collect()
}

/// What comes after the check, for the README.
fn then(world: World) -> &'static str {
    match world {
        World::Collector => {
            "lagdoctor plugin test                      # is what it gives still what tests/golden says?\n"
        }
        World::Notifier => {
            "lagdoctor simulate slow-consumer --out tests/golden/slow-consumer
lagdoctor plugin test --update             # keeps what it sends then; from then on `plugin test` compares\n"
        }
        World::Scorer => {
            "lagdoctor simulate gc-pauses --out tests/golden/gc-pauses
lagdoctor plugin test --update             # keeps what it finds in that; from then on `plugin test` compares
lagdoctor evaluate --plugin {{name}}.wasm  # grades all scorers together with it\n"
        }
        World::Ranker | World::Forecaster => {
            "lagdoctor simulate slow-consumer --out tests/golden/slow-consumer
lagdoctor plugin test --update             # keeps what it says of that; from then on `plugin test` compares
lagdoctor evaluate --plugin {{name}}.wasm  # grades it in place of the bundled one\n"
        }
    }
}

/// What lies below `tests/golden` in the beginning.
fn golden(world: World) -> &'static [(&'static str, &'static str)] {
    match world {
        World::Collector => &[
            ("tests/golden/README.md", include_str!("new/templates/golden.collector.md.txt")),
            ("tests/golden/queues/answers.toml", include_str!("new/templates/answers.toml.txt")),
            ("tests/golden/queues/expected.txt", include_str!("new/templates/answers.expected.txt")),
        ],
        World::Notifier => &[("tests/golden/README.md", include_str!("new/templates/golden.notifier.md.txt"))],
        _ => &[("tests/golden/README.md", GOLDEN)],
    }
}

fn rust(world: World, name: &Name) -> Vec<(PathBuf, String)> {
    let (about, source) = match world {
        World::Collector => {
            ("Reads the fill of work queues from a JSON endpoint", include_str!("new/templates/collector.rs.txt"))
        }
        World::Scorer => {
            ("Finds JVMs that spend their time on garbage collection", include_str!("new/templates/scorer.rs.txt"))
        }
        World::Ranker => {
            ("Ranks what is unusual by its distance from the symptom", include_str!("new/templates/ranker.rs.txt"))
        }
        World::Forecaster => {
            ("Says that a series stays at its newest level", include_str!("new/templates/forecaster.rs.txt"))
        }
        World::Notifier => {
            ("Posts the headline of an incident to a chat", include_str!("new/templates/notifier.rs.txt"))
        }
    };
    let fill = |text: &str| {
        text.replace("{{then}}", then(world))
            .replace("{{name}}", name.as_str())
            .replace("{{Type}}", &name.type_name())
            .replace("{{world}}", &world.to_string())
            .replace("{{about}}", about)
            .replace("{{rust}}", embedded::RUST_VERSION)
    };
    let mut files: Vec<(PathBuf, String)> = [
        ("Cargo.toml", include_str!("new/templates/Cargo.toml.txt")),
        (".gitignore", "/target\n/*.wasm\n"),
        ("README.md", include_str!("new/templates/README.md.txt")),
        ("src/lib.rs", source),
    ]
    .into_iter()
    .chain(golden(world).iter().copied())
    .map(|(path, text)| (PathBuf::from(path), fill(text)))
    .collect();
    files.push(("Cargo.lock".into(), embedded::lock()));
    files.push(("rustfmt.toml".into(), embedded::format().to_owned()));
    files.extend(embedded::files().into_iter().map(|(path, text)| (path.into(), text)));
    files
}

/// What lies in a folder; nothing where none is. A repository that was only just begun holds `.git` alone, which is
/// nobody's work yet.
fn contents(folder: &Path) -> Result<Vec<String>, NewError> {
    let failed = |source| NewError::Read { path: folder.to_path_buf(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(_) if fs::symlink_metadata(folder).is_err() => return Ok(vec![]),
        Err(_) if !folder.is_dir() => return Err(NewError::Exists(folder.to_path_buf())),
        Err(source) => return Err(failed(source)),
    };
    let mut names = vec![];
    for entry in entries {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().replace(char::is_control, "?");
        if name != ".git" {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Writes a project into a folder that is not there yet, or in which nothing is.
///
/// # Errors
/// When something is there already, or a file cannot be written.
pub fn write(folder: &Path, files: &[(PathBuf, String)]) -> Result<(), NewError> {
    let there = contents(folder)?;
    if !there.is_empty() {
        return Err(NewError::NotEmpty { folder: folder.to_path_buf(), there });
    }
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| NewError::Write { path, source }
    };
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_name_is_answered_with_a_good_one() {
        for (bad, good) in [
            ("StockLevels", "stock-levels"),
            ("stock_levels", "stock-levels"),
            ("  stock  levels ", "stock-levels"),
            ("9lives", "lives"),
            ("../stock", "stock"),
            ("stock-", "stock"),
            ("std", "my-stdplugin"),
            ("", "my-plugin"),
            ("\u{1b}[31m", "m"),
        ] {
            let error = Name::new(bad).unwrap_err();
            assert_eq!(error.try_this, good, "{bad:?}");
            assert!(Name::new(&error.try_this).is_ok(), "{bad:?}");
            assert!(!error.to_string().contains('\u{1b}'));
        }
        assert!(Name::new(&"a".repeat(65)).is_err());
        assert_eq!(Name::new("stock-levels-2").unwrap().type_name(), "StockLevels2");
    }

    #[test]
    fn a_project_is_filled_in_and_replaces_nothing() {
        let name = Name::new("stock-levels").unwrap();
        for world in World::ALL {
            let files = project(world, &name, Language::Rust).unwrap();
            let paths: Vec<_> = files.iter().map(|(path, _)| path.to_string_lossy().into_owned()).collect();
            for path in
                ["Cargo.toml", "Cargo.lock", "README.md", "src/lib.rs", "lagdoctor-sdk/src/lib.rs", "wit/types.wit"]
            {
                assert!(paths.contains(&path.to_owned()), "{world} lacks {path}");
            }
            let own = files.iter().filter(|(path, _)| !path.starts_with("lagdoctor-sdk") && !path.starts_with("wit"));
            for (path, text) in own {
                assert!(!text.contains("{{"), "{world}: {} is not filled in", path.display());
            }
            let parent = tempfile::tempdir().unwrap();
            let folder = parent.path().join("stock-levels");
            write(&folder, &files).unwrap();
            fs::write(folder.join("src/lib.rs"), "mine").unwrap();
            let said = write(&folder, &files).unwrap_err().to_string();
            assert!(said.contains("holds .gitignore, Cargo.lock, Cargo.toml, README.md, lagdoctor-sdk and"), "{said}");
            assert_eq!(fs::read_to_string(folder.join("src/lib.rs")).unwrap(), "mine");
        }
    }

    /// What is said of a folder that these files were put into.
    fn check(there: &[&str], refusal: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        for path in there {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "mine").unwrap();
        }
        let said =
            write(folder.path(), &[("src/lib.rs".into(), "theirs".to_owned())]).map_err(|error| error.to_string());
        assert_eq!(folder.path().join("src/lib.rs").exists(), said.is_ok());
        match refusal {
            None => assert_eq!(said, Ok(()), "{there:?}"),
            Some(words) => assert!(said.clone().unwrap_err().contains(words), "{there:?}: {said:?}"),
        }
    }

    #[test]
    fn an_empty_folder_is_taken_and_one_with_something_in_it_is_refused_by_name() {
        check(&[], None);
        check(&[".git/HEAD"], None);
        check(&[".git/HEAD", "notes.txt"], Some(" holds notes.txt already"));
        check(&[".gitignore"], Some(" holds .gitignore already"));
        check(&["a", "b", "c", "d/x", "e", "f", "g"], Some(" holds a, b, c, d, e and 2 more already"));
        let file = tempfile::NamedTempFile::new().unwrap();
        let said = write(file.path(), &[]).unwrap_err().to_string();
        assert!(said.contains("is no folder"), "{said}");
    }

    #[test]
    fn a_script_begins_as_the_worked_example_under_its_own_name() {
        let name = Name::new("stock-levels").unwrap();
        for (language, source) in [(Language::JavaScript, "plugin.js"), (Language::Python, "plugin.py")] {
            let files = project(World::Scorer, &name, language).unwrap();
            let text = |wanted: &str| {
                let found = files.iter().find(|(path, _)| path == Path::new(wanted));
                &found.unwrap_or_else(|| panic!("{language:?} lacks {wanted}")).1
            };
            assert!(text(source).contains("\"stock-levels\"") && text("README.md").contains("stock-levels.wasm"));
            assert!(text(".gitignore").contains("/*.wasm") && text("wit/types.wit").contains("record finding"));
            assert!(
                files.iter().all(|(_, text)| !text.contains("scorer-cache-js") && !text.contains("scorer-retries-py"))
            );
            let error = project(World::Notifier, &name, language).unwrap_err().to_string();
            assert!(error.contains("no template of a notifier"), "{error}");
        }
    }
}
