//! Do the documents speak of what is there? A link to a file that has moved, or to a test that was renamed, is a claim
//! that nothing holds any more.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every document of ours, but not those of what was downloaded or built.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                documents(&path, found);
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// What is wrong with the links of one document that lead to files of ours.
fn dead_links(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let link = Regex::new(r"\[(?<words>[^\]\n]+)\]\((?<to>[^)\s]+)\)").unwrap();
    let mut dead = vec![];
    for found in link.captures_iter(&text) {
        let (words, to) = (&found["words"], &found["to"]);
        if to.contains("://") || to.starts_with(['#', '<']) || to.starts_with("mailto:") {
            continue;
        }
        let file = document.parent().unwrap().join(to.split('#').next().unwrap_or_default());
        let shown = document.strip_prefix(root()).unwrap_or(document).display();
        if !file.exists() {
            dead.push(format!("{shown}: [{words}]({to}) leads nowhere"));
        } else if to.ends_with(".rs")
            && let Some(name) = words.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'))
            && !name.contains(['/', '.'])
            && !is_in(&file, name)
        {
            dead.push(format!("{shown}: {to} has no `fn {name}`"));
        }
    }
    dead
}

/// Whether a function of this name, or a case of the tests of that name, is in a file.
fn is_in(file: &Path, name: &str) -> bool {
    let text = fs::read_to_string(file).unwrap();
    Regex::new(&format!(r"\bfn {}\b", regex::escape(name))).unwrap().is_match(&text)
}

#[test]
fn every_link_leads_to_a_file_and_every_test_that_is_named_exists() {
    let mut found = vec![];
    documents(&root(), &mut found);
    assert!(found.iter().any(|path| path.ends_with("SECURITY.md")), "{found:?}");
    let dead: Vec<String> = found.iter().flat_map(|document| dead_links(document)).collect();
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn a_link_to_a_test_that_was_renamed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.rs"), "fn it_holds() {}\n").unwrap();
    let document = folder.path().join("page.md");
    fs::write(&document, "[`it_holds`](a.rs), [`it_held`](a.rs), [`a.rs`](a.rs) and [gone](b.rs)\n").unwrap();
    let dead = dead_links(&document);
    assert_eq!(dead.len(), 2, "{dead:?}");
    assert!(
        dead[0].ends_with("a.rs has no `fn it_held`") && dead[1].ends_with("[gone](b.rs) leads nowhere"),
        "{dead:?}"
    );
}
