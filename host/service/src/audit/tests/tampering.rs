//! Everything that can be done to a chain, and to what it is checked against.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::audit::chain::link;

/// Of six records, what verifying says once somebody has been at them.
fn check(tamper: impl FnOnce(&Lab), expected: &[&str]) {
    let lab = Lab::with(6);
    tamper(&lab);
    assert_eq!(lab.faults(), expected);
}

#[test]
fn an_altered_record_is_found() {
    check(
        |lab| {
            lab.tamper("UPDATE records SET record = CAST(replace(CAST(record AS TEXT), 'nothing hurts', 'all is fine ') AS BLOB) WHERE sequence = 3")
        },
        &["record 3 altered: its content is not what its hash says"],
    );
}

#[test]
fn a_record_altered_together_with_its_hash_no_longer_fits_its_neighbour_nor_its_anchor() {
    check(
        |lab| rewrite(lab, 3..=3),
        &[
            "record 3 altered: it is not the one that was anchored at 1970-01-01T00:03:00.000Z",
            "record 4 does not follow record 3: that one was replaced, or this one",
        ],
    );
}

#[test]
fn a_chain_made_anew_as_a_whole_is_found_by_its_anchor() {
    let lab = Lab::with(6);
    rewrite(&lab, 5..=6);
    assert_eq!(
        lab.faults(),
        [
            "record 5 altered: it is not the one that was anchored at 1970-01-01T00:05:00.000Z",
            "record 6 altered: it is not the one that was anchored at 1970-01-01T00:06:00.000Z",
        ]
    );
    let itself = lab.audit.book().unwrap().verify(&Against::Nothing).unwrap();
    assert_eq!(itself.faults, vec![], "which nothing but an anchor can find");
}

/// Alters these records and makes their part of the chain anew, as somebody would who knows how it is made.
fn rewrite(lab: &Lab, places: std::ops::RangeInclusive<u64>) {
    let connection = Connection::open(lab.database()).unwrap();
    for place in places {
        let previous: Vec<u8> = connection
            .query_row("SELECT coalesce((SELECT hash FROM records WHERE sequence = ?1 - 1), previous) FROM records WHERE sequence = ?1", [place as i64], |row| row.get(0))
            .unwrap();
        let record: Vec<u8> = connection
            .query_row("SELECT record FROM records WHERE sequence = ?1", [place as i64], |row| row.get(0))
            .unwrap();
        let record = String::from_utf8(record).unwrap().replace("nothing hurts", "all is fine").into_bytes();
        let hash = link(Digest::from_slice(&previous).unwrap(), place, &record);
        connection
            .execute(
                "UPDATE records SET previous = ?1, hash = ?2, record = ?3 WHERE sequence = ?4",
                rusqlite::params![previous, hash.as_slice(), record, place as i64],
            )
            .unwrap();
    }
}

#[test]
fn removed_records_are_found_wherever_they_were() {
    check(|lab| lab.tamper("DELETE FROM records WHERE sequence = 3"), &["record 3 missing: removed from the database"]);
    check(
        |lab| lab.tamper("DELETE FROM records WHERE sequence IN (3, 4)"),
        &["records 3 to 4 missing: removed from the database"],
    );
    check(
        |lab| lab.tamper("DELETE FROM records WHERE sequence <= 2"),
        &["records 1 to 2 missing: removed from the database"],
    );
    check(
        |lab| lab.tamper("DELETE FROM records WHERE sequence >= 5"),
        &["records 5 to 6 missing: anchored, and the database ends before"],
    );
    check(|lab| lab.tamper("DELETE FROM records"), &["records 1 to 6 missing: anchored, and the database ends before"]);
}

#[test]
fn records_that_changed_places_are_found_and_told_from_where_they_come() {
    let swap = "CREATE TEMP TABLE other AS SELECT * FROM records WHERE sequence IN (3, 5);
        UPDATE records SET (previous, hash, record) = (SELECT previous, hash, record FROM other WHERE sequence = 5) WHERE sequence = 3;
        UPDATE records SET (previous, hash, record) = (SELECT previous, hash, record FROM other WHERE sequence = 3) WHERE sequence = 5;";
    check(
        |lab| lab.tamper(swap),
        &[
            "record 3 reordered: what lies there is record 5",
            "record 4 does not follow record 3: that one was replaced, or this one",
            "record 5 reordered: what lies there is record 3",
            "record 6 does not follow record 5: that one was replaced, or this one",
        ],
    );
}

#[test]
fn a_part_that_was_swapped_altered_or_removed_is_found() {
    let body = |place: u32| {
        let hex = Digest::of(format!("body {place}").as_bytes());
        format!("X'{hex}'")
    };
    let (two, four) = (body(2), body(4));
    check(
        |lab| {
            lab.tamper(&format!("UPDATE parts SET (size, packed) = (SELECT size, packed FROM parts WHERE sha256 = {two}) WHERE sha256 = {four}"))
        },
        &["record 4: its body is altered"],
    );
    check(
        |lab| lab.tamper(&format!("UPDATE parts SET packed = X'00' WHERE sha256 = {four}")),
        &["record 4: its body is altered"],
    );
    check(|lab| lab.tamper(&format!("DELETE FROM parts WHERE sha256 = {four}")), &["record 4: its body is missing"]);
}

#[test]
fn an_anchor_that_was_edited_is_found() {
    let edit = |lab: &Lab, edit: &dyn Fn(String) -> String| {
        let text = edit(fs::read_to_string(lab.anchor()).unwrap());
        fs::write(lab.anchor(), text).unwrap();
    };
    let hash = |lab: &Lab| lab.audit.book().unwrap().record("4").unwrap().hash.to_string();
    check(
        |lab| edit(lab, &|text| text.replace(&hash(lab), &Digest::of(b"x").to_string())),
        &["record 4 altered: it is not the one that was anchored at 1970-01-01T00:04:00.000Z"],
    );
    check(|lab| edit(lab, &|text| text.replace("head 4", "head four")), &["line 5 of the anchor cannot be read"]);
}

#[test]
fn a_hash_on_a_slip_of_paper_is_an_anchor_too() {
    let lab = Lab::with(6);
    let noted = lab.audit.book().unwrap().record("4").unwrap().hash;
    let verify = || lab.audit.book().unwrap().verify(&Against::Hash(noted)).unwrap();
    assert_eq!((verify().anchored, verify().faults), (Some(4), vec![]));
    rewrite(&lab, 2..=6);
    assert_eq!(verify().faults, [Fault::NoSuchHash]);
}

#[test]
fn a_hole_at_the_end_is_seen_for_ever_whatever_is_added_later() {
    let lab = Lab::with(6);
    lab.tamper("DELETE FROM records WHERE sequence >= 5");
    let appended = lab.add(7);
    assert_eq!(appended.sequence, 7);
    assert!(appended.notes[0].contains("record 6 of the audit is anchored"), "{:?}", appended.notes);
    lab.add(8);
    assert_eq!(lab.faults(), ["records 5 to 6 missing: removed from the database"]);
}

#[test]
fn a_database_that_was_taken_away_leaves_a_hole_and_the_chain_goes_on_behind_it() {
    let lab = Lab::with(3);
    fs::remove_file(lab.database()).unwrap();
    assert_eq!(lab.add(4).sequence, 4);
    assert_eq!(lab.faults(), ["records 1 to 3 missing: removed from the database"]);
}

/// One thing done to a chain of eight.
#[derive(Clone, Debug)]
enum Deed {
    Flip { place: u64, column: &'static str, byte: usize, bits: u8 },
    Remove { from: u64, count: u64 },
    Swap { a: u64, b: u64 },
    Renumber { place: u64 },
    Rewrite { place: u64 },
    FlipPart { place: usize, byte: usize, bits: u8 },
}

fn deed() -> impl Strategy<Value = Deed> {
    let columns = prop::sample::select(vec!["previous", "hash", "record"]);
    prop_oneof![
        4 => (1_u64..=8, columns, any::<usize>(), 1_u8..=255)
            .prop_map(|(place, column, byte, bits)| Deed::Flip { place, column, byte, bits }),
        2 => (1_u64..=8, 1_u64..=8).prop_map(|(from, count)| Deed::Remove { from, count }),
        2 => (1_u64..=8, 1_u64..=7).prop_map(|(a, by)| Deed::Swap { a, b: (a + by - 1) % 8 + 1 }),
        1 => (2_u64..=8).prop_map(|place| Deed::Renumber { place }),
        2 => (1_u64..=8).prop_map(|place| Deed::Rewrite { place }),
        2 => (0_usize..24, any::<usize>(), 1_u8..=255)
            .prop_map(|(place, byte, bits)| Deed::FlipPart { place, byte, bits }),
    ]
}

fn flipped(mut bytes: Vec<u8>, byte: usize, bits: u8) -> Vec<u8> {
    let place = byte % bytes.len();
    bytes[place] ^= bits;
    bytes
}

fn commit(lab: &Lab, deed: &Deed) {
    let connection = Connection::open(lab.database()).unwrap();
    match deed {
        Deed::Flip { place, column, byte, bits } => {
            let read = format!("SELECT {column} FROM records WHERE sequence = ?1");
            let bytes: Vec<u8> = connection.query_row(&read, [*place as i64], |row| row.get(0)).unwrap();
            let write = format!("UPDATE records SET {column} = ?1 WHERE sequence = ?2");
            connection.execute(&write, rusqlite::params![flipped(bytes, *byte, *bits), *place as i64]).unwrap();
        }
        Deed::Remove { from, count } => {
            lab.tamper(&format!("DELETE FROM records WHERE sequence BETWEEN {from} AND {}", from + count - 1));
        }
        Deed::Swap { a, b } => lab.tamper(&format!(
            "UPDATE records SET sequence = 99 WHERE sequence = {a}; UPDATE records SET sequence = {a} WHERE sequence = {b};
             UPDATE records SET sequence = {b} WHERE sequence = 99;"
        )),
        Deed::Renumber { place } => lab.tamper(&format!(
            "DELETE FROM records WHERE sequence = {place} - 1; UPDATE records SET sequence = {place} - 1 WHERE sequence = {place};"
        )),
        Deed::Rewrite { place } => rewrite(lab, *place..=8),
        Deed::FlipPart { place, byte, bits } => {
            let read = "SELECT rowid, packed FROM parts ORDER BY rowid LIMIT 1 OFFSET ?1";
            let (row, bytes): (i64, Vec<u8>) =
                connection.query_row(read, [*place as i64], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            let write = "UPDATE parts SET packed = ?1 WHERE rowid = ?2";
            connection.execute(write, rusqlite::params![flipped(bytes, *byte, *bits), row]).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_to_a_chain_is_found(deed in deed()) {
        let lab = Lab::with(8);
        prop_assert_eq!(lab.faults(), Vec::<String>::new());
        let before = fs::read(lab.database()).unwrap();
        commit(&lab, &deed);
        let is_harmless = matches!(&deed, Deed::FlipPart { .. }) && unpacks_alike(&lab, &before);
        prop_assert!(is_harmless || !lab.faults().is_empty(), "{:?}", deed);
    }
}

/// Deflate has bits that mean nothing, at the end of its last byte. What is read is the same then.
fn unpacks_alike(lab: &Lab, before: &[u8]) -> bool {
    let other = lab.folder.path().join("before.sqlite");
    fs::write(&other, before).unwrap();
    let contents = |path: PathBuf| -> Vec<Option<Vec<u8>>> {
        let connection = Connection::open(path).unwrap();
        let mut query = connection.prepare("SELECT packed FROM parts ORDER BY rowid").unwrap();
        let rows = query.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        rows.map(|packed| miniz_oxide::inflate::decompress_to_vec(&packed.unwrap()).ok()).collect()
    };
    contents(other) == contents(lab.database())
}
