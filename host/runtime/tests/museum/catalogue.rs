//! What is kept, and what is known of it? A [`Hall`] is the folder of one version of the contract; a [`Piece`] is one
//! component in it, with the label that says how it was built and what it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// `museum.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    /// What has been added to the contract since, in the words of [`crate::contract`]; sorted.
    pub(crate) added: Vec<String>,
    /// SHA-256 of the files of the contract as they were published.
    pub(crate) contract: BTreeMap<String, String>,
    /// SHA-256 of each component.
    pub(crate) pieces: BTreeMap<String, String>,
}

/// `piece.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Label {
    pub(crate) world: String,
    pub(crate) imports: Vec<String>,
    pub(crate) built_on: String,
    pub(crate) rustc: String,
    pub(crate) wit_bindgen: String,
    pub(crate) sdk: Option<String>,
    /// What it is an example of.
    pub(crate) shows: String,
    /// Name and version, as it describes itself.
    pub(crate) describes: String,
    /// What it asks for, each as `KIND VALUE`.
    #[serde(default)]
    pub(crate) asks: Vec<String>,
    pub(crate) call: Vec<Expected>,
}

/// One call and what comes of it: an answer or an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// What it is configured with.
    #[serde(default)]
    pub(crate) config: Value,
    /// The page that a collector is asked for.
    #[serde(default)]
    pub(crate) page: String,
    pub(crate) answer: Option<Value>,
    pub(crate) error: Option<Value>,
    /// What it sends.
    #[serde(default)]
    pub(crate) requests: Vec<Value>,
}

/// One version of the contract.
pub(crate) struct Hall {
    pub(crate) version: String,
    pub(crate) folder: PathBuf,
    pub(crate) catalogue: Catalogue,
}

/// One component.
pub(crate) struct Piece {
    /// `0.1/scorer-sdk`.
    pub(crate) name: String,
    folder: PathBuf,
    sha256: String,
    pub(crate) label: Label,
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn sha256(path: &Path) -> Result<(Vec<u8>, String), String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, hash))
}

/// Names of the folders in a folder, sorted; what begins with a dot, and what cargo leaves, aside.
fn folders(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let folders = entries.map(|entry| entry.expect("the museum can be listed")).filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "target" && !name.starts_with('.'));
    names.sort();
    names
}

/// All versions of the contract for which something is kept.
pub(crate) fn halls() -> Vec<Hall> {
    let museum = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/museum");
    let hall = |version: String| {
        let folder = museum.join(&version);
        let catalogue = read(&folder.join("museum.toml")).unwrap_or_else(|why| panic!("{why}"));
        Hall { version, folder, catalogue }
    };
    let halls: Vec<Hall> = folders(&museum).into_iter().map(hall).collect();
    assert!(halls.iter().any(|hall| hall.version == "0.1"), "the hall of 0.1 is gone, and 0.1 is still promised");
    halls
}

impl Hall {
    /// Its pieces, with their labels.
    pub(crate) fn pieces(&self) -> Result<Vec<Piece>, String> {
        let piece = |(name, sha256): (&String, &String)| {
            let folder = self.folder.join(name);
            let label = read(&folder.join("piece.toml"))?;
            Ok(Piece { name: format!("{}/{name}", self.version), folder, sha256: sha256.clone(), label })
        };
        self.catalogue.pieces.iter().map(piece).collect()
    }

    /// The files of the contract as they were published and as these pieces were built against them: those whose name ends
    /// so.
    pub(crate) fn contract(&self, end: &str) -> Result<Vec<String>, String> {
        let file = |(name, expected): (&String, &String)| {
            let path = self.folder.join("wit").join(name);
            let (bytes, found) = sha256(&path)?;
            if found != *expected {
                let path = path.display();
                return Err(format!("{path} has been edited: it is the contract as it was published, and stays so"));
            }
            String::from_utf8(bytes).map_err(|error| format!("{}: {error}", path.display()))
        };
        self.catalogue.contract.iter().filter(|(name, _)| name.ends_with(end)).map(file).collect()
    }

    /// Folders that nobody lists, and pieces whose folder lacks something.
    pub(crate) fn disagreements(&self) -> Vec<String> {
        let there: BTreeSet<String> = folders(&self.folder).into_iter().filter(|name| name != "wit").collect();
        let listed: BTreeSet<String> = self.catalogue.pieces.keys().cloned().collect();
        let at = |name: &String| format!("{}/{name}", self.version);
        let mut found: Vec<String> =
            there.difference(&listed).map(|name| format!("{} is there and not listed", at(name))).collect();
        for name in &listed {
            for file in ["component.wasm", "piece.toml", "Cargo.toml", "src/lib.rs"] {
                if !self.folder.join(name).join(file).is_file() {
                    found.push(format!("{} is listed and has no {file}", at(name)));
                }
            }
        }
        if let Err(why) = self.pieces() {
            found.push(why);
        }
        found
    }
}

impl Piece {
    /// The component, if it is the one that was built.
    pub(crate) fn component(&self) -> Result<Vec<u8>, String> {
        let path = self.folder.join("component.wasm");
        let (bytes, found) = sha256(&path)?;
        if found == self.sha256 {
            return Ok(bytes);
        }
        Err(format!("{}: component.wasm has the digest {found}, and {} was kept", self.name, self.sha256))
    }

    /// For people: what it is and where it comes from.
    pub(crate) fn origin(&self) -> String {
        let Label { built_on, rustc, wit_bindgen, sdk, shows, .. } = &self.label;
        let sdk = sdk.as_ref().map_or_else(|| "without the SDK".to_owned(), |version| format!("SDK {version}"));
        format!("{} ({shows}; built on {built_on} by {rustc}, wit-bindgen {wit_bindgen}, {sdk})", self.name)
    }
}
