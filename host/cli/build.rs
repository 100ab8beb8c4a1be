//! Embeds the bundled plugins, so that `lagdoctor` is one file. They are where `cargo xtask build` puts them; where they
//! are missing the table is empty, the program says which command builds them, and editors and linters still work.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=LAGDOCTOR_PLUGINS");
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let folder = env::var_os("LAGDOCTOR_PLUGINS").map_or_else(|| manifest.join("../../target/plugins"), PathBuf::from);
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut rows = String::new();
    for file in components(&folder) {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let path = fs::canonicalize(&file).unwrap_or(file);
        rows += &format!("    Bundled {{ name: {name:?}, wasm: include_bytes!({path:?}) }},\n");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("bundled.rs");
    fs::write(&out, format!("/// The plugins inside this program, in the order of their names.\npub static BUNDLED: &[Bundled] = &[\n{rows}];\n"))
        .expect("cargo's OUT_DIR can be written");
}

/// The components to embed, in the order of their names. Those that misbehave on purpose are for tests only.
fn components(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .filter(|path| !path.file_name().unwrap_or_default().to_string_lossy().starts_with("misbehaving"))
        .collect();
    files.sort();
    files
}
