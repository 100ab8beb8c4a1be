//! A plugin is what its file held when it was read, whatever happens to the file.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use lagdoctor_runtime::{Host, Plugin};

use crate::guest::Guest;
use crate::{batch, host_with, limits, operator};

/// A scorer of this name, whose findings say the name as well.
fn named(name: &'static str) -> Vec<u8> {
    let mut guest = Guest::scorer(|image| {
        let finding = image.finding(0.5, "kafka.consumer_group.lag", "load.burst", name);
        format!("i32.const {}", image.findings(&[finding]))
    });
    guest.name = name.to_owned();
    guest.build()
}

async fn says(plugin: &Plugin) -> String {
    plugin.bind(operator()).unwrap().score(&batch()).await.unwrap()[0].statement.clone()
}

async fn digest(host: &Host, wasm: &[u8]) -> String {
    host.load("of its bytes", wasm).await.unwrap().digest().to_owned()
}

/// As an update does it: written beside it, then renamed.
fn replace(path: &Path, wasm: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, wasm).unwrap();
    fs::rename(beside, path).unwrap();
}

#[tokio::test]
async fn a_plugin_stays_what_it_was_when_its_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.wasm");
    let host = host_with(limits());
    replace(&path, &named("first"));
    let first = host.load_file(&path).await.unwrap();
    fs::write(&path, named("second")).unwrap();
    assert_eq!((first.manifest().name.as_str(), says(&first).await.as_str()), ("first", "first"));
    let second = host.load_file(&path).await.unwrap();
    assert_eq!((second.manifest().name.as_str(), says(&second).await.as_str()), ("second", "second"));
    assert_ne!(first.digest(), second.digest());
    fs::remove_file(&path).unwrap();
    assert_eq!(says(&second).await, "second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_replaced_while_it_is_loaded_is_the_one_or_the_other_and_never_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.wasm");
    let [first, second] = ["first", "second"].map(named);
    let host = host_with(limits());
    let digests = [digest(&host, &first).await, digest(&host, &second).await];
    replace(&path, &first);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                replace(&path, &second);
                replace(&path, &first);
            }
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for _ in 0..60 {
                    let plugin = host.load_file(&path).await.unwrap();
                    let name = plugin.manifest().name.clone();
                    let digest = &digests[usize::from(name == "second")];
                    assert_eq!((plugin.digest(), says(&plugin).await), (digest.as_str(), name));
                }
            });
        });
        stop.store(true, Ordering::Relaxed);
    });
}

#[tokio::test]
async fn what_is_no_file_or_has_no_end_is_refused_at_once() {
    let host = host_with(limits());
    for path in ["/dev/zero", "/", "/nowhere.wasm"] {
        let said = host.load_file(Path::new(path)).await.unwrap_err().to_string();
        assert_eq!(said, format!("cannot read plugin file {path}"));
    }
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    host.load_file(&pipe).await.unwrap_err();
    let huge = folder.path().join("huge.wasm");
    let file = fs::File::create(&huge).unwrap();
    file.set_len(1 << 40).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"\0asm\x0d\0\x01\0", 0).unwrap();
    let said = host.load_file(&huge).await.unwrap_err().to_string();
    assert!(said.contains("at most 134217728 are accepted"), "{said}");
}
