use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// The committed page.
fn committed() -> (String, PathBuf) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page =
        fs::read_to_string(folder.join("GALLERY.md")).expect("`cargo xtask gallery` writes simulator/GALLERY.md");
    (page, folder.join("gallery"))
}

#[test]
fn every_class_that_can_break_is_shown_alone() {
    let (page, folder) = committed();
    let missing: Vec<&str> = classes()
        .filter(|class| !page.contains(&format!("\n## `{class}`\n")) || !folder.join(format!("{class}.svg")).is_file())
        .collect();
    assert!(missing.is_empty(), "the gallery lacks {missing:?}; run `cargo xtask gallery`");
}

#[test]
fn the_committed_page_is_of_the_scenarios_of_today() {
    let (page, folder) = committed();
    let old: Vec<String> = exhibits()
        .into_iter()
        .filter(|shown| !page.contains(&format!("<!-- scenario {:016x},", shown.scenario_hash())))
        .map(|shown| shown.title)
        .collect();
    assert!(old.is_empty(), "{old:?} are shown as they were; run `cargo xtask gallery`");
    let bytes: u64 = fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 3_000_000, "{bytes} bytes are more than anybody wants to fetch");
}

#[test]
fn the_same_scenario_gives_the_same_drawing() {
    let (page, folder) = committed();
    let shown = exhibits().into_iter().find(|shown| shown.title == "db.slow-statement").unwrap();
    let again = Exhibit::of(&shown).unwrap();
    let drawn = fs::read_to_string(folder.join(&again.file)).unwrap();
    assert!(drawn == again.svg && page.contains(&again.text), "`cargo xtask gallery` would write something else");
}
