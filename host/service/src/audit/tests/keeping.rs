//! How much is kept, for whom, and what happens when it cannot be.

use std::thread;

use super::*;

#[test]
fn old_records_go_and_the_rest_is_still_provable() {
    let lab = Lab::new(Keep { age: Millis::minutes(3), ..Keep::default() });
    let removed: Vec<u64> = (1..=8).map(|minute| lab.add(minute).removed).collect();
    assert_eq!(removed, [0, 0, 0, 0, 1, 1, 1, 1]);
    let verified = lab.verified();
    assert_eq!((verified.records, verified.faults), (Some((5, 8)), vec![]));
    lab.tamper("DELETE FROM records WHERE sequence = 5");
    assert_eq!(lab.faults(), ["record 5 missing: removed from the database"]);
}

#[test]
fn the_database_stays_within_its_size_and_keeps_the_newest() {
    let most = 600_000;
    let lab = Lab::new(Keep { bytes: most, ..Keep::default() });
    for minute in 1..=20 {
        lab.audit.append(&draft(minute, 60_000), &|_| None).unwrap();
    }
    assert!(fs::metadata(lab.database()).unwrap().len() <= most);
    let verified = lab.verified();
    let (first, last) = verified.records.unwrap();
    assert!(first > 10 && last == 20 && verified.count >= 6, "{verified:?}");
    assert_eq!(verified.faults, vec![]);
    let parts: i64 = Connection::open(lab.database())
        .unwrap()
        .query_row("SELECT count(*) FROM parts", [], |row| row.get(0))
        .unwrap();
    assert_eq!(parts as usize, verified.count * 3, "what belonged to records that are gone is gone");
}

#[test]
fn an_input_that_would_push_out_everything_else_is_left_out_and_told() {
    let lab = Lab::new(Keep { bytes: 400_000, ..Keep::default() });
    lab.add(1);
    let appended = lab.audit.append(&draft(2, 200_000), &|_| None).unwrap();
    assert!(appended.notes[0].contains("too large to be kept"), "{:?}", appended.notes);
    assert!(!lab.audit.book().unwrap().record("2").unwrap().record.input.kept);
    assert_eq!(lab.faults(), Vec::<String>::new());
}

#[test]
fn two_processes_that_write_at_once_make_one_chain() {
    let lab = Lab::new(Keep::default());
    thread::scope(|scope| {
        for writer in 0..4 {
            let lab = &lab;
            scope.spawn(move || (1..=10).for_each(|minute| drop(lab.add(writer * 100 + minute))));
        }
    });
    let verified = lab.verified();
    assert_eq!((verified.records, verified.count, verified.faults), (Some((1, 40)), 40, vec![]));
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::with(1);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(lab.database()), mode(lab.anchor())), (0o600, 0o600));
    assert_eq!(mode(lab.folder.path().join("state")), 0o700);
}

fn error(lab: &Lab) -> String {
    let error = lab.audit.append(&draft(1, 10), &|_| None).unwrap_err().to_string();
    error.replace(&lab.folder.path().display().to_string(), "DIR")
}

#[test]
fn a_database_that_cannot_be_written_is_named_with_the_way_out() {
    let lab = Lab::with(1);
    let holder = Connection::open(lab.database()).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    insta::assert_snapshot!(error(&lab), @"cannot open the audit database `DIR/state/audit.sqlite`: database is locked; another process holds it; end that one, or name another file");
    drop(holder);

    let whole = fs::read(lab.database()).unwrap();
    fs::write(lab.database(), [&whole[..100], &vec![0x55; whole.len() - 100]].concat()).unwrap();
    insta::assert_snapshot!(error(&lab));
    fs::write(lab.database(), "this is a diary").unwrap();
    insta::assert_snapshot!(error(&lab));
    fs::remove_file(lab.database()).unwrap();
    Connection::open(lab.database()).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    insta::assert_snapshot!(error(&lab));
    fs::remove_file(lab.database()).unwrap();
    fs::create_dir(lab.database()).unwrap();
    insta::assert_snapshot!(error(&lab));
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_and_no_panic() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    let audit = Audit::new(Place::beside(folder.path().join("file/audit.sqlite")), Keep::default());
    let error = audit.append(&draft(1, 10), &|_| None).unwrap_err().to_string();
    assert!(error.starts_with("cannot make the audit database"), "{error}");
    let missing = audit.book().err().unwrap().to_string();
    assert!(missing.starts_with("there is no audit database"), "{missing}");
}
