//! Packs the SDK and the contract into the program, so that a plugin is made without this repository and without a
//! registry that has our crates.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where each tree lies here, and what it is called in a new plugin's folder.
const TREES: [(&str, &str); 2] = [("plugins/sdk", "lagdoctor-sdk"), ("wit", "wit")];
/// The worked examples in other languages, from which plugins in these languages begin.
const EXAMPLES: [(&str, &str); 2] =
    [("plugins/examples/scorer-cache-js", "javascript"), ("plugins/examples/scorer-retries-py", "python")];
/// What is text and worth taking along.
const ENDINGS: [&str; 8] = [".rs", ".toml", ".wit", ".md", ".js", ".mjs", ".json", ".py"];

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = manifest.join("../..").canonicalize().expect("this crate lies in its repository");
    let mut text = String::new();
    for (table, trees) in [("TREES", TREES), ("EXAMPLES", EXAMPLES)] {
        text += &format!("/// Path, and text.\npub(crate) static {table}: &[(&str, &str)] = &[\n");
        for (folder, name) in trees {
            let folder = root.join(folder);
            println!("cargo::rerun-if-changed={}", folder.display());
            let mut files = vec![];
            collect(&folder, &mut files);
            files.sort();
            for file in files {
                let inside = file.strip_prefix(&folder).expect("it was found below").to_string_lossy();
                let path = format!("{name}/{}", inside.replace('\\', "/"));
                text += &format!("    ({path:?}, include_str!({file:?})),\n");
            }
        }
        text += "];\n";
    }
    for (name, file) in
        [("WORKSPACE", "plugins/Cargo.toml"), ("LOCK", "plugins/Cargo.lock"), ("FORMAT", "rustfmt.toml")]
    {
        let path = root.join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        text += &format!("/// `{file}`.\npub(crate) static {name}: &str = include_str!({path:?});\n");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("embedded.rs");
    fs::write(out, text).expect("cargo's OUT_DIR can be written");
}

/// Sources, manifests, contract and vocabulary; not tests of their own, nor what tools leave behind.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository can be read") {
        let path = entry.expect("a folder of the repository can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == ".gitignore" {
            files.push(path);
            continue;
        }
        let is_left_behind = ["target", "tests", "node_modules", "wit_world", "__pycache__", "package-lock.json"];
        let is_made = name.starts_with("componentize_py_") || name == "poll_loop.py";
        if name.starts_with('.') || is_made || is_left_behind.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            files.push(path);
        }
    }
}
