//! What an operator hears of a cache.

use std::fmt::Debug;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, span};

use super::*;

/// Keeps warnings.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Visit for Heard {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        self.0.lock().unwrap().push(format!("{value:?}"));
    }
}

impl tracing::Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target() == "lagdoctor::cache"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
}

/// What is said while this is done with a cache of so many bytes.
fn said(most_bytes: u64, act: impl FnOnce(&TempDir, &Cache, &Engine, &Key)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), most_bytes).unwrap();
    let engine = Engine::default();
    let key = Key::new([7; 32], &engine);
    let heard = Heard::default();
    tracing::subscriber::with_default(heard.clone(), || act(&folder, &cache, &engine, &key));
    let said = heard.0.lock().unwrap().clone();
    said.into_iter().map(|line| line.replace(&folder.path().display().to_string(), "FOLDER")).collect()
}

fn component(engine: &Engine) -> Component {
    Component::from_binary(engine, b"\0asm\x0d\0\x01\0").unwrap()
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_named_with_the_reason() {
    let mut name = String::new();
    let said = said(1 << 20, |folder, cache, engine, key| {
        name = key.file_name();
        fs::write(folder.path().join(&name), "something else").unwrap();
        assert!(cache.load(engine, key, "mine.wasm").is_none());
        assert!(cache.load(engine, key, "mine.wasm").is_none());
    });
    let expected = format!(
        "FOLDER/{name} is not what was kept there for `mine.wasm`: it does not begin as a file of this cache; it was removed, and the plugin is compiled again"
    );
    assert_eq!(said, [expected]);
}

#[test]
fn a_folder_that_was_opened_to_others_is_told_of_once() {
    let said = said(1 << 20, |folder, cache, engine, key| {
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        for _ in 0..3 {
            assert!(cache.load(engine, key, "mine.wasm").is_none());
            cache.store(key, &component(engine), "mine.wasm");
        }
    });
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("compiled plugins are no longer kept: others may write to FOLDER (mode 0777)"),
        "{said:?}"
    );
}

#[test]
fn that_nothing_can_be_kept_is_told_once() {
    let said = said(100, |_, cache, engine, key| {
        for _ in 0..3 {
            cache.store(key, &component(engine), "mine.wasm");
        }
    });
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("cannot keep `mine.wasm` compiled in FOLDER, so it will be compiled again: it takes"));
}

#[test]
fn a_good_file_is_loaded_without_a_word() {
    let said = said(1 << 20, |_, cache, engine, key| {
        assert!(cache.load(engine, key, "mine.wasm").is_none());
        cache.store(key, &component(engine), "mine.wasm");
        assert!(cache.load(engine, key, "mine.wasm").is_some());
    });
    assert_eq!(said, Vec::<String>::new());
}
