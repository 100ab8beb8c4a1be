//! What is kept compiled, and what is never loaded from a folder.
#![allow(clippy::print_stderr, reason = "what is not tested here is said")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lagdoctor_runtime::{Cache, CacheTally, Host, HostOptions, Limits, Plugin};
use tempfile::TempDir;

use crate::guest::Guest;
use crate::{Nowhere, batch, limits, operator};

/// Some user who runs no test.
const STRANGER: u32 = 54_321;

/// A folder to keep a cache in, which nobody but this user has a say in.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("components")
    }

    fn cache(&self) -> Cache {
        Cache::open(&self.path(), 64 << 20).unwrap()
    }

    /// The files in it, by name.
    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.path()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    fn only_file(&self) -> PathBuf {
        let [file] = &self.files()[..] else { panic!("{:?}", self.files()) };
        file.clone()
    }
}

fn host_of(cache: &Cache, limits: Limits) -> Host {
    Host::new(HostOptions { limits, cache: Some(cache.clone()), ..HostOptions::new(Arc::new(Nowhere)) }).unwrap()
}

/// A scorer that finds nothing; each number gives another component.
fn quiet(number: u32) -> Vec<u8> {
    let mut guest = Guest::scorer(|image| format!("(drop (i32.const {number})) i32.const {}", image.findings(&[])));
    guest.name = format!("quiet-{number}");
    guest.build()
}

/// The quiet scorer on a new host, which must work wherever its code comes from.
async fn load(cache: &Cache) -> Plugin {
    let plugin = host_of(cache, limits()).load("test.wasm", &quiet(0)).await.unwrap();
    assert_eq!(plugin.bind(operator()).unwrap().score(&batch()).await.unwrap(), []);
    plugin
}

/// A cache in which the quiet scorer is kept, and the file that it is in.
async fn filled() -> (Place, Cache, PathBuf) {
    let place = Place::new();
    let cache = place.cache();
    assert!(!load(&cache).await.from_cache());
    let file = place.only_file();
    (place, cache, file)
}

/// Something happens to the file of a plugin: the next host does not load it, puts things right, and goes on.
async fn check_refused(harm: impl FnOnce(&Path)) {
    let (place, _, file) = filled().await;
    harm(&file);
    let cache = place.cache();
    assert!(!load(&cache).await.from_cache());
    assert_eq!(cache.tally(), CacheTally { refused: 1, stored: 1, ..CacheTally::default() });
    assert_eq!(place.only_file(), file);
    assert!(load(&cache).await.from_cache());
}

/// Why a folder is not used.
fn refusal(path: &Path) -> String {
    Cache::open(path, 1 << 20).unwrap_err().to_string()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Whether this process may give files away and mount; says what is not tested when it may not.
fn is_root(what: &str) -> bool {
    let is_root = tempfile::tempfile().unwrap().metadata().unwrap().uid() == 0;
    if !is_root {
        eprintln!("SKIPPED, because only root can try it: {what}");
    }
    is_root
}

#[tokio::test]
async fn a_second_host_loads_what_the_first_has_compiled() {
    let (place, first, file) = filled().await;
    assert_eq!(first.tally(), CacheTally { stored: 1, ..CacheTally::default() });
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(place.path()).unwrap().mode() & 0o777, 0o700);
    let second = place.cache();
    let plugin = load(&second).await;
    assert!(plugin.from_cache());
    assert_eq!(plugin.manifest().name, "quiet-0");
    assert_eq!(second.tally(), CacheTally { loaded: 1, ..CacheTally::default() });
}

#[tokio::test]
async fn another_component_is_not_mistaken_for_it() {
    let (place, cache, _) = filled().await;
    let other = host_of(&cache, limits()).load("test.wasm", &quiet(1)).await.unwrap();
    assert!(!other.from_cache());
    assert_eq!(other.manifest().name, "quiet-1");
    assert_eq!(place.files().len(), 2);
}

#[tokio::test]
async fn what_is_no_plugin_is_not_kept() {
    let place = Place::new();
    let host = host_of(&place.cache(), limits());
    let mut guest = Guest::new("scorer", "unreachable");
    guest.wit += "\nworld idle { export lifecycle; }\n";
    guest.world = "idle";
    host.load("test.wasm", &guest.build()).await.unwrap_err();
    assert_eq!(place.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn an_altered_file_is_refused_removed_and_compiled_again() {
    for place in [0, 40, 70, 100, 120, 200, 5000] {
        check_refused(|file| {
            let mut bytes = fs::read(file).unwrap();
            bytes[place] ^= 1;
            fs::write(file, bytes).unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn a_truncated_an_empty_and_a_longer_file_are_refused() {
    for length in [|_| 0, |_| 50, |whole: u64| whole - 1, |whole| whole + 1] {
        check_refused(|file| {
            let opened = fs::File::options().write(true).open(file).unwrap();
            opened.set_len(length(opened.metadata().unwrap().len())).unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn machine_code_without_our_header_is_refused() {
    let native = wasmtime::Engine::default().precompile_component(&quiet(0)).unwrap();
    check_refused(|file| fs::write(file, native).unwrap()).await;
}

#[tokio::test]
async fn the_file_of_another_plugin_is_refused() {
    let (place, cache, file) = filled().await;
    host_of(&cache, limits()).load("test.wasm", &quiet(1)).await.unwrap();
    let other = place.files().into_iter().find(|path| *path != file).unwrap();
    let bytes = fs::read(&other).unwrap();
    fs::remove_file(other).unwrap();
    fs::write(&file, bytes).unwrap();
    let plugin = load(&cache).await;
    assert_eq!((plugin.from_cache(), plugin.manifest().name.as_str()), (false, "quiet-0"));
    assert_eq!(cache.tally().refused, 1);
}

#[tokio::test]
async fn an_engine_of_another_configuration_has_files_of_its_own_and_takes_no_others() {
    let (place, cache, file) = filled().await;
    // Above 4 GiB, which is what each memory has room for anyway, machine code is another.
    let larger = || Limits { memory_bytes: 8 << 30, ..limits() };
    let other = host_of(&cache, larger()).load("test.wasm", &quiet(0)).await.unwrap();
    assert!(!other.from_cache());
    let others = place.files().into_iter().find(|path| *path != file).unwrap();
    fs::copy(&file, others).unwrap();
    let again = host_of(&cache, larger()).load("test.wasm", &quiet(0)).await.unwrap();
    assert!(!again.from_cache());
    assert_eq!(cache.tally().refused, 1);
}

#[tokio::test]
async fn a_file_that_others_may_write_or_that_is_no_file_is_refused() {
    check_refused(|file| set_mode(file, 0o666)).await;
    check_refused(|file| {
        let elsewhere = file.parent().unwrap().parent().unwrap().join("elsewhere");
        fs::rename(file, &elsewhere).unwrap();
        symlink(elsewhere, file).unwrap();
    })
    .await;
    check_refused(|file| {
        fs::remove_file(file).unwrap();
        // Whoever opens it carelessly waits for ever.
        assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
    })
    .await;
    if is_root("a file of somebody else") {
        check_refused(|file| chown(file, Some(STRANGER), None).unwrap()).await;
    }
}

#[test]
fn a_folder_that_others_may_write_is_refused_with_the_way_out() {
    for mode in [0o770, 0o702, 0o777, 0o1777] {
        let place = Place::new();
        fs::create_dir(place.path()).unwrap();
        set_mode(&place.path(), mode);
        let said = refusal(&place.path());
        let (path, mode) = (place.path().canonicalize().unwrap().display().to_string(), format!("(mode {mode:04o})"));
        assert!(said.contains(&mode) && said.contains(&format!("`chmod go-w {path}`")), "{said}");
        set_mode(&place.path(), 0o755);
        place.cache();
    }
}

#[test]
fn a_folder_below_one_that_others_may_write_is_refused_unless_they_may_not_replace_it() {
    let place = Place::new();
    set_mode(place.folder.path(), 0o777);
    let said = refusal(&place.path());
    assert!(
        said.contains(&format!("`chmod go-w {}`", place.folder.path().canonicalize().unwrap().display())),
        "{said}"
    );
    assert!(!place.path().exists());
    set_mode(place.folder.path(), 0o1777);
    place.cache();
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    if !is_root("a folder of somebody else") {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    chown(place.path(), Some(STRANGER), None).unwrap();
    let said = refusal(&place.path());
    assert!(said.contains(&format!("belongs to user {STRANGER} and this is user 0")), "{said}");
    let said = refusal(&place.path().join("below"));
    assert!(said.contains(&format!("belongs to user {STRANGER}")), "{said}");
}

#[tokio::test]
async fn a_link_of_ones_own_is_followed_and_one_of_somebody_else_is_not() {
    let (place, ..) = filled().await;
    let link = place.folder.path().join("link");
    symlink(place.path(), &link).unwrap();
    assert!(load(&Cache::open(&link, 1 << 20).unwrap()).await.from_cache());
    let relative = place.folder.path().join("relative");
    symlink("components", &relative).unwrap();
    assert!(load(&Cache::open(&relative, 1 << 20).unwrap()).await.from_cache());
    if is_root("a symbolic link of somebody else") {
        lchown(&link, Some(STRANGER), None).unwrap();
        for path in [link.clone(), link.join("below")] {
            let said = refusal(&path);
            assert!(said.contains(&format!("is a symbolic link of user {STRANGER}")), "{said}");
        }
    }
}

#[test]
fn links_that_lead_nowhere_and_files_are_no_folder() {
    let place = Place::new();
    symlink("ring", place.folder.path().join("ring")).unwrap();
    fs::write(place.path(), "").unwrap();
    for path in [place.folder.path().join("ring"), place.path(), place.path().join("below")] {
        assert!(refusal(&path).contains("is no folder"), "{}", refusal(&path));
    }
}

#[tokio::test]
async fn a_folder_that_is_replaced_after_it_was_checked_is_not_looked_into() {
    let (place, cache, _) = filled().await;
    let moved = place.folder.path().join("moved");
    fs::rename(place.path(), &moved).unwrap();
    fs::create_dir(place.path()).unwrap();
    set_mode(&place.path(), 0o777);
    assert!(load(&cache).await.from_cache());
    assert_eq!(place.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_folder_that_is_opened_to_others_later_on_is_used_no_more() {
    let (place, cache, _) = filled().await;
    set_mode(&place.path(), 0o777);
    assert!(!load(&cache).await.from_cache());
    host_of(&cache, limits()).load("test.wasm", &quiet(1)).await.unwrap();
    assert_eq!(cache.tally(), CacheTally { stored: 1, ..CacheTally::default() });
    assert_eq!(place.files().len(), 1);
}

#[tokio::test]
async fn the_ones_that_were_not_used_for_longest_make_place() {
    let place = Place::new();
    let sizes = place.cache();
    for number in 0..3 {
        host_of(&sizes, limits()).load("test.wasm", &quiet(number)).await.unwrap();
    }
    let files = place.files();
    let total: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    // All were put in long ago; the first is used again.
    let long_ago = SystemTime::now() - Duration::from_secs(1000);
    for file in &files {
        fs::File::open(file).unwrap().set_modified(long_ago).unwrap();
    }
    let cache = Cache::open(&place.path(), total).unwrap();
    assert!(load(&cache).await.from_cache());
    host_of(&cache, limits()).load("test.wasm", &quiet(3)).await.unwrap();
    let left: u64 = place.files().iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(left <= total, "{left} of {total}");
    let CacheTally { stored, evicted, .. } = cache.tally();
    assert_eq!((stored, evicted, place.files().len()), (1, 1, 3));
    assert!(load(&cache).await.from_cache());
}

#[tokio::test]
async fn what_is_larger_than_the_whole_cache_is_not_kept_and_still_runs() {
    let place = Place::new();
    let cache = Cache::open(&place.path(), 1000).unwrap();
    assert!(!load(&cache).await.from_cache());
    assert_eq!(place.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_a_dead_process_left_half_written_is_removed_and_foreign_files_are_not() {
    let (place, cache, _) = filled().await;
    let [stale, fresh, foreign] = [".new-1-1", ".new-1-2", "notes.txt"].map(|name| place.path().join(name));
    for file in [&stale, &fresh, &foreign] {
        fs::write(file, "x").unwrap();
    }
    let two_hours_ago = SystemTime::now() - Duration::from_secs(7200);
    for file in [&stale, &foreign] {
        fs::File::options().write(true).open(file).unwrap().set_modified(two_hours_ago).unwrap();
    }
    host_of(&cache, limits()).load("test.wasm", &quiet(1)).await.unwrap();
    assert_eq!((stale.exists(), fresh.exists(), foreign.exists()), (false, true, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hosts_that_write_the_same_at_once_leave_one_whole_file() {
    let place = Place::new();
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let hosts: Vec<_> = (0..8)
        .map(|_| {
            let (cache, start) = (place.cache(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                load(&cache).await;
            })
        })
        .collect();
    for host in hosts {
        host.await.unwrap();
    }
    place.only_file();
    assert!(load(&place.cache()).await.from_cache());
}

/// A file system of this size on the folder, for as long as this lives.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let options = format!("size={size},mode=700");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(&path).output();
        let is_mounted = done.is_ok_and(|done| done.status.success());
        if !is_mounted {
            eprintln!("SKIPPED, because nothing can be mounted here");
        }
        is_mounted.then_some(Self(path))
    }

    fn read_only(&self) {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, because a cache still holds the folder open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_costs_time_and_nothing_else() {
    let place = Place::new();
    if !is_root("a full disk") {
        return;
    }
    let Some(_small) = Mounted::new(place.path(), "16k") else { return };
    let cache = place.cache();
    for _ in 0..2 {
        assert!(!load(&cache).await.from_cache());
    }
    assert_eq!(cache.tally(), CacheTally::default());
    assert_eq!(place.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_still_read() {
    let (place, cache, file) = filled().await;
    let read_only = place.folder.path().join("read-only");
    let _mounted = if is_root("a file system that is mounted read-only") {
        let Some(mounted) = Mounted::new(read_only.clone(), "8m") else { return };
        fs::copy(&file, read_only.join(file.file_name().unwrap())).unwrap();
        mounted.read_only();
        Some(mounted)
    } else {
        fs::rename(place.path(), &read_only).unwrap();
        set_mode(&read_only, 0o500);
        None
    };
    drop(cache);
    let cache = Cache::open(&read_only, 64 << 20).unwrap();
    assert!(load(&cache).await.from_cache());
    assert!(!host_of(&cache, limits()).load("test.wasm", &quiet(1)).await.unwrap().from_cache());
    assert_eq!(cache.tally(), CacheTally { loaded: 1, ..CacheTally::default() });
    set_mode(place.folder.path(), 0o700);
}
