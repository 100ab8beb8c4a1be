//! Which of the files that a component is made of has changed last? Tests, what tools bring along and what they make are
//! none of them. Start at [`newest`].

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that hold no source of the component.
const OTHERS: [&str; 12] = [
    "__pycache__",
    "benches",
    "dist",
    "doc",
    "docs",
    "examples",
    "node_modules",
    "target",
    "test",
    "tests",
    "venv",
    // Made by the build itself.
    "wit_world",
];
/// How deep sources lie, at most.
const DEEP: usize = 8;

/// The file of these kinds that has changed last, and when, seen from the folder. What cannot be read counts as not there:
/// the build will say so.
pub(super) fn newest(folder: &Path, kinds: &[&str]) -> Option<(SystemTime, PathBuf)> {
    let (at, path) = newest_below(folder, kinds, DEEP)?;
    Some((at, path.strip_prefix(folder).map_or(path.clone(), Path::to_path_buf)))
}

fn newest_below(folder: &Path, kinds: &[&str], deep: usize) -> Option<(SystemTime, PathBuf)> {
    let one = |entry: DirEntry| {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.starts_with('.') || OTHERS.contains(&name.as_str()) {
            return None;
        }
        // A link to a folder is not followed: it may lead back here.
        if entry.file_type().ok()?.is_dir() {
            return if deep > 0 { newest_below(&path, kinds, deep - 1) } else { None };
        }
        let is_source = kinds.iter().any(|kind| path.extension().is_some_and(|extension| extension == *kind));
        let at = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?.modified().ok()?;
        (is_source && !is_test(&name)).then_some((at, path))
    };
    fs::read_dir(folder).ok()?.flatten().filter_map(one).max()
}

/// Whether a file is called as tests are, or as what a tool keeps for itself.
fn is_test(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let is_called_so =
        stem.ends_with(".test") || stem.ends_with(".spec") || stem.starts_with("test_") || stem.ends_with("_test");
    // In Rust it is the folder that makes a test.
    (is_called_so && !name.ends_with(".rs")) || name == "package-lock.json" || name == "rustfmt.toml"
}
