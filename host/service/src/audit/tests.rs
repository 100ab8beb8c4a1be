//! What somebody with the database in his hands may try, and what verifying says to it.

mod keeping;
mod tampering;
mod trouble;

use std::fs;
use std::path::PathBuf;

use lagdoctor_model::{Millis, Timestamp, Verdict, Window};
use rusqlite::Connection;
use tempfile::TempDir;

use super::draft::Part;
use super::record::{InputRecord, OptionsRecord};
use super::*;

/// An audit in a folder of its own.
struct Lab {
    folder: TempDir,
    audit: Audit,
}

impl Lab {
    fn new(keep: Keep) -> Self {
        let folder = TempDir::new().unwrap();
        let audit = Audit::new(Place::beside(folder.path().join("state/audit.sqlite")), keep);
        Self { folder, audit }
    }

    /// One that holds so many records, one a minute.
    fn with(records: u32) -> Self {
        let lab = Self::new(Keep::default());
        (1..=records).for_each(|minute| drop(lab.add(minute)));
        lab
    }

    fn add(&self, minute: u32) -> Appended {
        self.audit.append(&draft(minute, 100), &|_| None).unwrap()
    }

    fn database(&self) -> PathBuf {
        self.audit.place().database.clone()
    }

    fn anchor(&self) -> PathBuf {
        self.audit.place().anchor.clone()
    }

    /// Whoever has the file can say anything to it.
    fn tamper(&self, sql: &str) {
        Connection::open(self.database()).unwrap().execute_batch(sql).unwrap();
    }

    fn verified(&self) -> Verified {
        let anchors = self.audit.anchors().unwrap().unwrap();
        self.audit.book().unwrap().verify(&Against::Anchors(anchors)).unwrap()
    }

    fn faults(&self) -> Vec<String> {
        self.verified().faults.iter().map(ToString::to_string).collect()
    }
}

fn at(minute: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::minutes(minute)
}

/// A record that is like no other, with an input of this size that cannot be packed.
fn draft(minute: u32, input: usize) -> Draft {
    let mut noise = Digest::of(&minute.to_be_bytes());
    let mut bytes = vec![];
    while bytes.len() < input {
        bytes.extend_from_slice(noise.as_slice());
        noise = Digest::of(noise.as_slice());
    }
    let parts = vec![
        Part::new(&bytes),
        Part::new(format!("body {minute}").as_bytes()),
        Part::new(format!("path {minute}").as_bytes()),
    ];
    let window = Window { start: at(0), now: at(minute), step: Millis::seconds(15) };
    let record = Record {
        schema: 1,
        at_ms: at(minute).as_millis(),
        cluster: "shop".into(),
        group: Some("orders".into()),
        verdict: Verdict::NoIncident,
        headline: format!("minute {minute}: nothing hurts"),
        took_ms: 5,
        build: Build { version: "1".into(), sha256: Some(Digest::of(b"program")) },
        options: OptionsRecord { group: None, deadline_ms: 20_000, horizon_ms: 3_600_000 },
        links: None,
        input: InputRecord {
            sha256: parts[0].sha256,
            bytes: bytes.len() as u64,
            kept: true,
            window,
            series: 0,
            logs: 0,
            events: 0,
            gaps: vec![],
        },
        plugins: vec![],
        readings: vec![],
        calls: vec![],
        body: parts[1].sha256,
        path: parts[2].sha256,
        blanked: vec![],
    };
    Draft { record, parts }
}

#[test]
fn an_audit_that_nobody_touched_is_intact() {
    let lab = Lab::with(5);
    let verified = lab.verified();
    assert_eq!((verified.records, verified.anchored, verified.faults), (Some((1, 5)), Some(5), vec![]));
    let text = fs::read_to_string(lab.anchor()).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("head ")).count(), 5);
}

#[test]
fn a_record_is_found_by_its_number_and_by_the_hash_in_a_report() {
    let lab = Lab::with(3);
    let book = lab.audit.book().unwrap();
    let second = book.record("2").unwrap();
    assert_eq!(second.record.headline, "minute 2: nothing hurts");
    assert_eq!(book.record(&second.record.body.to_string()[..12]).unwrap(), second);
    let error = book.record("7").unwrap_err().to_string();
    assert!(error.contains("no record `7`") && error.contains("1 to 3"), "{error}");
}

#[test]
fn what_is_the_same_is_stored_once() {
    let lab = Lab::new(Keep::default());
    for _ in 0..5 {
        lab.audit.append(&draft(1, 50_000), &|_| None).unwrap();
    }
    assert!(fs::metadata(lab.database()).unwrap().len() < 150_000);
    assert_eq!(lab.faults(), Vec::<String>::new());
}

#[test]
fn the_default_place_is_the_state_folder_of_the_user() {
    let check = |state: Option<&str>, home: Option<&str>, expected: Option<&str>| {
        assert_eq!(default_database(state.map(Path::new), home.map(Path::new)), expected.map(PathBuf::from));
    };
    check(Some("/s"), Some("/h"), Some("/s/lagdoctor/audit.sqlite"));
    check(None, Some("/h"), Some("/h/.local/state/lagdoctor/audit.sqlite"));
    check(Some("relative"), Some("/h"), Some("/h/.local/state/lagdoctor/audit.sqlite"));
    check(None, None, None);
}
