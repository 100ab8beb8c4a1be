//! The SDK and the contract as they stand in a plugin's own folder. There they are no members of our workspace, so what
//! their manifests take from it is written out. Start at [`files`].

use toml::{Table, Value};

mod packed {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// Where the contract lies, seen from the SDK: here, and in a plugin's folder.
const CONTRACT: (&str, &str) = ("../../wit", "../wit");
/// The minimum version of Rust that the SDK needs, which is also that of a new plugin.
pub(crate) const RUST_VERSION: &str = env!("CARGO_PKG_RUST_VERSION");

/// How our sources are formatted. A project is formatted as a whole, so that without it each `cargo fmt` would rewrite the
/// SDK.
pub(crate) fn format() -> &'static str {
    packed::FORMAT
}

/// The SDK and the contract: path in a plugin's folder, and text.
pub(crate) fn files() -> Vec<(&'static str, String)> {
    packed::TREES.iter().map(|(path, text)| (*path, as_there(path, text))).collect()
}

/// The worked example in this language, by the name of its folder: path in a plugin's folder, and text.
pub(crate) fn example(language: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let inside = move |(path, text): &(&'static str, &'static str)| {
        Some((path.strip_prefix(language)?.strip_prefix('/')?, *text))
    };
    packed::EXAMPLES.iter().filter_map(inside)
}

fn as_there(path: &str, text: &str) -> String {
    if path.ends_with("/Cargo.toml") {
        return standalone(text);
    }
    if path.ends_with(".rs") { text.replace(CONTRACT.0, CONTRACT.1) } else { text.to_owned() }
}

/// The manifest with everything spelled out that it takes from the workspace.
fn standalone(manifest: &str) -> String {
    let (Ok(mut manifest), Ok(workspace)) = (manifest.parse::<Table>(), packed::WORKSPACE.parse::<Table>()) else {
        // Both are files of the repository that this was built from; a test reads them.
        return manifest.to_owned();
    };
    let shared = |section: &str| workspace.get("workspace").and_then(|workspace| workspace.get(section)?.as_table());
    // Tests of the SDK, and rules for its source, stay where it is developed.
    for section in ["dev-dependencies", "lints"] {
        manifest.remove(section);
    }
    for (section, shared) in [("package", shared("package")), ("dependencies", shared("dependencies"))] {
        let fields = manifest.get_mut(section).and_then(Value::as_table_mut).into_iter().flatten();
        for (name, value) in fields {
            let is_shared = value.get("workspace").and_then(Value::as_bool) == Some(true);
            if let (true, Some(shared)) = (is_shared, shared.and_then(|shared| shared.get(name))) {
                *value = shared.clone();
            }
            if let Some(path) = value.get_mut("path") {
                *path = Value::from(CONTRACT.1);
            }
        }
    }
    manifest.to_string()
}

/// A lock file with the versions that the SDK was tested with. Cargo adds the plugin itself with the first build.
pub(crate) fn lock() -> String {
    let Ok(lock) = packed::LOCK.parse::<Table>() else { return String::new() };
    let all: Vec<&Table> =
        lock.get("package").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table).collect();
    let text = |package: &Table, field: &str| package.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut wanted: Vec<String> = direct().into_iter().collect();
    let mut kept: Vec<&Table> = vec![];
    while let Some(name) = wanted.pop() {
        // "NAME" or, where there are several versions of it, "NAME VERSION".
        let mut words = name.split(' ');
        let (name, version) = (words.next().unwrap_or_default().to_owned(), words.next());
        for package in &all {
            let is_it =
                text(package, "name") == name && version.is_none_or(|version| text(package, "version") == version);
            if is_it && package.contains_key("source") && !kept.contains(package) {
                kept.push(package);
                let needs = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
                wanted.extend(needs.filter_map(Value::as_str).map(str::to_owned));
            }
        }
    }
    kept.sort_by_key(|package| (text(package, "name"), text(package, "version")));
    let mut out = Table::new();
    out.insert("version".to_owned(), lock.get("version").cloned().unwrap_or(Value::Integer(4)));
    out.insert("package".to_owned(), Value::Array(kept.into_iter().cloned().map(Value::Table).collect()));
    format!("# The versions that lagdoctor's SDK was tested with.\n{out}")
}

/// What the SDK needs of others.
fn direct() -> Vec<String> {
    let manifest = packed::TREES.iter().find(|(path, _)| *path == "lagdoctor-sdk/Cargo.toml");
    let manifest = manifest.and_then(|(_, text)| text.parse::<Table>().ok()).unwrap_or_default();
    let dependencies = manifest.get("dependencies").and_then(Value::as_table).into_iter().flatten();
    dependencies.map(|(name, _)| name.clone()).filter(|name| !name.starts_with("lagdoctor")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_out_names_nothing_outside_the_plugins_folder() {
        let files = files();
        for name in [
            "lagdoctor-sdk/Cargo.toml",
            "lagdoctor-sdk/src/lib.rs",
            "wit/Cargo.toml",
            "wit/types.wit",
            "wit/src/lib.rs",
        ] {
            assert!(files.iter().any(|(path, _)| *path == name), "{name}");
        }
        for (path, text) in &files {
            assert!(!text.contains(CONTRACT.0), "{path} looks for the contract where it is not");
            assert!(!path.ends_with(".toml") || !text.contains("workspace = true"), "{path}:\n{text}");
        }
        let sdk =
            files.iter().find(|(path, _)| *path == "lagdoctor-sdk/Cargo.toml").unwrap().1.parse::<Table>().unwrap();
        assert_eq!(sdk["dependencies"]["lagdoctor-wit"]["path"].as_str(), Some("../wit"));
        assert_eq!(sdk["package"]["edition"].as_str(), Some("2024"));
        assert!(sdk["dependencies"]["wit-bindgen"]["version"].as_str().unwrap().starts_with('='));
    }

    #[test]
    fn the_lock_file_holds_what_the_sdk_needs_and_nothing_of_its_tests() {
        let lock = lock().parse::<Table>().unwrap();
        let names: Vec<_> =
            lock["package"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"wit-bindgen") && names.contains(&"serde_json"), "{names:?}");
        assert!(!names.contains(&"proptest") && !names.iter().any(|name| name.starts_with("lagdoctor")), "{names:?}");
    }
}
