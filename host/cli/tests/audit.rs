//! The audit as a user meets it: a diagnosis leaves a record, which is listed, shown, proved, and found out when somebody
//! has been at it.

mod lab;

use std::fs;
use std::path::Path;

use lab::{json, lagdoctor};
use tempfile::TempDir;

fn text(arguments: &[&str]) -> (i32, String, String) {
    let given = lagdoctor(arguments);
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (given.status.code().unwrap(), said(&given.stdout), said(&given.stderr))
}

/// Changes one byte where this text stands.
fn alter(file: &Path, wanted: &str) {
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.windows(wanted.len()).position(|window| window == wanted.as_bytes()).expect("it stands there");
    bytes[at + wanted.len() - 1] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_diagnosis_can_be_looked_up_proved_and_made_again() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (bundle, database, again) = (path("incident"), path("audit.sqlite"), path("again"));
    let (code, _, said) = text(&["simulate", "replication-delay", "--seed", "7", "--out", &bundle]);
    assert_eq!(code, 0, "{said}");
    let diagnose = ["diagnose", "--bundle", &bundle, "--audit", &database];
    let report = json(&diagnose);
    let (_, _, said) = text(&diagnose);
    assert_eq!(said, "", "whoever has an audit hears nothing of it");
    text(&["diagnose", "--bundle", &bundle, "--no-audit"]);

    let list = json(&["audit", "list", "--file", &database]);
    let rows = list["records"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["group"], &rows[0]["verdict"]), (&"fulfilment".into(), &"cause".into()));
    let hash = report["envelope"]["body_sha256"].as_str().unwrap();
    assert_eq!(rows[0]["body_sha256"], hash);
    let (_, page, _) = text(&["audit", "show", &hash[..8], "--file", &database]);
    for wanted in ["ranker-propagation ranking: gave", "cause      1. database:", "by         lagdoctor", hash] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }

    let (code, page, said) = text(&["audit", "verify", "--file", &database]);
    assert_eq!(code, 0, "{page}{said}");
    assert!(page.contains("2 records, 1 to 2: intact; anchored up to record 2"), "{page}");
    assert!(page.contains("replay 2 of 2 diagnoses the same, byte for byte"), "{page}");
    let (_, noted, _) = text(&["audit", "anchor", "--file", &database]);
    let noted = noted.split_whitespace().nth(1).unwrap();
    assert_eq!(text(&["audit", "verify", "--file", &database, "--anchor", noted, "--last", "0"]).0, 0);

    // The input of a record is a bundle, of which the same can be said again.
    text(&["audit", "show", "1", "--file", &database, "--bundle", &again]);
    let same = json(&["diagnose", "--bundle", &again, "--no-audit"]);
    assert_eq!(same["envelope"]["body_sha256"], hash);

    alter(Path::new(&database), "\"headline\":\"");
    let (code, page, _) = text(&["audit", "verify", "--file", &database]);
    assert_eq!(code, 1, "{page}");
    assert!(page.contains("altered: its content is not what its hash says"), "{page}");
}

#[test]
fn an_audit_that_cannot_be_written_costs_a_remark_and_no_diagnosis() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let bundle = path("incident");
    text(&["simulate", "quiet", "--seed", "1", "--out", &bundle]);
    fs::write(path("diary"), "dear diary, this is no database").unwrap();
    let (code, page, said) = text(&["diagnose", "--bundle", &bundle, "--audit", &path("diary")]);
    assert_eq!(code, 0, "{said}");
    assert!(!page.is_empty() && said.starts_with("audit: cannot open the audit database"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let (code, _, said) = text(&["audit", "list", "--file", &path("none")]);
    assert_eq!(code, 2);
    assert!(said.contains("there is no audit database"), "{said}");
}
