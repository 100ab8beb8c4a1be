//! What was built last time? `target/plugins/index.json` remembers it, so that a build without changes does nothing.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::run::{Failure, write_if_changed};

const FILE: &str = "index.json";
const SCHEMA: u32 = 1;

/// All components of the folder, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    schema: u32,
    pub(crate) plugins: Vec<Entry>,
}

/// One component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The plugin's crate; its file is `NAME.wasm`.
    pub(crate) name: String,
    /// `collector`, `scorer`, `ranker`, `forecaster` or `notifier`.
    pub(crate) world: String,
    /// Hash of everything that it is made from.
    pub(crate) source_hash: String,
    /// SHA-256 of the component.
    pub(crate) sha256: String,
    /// Size of the component.
    pub(crate) size_bytes: u64,
    /// Interfaces that it imports.
    pub(crate) imports: Vec<String>,
}

impl Index {
    /// What the folder's index says; an index that is missing or of another version says nothing.
    pub(crate) fn read(folder: &Path) -> Self {
        let nothing = Self { schema: SCHEMA, plugins: Vec::new() };
        let Ok(text) = fs::read(folder.join(FILE)) else { return nothing };
        serde_json::from_slice(&text).ok().filter(|index: &Self| index.schema == SCHEMA).unwrap_or(nothing)
    }

    /// Puts an entry in its place.
    pub(crate) fn put(&mut self, entry: Entry) {
        self.plugins.retain(|other| other.name != entry.name);
        self.plugins.push(entry);
        self.plugins.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Writes it beside the components.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(FILE);
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|error| Failure::file("write", &path)(io::Error::other(error)))?;
        text.push(b'\n');
        write_if_changed(&path, &text).map(drop)
    }

    /// Whether the component of this name is there, as it was made from this source.
    pub(crate) fn holds(&self, folder: &Path, name: &str, source_hash: &str) -> bool {
        self.plugins.iter().any(|entry| {
            entry.name == name
                && entry.source_hash == source_hash
                && fs::metadata(folder.join(format!("{name}.wasm"))).is_ok_and(|file| file.len() == entry.size_bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, source_hash: &str) -> Entry {
        let (world, sha256) = ("scorer".to_owned(), String::new());
        Entry { name: name.into(), world, source_hash: source_hash.into(), sha256, size_bytes: 4, imports: vec![] }
    }

    #[test]
    fn a_component_is_up_to_date_only_while_its_source_and_its_file_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut index = Index::read(folder.path());
        index.put(entry("scorer-jvm", "one"));
        index.write(folder.path()).unwrap();
        let index = Index::read(folder.path());
        assert!(!index.holds(folder.path(), "scorer-jvm", "one"), "the file is missing");
        fs::write(folder.path().join("scorer-jvm.wasm"), b"wasm").unwrap();
        assert!(index.holds(folder.path(), "scorer-jvm", "one"));
        assert!(!index.holds(folder.path(), "scorer-jvm", "two"), "the source has changed");
        fs::write(folder.path().join("scorer-jvm.wasm"), b"was").unwrap();
        assert!(!index.holds(folder.path(), "scorer-jvm", "one"), "the file was cut short");
    }

    #[test]
    fn entries_stand_once_and_in_order() {
        let mut index = Index { schema: SCHEMA, plugins: vec![] };
        for (name, hash) in [("b", "1"), ("a", "1"), ("b", "2")] {
            index.put(entry(name, hash));
        }
        let all: Vec<_> = index.plugins.iter().map(|entry| (entry.name.as_str(), entry.source_hash.as_str())).collect();
        assert_eq!(all, [("a", "1"), ("b", "2")]);
    }
}
