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
fn what_a_plugin_said_when_it_fell_is_not_said_again_when_the_same_comes_of_it() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (bundle, database, config) = (path("incident"), path("audit.sqlite"), path("lagdoctor.toml"));
    text(&["simulate", "slow-consumer", "--seed", "1", "--out", &bundle]);
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins/misbehaving-scorer.wasm");
    let section = format!("[[plugin]]\nfile = '{}'\nconfig = {{ mode = \"trap\" }}\n", plugin.display());
    fs::write(&config, section).unwrap();
    let words = "this is what I was told to do";
    let (code, _, said) = text(&["diagnose", "--bundle", &bundle, "-c", &config, "--audit", &database]);
    assert!(code < 2 && said.contains(words), "{said}");

    let (code, page, said) = text(&["audit", "verify", "--file", &database]);
    assert_eq!((code, said.as_str()), (0, ""), "{page}");
    assert!(page.contains("replay 1 of 1 diagnosis the same, byte for byte"), "{page}");
    let (_, _, said) = text(&["audit", "verify", "--file", &database, "-vv"]);
    assert!(said.contains(words), "whoever wants to hear all hears it: {said}");
}

#[test]
fn an_audit_that_cannot_be_written_costs_a_remark_and_no_diagnosis() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let bundle = path("incident");
    text(&["simulate", "quiet", "--seed", "1", "--out", &bundle]);
    let whole = path("whole");
    let (code, expected, _) = text(&["diagnose", "--bundle", &bundle, "--audit", &whole]);
    assert_eq!(code, 0);
    let kept = fs::read(&whole).unwrap();
    fs::write(path("diary"), "dear diary, this is no database").unwrap();
    fs::write(path("half"), &kept[..kept.len() / 2]).unwrap();
    fs::write(path("noise"), [&kept[..100], &vec![0x55; kept.len() - 100]].concat()).unwrap();
    fs::write(path("file"), "").unwrap();
    for (name, why) in [
        ("diary", "file is not a database; it is damaged: move it away"),
        ("half", "database disk image is malformed; it is damaged: move it away"),
        ("noise", "database disk image is malformed; it is damaged: move it away"),
        ("file/audit.sqlite", "check rights and free space there"),
    ] {
        let (code, page, said) = text(&["diagnose", "--bundle", &bundle, "--audit", &path(name)]);
        assert_eq!((code, page.lines().next()), (0, expected.lines().next()), "{name}: {said}");
        assert!(said.starts_with("audit: no record is kept of this: cannot ") && said.contains(why), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
    }
    for name in ["diary", "half", "noise"] {
        let (code, _, said) = text(&["audit", "verify", "--file", &path(name)]);
        assert_eq!(code, 2, "{name}: {said}");
        assert!(said.contains("it is damaged"), "{name}: {said}");
    }
    let (code, _, said) = text(&["audit", "list", "--file", &path("none")]);
    assert_eq!(code, 2);
    assert!(said.contains("there is no audit database"), "{said}");
}
