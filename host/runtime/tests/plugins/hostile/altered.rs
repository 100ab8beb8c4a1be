//! Components that change under the host's hands.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::guest::Guest;
use crate::{batch, host_with, limits, operator};

/// A scorer of this name that finds nothing.
fn named(name: &str) -> Vec<u8> {
    let mut guest = Guest::scorer(|image| format!("i32.const {}", image.findings(&[])));
    guest.name = name.to_owned();
    guest.build()
}

#[tokio::test]
async fn what_was_checked_is_what_runs_whatever_becomes_of_the_bytes() {
    let host = host_with(limits());
    let mut bytes = named("first");
    let plugin = host.load("plugin.wasm", &bytes).await.unwrap();
    let digest = plugin.digest().to_owned();
    let other = named("other");
    bytes.clear();
    bytes.extend_from_slice(&other);
    assert_eq!(plugin.bind(operator()).unwrap().score(&batch()).await.unwrap(), []);
    assert_eq!((plugin.manifest().name.as_str(), plugin.digest()), ("first", digest.as_str()));
    // The same place with other bytes is another plugin, though the first is still in use.
    let second = host.load("plugin.wasm", &bytes).await.unwrap();
    assert_eq!(second.manifest().name, "other");
    assert_ne!(second.digest(), digest);
}

#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_loaded_again_and_again_is_one_or_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plugin.wasm");
    let versions = [named("alpha"), named("beta")];
    std::fs::write(&path, &versions[0]).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (path, versions, stop) = (path.clone(), versions.clone(), stop.clone());
        std::thread::spawn(move || {
            let fresh = path.with_extension("new");
            for version in versions.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                std::fs::write(&fresh, version).unwrap();
                std::fs::rename(&fresh, &path).unwrap();
            }
        })
    };
    let host = host_with(limits());
    let digests = [host.load("alpha", &versions[0]).await.unwrap(), host.load("beta", &versions[1]).await.unwrap()]
        .map(|plugin| (plugin.digest().to_owned(), plugin.manifest().name.clone()));
    for _ in 0..200 {
        let plugin = host.load("plugin.wasm", &read(&path)).await.unwrap();
        let told = (plugin.digest().to_owned(), plugin.manifest().name.clone());
        assert!(digests.contains(&told), "{told:?} is neither of {digests:?}");
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn a_file_that_is_half_written_is_refused_and_what_runs_goes_on() {
    let host = host_with(limits());
    let whole = named("whole");
    let running = host.load("plugin.wasm", &whole).await.unwrap().bind(operator()).unwrap();
    for part in [1, whole.len() / 3, whole.len() - 1] {
        let said = host.load("plugin.wasm", &whole[..part]).await.unwrap_err().to_string();
        assert!(said.contains("plugin.wasm"), "{said}");
        assert_eq!(running.score(&batch()).await.unwrap(), []);
    }
}
