//! A disk that is full, or not to be written to, and a file that something else has written into.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a child tells its parent, and a test that did not run says so"
)]

use super::*;

/// Why there is no record; the paths left out.
fn refusal(lab: &Lab) -> String {
    let error = lab.audit.append(&draft(9, 100), &|_| None).unwrap_err().to_string();
    error.replace(&lab.folder.path().display().to_string(), "DIR")
}

/// What verifying says: of the whole file, or of each record.
fn said(lab: &Lab) -> Vec<String> {
    let anchors = lab.audit.anchors().unwrap().unwrap();
    match lab.audit.book().and_then(|book| book.verify(&Against::Anchors(anchors))) {
        Ok(verified) => verified.faults.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    }
}

/// All that is kept of each record.
fn contents(lab: &Lab) -> Vec<(Kept, [Option<Vec<u8>>; 3])> {
    let book = lab.audit.book().unwrap();
    let parts = |kept: &Kept| [kept.record.input.sha256, kept.record.body, kept.record.path];
    let all = book.last(10).unwrap().into_iter().map(|kept| {
        let parts = parts(&kept).map(|part| book.part(part).unwrap().ok());
        (kept, parts)
    });
    all.collect()
}

#[test]
fn wherever_a_file_is_overwritten_verifying_says_so_or_nothing_is_harmed() {
    const BLOCK: usize = 1024;
    let lab = Lab::new(Keep::default());
    (1..=6).for_each(|minute| drop(lab.audit.append(&draft(minute, 3000), &|_| None).unwrap()));
    let (whole, before) = (fs::read(lab.database()).unwrap(), contents(&lab));
    let anchor = fs::read(lab.anchor()).unwrap();
    let mut named = 0;
    for block in 0..whole.len() / BLOCK {
        let mut bytes = whole.clone();
        bytes[block * BLOCK..(block + 1) * BLOCK].fill(0xa5);
        fs::write(lab.database(), &bytes).unwrap();
        if said(&lab).is_empty() {
            assert_eq!(contents(&lab), before, "block {block}");
        } else {
            named += 1;
        }
        // Whoever writes next gets an error or a record, and no panic.
        let _ = lab.audit.append(&draft(9, 100), &|_| None);
        fs::write(lab.anchor(), &anchor).unwrap();
    }
    assert!(named > 20, "only {named} blocks of {} were missed", whole.len() / BLOCK);
}

#[test]
fn a_record_that_cannot_be_read_is_named_and_the_others_are_proved_all_the_same() {
    let lab = Lab::with(5);
    // As a record whose text is a number would lie there: nothing that this program writes.
    lab.tamper(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ' STRICT', '') WHERE name = 'records'",
    );
    lab.tamper("UPDATE records SET record = 7 WHERE sequence = 3");
    assert_eq!(lab.faults(), ["record 3 unreadable: the file is damaged where it lies"]);
    let readable = lab.audit.book().unwrap().readable(3).unwrap();
    assert_eq!(readable.iter().map(|kept| kept.sequence).collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn a_file_that_was_cut_off_is_named_and_one_that_was_emptied_leaves_a_hole() {
    let lab = Lab::with(3);
    let whole = fs::read(lab.database()).unwrap();
    fs::write(lab.database(), &whole[..whole.len() - 5000]).unwrap();
    assert!(refusal(&lab).contains("it is damaged: move it away"), "{}", refusal(&lab));
    assert!(said(&lab)[0].contains("it is damaged"), "{:?}", said(&lab));

    fs::write(lab.database(), "").unwrap();
    assert!(said(&lab)[0].starts_with("there is no audit database"), "{:?}", said(&lab));
    let appended = lab.add(4);
    assert!(appended.notes[0].contains("the database ends before it"), "{:?}", appended.notes);
    assert_eq!(
        (appended.sequence, said(&lab)),
        (4, vec!["records 1 to 3 missing: removed from the database".to_owned()])
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_record_whose_anchor_finds_no_room_is_kept_and_that_is_told() {
    let lab = Lab::new(Keep::default());
    let place = Place { database: lab.database(), anchor: PathBuf::from("/dev/full") };
    let appended = Audit::new(place, Keep::default()).append(&draft(1, 100), &|_| None).unwrap();
    assert_eq!(appended.sequence, 1);
    let note = &appended.notes[0];
    assert!(note.starts_with("record 1 is kept and not anchored: cannot write the anchor"), "{note}");
    assert!(note.contains("No space left on device") && note.contains("free space"), "{note}");
    assert_eq!((lab.add(2).sequence, lab.faults()), (2, vec![]));
}

/// Runs this test again as a process that may not write files beyond so many blocks, with `ROOM` set.
#[cfg(unix)]
fn with_little_room(test: &str, folder: &Path) -> String {
    let program = std::env::current_exe().unwrap();
    let script = r#"trap '' XFSZ; ulimit -f 120; exec "$0" --exact "$1" --nocapture"#;
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script]).arg(program).arg(test).env("LAGDOCTOR_TEST_ROOM", folder);
    String::from_utf8_lossy(&shell.output().unwrap().stdout).into_owned()
}

#[cfg(unix)]
#[test]
fn a_disk_without_room_costs_the_record_and_leaves_the_others_whole() {
    if let Some(folder) = std::env::var_os("LAGDOCTOR_TEST_ROOM") {
        let audit = Audit::new(Place::beside(Path::new(&folder).join("state/audit.sqlite")), Keep::default());
        let refused = (10..60).find_map(|minute| audit.append(&draft(minute, 9000), &|_| None).err());
        return println!("REFUSED: {}", refused.unwrap());
    }
    let lab = Lab::with(2);
    let test = "audit::tests::trouble::a_disk_without_room_costs_the_record_and_leaves_the_others_whole";
    let told = with_little_room(test, lab.folder.path());
    assert!(told.contains("REFUSED: cannot write to the audit database"), "{told}");
    assert!(told.contains("check the disk that it lies on") || told.contains("make room on that disk"), "{told}");
    let verified = lab.verified();
    assert!(verified.count > 2 && verified.faults.is_empty(), "{verified:?}");
    let next = lab.add(99).sequence;
    assert_eq!((usize::try_from(next).unwrap(), lab.faults()), (verified.count + 1, vec![]));
}

#[cfg(unix)]
#[test]
fn a_database_that_may_only_be_read_is_read_and_not_written() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let lab = Lab::with(2);
    if fs::metadata(lab.database()).unwrap().uid() == 0 {
        return eprintln!("SKIPPED, because root may write everywhere: a database that may only be read");
    }
    let set_mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let state = lab.folder.path().join("state");
    set_mode(&lab.database(), 0o400);
    assert!(refusal(&lab).contains("check who owns it and its folder"), "{}", refusal(&lab));
    set_mode(&lab.database(), 0o600);
    set_mode(&state, 0o500);
    assert!(refusal(&lab).contains("check who owns it and its folder"), "{}", refusal(&lab));
    assert_eq!(lab.faults(), Vec::<String>::new());
    set_mode(&state, 0o700);
    assert_eq!(lab.add(3).sequence, 3);
}
